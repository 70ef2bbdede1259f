import { expect, test } from 'vitest';
import { viewNetwork, viewNode } from './observe.ts';

const metadata = {
  name: 'dev',
  namespace: 'chains',
  uid: 'u',
  resourceVersion: '7',
  generation: 3,
  creationTimestamp: '2026-01-01T00:00:00Z',
};
const ready = (status: 'True' | 'False') => ({
  type: 'Ready',
  status,
  reason: 'AllReady',
  message: '2 of 2 nodes are ready',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const network = (status: unknown) => viewNetwork({ metadata, status });

test('a Network is settled when it is Ready', () => {
  expect(network({ observedGeneration: 3, conditions: [ready('True')] }).settled).toBe(true);
  expect(network({ observedGeneration: 3, conditions: [ready('False')] }).settled).toBe(false);
});

test('a Network is not settled while its status speaks of an older spec', () => {
  expect(network({ observedGeneration: 2, conditions: [ready('True')] }).settled).toBe(false);
});

test('a Network that nobody looked at yet is shown as unknown', () => {
  expect(network({ observedGeneration: -1 })).toMatchObject({ ready: 'Unknown', replicas: 0, message: '' });
  expect(network(undefined)).toMatchObject({ settled: false, balancers: [] });
});

test('a balancer is shown from the moment it exists', () => {
  const balancer = { address: 'a.elb.amazonaws.com', id: 'arn:1', active: false };
  const placements = [
    { name: 'virginia', desired: 2, ready: 0, updated: 0, balancer },
    { name: 'ohio', desired: 1, ready: 0, updated: 0 },
  ];
  expect(network({ observedGeneration: 3, placements }).balancers).toEqual([
    { placement: 'virginia', state: 'provisioning', address: 'a.elb.amazonaws.com' },
  ]);
});

test('a Node is shown by its public address where it has one', () => {
  const machine = { id: 'i-1', zone: 'us-east-1a', privateAddress: '172.31.0.4' };
  const seen = Date.parse('2026-01-01T00:00:09Z');
  const view = (status: unknown) => viewNode({ metadata, status }, seen);
  expect(view({ phase: 'Starting', machine })).toMatchObject({ address: '172.31.0.4', ageSeconds: 9 });
  expect(view({ machine: { ...machine, publicAddress: '3.0.0.1' } }).address).toBe('3.0.0.1');
  expect(view(undefined)).toMatchObject({ phase: '', machine: '', zone: '' });
});
