import type { RunStep } from '../../src/cli/steps.ts';
import { docker } from '../support/docker-cli.ts';
import type { DockerStage } from './docker-stage.ts';
import type { Figure } from './report.ts';

const count = 100;
const name = 'crowd';

/** A hundred containers, by the operator and by `docker run` in a loop, which goes before and after. */
export async function measureCrowd(stage: DockerStage, run: RunStep): Promise<Figure[]> {
  const loops: number[] = [];
  const byLoop = (which: string) =>
    run({ name: `${count} containers by docker run, ${which}`, withinSeconds: 900 }, async ({ signal }) => {
      loops.push(await timed(() => runLoop(stage, `${name}-${which}`, signal)));
      await clear(stage);
    });
  await byLoop('before');
  const ours = await run(
    { name: `${count} Nodes from apply to Ready`, withinSeconds: 900 },
    async ({ signal }) =>
      timed(async () => {
        await stage.apply({ name, replicas: count });
        await stage.untilReady(count, signal, name);
      }),
  );
  await run({ name: `${count} Nodes deleted`, withinSeconds: 300 }, () => stage.remove(name));
  await byLoop('after');
  const mean = loops.reduce((sum, seconds) => sum + seconds, 0) / loops.length;
  const note = `${ours.toFixed(1)} s against ${loops.map((seconds) => seconds.toFixed(1)).join(' s and ')} s`;
  return [
    {
      what: `${count} containers, against docker run in a loop`,
      value: ours / mean,
      unit: '',
      bar: 1.2,
      note,
    },
  ];
}

/** As the operator makes them: in a network of their own, by name, with labels, to be restarted. */
async function runLoop({ engine, images }: DockerStage, network: string, signal: AbortSignal): Promise<void> {
  await docker(engine, ['network', 'create', network]);
  for (let at = 0; at < count; at++) {
    signal.throwIfAborted();
    const own = [
      `--name=${name}-${at}`,
      `--hostname=${name}-${at}`,
      `--network=${network}`,
      `--label=crowd=${name}`,
    ];
    await docker(engine, ['run', '--detach', '--restart=always', ...own, images.httpd]);
  }
}

async function clear({ engine }: DockerStage): Promise<void> {
  const ids = (await docker(engine, ['ps', '--all', '--quiet', `--filter=label=crowd=${name}`])).split('\n');
  await docker(engine, ['rm', '--force', ...ids]);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}
