/** The operator, put together in one place: caches, what the controllers share, the controllers, and what runs when. */
import { randomUUID } from 'node:crypto';
import packageJson from '../package.json' with { type: 'json' };
import { ANNOTATIONS } from './api/names.ts';
import type { Machine } from './clouds/cloud.ts';
import { CLOUDS } from './clouds/index.ts';
import { type Config, parseConfig } from './config.ts';
import { networkKeyOf } from './controllers/belonging.ts';
import { createBursts } from './controllers/bursts.ts';
import { createCredentialController } from './controllers/credential.ts';
import { createFabrics } from './controllers/fabrics.ts';
import { createGate } from './controllers/gate.ts';
import { countByState, createInventory } from './controllers/inventory.ts';
import { CREDENTIALS, NETWORKS, NODES } from './controllers/kinds.ts';
import { createLauncher, recordOf } from './controllers/launcher.ts';
import { createNetworkController } from './controllers/network/controller.ts';
import { createNodeController } from './controllers/node/controller.ts';
import { createRemover } from './controllers/remover.ts';
import { createSessions } from './controllers/sessions.ts';
import { createSweep } from './controllers/sweep.ts';
import { connect, type KubeClient } from './kube/client.ts';
import { readClusterId } from './kube/cluster-id.ts';
import { isConflict, isNotFound } from './kube/errors.ts';
import { createEventRecorder } from './kube/events.ts';
import { Informer } from './kube/informer.ts';
import { createIdentity, createLeaseStore } from './kube/lease.ts';
import { createNamespaceLabels } from './kube/namespaces.ts';
import { type KubeObject, keyOf } from './kube/object.ts';
import { observing } from './kube/observing.ts';
import type { ResourceDefinition } from './kube/resource.ts';
import { createSecretReader } from './kube/secrets.ts';
import { systemClock as clock } from './runtime/clock.ts';
import { type Outcome, runController } from './runtime/controller.ts';
import { describeError } from './runtime/errors.ts';
import { stableJson } from './runtime/hash.ts';
import { serveHealth } from './runtime/health.ts';
import { Election, type Leadership, NotLeader, runWhenLeader, soleLeader } from './runtime/leader.ts';
import { createLifecycle } from './runtime/lifecycle.ts';
import { WorkQueue } from './runtime/queue.ts';
import { createLogger, createMetrics } from './telemetry.ts';

/** Events come in crowds; a Network looks once for all that came within this time. */
const networkGatherMs = 1_000;
const passDeadlineMs = 120_000;

const parsed = parseConfig(process.argv.slice(2), process.env);
if ('config' in parsed) {
  process.exitCode = (await operate(parsed.config)) ? 0 : 1;
} else {
  (parsed.exitCode === 0 ? process.stdout : process.stderr).write(parsed.text);
  process.exitCode = parsed.exitCode;
}

