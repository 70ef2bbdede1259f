import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { type ConnectOptions, connect, type KubeClient } from '../../src/kube/client.ts';
import { readClusterId } from '../../src/kube/cluster-id.ts';
import {
  isAlreadyExists,
  isConflict,
  isForbiddenNamespaceTerminating,
  isNotFound,
} from '../../src/kube/errors.ts';
import { createEventRecorder } from '../../src/kube/events.ts';
import { addFinalizer, removeFinalizer } from '../../src/kube/finalizer.ts';
import { Informer } from '../../src/kube/informer.ts';
import { createLeaseStore } from '../../src/kube/lease.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { observing } from '../../src/kube/observing.ts';
import type { Resource } from '../../src/kube/resource.ts';
import { createSecretReader } from '../../src/kube/secrets.ts';
import { systemClock as clock } from '../../src/runtime/clock.ts';
import { again, done, runController } from '../../src/runtime/controller.ts';
import { Election } from '../../src/runtime/leader.ts';
import { silentLogger as logger } from '../../src/runtime/logger.ts';
import { WorkQueue } from '../../src/runtime/queue.ts';
import { createObject } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl } from '../support/kubectl.ts';
import { freshNamespace } from '../support/namespace.ts';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

let client: KubeClient;
let configMaps: Resource<ConfigMap>;
let namespace: string;
let folder: string;
let stop: AbortController;
const owned: (() => unknown)[] = [];

function own<T>(value: T, end: (value: T) => unknown): T {
  owned.push(() => end(value));
  return value;
}

function connectWith(options: Partial<ConnectOptions> = {}): KubeClient {
  const { kubeconfigPath } = inject('controlPlane');
  const defaults = { kubeconfigPath, deadlineMs: 10_000, userAgent: 'peerage/test', env: {} };
  return own(connect({ ...defaults, ...options }), (one) => one.close());
}

function configMapsOf(one: KubeClient): Resource<ConfigMap> {
  return one.resource({
    ...{ group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true },
    parse: (raw: ConfigMap) => raw,
  });
}

beforeEach(async () => {
  namespace = await freshNamespace();
  folder = await mkdtemp(join(tmpdir(), 'peerage-kube-'));
  own(folder, (path) => rm(path, { recursive: true }));
  stop = own(new AbortController(), (one) => one.abort());
  client = connectWith();
  configMaps = configMapsOf(client);
});

afterEach(async () => {
  for (const end of owned.splice(0).reverse()) await end();
});

/** The administrator's kubeconfig with changes. */
async function kubeconfigWith(change: (file: { cluster: object; user: object }) => object): Promise<string> {
  const file = parse(await readFile(inject('controlPlane').kubeconfigPath, 'utf8'));
  const [{ cluster }] = file.clusters;
  const [{ user }] = file.users;
  const { cluster: newCluster = cluster, user: newUser = user }: { cluster?: object; user?: object } = change(
    {
      cluster,
      user,
    },
  );
  file.clusters[0].cluster = newCluster;
  file.users[0].user = newUser;
  const path = join(folder, 'kubeconfig');
  await writeFile(path, stringify(file));
  return path;
}

