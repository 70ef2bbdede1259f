/** `peerage logs` against a real API server and a real engine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { docker } from '../support/docker-cli.ts';
import { dockerdPath } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { type DockerStage, startDockerStage } from './docker-stage.ts';

const cli = join(import.meta.dirname, '../../src/cli/peerage.ts');

interface Run {
  readonly child: ChildProcess;
  readonly said: { readonly stdout: string; readonly stderr: string };
  readonly ended: Promise<number | null>;
}

function logs(namespace: string, ...args: string[]): Run {
  const where = ['--kubeconfig', inject('kubeconfig'), '-n', namespace];
  const child = spawn(process.execPath, [cli, 'logs', ...where, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said.stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said.stderr += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, said, ended };
}

describe.skipIf(!dockerdPath())('peerage logs', () => {
  let stage: DockerStage;

  beforeAll(async () => {
    stage = await startDockerStage(['httpd']);
    await stage.apply(`apiVersion: peerage.dev/v1alpha1
kind: Node
metadata: {name: talker}
spec:
  credentialRef: {name: engine}
  client:
    image: ${stage.image('httpd')}
    imagePullPolicy: Never
    command: [sh, -c]
    args:
      - |
        trap 'echo bye; exit 0' TERM
        echo one; echo trouble >&2; sleep 1; echo two; echo three
        while :; do sleep 0.1; done
  docker: {restartPolicy: Never}
`);
    await eventually(stage.containers, (all) => all.length === 1);
    // The engine keeps no order between the two outputs when they are written at once, hence the pause.
    const [container = ''] = await stage.containers();
    await eventually(
      () => docker(stage.engine, ['logs', container]).catch(() => ''),
      (stdout) => stdout.includes('three'),
    );
    await stage.kubectl('wait', 'pnode/talker', '--for=jsonpath={.status.machine.id}', '--timeout=60s');
  });
  afterAll(() => stage.close());

  test('prints both outputs of the client, each where it belongs', async () => {
    const run = logs(stage.namespace, 'talker');
    expect(await run.ended).toBe(0);
    expect(run.said).toEqual({ stdout: 'one\ntwo\nthree\n', stderr: 'trouble\n' });
  });

  test('prints the last lines alone, and nothing where nothing is new enough', async () => {
    const last = logs(stage.namespace, 'talker', '--tail', '2');
    expect(await last.ended).toBe(0);
    expect(last.said.stdout).toBe('two\nthree\n');
    const old = logs(stage.namespace, 'talker', '--since', '10m', '--tail', '1');
    expect([await old.ended, old.said.stdout]).toEqual([0, 'three\n']);
    const none = logs(stage.namespace, 'talker', '--since', '0s');
    expect([await none.ended, none.said.stdout]).toEqual([0, '']);
  });

  test('follows until Ctrl-C, and until the container ends', async () => {
    const first = logs(stage.namespace, '-f', 'talker');
    const second = logs(stage.namespace, '-f', '--tail', '1', 'talker');
    await eventually(
      async () => [first.said.stdout, second.said.stdout],
      (both) => both.every((text) => text.includes('three')),
    );
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(130);

    const [container = ''] = await stage.containers();
    await docker(stage.engine, ['stop', '--time=60', container]);
    expect(await second.ended).toBe(0);
    expect(second.said.stdout).toBe('three\nbye\n');
  });

  test('says what is missing', async () => {
    const nobody = logs(stage.namespace, 'nobody');
    expect(await nobody.ended).toBe(1);
    expect(nobody.said.stderr).toBe(`there is no Node ${stage.namespace}/nobody\n`);
  });

  test('says so where a cloud tells no logs', async () => {
    await stage.apply(`apiVersion: peerage.dev/v1alpha1
kind: CloudCredential
metadata: {name: aws}
spec: {aws: {source: Ambient}}
---
apiVersion: peerage.dev/v1alpha1
kind: Node
metadata: {name: elsewhere}
spec:
  credentialRef: {name: aws}
  client: {image: a}
  aws: {region: us-east-1, instanceType: t3.small}
`);
    await stage.kubectl(
      ...['patch', 'pnode/elsewhere', '--subresource=status', '--type=merge'],
      ...['-p', '{"status":{"machine":{"id":"i-1"}}}'],
    );
    const run = logs(stage.namespace, 'elsewhere');
    expect(await run.ended).toBe(1);
    expect(run.said.stderr).toContain('runs on aws, whose logs are unsupported');
  });
});
