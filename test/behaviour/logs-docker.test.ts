import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { CloudSession, LogOptions } from '../../src/clouds/cloud.ts';
import { dockerdPath } from '../support/engine.ts';
import { type DockerGround, startDockerGround } from './docker-engine.ts';

const forever = new AbortController().signal;
const all: LogOptions = { follow: false };

describe.skipIf(!dockerdPath())('what a container wrote', () => {
  let ground: DockerGround;
  let session: CloudSession;
  beforeAll(async () => {
    ground = await startDockerGround();
    session = await ground.open('logs');
  });
  afterAll(async () => {
    session.close();
    await ground.stop();
  });

  /** Runs lines of shell in a container; answers its id. */
  async function run(script: string): Promise<string> {
    const { hands, image } = ground;
    const container = await hands.createContainer({ Image: image, Cmd: ['sh', '-c', script] });
    onTestFinished(() => container.remove({ force: true }).then(() => {}));
    await container.start();
    return container.id;
  }
  const ended = (id: string) => ground.hands.getContainer(id).wait();

  async function read(id: string, options: LogOptions, signal = forever) {
    const said = { stdout: '', stderr: '' };
    for await (const { from, bytes } of session.logs?.(id, options, signal) ?? [])
      said[from] += Buffer.from(bytes).toString();
    return said;
  }

  test('comes from both outputs, told apart', async () => {
    const id = await run('echo out; echo err >&2; echo more');
    await ended(id);
    expect(await read(id, all)).toEqual({ stdout: 'out\nmore\n', stderr: 'err\n' });
  });

  test('comes whole, also where it is much', async () => {
    const id = await run(
      'i=0; while [ $i -lt 20000 ]; do echo "line $i of many that are written"; i=$((i+1)); done',
    );
    await ended(id);
    const { stdout } = await read(id, all);
    expect(stdout.split('\n')).toHaveLength(20_001);
    expect(stdout).toMatch(/line 19999 of many that are written\n$/);
  });

  test('is its last lines, or what came since', async () => {
    const id = await run('echo early; sleep 2; echo late; echo last');
    await ended(id);
    expect(await read(id, { ...all, tail: 2 })).toMatchObject({ stdout: 'late\nlast\n' });
    const { State } = await ground.hands.getContainer(id).inspect();
    const since = Date.parse(State.FinishedAt) - 1_000;
    expect(await read(id, { ...all, since })).toMatchObject({ stdout: 'late\nlast\n' });
  });

  test('is followed until the container ends', async () => {
    const id = await run('echo first; sleep 2; echo second >&2; exit 3');
    expect(await read(id, { follow: true })).toEqual({ stdout: 'first\n', stderr: 'second\n' });
  });

  test('is followed until the signal, while the container goes on', async () => {
    const id = await run('trap "exit 0" TERM; echo here; sleep 1000 & wait');
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const { bytes } of session.logs?.(id, { follow: true }, stop.signal) ?? []) {
      seen.push(Buffer.from(bytes).toString());
      stop.abort();
    }
    expect(seen.join('')).toBe('here\n');
    expect((await ground.hands.getContainer(id).inspect()).State.Running).toBe(true);
  });

  test('that is unknown is not found', async () => {
    await expect(read('0'.repeat(64), all)).rejects.toMatchObject({ code: 'notFound', api: 'ContainerLogs' });
  });
});
