import { describe, expect, test } from 'vitest';
import { type LaunchRequest, ROW, type Workload } from '../cloud.ts';
import { containerOf } from './request.ts';

const workload: Workload = {
  image: 'node:1',
  env: [{ name: 'A', value: '1' }],
  secrets: [{ name: 'KEY', value: { reveal: () => 's3cret' } }],
  files: [],
  secretFiles: [],
  pullPolicy: 'IfNotPresent',
  ports: [
    { name: 'rpc', port: 8545, protocol: 'TCP' },
    { name: 'disc', port: 30_303, protocol: 'UDP' },
  ],
};

const request = (spec: object = {}, change: Partial<Workload> = {}): LaunchRequest => ({
  token: 'peerage-1234',
  owner: { cluster: 'c', network: 'chains/dev', placement: 'local' },
  spec,
  resolved: { network: 'p-1' },
  rows: [{ name: 'dev-local-abc12', index: 4 }],
  workload: { ...workload, ...change },
});

test('the name carries the node and the token', () => {
  expect(containerOf(request()).name).toBe('dev-local-abc12-peerage-1234');
});

test('any token makes a name that an engine takes, and two make two', () => {
  const named = (token: string) => containerOf({ ...request(), token }).name;
  expect(named('a/b')).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/);
  expect(named('a/b')).not.toBe(named('a-b'));
});

test('a repetition is the same to the byte', () => {
  const kept = JSON.parse(JSON.stringify({ ...request(), workload: undefined }));
  expect(JSON.stringify(containerOf({ ...kept, workload }))).toBe(JSON.stringify(containerOf(request())));
});

test('the row stands in command, arguments, environment and files', () => {
  const text = `${ROW.name}:${ROW.index}:${ROW.name}`;
  const filled = 'dev-local-abc12:4:dev-local-abc12';
  const { body, files } = containerOf(
    request(
      {},
      {
        command: ['run', text],
        args: [text],
        env: [{ name: 'WHO', value: text }],
        files: [{ path: '/a', content: text }],
        secretFiles: [{ path: '/b', content: { reveal: () => text } }],
      },
    ),
  );
  expect(body.Entrypoint).toEqual(['run', filled]);
  expect(body.Cmd).toEqual([filled]);
  expect(body.Env).toContain(`WHO=${filled}`);
  expect(files.map(({ content }) => content)).toEqual([filled, filled]);
});

test('a secret stands in the environment and nowhere else', () => {
  const { body } = containerOf(request());
  const { Env, ...rest } = body;
  expect(Env).toContain('KEY=s3cret');
  expect(JSON.stringify(rest)).not.toContain('s3cret');
});

test('a port is published by its name or its number, with its protocol', () => {
  const publish = [
    { port: 'rpc' },
    { port: 'disc', hostPort: 30_303, hostIp: '0.0.0.0' },
    { port: 9000 },
    { port: 'rpc', hostIp: '::1' },
  ];
  const { body, hostPorts } = containerOf(request({ publish }));
  expect(body.HostConfig.PortBindings).toEqual({
    '8545/tcp': [
      { HostIp: '127.0.0.1', HostPort: '' },
      { HostIp: '::1', HostPort: '' },
    ],
    '30303/udp': [{ HostIp: '0.0.0.0', HostPort: '30303' }],
    '9000/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
  });
  expect(hostPorts).toEqual([{ hostPort: 30_303, protocol: 'udp' }]);
  expect(Object.keys(body.ExposedPorts ?? {})).toEqual(['8545/tcp', '30303/udp', '9000/tcp']);
});

test.each([
  ['a port that the client does not have', { publish: [{ port: 'web' }] }, {}, 'UnknownPort'],
  ['lines of shell', {}, { init: 'true' }, 'InitUnsupported'],
  ['no quantity', {}, { resources: { memory: 'much' } }, 'InvalidQuantity'],
])('refuses %s', (_, spec, change, reason) => {
  expect(() => containerOf(request(spec, change))).toThrow(expect.objectContaining({ reason }));
});

test('is one container and no more', () => {
  const rows = ['a', 'b'].map((name, index) => ({ name, index }));
  expect(() => containerOf({ ...request(), rows })).toThrow('a launch is one container, not 2');
});

test.each([
  ['Always', 'always'],
  ['UnlessStopped', 'unless-stopped'],
  ['OnFailure', 'on-failure'],
  ['Never', 'no'],
])('restarts %s', (restartPolicy, Name) => {
  expect(containerOf(request({ restartPolicy })).body.HostConfig.RestartPolicy).toEqual({ Name });
});

test('labels of the user cannot take the place of ours', () => {
  const labels = { team: 'chains', 'peerage-cluster': 'mine' };
  expect(containerOf(request({ labels })).body.Labels).toMatchObject({
    team: 'chains',
    'peerage-cluster': 'c',
    'peerage-launch': 'peerage-1234',
  });
});

describe('a health check', () => {
  const checkOf = (health: NonNullable<Workload['health']>) =>
    containerOf(request({}, { health })).body.Healthcheck;

  test('is asked for as often as client.health says, and run without a shell of the image in between', () => {
    const check = checkOf({ protocol: 'TCP', port: 8545, intervalSeconds: 20 });
    expect(check).toMatchObject({ Interval: 20e9, Retries: 3 });
    expect(check?.Test?.slice(0, 3)).toEqual(['CMD', '/bin/sh', '-c']);
    // 8545 as the kernel writes it.
    expect(check?.Test?.slice(-2)).toEqual(['2161', '8545']);
  });

  test('hands over what is asked as it is: nothing of it is read by a shell', () => {
    const path = '/a;b`c`$(d)"e\'f é';
    const { Test = [] } = checkOf({ protocol: 'HTTP', port: 1, path, status: 204, intervalSeconds: 5 }) ?? {};
    const [script] = Test.slice(3);
    expect(script).not.toContain('`c`');
    expect(Test).toContain('/a;b`c`$(d)"e\'f%20%C3%A9');
    expect(Test).toContain('204');
  });

  test('calls with a body whose length is told in bytes', () => {
    const call = { path: '/', method: 'ü', params: ['\u2028'] };
    const { Test = [] } = checkOf({ protocol: 'TCP', port: 1, call, intervalSeconds: 5 }) ?? {};
    const [, length, body = ''] = /Content-Length: (\d+)\r\n\r\n(.*)$/s.exec(Test.at(-3) ?? '') ?? [];
    expect(Buffer.byteLength(body)).toBe(Number(length));
    expect(JSON.parse(body)).toEqual({ jsonrpc: '2.0', id: 1, method: 'ü', params: ['\u2028'] });
  });

  test('is that of the image where nothing is said', () => {
    expect(containerOf(request()).body).not.toHaveProperty('Healthcheck');
  });
});
