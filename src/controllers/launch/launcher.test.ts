import { describe, expect, onTestFinished, test } from 'vitest';
import { ANNOTATIONS, FINALIZER, LABELS } from '../../api/names.ts';
import type { Node } from '../../api/node.ts';
import {
  CloudError,
  type CloudErrorCode,
  type CloudSession,
  type LaunchAnswer,
  type LaunchRequest,
  type Machine,
} from '../../clouds/cloud.ts';
import { KubeError } from '../../kube/errors.ts';
import { createFakeApi } from '../../kube/fake-api.ts';
import { Informer } from '../../kube/informer.ts';
import { keyOf } from '../../kube/object.ts';
import { observing } from '../../kube/observing.ts';
import { createSecretReader } from '../../kube/secrets.ts';
import { type ListedPeer, peersFrom } from '../../planning/peering.ts';
import { createFakeClock } from '../../runtime/fake-clock.ts';
import { silentLogger } from '../../runtime/logger.ts';
import { createMetrics } from '../../telemetry.ts';
import { RegionInventory } from '../inventory.ts';
import { NODES, type Seen } from '../kinds.ts';
import { createLauncher } from './launcher.ts';
import { readableRecordOf, recordOf } from './record.ts';

const cluster = 'c1';
/** As over the wire, where what is undefined is absent. */
const nodesOverWire: typeof NODES = {
  ...NODES,
  parse: (raw) => NODES.parse(JSON.parse(JSON.stringify(raw))),
};
const notCarriedOut = () => {
  throw new Error('not in this double');
};

/** A cloud that keeps its word about tokens, and whose next answers can be told beforehand. */
function createFakeCloud() {
  const launched = new Map<string, readonly Machine[]>();
  const requests: LaunchRequest[] = [];
  const next: ((make: () => LaunchAnswer) => LaunchAnswer)[] = [];
  let made = 0;

  function make({ token, owner, rows }: LaunchRequest): LaunchAnswer {
    const machines =
      launched.get(token) ??
      rows.map((_, index): Machine => {
        made += 1;
        const createdAt = '2030-01-01T00:00:00Z';
        return { id: `m-${made}`, owner, launch: { token, index }, state: 'pending', createdAt };
      });
    launched.set(token, machines);
    return { machines, spent: false };
  }

  const session: CloudSession = {
    region: 'us-east-1',
    machines: {
      batchLimit: 100,
      list: async () => [],
      read: async () => [],
      pin: notCarriedOut,
      resolve: async () => ({ image: 'ami-1' }),
      launch: async (request) => {
        requests.push(request);
        const answer = next.shift();
        return answer === undefined ? make(request) : answer(() => make(request));
      },
      remove: async () => ({ refused: new Map() }),
      release: notCarriedOut,
    },
    fabric: { observe: notCarriedOut, plan: () => [], run: notCarriedOut, owners: async () => [] },
    verify: notCarriedOut,
    close() {},
  };
  return {
    session,
    requests,
    machines: () => [...launched.values()].flat(),
    refuseNext(code: CloudErrorCode) {
      next.push(() => {
        throw refusal(code, 'none');
      });
    },
    loseNextReply() {
      next.push((carryOut) => {
        carryOut();
        throw refusal('unavailable', 'unknown');
      });
    },
    answerNext(answer: LaunchAnswer) {
      next.push(() => answer);
    },
  };
}

function refusal(code: CloudErrorCode, outcome: 'none' | 'unknown'): CloudError {
  return new CloudError({ code, outcome, api: 'RunInstances', reason: code, message: 'told beforehand' });
}

type Mishap = 'conflict' | 'overtaken' | 'unanswered' | 'neverArrives';