async function listen(server: Server): Promise<number> {
  own(server, (one) => one.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A wire to the API server that can be cut. */
async function createWire() {
  const port = Number(new URL(inject('controlPlane').url).port);
  const sockets = new Set<Socket>();
  let up = true;
  const join = (a: Socket, b: Socket) => {
    sockets.add(a);
    a.pipe(b);
    a.on('error', () => b.destroy());
    a.on('close', () => {
      sockets.delete(a);
      b.destroy();
    });
  };
  const server = createServer((near) => {
    if (!up) {
      near.destroy();
      return;
    }
    const far = connectSocket(port, '127.0.0.1');
    join(near, far);
    join(far, near);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  own(cut, (one) => one());
  const ownPort = await listen(server);
  return {
    url: `https://127.0.0.1:${ownPort}`,
    cut,
    down() {
      up = false;
      cut();
    },
    up() {
      up = true;
    },
  };
}

function follow(resource: Resource<ConfigMap>): {
  informer: Informer<ConfigMap>;
  seen: string[];
  restarts: string[];
} {
  const seen: string[] = [];
  const restarts: string[] = [];
  const informer = new Informer<ConfigMap>({
    ...{ resource, namespaces: [namespace], clock, logger },
    restarts: { inc: ({ reason }) => restarts.push(reason) },
    backoff: { baseMs: 50, maxMs: 500 },
  });
  informer.onChange(({ type, now, before }) => {
    const name = (now ?? before)?.metadata.name;
    if (name !== 'kube-root-ca.crt') seen.push(`${type} ${name}`);
  });
  void own(informer.run(stop.signal), (running) => {
    stop.abort();
    return running;
  });
  return { informer, seen, restarts };
}

describe('calls to the API server', () => {
  test('make, change, read and remove an object', async () => {
    const made = await configMaps.create({ metadata: { namespace, name: 'a' }, data: { color: 'red' } });
    expect(made).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { color: 'red' } });
    expect(made.metadata).not.toHaveProperty('managedFields');
    const merged = await configMaps.patch(
      made.metadata,
      { data: { color: null, size: '3' } },
      { type: 'merge' },
    );
    expect(merged.data).toEqual({ size: '3' });
    const applied = await configMaps.patch(
      { namespace, name: 'b' },
      { metadata: { namespace, name: 'b' }, data: { a: '1' } },
      { type: 'apply' },
    );
    expect(applied.data).toEqual({ a: '1' });
    const reapplied = await configMaps.patch(
      applied.metadata,
      { metadata: { namespace, name: 'b' }, data: { b: '2' } },
      { type: 'apply' },
    );
    expect((await configMaps.get(reapplied.metadata))?.data).toEqual({ b: '2' });
    expect(await configMaps.delete(made.metadata)).toBeUndefined();
    expect(await configMaps.get(made.metadata)).toBeUndefined();
    expect(await configMaps.delete(made.metadata)).toBeUndefined();
  });

  test('own their fields under our name', async () => {
    await configMaps.create({ metadata: { namespace, name: 'a' }, data: { color: 'red' } });
    const shown = await kubectl(['get', 'configmap', 'a', '-o', 'yaml', '--show-managed-fields'], {
      namespace,
    });
    expect(parse(shown).metadata.managedFields[0].manager).toBe('peerage');
  });

  test('tell apart why they were refused', async () => {
    const made = await configMaps.create({ metadata: { namespace, name: 'a' } });
    await configMaps.patch(made.metadata, { data: { a: '1' } }, { type: 'merge' });
    const stale = { metadata: { resourceVersion: made.metadata.resourceVersion }, data: { a: '2' } };
    await expect(configMaps.patch(made.metadata, stale, { type: 'merge' })).rejects.toSatisfy(isConflict);
    await expect(configMaps.create({ metadata: { namespace, name: 'a' } })).rejects.toSatisfy(
      isAlreadyExists,
    );
    await expect(configMaps.create({ metadata: { namespace, name: 'A b' } })).rejects.toMatchObject({
      status: 422,
    });
    await expect(configMaps.patch({ namespace, name: 'x' }, {}, { type: 'merge' })).rejects.toSatisfy(
      isNotFound,
    );
    await expect(configMaps.get({ namespace, name: 'x' })).resolves.toBeUndefined();
  });

  test('name the call and the object in their errors', async () => {
    await expect(configMaps.patch({ namespace, name: 'x' }, {}, { type: 'merge' })).rejects.toThrow(
      `patch configmaps ${namespace}/x: configmaps "x" not found`,
    );
  });

  test('list all pages from one point in time', async () => {
    const names = Array.from({ length: 25 }, (_, n) => `c${n}`);
    await Promise.all(names.map((name) => configMaps.create({ metadata: { namespace, name } })));
    const { items, resourceVersion } = await configMaps.list({ namespace, pageSize: 10 });
    const listed = items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('c'));
    expect(listed.sort()).toEqual(names.sort());
    expect(items.every(({ kind }) => kind === 'ConfigMap')).toBe(true);
    expect(Number(resourceVersion)).toBeGreaterThan(0);
  });

  test('end at their deadline, however silent the other side is', async () => {
    const port = await listen(createServer(() => {}));
    const cluster = { server: `http://127.0.0.1:${port}` };
    const silent = connectWith({
      kubeconfigPath: await kubeconfigWith(() => ({ cluster })),
      deadlineMs: 300,
    });
    const startedAt = performance.now();
    await expect(configMapsOf(silent).list({ namespace })).rejects.toThrow(
      'list configmaps: waiting for the answer: deadline of 0.3 s passed',
    );
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  test('end with their signal', async () => {
    const port = await listen(createServer(() => {}));
    const cluster = { server: `http://127.0.0.1:${port}` };
    const silent = connectWith({ kubeconfigPath: await kubeconfigWith(() => ({ cluster })) });
    const list = configMapsOf(silent).list({ namespace, signal: stop.signal });
    stop.abort();
    await expect(list).rejects.toThrow('aborted');
  });

  test('trust the authorities of an extra file, and no others', async () => {
    const extraCaFile = join(folder, 'ca.pem');
    await writeFile(extraCaFile, inject('controlPlane').caPem);
    const kubeconfigPath = await kubeconfigWith(() => ({ cluster: { server: inject('controlPlane').url } }));
    await expect(configMapsOf(connectWith({ kubeconfigPath })).list({ namespace })).rejects.toThrow(
      /certificate/,
    );
    const trusting = connectWith({ kubeconfigPath, extraCaFile });
    await expect(configMapsOf(trusting).list({ namespace })).resolves.toBeDefined();
  });

  test('go through the proxy of the environment, but for what NO_PROXY names', async () => {
    const tunnels: string[] = [];
    const proxy = createHttpServer();
    proxy.on('connect', (request, near: Socket) => {
      tunnels.push(request.url ?? '');
      const [host, port] = (request.url ?? '').split(':');
      const far = connectSocket(Number(port), host, () => {
        near.write('HTTP/1.1 200 OK\r\n\r\n');
        far.pipe(near).pipe(far);
      });
      own(far, (socket) => socket.destroy());
    });
    const HTTPS_PROXY = `http://127.0.0.1:${await listen(proxy)}`;
    const through = configMapsOf(connectWith({ env: { HTTPS_PROXY } }));
    await through.list({ namespace });
    await through.list({ namespace });
    expect(tunnels).toEqual([new URL(inject('controlPlane').url).host]);
    await configMapsOf(connectWith({ env: { HTTPS_PROXY, NO_PROXY: '127.0.0.1' } })).list({ namespace });
    expect(tunnels.length).toBe(1);
  });
});

describe('credentials', () => {
  let token: string;
  let whoAmI: (kubeconfigPath: string) => Promise<string>;

  beforeEach(async () => {
    await kubectl(['create', 'serviceaccount', 'operator'], { namespace });
    token = (await kubectl(['create', 'token', 'operator'], { namespace })).trim();
    whoAmI = async (kubeconfigPath) => {
      const reviews = connectWith({ kubeconfigPath }).resource({
        ...{ group: 'authentication.k8s.io', version: 'v1', plural: 'selfsubjectreviews' },
        ...{ kind: 'SelfSubjectReview', namespaced: false },
        parse: (raw: KubeObject & { status?: { userInfo: { username: string } } }) => raw,
      });
      return (await reviews.create({ metadata: { name: 'me' } })).status?.userInfo.username ?? '';
    };
  });

  test('are a client certificate, a token, a token file or a program’s output', async () => {
    const serviceAccount = `system:serviceaccount:${namespace}:operator`;
    expect(await whoAmI(inject('controlPlane').kubeconfigPath)).toBe('peerage-admin');
    expect(await whoAmI(await kubeconfigWith(() => ({ user: { token } })))).toBe(serviceAccount);
    await writeFile(join(folder, 'token'), `${token}\n`);
    expect(await whoAmI(await kubeconfigWith(() => ({ user: { tokenFile: 'token' } })))).toBe(serviceAccount);

    const status = { token, expirationTimestamp: new Date(Date.now() + 3_600_000).toISOString() };
    const credential = JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status,
    });
    const plugin = join(folder, 'plugin');
    const count = join(folder, 'count');
    await writeFile(
      plugin,
      `#!/bin/sh\necho run >> ${count}\ncase "$KUBERNETES_EXEC_INFO" in *ExecCredential*) echo '${credential}';; esac\n`,
    );
    await chmod(plugin, 0o700);
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: './plugin',
      interactiveMode: 'Never',
    };
    expect(await whoAmI(await kubeconfigWith(() => ({ user: { exec } })))).toBe(serviceAccount);
    const many = configMapsOf(connectWith({ kubeconfigPath: join(folder, 'kubeconfig') }));
    await Promise.allSettled(Array.from({ length: 20 }, () => many.get({ namespace, name: 'x' })));
    expect(await readFile(count, 'utf8')).toBe('run\nrun\n');
  });
});

