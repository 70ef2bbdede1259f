/** Hands that are not ours, on an engine: what they remove, stop or pause, and what of ours they hold on to. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { docker } from '../support/docker-cli.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { isStalled, startTroubleStage, type TroubleStage } from './docker-trouble-stage.ts';
import { conditionOf } from './stage.ts';

vi.setConfig({ maxConcurrency: 20 });

describe.skipIf(!dockerdPath())('on a Docker engine', { concurrent: true, timeout: 240_000 }, () => {
  let stage: TroubleStage;
  let image: string;

  beforeAll(async () => {
    stage = await startTroubleStage();
    image = stage.image('httpd');
  });
  afterAll(() => stage?.close());

  const hands = (...args: string[]) => docker(stage.engine, args);
  const machineOf = async (network: string) => (await stage.nodeOf(network)).status.machine?.id ?? '';
  const gone = (network: string) =>
    stage.kubectl('wait', '--for=delete', `network/${network}`, '--timeout=100s');
  /** What our containers, volumes and networks of a Network are called. */
  const names = async (list: readonly string[], network: string) => {
    const label = `label=peerage-network=${stage.namespace}/${network}`;
    const format = list[0] === 'ps' ? '{{.Names}}' : '{{.Name}}';
    const out = await hands(...list, '--filter', label, '--format', format);
    return out.split('\n').filter((name) => name !== '');
  };

  describe('behind our back', () => {
    test.each([
      ['removed', ['rm', '--force']],
      ['stopped', ['stop', '--time=0']],
      ['killed', ['kill']],
    ])('a container is %s: its Node gets another one, and says why', async (how, command) => {
      await stage.make(how);
      await stage.ready(how);
      const { metadata, status } = await stage.nodeOf(how);
      const former = status.machine?.id ?? '';
      await hands(...command, former);
      await eventually(
        () => machineOf(how),
        (id) => id !== '' && id !== former,
        { withinMs: 90_000, what: 'another container' },
      );
      await stage.ready(how);
      const node = await stage.nodeOf(how);
      expect(node.metadata.uid).toBe(metadata.uid);
      expect(await names(['ps', '--all'], how)).toHaveLength(1);
      const why = how === 'removed' ? 'is not there any more' : 'failed \\(ExitCode\\d+: .*\\)';
      expect(await stage.events(how)).toContainEqual(
        expect.stringMatching(
          new RegExp(
            `^Warning MachineLost: \\S+/${metadata.name}: machine ${former} ${why}; another follows`,
          ),
        ),
      );
    });

    test('a container is paused: its Node says so and waits, and goes on with the same one', async () => {
      await stage.make('paused');
      await stage.ready('paused');
      const id = await machineOf('paused');
      await hands('pause', id);
      const words = new RegExp(
        `machine ${id} is stopped \\(Paused: the container is paused\\): start it, or delete the Node`,
      );
      const node = await stage.nodeSays('paused', 'MachineStopped', words);
      expect([isStalled(node), node.status.phase]).toEqual([true, 'Unhealthy']);
      expect(isStalled(await stage.says('paused', 'NodesStalled', words))).toBe(true);
      await hands('unpause', id);
      await stage.ready('paused');
      expect(await machineOf('paused')).toBe(id);
    });

    test('a program ends again and again: its Node says with which exit code', async () => {
      await stage.make('restless', { client: { command: ['sh', '-c', 'exit 3'] } });
      const words = /does not stay up \(Restarting: it ended with exit code 3, \d+ restarts so far\)/;
      // Between two ends it runs for a moment, and may be seen so.
      await stage.nodeSays('restless', /^(Starting|Unhealthy)$/, words);
    });

    test('a balancer is removed, stopped or paused: it serves again', async () => {
      const port = await freePort();
      const balancer = { type: 'Network', internal: true, ports: [{ port, targetPort: 'http' }] };
      await stage.make('served', { more: { balancer } });
      await stage.ready('served');
      const serves = () =>
        eventually(
          () =>
            fetch(`http://127.0.0.1:${port}/cgi-bin/name`, { signal: AbortSignal.timeout(2_000) }).then(
              (answer) => answer.ok,
              () => false,
            ),
          (ok) => ok,
          { withinMs: 60_000, what: 'an answer through the balancer' },
        );
      const [name = ''] = (await names(['ps'], 'served')).filter((one) => one.startsWith('p-'));
      for (const command of [['rm', '--force'], ['stop', '--time=0'], ['pause']]) {
        await serves();
        await hands(...command, name);
        await stage.askAnew('network', 'served');
        await serves();
      }
      await stage.ready('served');
      expect(await names(['ps', '--all'], 'served')).toHaveLength(2);
    });

    test('a balancer that finds its next configuration wrong keeps the one it has, and says so', async () => {
      const port = await freePort();
      const balancer = { type: 'Network', internal: true, ports: [{ port, targetPort: 'http' }] };
      await stage.make('checked', { more: { balancer } });
      await stage.ready('checked');
      const [name = ''] = (await names(['ps'], 'checked')).filter((one) => one.startsWith('p-'));
      const real = '/usr/local/sbin/haproxy';
      const picky = `#!/bin/sh\n[ "$1" = -c ] && { echo "[ALERT] too modern"; exit 1; }\nexec ${real}.real "$@"\n`;
      const become = `mv ${real} ${real}.real && printf '%s' '${picky}' >${real} && chmod 755 ${real}`;
      await hands('exec', '--user=0', name, 'sh', '-c', become);
      await stage.make('checked', { more: { balancer }, replicas: 2 });
      const network = await stage.says(
        'checked',
        'InvalidRequest',
        /haproxy -c refused: ConfigurationRefused: \[ALERT\] too modern; next try in \d+ s/,
      );
      expect(isStalled(network)).toBe(true);
      expect((await fetch(`http://127.0.0.1:${port}/cgi-bin/name`)).ok).toBe(true);
      await hands('exec', '--user=0', name, 'mv', '-f', `${real}.real`, real);
      await stage.askAnew('network', 'checked');
      await stage.ready('checked');
      const answers = new Set<string>();
      for (let times = 0; times < 6; times += 1)
        answers.add(await (await fetch(`http://127.0.0.1:${port}/cgi-bin/name`)).text());
      expect(answers.size).toBe(2);
    });

    test('the network is removed under a container that ended: both come back', async () => {
      await stage.make('uprooted');
      await stage.ready('uprooted');
      const [network = ''] = await names(['network', 'ls'], 'uprooted');
      const id = await machineOf('uprooted');
      await hands('network', 'disconnect', '--force', network, id);
      await hands('network', 'rm', network);
      await hands('rm', '--force', id);
      await eventually(
        () => machineOf('uprooted'),
        (now) => now !== '' && now !== id,
        { withinMs: 90_000, what: 'another container' },
      );
      await stage.ready('uprooted');
      expect(await names(['network', 'ls'], 'uprooted')).toEqual([network]);
    });
  });

  describe('in use by somebody else', () => {
    test('our network stays as long as they are in it, which is told, and then goes', async () => {
      await stage.make('shared');
      await stage.ready('shared');
      const [network = ''] = await names(['network', 'ls'], 'shared');
      await hands('run', '--detach', '--name=guest', `--network=${network}`, image);
      await stage.kubectl('delete', 'network', 'shared', '--wait=false');
      await stage.says(
        'shared',
        'CloudUnavailable',
        new RegExp(`NetworkDelete refused: InUse: .*${network}.* has active endpoints; next try in \\d+ s`),
      );
      expect(await hands('inspect', '--format={{.State.Running}}', 'guest')).toBe('true');
      await hands('rm', '--force', 'guest');
      await gone('shared');
      expect(await names(['network', 'ls'], 'shared')).toEqual([]);
    });

    test('a volume of ours goes with a container that they removed, and stays when it was let go of before', async () => {
      const docker = { volumes: [{ name: 'data', path: '/data' }] };
      const volumes = () => names(['volume', 'ls'], 'kept');
      const another = async (than: string) => {
        const [name, ...more] = await names(['ps', '--all'], 'kept');
        return name !== undefined && more.length === 0 && name !== than;
      };
      await stage.make('kept', { docker });
      await stage.ready('kept');
      const [first = ''] = await volumes();
      const [container = ''] = await names(['ps'], 'kept');
      await hands('rm', '--force', container);
      await eventually(
        () => another(container),
        (is) => is,
        { withinMs: 90_000, what: 'another container' },
      );
      await stage.ready('kept');
      await stage.askAnew('network', 'kept');
      await eventually(volumes, (now) => now.length === 1 && now[0] !== first, {
        withinMs: 60_000,
        what: 'the volume of the removed container to go',
      });

      const [kept = ''] = await volumes();
      // The status may still name the machine that they removed.
      const [running = ''] = await eventually(
        () => names(['ps'], 'kept'),
        (all) => all.length === 1,
      );
      await hands('exec', running, 'touch', '/data/block');
      await stage.make('kept', { docker, more: { deletionPolicy: 'Orphan' } });
      await stage.kubectl('delete', 'network', 'kept', '--timeout=100s');
      const [released = ''] = await names(['ps'], 'kept');
      expect(released).toMatch(/^peerage_released_/);
      await hands('rm', '--force', released);
      await stage.make('kept', { docker });
      await stage.ready('kept');
      expect(await volumes()).toHaveLength(2);
      await stage.askAnew('network', 'kept');
      await stage.ready('kept');
      await stage.kubectl('delete', 'network', 'kept', '--timeout=100s');
      expect([await volumes(), await names(['ps', '--all'], 'kept')]).toEqual([[kept], []]);
      expect(await hands('run', '--rm', `--volume=${kept}:/its`, image, 'ls', '/its')).toBe('block');
    });

    test('our volume stays as long as they have it, which is told, and then goes', async () => {
      await stage.make('lent', { docker: { volumes: [{ name: 'data', path: '/data' }] } });
      await stage.ready('lent');
      const [volume = ''] = await names(['volume', 'ls'], 'lent');
      await hands(
        'run',
        '--detach',
        '--name=borrower',
        `--volume=${volume}:/theirs`,
        '--network=none',
        image,
      );
      await stage.kubectl('delete', 'network', 'lent', '--wait=false');
      await stage.says(
        'lent',
        'CloudUnavailable',
        new RegExp(`VolumeDelete refused: InUse: .*${volume}: volume is in use.*; next try in \\d+ s`),
      );
      expect(await hands('exec', 'borrower', 'ls', '-d', '/theirs')).toBe('/theirs');
      await hands('rm', '--force', 'borrower');
      await gone('lent');
      expect(await names(['volume', 'ls'], 'lent')).toEqual([]);
    });

    test('their network of our name is told and left alone, and made ours when it is gone', async () => {
      await stage.make('taken');
      await stage.ready('taken');
      const [network = ''] = await names(['network', 'ls'], 'taken');
      await stage.kubectl('delete', 'network', 'taken');
      const theirs = await hands('network', 'create', network);
      await stage.make('taken');
      const told = await stage.says(
        'taken',
        'AlreadyExists',
        new RegExp(`NetworkCreate refused: NameTaken: .*network ${network}.* not .*; next try in \\d+ s`),
      );
      expect(isStalled(told)).toBe(true);
      expect(await hands('network', 'ls', '--no-trunc', '--quiet')).toContain(theirs);
      await hands('network', 'rm', network);
      await stage.ready('taken');
      expect(conditionOf(await stage.network('taken'), 'Stalled')).toBeUndefined();
    });
  });
});