/** Nodes `a`, `b`, ... on a server, an operator's cache of them, its launcher, and the cloud. */
async function setUp(
  count: number,
  { firstOrdinal = 0, args = [] }: { readonly firstOrdinal?: number; readonly args?: readonly string[] } = {},
) {
  const clock = createFakeClock();
  const cloud = createFakeCloud();
  const api = createFakeApi(() => clock.now());
  const server = api.resource(nodesOverWire);
  const names = [...'abcdefgh'].slice(0, count);
  for (const [index, name] of names.entries())
    await server.create(nodeNamed(name, { index: firstOrdinal + index, args }));

  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  const mishaps = new Map<number, Mishap>();
  const written: string[] = [];
  const woken: string[] = [];
  const removed: string[] = [];
  /** Whom the Network knows now; undefined: it has no peering. */
  const network: { peers?: readonly ListedPeer[] } = {};

  /** An operator of its own: cache and memory. After a crash another one is started. */
  async function startOperator() {
    const nodes = new Informer<Seen<Node>>({ resource: server, clock, logger: silentLogger });
    nodes.addIndex('token', (node) => [readableRecordOf(node)?.token ?? '']);
    void nodes.run(stopping.signal);
    await nodes.whenSynced(stopping.signal);
    const nodeResource = observing(
      {
        ...server,
        patch: async (name, body, options) => {
          const mishap = mishaps.get(written.length);
          written.push(name.name);
          if (mishap === 'conflict') throw new KubeError('patch', { status: 409, reason: 'Conflict' });
          if (mishap === 'neverArrives') throw new KubeError('patch', { status: 0, reason: 'NoAnswer' });
          if (mishap === 'overtaken')
            await server.patch(name, { metadata: { annotations: { other: 'write' } } }, { type: 'merge' });
          const after = await server.patch(name, body, options);
          if (mishap === 'unanswered') throw new KubeError('patch', { status: 0, reason: 'NoAnswer' });
          return after;
        },
      },
      nodes,
    );
    const metrics = createMetrics();
    const open = {
      credential: 'ns/cred',
      readsLag: true,
      cloud: 'aws',
      account: '1',
      principal: 'p',
      session: cloud.session,
    } as const;
    const region = new RegionInventory('aws/1/us-east-1', open, {
      clock,
      logger: silentLogger,
      metrics,
      busyMs: 1_000,
      restMs: 60_000,
      readLagMs: 300_000,
      onChange: () => {},
      onRead: () => {},
    });
    let tokens = 0;
    const launcher = createLauncher({
      nodes,
      nodeResource,
      secrets: createSecretReader({ client: api, clock }),
      peers: { listsFor: (_, names) => network.peers && peersFrom('here', network.peers, names) },
      remover: { request: ({ id }) => void removed.push(id) },
      cluster,
      clock,
      newToken: () => `token-${++tokens}-${clock.monotonic()}`,
      wake: (key) => woken.push(key),
      onLaunched: () => {},
      logger: silentLogger,
      metrics,
    });
    const record = (name: string) => {
      const seen = nodes.get(keyOf({ namespace: 'ns', name }));
      return seen && recordOf(seen);
    };
    return {
      launcher,
      region,
      open,
      record,
      async launchAll(order: readonly string[] = names) {
        for (const name of order) {
          const former = record(name)?.token;
          launcher.request({
            key: `ns/${name}`,
            batch: 'one',
            region,
            open,
            attachment: { zones: [{ zone: 'z', at: 's' }], firewalls: [] },
            zone: 'z',
            attempt: (record(name)?.attempt ?? 0) + 1,
            ...(former !== undefined && { former }),
          });
        }
        await clock.advance(2_000);
        await manyTurns(clock);
      },
      async settle(name: string, mayCall = true) {
        const held = record(name);
        if (held === undefined) throw new Error(`${name} has no record`);
        launcher.settle({ record: held, namespace: 'ns', region, open, mayCall });
        await manyTurns(clock);
        return launcher.outcomeOf(held.token);
      },
    };
  }
  return { clock, cloud, server, names, mishaps, written, woken, removed, network, startOperator };
}

async function manyTurns(clock: { settle(): Promise<void> }): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await clock.settle();
}

function nodeNamed(
  name: string,
  { index, args }: { readonly index: number; readonly args: readonly string[] },
) {
  return {
    metadata: {
      name,
      namespace: 'ns',
      finalizers: [FINALIZER],
      labels: {
        [LABELS.network]: 'net',
        [LABELS.placement]: 'here',
        [LABELS.index]: String(index),
        [LABELS.revision]: 'v1-x',
      },
    },
    spec: {
      credentialRef: { name: 'aws' },
      client: { image: 'example.com/client:1', args },
      aws: { region: 'us-east-1', instanceType: 't3.small' },
    },
  };
}

const namesAsked = (request: LaunchRequest | undefined) => request?.rows.map(({ name }) => name);

