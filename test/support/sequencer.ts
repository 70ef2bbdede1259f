import { basename } from 'node:path';
import { BaseSequencer, type TestSequencer, type TestSpecification, type Vitest } from 'vitest/node';

/**
 * Files that take half a minute or more, the longest first. Begun last, one of them would run on alone when all others are
 * done. Nothing but time is lost when a name is missing here, or stands here in vain.
 */
const long = [
  'exactly-once',
  'docker-restart',
  'sweep',
  'image',
  'quickstart',
  'trouble',
  'promises-rights',
  'exactly-once-pair',
  'docker-health',
  'fabric-docker',
  'balancer-region',
  'subnets',
  'lifecycle',
  'quickstart-docker',
  'peers',
  'promises',
  'lifecycle-changes',
  'docker-trouble',
  'docker-trouble-hands',
  'peers-docker',
  'docker-drain',
  'docker',
  'health-docker',
  'machines-docker-faults',
  'fabric',
  'haproxy',
  'gateway',
  'gateway-network',
];

/** Within a group of projects: the long files first, then the rest as vitest has it. */
export default class LongestFirst implements TestSequencer {
  readonly #usual: BaseSequencer;

  constructor(vitest: Vitest) {
    this.#usual = new BaseSequencer(vitest);
  }

  shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    return this.#usual.shard(files);
  }

  async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await this.#usual.sort(files)).toSorted(
      (a, b) => groupOf(a) - groupOf(b) || rankOf(a) - rankOf(b),
    );
  }
}

function groupOf({ project }: TestSpecification): number {
  return project.config.sequence.groupOrder;
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = long.indexOf(basename(moduleId, '.test.ts'));
  return rank === -1 ? long.length : rank;
}
