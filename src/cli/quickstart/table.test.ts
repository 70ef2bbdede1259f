import { expect, test } from 'vitest';
import { type NodeView, renderWorld, type WorldView } from './table.ts';

const node = (name: string, rest: Partial<NodeView> = {}): NodeView => ({
  name,
  phase: 'Ready',
  zone: 'us-east-1a',
  machine: 'i-0a',
  address: '172.31.0.4',
  ageSeconds: 7.9,
  ...rest,
});

const world: WorldView = {
  networks: [
    {
      name: 'quickstart',
      ready: 'True',
      readyReplicas: 2,
      replicas: 2,
      message: 'all 2 nodes are ready',
      balancers: [{ placement: 'virginia', state: 'active', address: 'pnet-1.elb.us-east-1.amazonaws.com' }],
    },
  ],
  nodes: [node('quickstart-virginia-x7k2p'), node('quickstart-virginia-b', { ageSeconds: 300 })],
};

test('shows Network, balancer and Nodes in aligned columns', () => {
  expect(renderWorld(world, 40)).toEqual([
    'NETWORK      READY   NODES   MESSAGE',
    'quickstart   True    2/2     all 2 nodes are ready',
    '',
    'BALANCER              STATE    ADDRESS',
    'quickstart/virginia   active   pnet-1.elb.us-east-1.amazonaws.com',
    '',
    'NODE                        PHASE   ZONE         MACHINE   ADDRESS      AGE',
    'quickstart-virginia-x7k2p   Ready   us-east-1a   i-0a      172.31.0.4   7s',
    'quickstart-virginia-b       Ready   us-east-1a   i-0a      172.31.0.4   5m',
  ]);
});

test('leaves the balancer out until there is one', () => {
  const networks = world.networks.map((network) => ({ ...network, balancers: [] }));
  expect(renderWorld({ ...world, networks }, 40).join('\n')).not.toContain('BALANCER');
});

test('says how many Nodes do not fit', () => {
  const nodes = Array.from({ length: 10 }, (_, i) => node(`n${i}`));
  const lines = renderWorld({ ...world, nodes }, 12);
  expect(lines).toHaveLength(12);
  expect(lines.at(-2)).toContain('n3');
  expect(lines.at(-1)).toBe('... and 6 more');
});

test('keeps its columns while nothing is known of a Node', () => {
  const fresh = node('a', { phase: 'Pending', zone: '', machine: '', address: '', ageSeconds: 0 });
  expect(renderWorld({ networks: [], nodes: [fresh] }, 40).at(-1)).toMatch(/^a +Pending +0s$/);
});

test('says so when there is nothing', () => {
  expect(renderWorld({ networks: [], nodes: [] }, 40)).toEqual(['No Network is there, and no Node.']);
});