describe('an informer against the real server', () => {
  test('goes on after its connections are killed, and misses nothing', async () => {
    const wire = await createWire();
    const kubeconfigPath = await kubeconfigWith(({ cluster }) => ({
      cluster: { ...cluster, server: wire.url },
    }));
    const { informer, seen, restarts } = follow(configMapsOf(connectWith({ kubeconfigPath })));
    await informer.whenSynced(stop.signal);
    await configMaps.create({ metadata: { namespace, name: 'a' } });
    await eventually(
      async () => seen,
      (names) => names.length === 1,
    );

    wire.cut();
    await configMaps.create({ metadata: { namespace, name: 'b' } });
    await eventually(
      async () => seen,
      (names) => names.length === 2,
    );

    wire.down();
    await configMaps.create({ metadata: { namespace, name: 'c' } });
    await configMaps.delete({ namespace, name: 'a' });
    await eventually(
      async () => restarts,
      (reasons) => reasons.length >= 4,
    );
    wire.up();
    await eventually(
      async () => seen,
      (names) => names.length === 4,
    );
    expect(seen).toEqual(['added a', 'added b', 'added c', 'deleted a']);
  });

  test('takes a silent connection for dead', async () => {
    const { resourceVersion } = await configMaps.list({ namespace });
    const watch = configMaps.watch({
      ...{ namespace, resourceVersion, timeoutSeconds: 60, idleMs: 200, signal: stop.signal },
    });
    await expect(watch.next()).rejects.toThrow('silent for 0.2 s');
  });

  test('ends without an error when the server ends the watch', async () => {
    const { resourceVersion } = await configMaps.list({ namespace });
    const watch = configMaps.watch({
      ...{ namespace, resourceVersion, timeoutSeconds: 1, idleMs: 10_000, signal: stop.signal },
    });
    const types: string[] = [];
    for await (const { type } of watch) types.push(type);
    expect(types.every((type) => type === 'BOOKMARK')).toBe(true);
  });

  test('feeds a controller that never acts on a state older than its own writes', async () => {
    const { informer } = follow(configMaps);
    const resource = observing(configMaps, informer);
    const queue = new WorkQueue({ name: 'steps', clock, backoff: { baseMs: 20, maxMs: 100 } });
    informer.onChange(({ key }) => queue.add(key));
    const errors: unknown[] = [];
    const finished = new Set<string>();
    const running = runController({
      ...{ name: 'steps', concurrency: 8, queue, deadlineMs: 10_000, clock, signal: stop.signal },
      logger: { ...logger, error: (fields) => errors.push(fields) },
      async reconcile(key, signal) {
        const object = informer.get(key);
        const step = Number(object?.data?.step ?? 'NaN');
        if (object === undefined || Number.isNaN(step)) return done;
        if (step === 5) {
          finished.add(key);
          return done;
        }
        const { resourceVersion } = object.metadata;
        const patch = { metadata: { resourceVersion }, data: { step: String(step + 1) } };
        await resource.patch(object.metadata, patch, { type: 'merge', signal });
        return again(0, 'next step');
      },
    });
    void own(running, () => {
      stop.abort();
      return running;
    });
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        configMaps.create({ metadata: { namespace, name: `c${n}` }, data: { step: '0' } }),
      ),
    );
    await eventually(
      async () => finished.size,
      (size) => size === 40,
    );
    expect(errors).toEqual([]);
  });
});