test('writes the record of the head last, and makes one call for all', async () => {
  const { cloud, written, startOperator } = await setUp(4);
  const { launchAll, record } = await startOperator();
  await launchAll();
  expect(written.at(-1)).toBe('a');
  expect([...written].sort()).toEqual(['a', 'b', 'c', 'd']);
  expect(cloud.requests).toHaveLength(1);
  expect(namesAsked(cloud.requests[0])).toEqual(['a', 'b', 'c', 'd']);
  expect(record('a')).toMatchObject({
    index: 0,
    members: ['a', 'b', 'c', 'd'],
    resolved: { image: 'ami-1' },
  });
  expect(record('c')).toMatchObject({ index: 2, head: { name: 'a' } });
  expect(record('c')).not.toHaveProperty('members');
});

describe('what a launch tells its machines', () => {
  const peerAt = (node: string, address: string) => ({
    node,
    placement: 'here',
    bootnode: true,
    inside: address,
  });

  test('is the name and the ordinal in the placement of each, whatever its position', async () => {
    const { cloud, startOperator } = await setUp(2, { firstOrdinal: 7 });
    await (await startOperator()).launchAll(['b', 'a']);
    expect(cloud.requests[0]?.rows).toEqual([
      { name: 'b', index: 8 },
      { name: 'a', index: 7 },
    ]);
    expect(cloud.machines().map(({ launch }) => launch?.index)).toEqual([0, 1]);
  });

  test('is the same in a repeated call, whoever is known by then', async () => {
    const { cloud, network, startOperator } = await setUp(2, { firstOrdinal: 7, args: ['$(BOOTNODES)'] });
    cloud.loseNextReply();
    network.peers = [peerAt('a', 'a:1'), peerAt('x', 'x:1')];
    await (await startOperator()).launchAll();
    network.peers = [peerAt('y', 'y:1')];
    const { settle } = await startOperator();
    expect(await settle('b')).toEqual({ kind: 'answered', count: 2 });
    const [first, second] = cloud.requests;
    expect(first?.workload.args).toEqual(['x:1']);
    expect(second).toEqual(first);
  });

  test('does not stand in the record as far as the client does not ask for it', async () => {
    const { network, startOperator } = await setUp(1, { args: ['$(NODE_NAME)', '$$(PEERS)'] });
    network.peers = [peerAt('x', 'x:1')];
    const { launchAll, record } = await startOperator();
    await launchAll();
    expect(record('a')).not.toHaveProperty('peers');
  });

  test('is nothing of peers where the Network has no peering', async () => {
    const { cloud, startOperator } = await setUp(1, { args: ['$(PEERS)'] });
    await (await startOperator()).launchAll();
    expect(cloud.requests[0]?.workload.args).toEqual(['$(PEERS)']);
  });

  test('is what an operator of a former version told, where that one wrote the record', async () => {
    const { cloud, server, startOperator } = await setUp(2, { firstOrdinal: 7 });
    cloud.loseNextReply();
    await (await startOperator()).launchAll();
    const head = await server.get({ namespace: 'ns', name: 'a' });
    const { rows, ...older } = JSON.parse(head?.metadata.annotations?.[ANNOTATIONS.launch] ?? '{}');
    expect(rows).toHaveLength(2);
    const annotations = { [ANNOTATIONS.launch]: JSON.stringify(older) };
    await server.patch({ namespace: 'ns', name: 'a' }, { metadata: { annotations } }, { type: 'merge' });
    const { settle } = await startOperator();
    await settle('b');
    expect(cloud.requests.at(-1)?.rows).toEqual([
      { name: 'a', index: 0 },
      { name: 'b', index: 1 },
    ]);
  });
});

test('makes no call when the head meets a conflict', async () => {
  const { cloud, mishaps, startOperator } = await setUp(3);
  mishaps.set(2, 'conflict');
  const { launchAll, launcher, record } = await startOperator();
  await launchAll();
  expect(cloud.requests).toEqual([]);
  expect(record('a')).toBeUndefined();
  expect(launcher.outcomeOf(record('b')?.token ?? '')).toBeUndefined();
});

test('leaves out a member that has changed since it was read', async () => {
  const { cloud, mishaps, startOperator } = await setUp(3);
  mishaps.set(0, 'overtaken');
  await (await startOperator()).launchAll();
  expect(namesAsked(cloud.requests[0])).toEqual(['a', 'c']);
});

