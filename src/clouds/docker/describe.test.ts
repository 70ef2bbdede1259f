import { expect, test } from 'vitest';
import { machineInspected, machineListed, stateOf } from './describe.ts';
import { meaningOf } from './errors.ts';
import { inspectedContainer, listedContainer } from './shapes.ts';

const calm = { exitCode: 0, oomKilled: false, error: '', restarts: 0 };

test.each([
  ['created', 'pending', undefined],
  ['running', 'running', undefined],
  ['restarting', 'pending', 'Restarting'],
  ['paused', 'stopped', 'Paused'],
  ['exited', 'failed', 'ExitCode0'],
  ['dead', 'failed', 'ExitCode0'],
  ['removing', 'terminating', undefined],
  ['a state of a later version', 'pending', undefined],
])('a container that is %s is %s', (status, state, code) => {
  const found = stateOf({ ...calm, status });
  expect([found.state, found.stateReason?.code]).toEqual([state, code]);
});

test('one that ended tells its exit code', () => {
  expect(stateOf({ ...calm, status: 'exited', exitCode: 3 }).stateReason).toEqual({
    code: 'ExitCode3',
    message: 'the container ended with exit code 3',
  });
});

test('one that was killed for its memory tells that', () => {
  expect(stateOf({ ...calm, status: 'exited', exitCode: 137, oomKilled: true }).stateReason).toEqual({
    code: 'OOMKilled',
    message: 'the container ended with exit code 137, out of memory',
  });
});

test.each([
  ['a command that is not there', 127, 400],
  ['a command that cannot be run', 126, 400],
  ['anything else', 128, 500],
])(
  'one that was not started for %s has failed for what the call to start it is refused for',
  (_, exitCode, status) => {
    const error = 'in the words of the engine';
    const { code, reason } = meaningOf('ContainerStart', status);
    expect(stateOf({ ...calm, status: 'created', exitCode, error })).toEqual({
      state: 'failed',
      stateReason: { code: reason, message: error, means: code },
    });
  },
);

const labels = {
  'peerage-cluster': 'c',
  'peerage-network': 'chains/dev',
  'peerage-placement': 'local',
  'peerage-launch': 'token',
  'peerage-launch-index': '0',
};

const listed = listedContainer.parse({
  Id: 'f00',
  Names: ['/node-0-token'],
  Image: 'node:1',
  Created: 1_700_000_000,
  State: 'running',
  Labels: labels,
  Ports: [
    { IP: '127.0.0.1', PrivatePort: 8545, PublicPort: 49_153, Type: 'tcp' },
    { IP: '0.0.0.0', PrivatePort: 30_303, PublicPort: 30_303, Type: 'udp' },
    { IP: '::', PrivatePort: 30_303, PublicPort: 30_303, Type: 'udp' },
    { PrivatePort: 9000, Type: 'tcp' },
  ],
  NetworkSettings: { Networks: { chains: { IPAddress: '10.0.0.2' } } },
  Mounts: null,
});

const inspected = inspectedContainer.parse({
  Id: 'f00',
  Name: '/node-0-token',
  Created: '2023-11-14T22:13:20.987654321Z',
  State: { Status: 'running' },
  Config: { Labels: labels },
  NetworkSettings: {
    Networks: { chains: { IPAddress: '10.0.0.2' } },
    Ports: {
      '8545/tcp': [{ HostIp: '127.0.0.1', HostPort: '49153' }],
      '30303/udp': [
        { HostIp: '0.0.0.0', HostPort: '30303' },
        { HostIp: '::', HostPort: '30303' },
      ],
      '9000/tcp': null,
    },
  },
});

const engine = { address: '192.0.2.7' };

test('a list and a look tell the same of one that runs', () => {
  expect(machineListed(listed, engine)).toEqual(machineInspected(inspected, engine));
});

test('a port that is published everywhere is reached at the engine’s address, and once', () => {
  expect(machineListed(listed, engine)).toEqual({
    id: 'f00',
    owner: { cluster: 'c', network: 'chains/dev', placement: 'local' },
    launch: { token: 'token', index: 0 },
    state: 'running',
    createdAt: '2023-11-14T22:13:20.000Z',
    zone: 'engine',
    privateAddress: '10.0.0.2',
    publicAddress: '192.0.2.7',
    published: [
      { port: 8545, protocol: 'TCP', address: '127.0.0.1', hostPort: 49_153 },
      { port: 30_303, protocol: 'UDP', address: '192.0.2.7', hostPort: 30_303 },
    ],
  });
});

test('what is reached from the host alone is no public address', () => {
  expect(machineListed(listed, { address: '127.0.0.1' }).publicAddress).toBeUndefined();
});

test('one that was released is nobody’s whom we know, whatever its labels say', () => {
  const released = { ...listed, Names: 'peerage_released_node-0-token' };
  expect(machineListed(released, engine).owner).toEqual({ cluster: '' });
});