describe('what is built on the calls', () => {
  test('finalizers hold an object until they are taken away', async () => {
    const made = await configMaps.create({ metadata: { namespace, name: 'a' } });
    const held = await addFinalizer(configMaps, made, 'peerage.dev/test');
    await expect(addFinalizer(configMaps, made, 'peerage.dev/other')).rejects.toSatisfy(isConflict);
    expect(held?.metadata.finalizers).toEqual(['peerage.dev/test']);
    const going = await configMaps.delete(made.metadata);
    expect(going?.metadata.deletionTimestamp).toBeDefined();
    expect(
      going && (await addFinalizer(configMaps, going, 'peerage.dev/other'))?.metadata.finalizers,
    ).toEqual(['peerage.dev/test']);
    if (going !== undefined) await removeFinalizer(configMaps, going, 'peerage.dev/test');
    expect(await configMaps.get(made.metadata)).toBeUndefined();
    expect(going && (await removeFinalizer(configMaps, going, 'peerage.dev/test'))).toBeUndefined();
  });

  test('a Lease has one holder', async () => {
    const name = { namespace, name: 'peerage' };
    const store = createLeaseStore(client, name);
    const record = {
      holder: 'a',
      durationMs: 15_000,
      acquiredAt: Date.now(),
      renewedAt: Date.now(),
      transitions: 0,
    };
    const [first, second] = await Promise.all([
      store.write(record, undefined, stop.signal),
      store.write({ ...record, holder: 'b' }, undefined, stop.signal),
    ]);
    expect([first, second].filter(Boolean).length).toBe(1);
    const seen = await store.read(stop.signal);
    expect(seen?.record).toEqual({ ...record, holder: first === undefined ? 'b' : 'a' });
    const renewed = await store.write({ ...record, renewedAt: Date.now() }, seen?.version, stop.signal);
    expect(renewed).not.toBe(seen?.version);
    expect(await store.write(record, seen?.version, stop.signal)).toBeUndefined();
  });

  test('of two candidates one leads, and the other follows when it stops or loses the network', async () => {
    const wire = await createWire();
    const cutOff = connectWith({
      kubeconfigPath: await kubeconfigWith(({ cluster }) => ({ cluster: { ...cluster, server: wire.url } })),
      deadlineMs: 1_000,
    });
    const stand = (identity: string, one: KubeClient) => {
      const election = new Election({
        ...{ identity, clock, logger, store: createLeaseStore(one, { namespace, name: 'peerage' }) },
        ...{ leaseDurationMs: 20_000, renewDeadlineMs: 10_000, marginMs: 1_000, retryPeriodMs: 100 },
      });
      const leaving = own(new AbortController(), (controller) => controller.abort());
      const over = election.run(leaving.signal, (signal) => clock.sleep(600_000, signal).catch(() => {}));
      return { election, over, leave: () => leaving.abort() };
    };
    const held = async () => [a.election.held(), b.election.held()];
    const a = stand('a', cutOff);
    await eventually(async () => a.election.held(), Boolean);
    const b = stand('b', client);
    wire.down();
    const watching = setInterval(() => expect(a.election.held() && b.election.held()).toBe(false), 10);
    await eventually(held, ([ofA, ofB]) => !ofA && ofB);
    clearInterval(watching);
    wire.up();
    await clock.sleep(300, stop.signal);
    expect(await held()).toEqual([false, true]);
    b.leave();
    await b.over;
    // Long before the Lease would have run out.
    await eventually(held, ([ofA, ofB]) => ofA && !ofB, { withinMs: 15_000 });
  });

  test('Events are shown by kubectl with their count', async () => {
    const regarding = await configMaps.create({ metadata: { namespace, name: 'a' } });
    const recorder = createEventRecorder({
      ...{ client, clock, logger, reportingController: 'peerage.dev/operator', reportingInstance: 'test' },
    });
    for (let n = 0; n < 4; n++) {
      recorder.event({
        regarding,
        type: 'Warning',
        reason: 'LaunchFailed',
        action: 'Launch',
        note: 'no capacity',
      });
    }
    await recorder.flush();
    const shown = await kubectl(['describe', 'configmap', 'a'], { namespace });
    expect(shown).toMatch(/Warning\s+LaunchFailed\s+.*x4.*peerage.dev\/operator\s+no capacity/);
  });

  test('a namespace on its way out takes no Event, and that is no trouble', async () => {
    const regarding = await configMaps.create({
      metadata: { namespace, name: 'a', finalizers: ['peerage.dev/test'] },
    });
    await kubectl(['delete', 'namespace', namespace, '--wait=false']);
    const refusal = configMaps.create({ metadata: { namespace, name: 'late' } });
    await expect(refusal).rejects.toSatisfy(isForbiddenNamespaceTerminating);
    const warnings: string[] = [];
    const recorder = createEventRecorder({
      ...{ client, clock, reportingController: 'peerage.dev/operator', reportingInstance: 'test' },
      logger: { ...logger, warn: (_, message) => warnings.push(message) },
    });
    recorder.event({ regarding, type: 'Normal', reason: 'Removed', action: 'Remove', note: 'gone' });
    await recorder.flush();
    expect(warnings).toEqual([]);
    const now = await configMaps.get(regarding.metadata);
    if (now !== undefined) await removeFinalizer(configMaps, now, 'peerage.dev/test');
  });

  test('a Secret is read and held with get and patch alone', async () => {
    const name = { namespace, name: 'aws-keys' };
    await createObject(`/api/v1/namespaces/${namespace}/secrets`, {
      metadata: { name: 'aws-keys' },
      data: { aws_access_key_id: Buffer.from('AKIA').toString('base64') },
    });
    await kubectl(['create', 'serviceaccount', 'operator'], { namespace });
    await kubectl(['create', 'role', 'secrets', '--verb=get,patch', '--resource=secrets'], { namespace });
    await kubectl(
      ['create', 'rolebinding', 'secrets', '--role=secrets', `--serviceaccount=${namespace}:operator`],
      {
        namespace,
      },
    );
    const token = (await kubectl(['create', 'token', 'operator'], { namespace })).trim();
    const kubeconfigPath = await kubeconfigWith(() => ({ user: { token } }));
    const reader = createSecretReader({ client: connectWith({ kubeconfigPath }), clock });
    const held = await eventually(
      () => reader.hold(name, 'peerage.dev/credential').catch(() => undefined),
      (secret) => secret !== undefined,
    );
    expect(held?.values.get('aws_access_key_id')?.reveal()).toBe('AKIA');
    await reader.release(name, 'peerage.dev/credential');
    expect((await reader.read(name))?.metadata.finalizers ?? []).toEqual([]);
  });

  test('a cluster is known by the UID of its kube-system namespace', async () => {
    const uid = await kubectl(['get', 'namespace', 'kube-system', '-o', 'jsonpath={.metadata.uid}']);
    expect(await readClusterId(client)).toBe(uid);
  });
});