test('leaves out a member that meets a conflict; the last one takes its index', async () => {
  const { cloud, mishaps, startOperator } = await setUp(4);
  mishaps.set(0, 'conflict');
  const { launchAll, record } = await startOperator();
  await launchAll();
  expect(namesAsked(cloud.requests[0])).toEqual(['a', 'd', 'c']);
  expect(record('d')?.index).toBe(1);
  expect(record('b')).toBeUndefined();
});

test('a member whose second record meets a conflict has an index that the launch does not have', async () => {
  const { cloud, mishaps, startOperator } = await setUp(4);
  mishaps.set(0, 'conflict').set(3, 'conflict');
  const { launchAll, record } = await startOperator();
  await launchAll();
  expect(namesAsked(cloud.requests[0])).toEqual(['a', 'c']);
  expect(record('d')?.index).toBeGreaterThanOrEqual(2);
});

test('a lost answer to the write of a member is found out from the head, and voids the token', async () => {
  const { cloud, mishaps, startOperator, server } = await setUp(3);
  mishaps.set(0, 'unanswered');
  const { launchAll, launcher, record, settle } = await startOperator();
  await launchAll();
  expect(cloud.requests).toEqual([]);
  expect(launcher.outcomeOf(record('b')?.token ?? '')).toBeUndefined();
  expect(launcher.takeFailure('ns/b')).toMatchObject({ name: 'KubeError' });
  expect(await settle('b')).toEqual({ kind: 'void' });
  const head = await server.get({ namespace: 'ns', name: 'a' });
  expect(head?.metadata.annotations?.[ANNOTATIONS.voided]).toBeDefined();
});

test('a lost answer to the write of the head is the commit: the call follows', async () => {
  const { cloud, mishaps, startOperator, clock } = await setUp(3);
  mishaps.set(2, 'unanswered');
  const { launchAll, settle } = await startOperator();
  await launchAll();
  expect(cloud.requests).toEqual([]);
  await clock.advance(1);
  expect(await settle('b')).toEqual({ kind: 'answered', count: 3 });
  expect(cloud.machines()).toHaveLength(3);
});

test('a former leader that still means to write the head meets a conflict once its token is void', async () => {
  const { cloud, mishaps, startOperator, server } = await setUp(2);
  mishaps.set(1, 'neverArrives');
  const former = await startOperator();
  const before = await server.get({ namespace: 'ns', name: 'a' });
  await former.launchAll();
  const successor = await startOperator();
  expect(await successor.settle('b')).toEqual({ kind: 'void' });
  const late = server.patch(
    { namespace: 'ns', name: 'a' },
    {
      metadata: {
        resourceVersion: before?.metadata.resourceVersion,
        annotations: { [ANNOTATIONS.launch]: 'late' },
      },
    },
    { type: 'merge' },
  );
  await expect(late).rejects.toMatchObject({ status: 409 });
  expect(cloud.requests).toEqual([]);
});

test('after a crash the same call is repeated from the record of the head alone', async () => {
  const { cloud, server, startOperator } = await setUp(3);
  cloud.loseNextReply();
  await (await startOperator()).launchAll();
  await server.patch({ namespace: 'ns', name: 'c' }, { metadata: { finalizers: [] } }, { type: 'merge' });
  await server.delete({ namespace: 'ns', name: 'c' });
  const successor = await startOperator();
  expect(await successor.settle('b')).toEqual({ kind: 'answered', count: 3 });
  expect(cloud.requests[1]).toEqual(cloud.requests[0]);
  expect(cloud.machines()).toHaveLength(3);
});

test('removes the machine of a member that was forced out of the cluster', async () => {
  const { cloud, server, removed, startOperator } = await setUp(3);
  cloud.loseNextReply();
  await (await startOperator()).launchAll();
  await server.patch({ namespace: 'ns', name: 'c' }, { metadata: { finalizers: [] } }, { type: 'merge' });
  await server.delete({ namespace: 'ns', name: 'c' });
  await (await startOperator()).settle('b');
  expect(removed).toEqual(['m-3']);
});

test('removes the machine of a member that has gone on to another launch', async () => {
  const { cloud, server, removed, startOperator } = await setUp(2);
  cloud.loseNextReply();
  const { launchAll, record } = await startOperator();
  await launchAll();
  const other = JSON.stringify({ ...record('b'), token: 'another' });
  await server.patch(
    { namespace: 'ns', name: 'b' },
    { metadata: { annotations: { [ANNOTATIONS.launch]: other } } },
    { type: 'merge' },
  );
  await (await startOperator()).settle('a');
  expect(removed).toEqual(['m-2']);
});

