import { setTimeout as delay } from 'node:timers/promises';
import { poll } from '../../src/cli/local/poll.ts';
import { docker } from '../support/docker-cli.ts';
import { startByHand } from './docker-by-hand.ts';
import { type Calls, startCalls } from './docker-calls.ts';
import { measureCrowd } from './docker-crowd.ts';
import { median, sideBySide } from './docker-pace.ts';
import { type DockerStage, type DockerStageOptions, startDockerStage } from './docker-stage.ts';
import type { Figure } from './report.ts';

const calls = 20_000;
const beforeTrouble = 4_000;
const method = 'eth_chainId';
/** As many as leave this machine time for what is measured. */
const traffic = { clients: 16, perSecond: 1_000, method };
const rounds = 6;
const lookEveryMs = 100;

/** A Network of three Ethereum nodes on a real engine: what its clients see of a killed node, of scaling and of a rollout. */
export async function measureDocker(options: DockerStageOptions): Promise<Figure[]> {
  const stage = await startDockerStage(options);
  try {
    return await measure(stage, options);
  } catch (error) {
    const log = stage.operatorLog(20);
    if (log.length > 0) console.error(["The end of the operator's log:", ...log].join('\n'));
    throw error;
  } finally {
    await stage.stop();
  }
}

async function measure(stage: DockerStage, { run }: DockerStageOptions): Promise<Figure[]> {
  const figures: Figure[] = [];
  const nodes = await run({ name: 'three nodes Ready', withinSeconds: 120 }, async ({ signal }) => {
    await stage.apply({ replicas: 3 });
    return await stage.untilReady(3, signal);
  });
  const gateway = await stage.startGateway();
  try {
    await run({ name: 'calls per second side by side', withinSeconds: 600 }, async () => {
      const network = await docker(stage.engine, [
        'network',
        'ls',
        '--filter=label=peerage-cluster',
        '--format={{.Name}}',
      ]);
      const byHand = await startByHand({
        engine: stage.engine,
        image: stage.images.haproxy,
        nodes: nodes.map(({ address }) => address),
        network,
      });
      try {
        const ports = [gateway.port, byHand.twoHops, byHand.oneHop];
        const [ours = [], two = [], one = []] = await sideBySide(ports, { rounds, count: 5_000 });
        const ratios = (others: readonly number[]) =>
          ours.map((pace, at) => pace / (others[at] ?? Number.NaN));
        figures.push(
          {
            what: 'calls/s against the same hops by hand',
            value: median(ratios(two)),
            unit: '',
            floor: 0.95,
            note: told(ours, two),
          },
          {
            what: 'calls/s against one hop by hand',
            value: median(ratios(one)),
            unit: '',
            note: told(ours, one),
          },
        );
      } finally {
        await byHand.stop();
      }
    });
    await run({ name: 'shares of three nodes', withinSeconds: 120 }, async () => {
      const all = startCalls({ port: gateway.port, clients: 16, method });
      await all.made(6_000);
      await all.stop();
      figures.push(...shares(all));
    });
    await run({ name: 'a node killed', withinSeconds: 180 }, async ({ signal }) => {
      const all = startCalls({ port: gateway.port, ...traffic });
      await all.made(beforeTrouble);
      const killed = nodes[0]?.machine ?? '';
      const startedAt = performance.now();
      await docker(stage.engine, ['kill', killed]);
      await poll({ everyMs: lookEveryMs, signal }, async () => {
        const now = await stage.nodes(signal);
        const ready = now.filter(({ phase, machine }) => phase === 'Ready' && machine !== killed);
        return ready.length === 3 ? true : undefined;
      });
      figures.push({
        what: 'killed node to its replacement Ready',
        value: (performance.now() - startedAt) / 1000,
        unit: 's',
        bar: 15,
      });
      await end(all);
      figures.push(...seen('while a node is killed', all, 0.1));
    });
    await stage.untilReady(3, AbortSignal.timeout(60_000));
    await run({ name: 'scaled 3 -> 2 -> 4', withinSeconds: 300 }, async ({ signal }) => {
      const all = startCalls({ port: gateway.port, ...traffic });
      await all.made(beforeTrouble);
      for (const replicas of [2, 4]) {
        await stage.apply({ replicas });
        await stage.untilReady(replicas, signal);
      }
      await end(all);
      figures.push(...seen('while scaling 3 -> 2 -> 4', all, 0));
    });
    await run({ name: 'a template change rolled', withinSeconds: 300 }, async ({ signal }) => {
      const all = startCalls({ port: gateway.port, ...traffic });
      await all.made(beforeTrouble);
      const before = new Set((await stage.nodes(signal)).map(({ machine }) => machine));
      await stage.apply({ replicas: 4, round: '2' });
      const after = await stage.untilReady(4, signal);
      await end(all);
      const stale = after.filter(({ machine }) => before.has(machine)).length;
      if (stale > 0) throw new Error(`${stale} nodes were not replaced`);
      figures.push(...seen('while a template change rolls', all, 0));
    });
  } finally {
    await gateway.stop();
  }
  await stage.remove('bench');
  figures.push(...(await measureCrowd(stage, run)));
  return figures;
}

async function end(all: Calls): Promise<void> {
  await all.made(calls);
  // What the last change left behind shows a moment later.
  await delay(2_000);
  await all.stop();
}

function seen(when: string, all: Calls, barPercent: number): Figure[] {
  const made = all.answered() + all.failures.length;
  const kinds = Map.groupBy(all.failures, (why) => why);
  const note = [`${made} calls`, ...Array.from(kinds, ([why, { length }]) => `${length} ${why}`)].join(', ');
  return [
    {
      what: `calls failed ${when}`,
      value: (all.failures.length / made) * 100,
      unit: '%',
      bar: barPercent,
      note,
    },
    { what: `longest gap ${when}`, value: all.longestGapMs() / 1000, unit: 's', bar: 2 },
  ];
}

/** How far the farthest is from a third. */
function shares(all: Calls): Figure[] {
  const counts = Array.from(all.results.values());
  const third = all.answered() / 3;
  const farthest = Math.max(...counts.map((count) => Math.abs(count - third) / third));
  const value = counts.length === 3 ? farthest * 100 : Number.NaN;
  const note = Array.from(all.results, ([who, count]) => `${who}: ${count}`).join(', ');
  return [{ what: 'farthest share from a third', value, unit: '%', bar: 5, note }];
}

function told(ours: readonly number[], others: readonly number[]): string {
  return `${Math.round(median(ours))} against ${Math.round(median(others))}, median of ${ours.length} rounds`;
}