async function operate(config: Config): Promise<boolean> {
  const { version } = packageJson;
  const logger = createLogger({ level: config.logLevel, version });
  const metrics = createMetrics();
  const lifecycle = createLifecycle({ clock, logger, signals: process });
  const { signal } = lifecycle;

  const client = connect({
    kubeconfigPath: config.kubeconfig,
    context: config.context,
    extraCaFile: config.extraCaFile,
    deadlineMs: config.kubeCallTimeoutSeconds * 1000,
    userAgent: `peerage/${version}`,
  });
  const identity = createIdentity(clock.now());
  const election = config.leaderElect ? createElection(config, client, identity) : undefined;
  const leadership: Leadership = election ?? soleLeader;

  function createElection({ leaderElectNamespace }: Config, kube: KubeClient, name: string): Election {
    const namespace = leaderElectNamespace ?? kube.namespace ?? 'default';
    const store = createLeaseStore(kube, { namespace, name: 'peerage-operator' });
    return new Election({
      store,
      identity: name,
      clock,
      logger,
      onChange: (leading) => metrics.leader.set({}, leading ? 1 : 0),
    });
  }

  const cluster = config.clusterId ?? (await readClusterId(client, { signal }));
  const { queue: queueMetrics } = metrics;
  const networkQueue = new WorkQueue({ name: 'network', clock, metrics: queueMetrics });
  const nodeQueue = new WorkQueue({ name: 'node', clock, metrics: queueMetrics });
  const credentialQueue = new WorkQueue({ name: 'cloudcredential', clock, metrics: queueMetrics });

  // ----------------------------------------------------------------------------------------------- caches
  function informer<T extends KubeObject>(definition: ResourceDefinition<T>) {
    const resource = client.resource(definition);
    const cache = new Informer({
      resource,
      namespaces: config.watchNamespaces,
      clock,
      logger,
      restarts: metrics.watchRestarts,
    });
    return { cache, resource: observing(resource, cache) };
  }
  const { cache: networks, resource: networkResource } = informer(NETWORKS);
  const { cache: nodes, resource: nodeResource } = informer(NODES);
  const { cache: credentials, resource: credentialResource } = informer(CREDENTIALS);

  nodes.addIndex('network', (node) => {
    const network = networkKeyOf(node);
    return network === undefined ? [] : [network];
  });
  nodes.addIndex('token', (node) => tokensOf(() => recordOf(node)?.token));
  nodes.addIndex('launch', (node) =>
    tokensOf(() => {
      const record = recordOf(node);
      return record && `${record.token}/${record.index}`;
    }),
  );
  nodes.addIndex('machine', ({ parsed: node }) =>
    node.ok && node.value.status.machine ? [node.value.status.machine.id] : [],
  );
  nodes.addIndex('credential', ({ parsed: node }) =>
    node.ok ? [keyOf({ namespace: node.value.metadata.namespace, ...node.value.spec.credentialRef })] : [],
  );
  networks.addIndex('credential', ({ metadata, parsed: network }) =>
    network.ok
      ? [
          ...new Set(
            network.value.spec.placements.map(({ credentialRef }) =>
              keyOf({ namespace: metadata.namespace, ...credentialRef }),
            ),
          ),
        ]
      : [],
  );

  networks.onChange(({ key, now, before }) => {
    // Our own status is no reason to look again: with each failed try its message changes, and the next would not wait.
    if (!isSameWish(now, before)) networkQueue.add(key);
    for (const object of [now, before]) {
      if (object?.parsed.ok !== true) continue;
      for (const { credentialRef } of object.parsed.value.spec.placements)
        credentialQueue.add(keyOf({ namespace: object.metadata.namespace, ...credentialRef }));
    }
    const isHeld = (object: typeof now) => object?.parsed.ok === true && object.parsed.value.spec.paused;
    const isLeaving =
      now === undefined || now.metadata.deletionTimestamp !== before?.metadata.deletionTimestamp;
    const isAsked =
      now?.metadata.annotations?.[ANNOTATIONS.reconcile] !==
      before?.metadata.annotations?.[ANNOTATIONS.reconcile];
    if (isLeaving || isAsked || isHeld(now) !== isHeld(before))
      for (const { metadata } of nodes.byIndex('network', key)) nodeQueue.add(keyOf(metadata));
  });
  nodes.onChange(({ key, type, now, before }) => {
    nodeQueue.add(key);
    const network = networkKeyOf(
      now ?? before ?? { metadata: { name: '', uid: '', resourceVersion: '', creationTimestamp: '' } },
    );
    if (network !== undefined) networkQueue.addAfter(network, networkGatherMs);
    if (type === 'modified') return;
    const changed = now ?? before;
    if (changed?.parsed.ok === true)
      credentialQueue.addAfter(
        keyOf({ namespace: changed.metadata.namespace, ...changed.parsed.value.spec.credentialRef }),
        networkGatherMs,
      );
  });
  credentials.onChange(({ key, now, before }) => {
    credentialQueue.add(key);
    if (now?.metadata.generation !== before?.metadata.generation) wakeUsersOf(key);
  });

  function wakeUsersOf(credential: string): void {
    for (const { metadata } of networks.byIndex('credential', credential)) networkQueue.add(keyOf(metadata));
    for (const { metadata } of nodes.byIndex('credential', credential)) nodeQueue.add(keyOf(metadata));
  }

  // ------------------------------------------------------------------------- what the controllers share
  const secrets = createSecretReader({ client, clock });
  const events = createEventRecorder({
    client,
    clock,
    logger,
    reportingController: 'peerage.dev/operator',
    reportingInstance: identity,
  });
  const sessions = createSessions({
    credentials,
    credentialResource,
    secrets,
    namespaceLabels: createNamespaceLabels({ client, clock }),
    gateOf: (cloud, budgets) =>
      createGate({ cloud, budgets, leadership, paused: config.paused, metrics, clock }),
    onWait: (cloud, bucket, waitedMs) =>
      metrics.budgetWaitSeconds.observe({ cloud, bucket }, waitedMs / 1000),
    cluster,
    clock,
  });
  const inventory = createInventory({
    clock,
    logger,
    metrics,
    busyMs: config.inventoryBusySeconds * 1000,
    restMs: config.inventoryRestSeconds * 1000,
    readLagMs: config.readLagWindowSeconds * 1000,
    onChange: wakeNodesOf,
    onRead: (region) => {
      for (const key of region.waiting()) nodeQueue.add(key);
    },
  });
  const fabrics = createFabrics({
    logger,
    onView: (_, before, now) => {
      for (const [id, { health, pools }] of now.members) {
        const last = before?.members.get(id);
        if (last?.health !== health || last.pools !== pools || before?.pools !== now.pools)
          wakeNodesOf({ id });
      }
      for (const id of before?.members.keys() ?? []) if (!now.members.has(id)) wakeNodesOf({ id });
    },
  });
  const remover = createRemover({ clock, logger, onFailure: (id) => wakeNodesOf({ id }) });
  const bursts = createBursts((network) => {
    for (const { metadata } of nodes.byIndex('network', network)) nodeQueue.add(keyOf(metadata));
  });
  const launcher = createLauncher({
    nodes,
    nodeResource,
    secrets,
    remover,
    cluster,
    clock,
    newToken: () => `peerage-${randomUUID()}`,
    wake: (key) => nodeQueue.add(key),
    onLaunched: (head, count, zone) => {
      const network = networks.get(networkKeyOf(head) ?? '');
      const note = `launched ${count} ${count === 1 ? 'machine' : 'machines'} in ${zone}`;
      events.event({
        regarding: network ?? head,
        type: 'Normal',
        reason: 'Launching',
        action: 'Launch',
        note,
      });
    },
    logger,
    metrics,
  });

  /** A machine is new or looks different: its Node looks, and its Network does when the machine may join a balancer. */
  function wakeNodesOf(machine: Pick<Machine, 'id' | 'launch'>): void {
    const { id, launch } = machine;
    const found = [
      ...nodes.byIndex('machine', id),
      ...(launch === undefined ? [] : nodes.byIndex('launch', `${launch.token}/${launch.index}`)),
    ];
    for (const node of found) {
      nodeQueue.add(keyOf(node.metadata));
      const network = networkKeyOf(node);
      if (network !== undefined) networkQueue.addAfter(network, networkGatherMs);
    }
  }

  // ------------------------------------------------------------------------------------------ controllers
  const shared = {
    networks,
    networkResource,
    nodes,
    nodeResource,
    sessions,
    inventory,
    fabrics,
    events,
    cluster,
    clock,
    logger,
  };
  const { paused } = config;
  const networkController = createNetworkController({ ...shared, bursts, paused });
  const nodeController = createNodeController({
    ...shared,
    bursts,
    launcher,
    remover,
    readLagMs: config.readLagWindowSeconds * 1000,
    paused,
    metrics,
  });
  const credentialController = createCredentialController({
    ...shared,
    credentials,
    credentialResource,
    secrets,
    holdSecrets: config.secretFinalizers,
    onChanged: wakeUsersOf,
  });
  const sweep = createSweep({
    ...shared,
    credentials,
    remover,
    watchNamespaces: config.watchNamespaces,
    graceMs: config.sweepGraceSeconds * 1000,
    intervalMs: config.sweepIntervalSeconds * 1000,
    paused,
    metrics,
  });

  metrics.onScrape(() => {
    for (const cloud of Object.keys(CLOUDS)) {
      const regions = inventory.regions().filter(({ open }) => open.cloud === cloud);
      for (const [state, count] of countByState(regions)) metrics.machines.set({ cloud, state }, count);
      const ages = regions.map(({ readAt }) => (readAt === undefined ? 0 : clock.monotonic() - readAt));
      metrics.inventoryAgeSeconds.set({ cloud }, Math.max(0, ...ages) / 1000);
    }
  });

  // ------------------------------------------------------------------------------------------ what runs when
  const caches = [networks, nodes, credentials];
  const caching = Promise.all(caches.map((cache) => cache.run(signal)));
  const ready = () => (caches.every(({ synced }) => synced) ? undefined : 'caches are not synced');
  const health = await serveHealth({
    address: config.healthAddress,
    live: { ping: () => undefined },
    ready: { caches: ready },
    ...(config.metricsAddress === undefined && { metrics: () => metrics.scrape() }),
  });
  const metricsServer =
    config.metricsAddress === undefined
      ? undefined
      : await serveHealth({ address: config.metricsAddress, metrics: () => metrics.scrape() });
  logger.info(
    {
      cluster,
      server: client.server,
      healthPort: health.port,
      metricsPort: metricsServer?.port ?? health.port,
    },
    'started',
  );

  function control(
    name: string,
    queue: WorkQueue,
    concurrency: number,
    reconcile: (key: string, signal: AbortSignal) => Promise<Outcome>,
    until: AbortSignal,
  ) {
    return runController({
      name,
      concurrency,
      queue,
      reconcile,
      deadlineMs: passDeadlineMs,
      isExpected: (error) => isConflict(error) || isNotFound(error) || error instanceof NotLeader,
      metrics: metrics.controller,
      logger,
      clock,
      signal: until,
    });
  }

  async function work(until: AbortSignal): Promise<void> {
    await Promise.all(caches.map((cache) => cache.whenSynced(until)));
    for (const [cache, queue] of [
      [credentials, credentialQueue],
      [networks, networkQueue],
      [nodes, nodeQueue],
    ] as const)
      for (const { metadata } of cache.list()) queue.add(keyOf(metadata));
    await Promise.all([
      inventory.run(until),
      sweep.run(until),
      control('cloudcredential', credentialQueue, 4, credentialController.reconcile, until),
      control('network', networkQueue, 8, networkController.reconcile, until),
      control('node', nodeQueue, config.nodeConcurrency, nodeController.reconcile, until),
    ]);
  }

  // Whoever lost the Lease starts anew, as with controller-runtime: nothing learned as a leader is carried over.
  const leadOnce = (until: AbortSignal) => work(until).finally(() => lifecycle.end('work is over'));
  const working = runWhenLeader(election, signal, leadOnce).catch((error: unknown) => {
    if (!signal.aborted) logger.error({ error: describeError(error) }, 'work failed');
  });
  lifecycle.onStop('connections', () => client.close());
  lifecycle.onStop('health', async () => {
    await metricsServer?.close();
    await health.close();
  });
  lifecycle.onStop('events', () => events.flush());
  lifecycle.onStop('caches', async () => void (await caching));
  lifecycle.onStop('controllers', () => working);
  return await lifecycle.run();
}

/** Nothing but the status differs. */
function isSameWish(now: KubeObject | undefined, before: KubeObject | undefined): boolean {
  if (now === undefined || before === undefined) return false;
  const wishOf = ({ metadata }: KubeObject) => stableJson({ ...metadata, resourceVersion: undefined });
  return wishOf(now) === wishOf(before);
}

/** An annotation that is not what the operator writes names no launch; the Node's own pass says so. */
function tokensOf(read: () => string | undefined): readonly string[] {
  try {
    const value = read();
    return value === undefined ? [] : [value];
  } catch {
    return [];
  }
}