test.for(['outOfCapacity', 'quota', 'invalid', 'unsupported'] as const)(
  'a first call refused as %s has made nothing',
  async (code) => {
    const { cloud, startOperator } = await setUp(2);
    cloud.refuseNext(code);
    const { launchAll, launcher, record } = await startOperator();
    await launchAll();
    expect(launcher.outcomeOf(record('a')?.token ?? '')).toMatchObject({ kind: 'refused', error: { code } });
  },
);

test.for(['throttled', 'unavailable', 'unauthorized'] as const)(
  'a call refused as %s is repeated with its token',
  async (code) => {
    const { cloud, startOperator } = await setUp(2);
    cloud.refuseNext(code);
    const { launchAll, launcher, record, settle } = await startOperator();
    await launchAll();
    expect(launcher.outcomeOf(record('a')?.token ?? '')).toMatchObject({ kind: 'unknown', failures: 1 });
    expect(await settle('a')).toEqual({ kind: 'answered', count: 2 });
    expect(cloud.requests[1]).toEqual(cloud.requests[0]);
  },
);

test('a repeat that is throttled says nothing about the first call, whose reply was lost', async () => {
  const { cloud, startOperator } = await setUp(2);
  cloud.loseNextReply();
  cloud.refuseNext('throttled');
  const { launchAll, settle } = await startOperator();
  await launchAll();
  expect(await settle('a')).toMatchObject({ kind: 'unknown', failures: 2 });
  expect(await settle('a')).toEqual({ kind: 'answered', count: 2 });
  expect(cloud.machines()).toHaveLength(2);
});

test('a repeat that is invalid by now has the machines of the first call looked for', async () => {
  const { cloud, clock, startOperator } = await setUp(2);
  cloud.loseNextReply();
  cloud.refuseNext('invalid');
  const { launchAll, settle } = await startOperator();
  await launchAll();
  await clock.advance(10_000);
  // The window begins with the newest call.
  expect(await settle('a')).toEqual({ kind: 'lookUp', since: clock.monotonic() });
});

test('a repeat without capacity proves that the first call made nothing', async () => {
  const { cloud, startOperator } = await setUp(2);
  cloud.refuseNext('unavailable');
  cloud.refuseNext('outOfCapacity');
  const { launchAll, settle } = await startOperator();
  await launchAll();
  expect(await settle('a')).toMatchObject({ kind: 'refused', error: { code: 'outOfCapacity' } });
});

test('a spent token has its machines looked for', async () => {
  const { cloud, startOperator } = await setUp(1);
  cloud.answerNext({ machines: [], spent: true });
  const { launchAll, launcher, record } = await startOperator();
  await launchAll();
  expect(launcher.outcomeOf(record('a')?.token ?? '')).toMatchObject({ kind: 'lookUp' });
});

test('fewer machines than asked for are told with the reason', async () => {
  const { cloud, startOperator } = await setUp(3);
  const shortage = refusal('outOfCapacity', 'none');
  cloud.answerNext({ machines: [], spent: false, shortage });
  const { launchAll, launcher, record } = await startOperator();
  await launchAll();
  expect(launcher.outcomeOf(record('a')?.token ?? '')).toEqual({ kind: 'answered', count: 0, shortage });
});

test('a machine is not removed because the record of its Node cannot be read, and that Node joins no batch', async () => {
  const { cloud, server, clock, removed, startOperator } = await setUp(2);
  cloud.loseNextReply();
  await (await startOperator()).launchAll();
  await server.patch(
    { namespace: 'ns', name: 'b' },
    { metadata: { annotations: { [ANNOTATIONS.launch]: 'not what the operator writes' } } },
    { type: 'merge' },
  );
  await manyTurns(clock);
  const { settle, launcher, region, open } = await startOperator();
  expect(await settle('a')).toEqual({ kind: 'answered', count: 2 });
  expect(removed).toEqual([]);
  const attachment = { zones: [], firewalls: [] };
  launcher.request({ key: 'ns/b', batch: 'one', region, open, attachment, zone: 'z', attempt: 1 });
  await clock.advance(2_000);
  expect(cloud.requests).toHaveLength(2);
  expect(launcher.takeFailure('ns/b')).toBeUndefined();
});

test('launches nothing for Nodes that are all being deleted', async () => {
  const { cloud, startOperator } = await setUp(2);
  cloud.loseNextReply();
  await (await startOperator()).launchAll();
  const successor = await startOperator();
  expect(await successor.settle('b', false)).toMatchObject({ kind: 'lookUp' });
  expect(cloud.requests).toHaveLength(1);
});

test('a head that is gone leaves only the search by token', async () => {
  const { cloud, server, startOperator } = await setUp(2);
  cloud.loseNextReply();
  await (await startOperator()).launchAll();
  await server.patch({ namespace: 'ns', name: 'a' }, { metadata: { finalizers: [] } }, { type: 'merge' });
  await server.delete({ namespace: 'ns', name: 'a' });
  const successor = await startOperator();
  expect(await successor.settle('b')).toMatchObject({ kind: 'lookUp' });
  expect(cloud.requests).toHaveLength(1);
});

test.for([
  { part: 'head', order: ['a', 'b'], index: 0 },
  { part: 'member', order: ['b', 'a'], index: 1 },
])('a former head that is now a $part remembers that it made its call', async ({ order, index }) => {
  const { cloud, clock, server, startOperator } = await setUp(2);
  cloud.refuseNext('outOfCapacity');
  const { launchAll, record } = await startOperator();
  await launchAll();
  const first = record('a')?.token;
  const stayed = JSON.stringify(record('b'));
  await launchAll(order);
  expect(record('a')).toMatchObject({ index, attempt: 2, spent: [first] });
  // Had `b` stayed with the first launch, it would have to look for its machine: that call was made.
  await server.patch(
    { namespace: 'ns', name: 'b' },
    { metadata: { annotations: { [ANNOTATIONS.launch]: stayed } } },
    { type: 'merge' },
  );
  await manyTurns(clock);
  expect(await (await startOperator()).settle('b')).toMatchObject({ kind: 'lookUp' });
});

test('a Node that is being deleted, or has gone on since it asked, joins no batch', async () => {
  const { cloud, server, startOperator, clock } = await setUp(3);
  const { launchAll } = await startOperator();
  await server.delete({ namespace: 'ns', name: 'a' });
  await manyTurns(clock);
  await launchAll();
  expect(namesAsked(cloud.requests[0])).toEqual(['b', 'c']);
  await launchAll();
  await clock.advance(1);
  const { launcher, region, open } = await startOperator();
  launcher.request({
    key: 'ns/b',
    batch: 'one',
    region,
    open,
    attachment: { zones: [], firewalls: [] },
    zone: 'z',
    attempt: 2,
    former: 'token of long ago',
  });
  await clock.advance(2_000);
  expect(cloud.requests.filter(({ rows }) => rows.some(({ name }) => name === 'b'))).toHaveLength(2);
});

test('a launch is forgotten when no Node carries its token any more', async () => {
  const { cloud, clock, server, startOperator } = await setUp(2);
  cloud.refuseNext('outOfCapacity');
  const { launchAll, launcher, record } = await startOperator();
  await launchAll();
  const first = record('a')?.token ?? '';
  expect(launcher.outcomeOf(first)).toMatchObject({ kind: 'refused' });
  await launchAll();
  const second = record('a')?.token ?? '';
  expect(launcher.outcomeOf(first)).toBeUndefined();
  expect(launcher.outcomeOf(second)).toEqual({ kind: 'answered', count: 2 });
  for (const name of ['a', 'b']) {
    expect(launcher.outcomeOf(second)).toEqual({ kind: 'answered', count: 2 });
    await server.patch({ namespace: 'ns', name }, { metadata: { finalizers: [] } }, { type: 'merge' });
    await server.delete({ namespace: 'ns', name });
    await manyTurns(clock);
  }
  expect(launcher.outcomeOf(second)).toBeUndefined();
});

test('a launch that is forgotten is not made again by who still takes it for its own', async () => {
  const { cloud, clock, startOperator } = await setUp(2);
  cloud.refuseNext('outOfCapacity');
  const { launchAll, launcher, record, region, open } = await startOperator();
  await launchAll();
  const stale = record('b');
  await launchAll();
  if (stale === undefined) throw new Error('b had no record');
  launcher.settle({ record: stale, namespace: 'ns', region, open, mayCall: true });
  await manyTurns(clock);
  expect(cloud.requests.filter(({ token }) => token === stale.token)).toHaveLength(1);
  expect(launcher.outcomeOf(stale.token)).toBeUndefined();
});
