/** The operator without its process: caches, what the controllers share, the controllers, and what runs when. */
import { randomUUID } from 'node:crypto';
import type { Cloud } from '../clouds/cloud.ts';
import { CLOUDS, type CloudName } from '../clouds/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { askedPauseMs, isConflict, isNotFound } from '../kube/errors.ts';
import { createEventRecorder } from '../kube/events.ts';
import { createNamespaceLabels } from '../kube/namespaces.ts';
import { keyOf } from '../kube/object.ts';
import { createSecretReader } from '../kube/secrets.ts';
import type { Probe } from '../probes/probe.ts';
import type { Clock } from '../runtime/clock.ts';
import { type ControllerOptions, runController } from '../runtime/controller.ts';
import { type Leadership, NotLeader } from '../runtime/leader.ts';
import type { Logger } from '../runtime/logger.ts';
import { WorkQueue } from '../runtime/queue.ts';
import type { Metrics } from '../telemetry.ts';
import { networkKeyOf } from './belonging.ts';
import { createBursts } from './bursts.ts';
import { createCaches } from './caches.ts';
import { createCredentialController } from './credential/controller.ts';
import { createFabrics } from './fabrics.ts';
import { createGate, OperatorPaused } from './gate.ts';
import { createHealth } from './health.ts';
import { tellInternalError } from './internal-error.ts';
import { createInventory } from './inventory.ts';
import { countByState } from './known-machines.ts';
import { createLauncher } from './launch/launcher.ts';
import { createNetworkController } from './network/controller.ts';
import { createNodeController } from './node/controller.ts';
import { createPeers } from './peers.ts';
import { createReleaser } from './releaser.ts';
import { createRemover } from './remover.ts';
import { createSessions } from './sessions.ts';
import type { Shared } from './shared.ts';
import { createSweep } from './sweep.ts';
import { createSweepHolds } from './sweep-holds.ts';
import { createTelling } from './telling.ts';
import { createWaking } from './waking.ts';

export interface OperatorOptions {
  readonly client: KubeClient;
  /** Absent: all. */
  readonly watchNamespaces: readonly string[] | undefined;
  /** Marks in the clouds what is ours. */
  readonly cluster: string;
  /** Of this process. */
  readonly identity: string;
  readonly leadership: Leadership;
  /** Change nothing in any cloud. */
  readonly paused: boolean;
  /** Whether the Secret of a credential in use is held too. */
  readonly holdSecrets: boolean;
  /** How many Nodes are worked on at once. */
  readonly nodeConcurrency: number;
  /** Between two lists of the machines of a region. */
  readonly inventory: { readonly busyMs: number; readonly restMs: number };
  readonly sweep: { readonly intervalMs: number; readonly graceMs: number };
  /** How long a cloud may fail to show what it has just made. */
  readonly readLagMs: number;
  /** Default: all there are. */
  readonly clouds?: Readonly<Record<CloudName, Cloud>>;
  /** Whether nodes are asked how they are. */
  readonly probeNodes: boolean;
  /** Default: over the network. */
  readonly probe?: Probe;
  /** From 0 to 1, for jitter. */
  readonly random?: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface Operator {
  /** Keeps the caches up until the signal; resolves when that has ended. */
  follow(signal: AbortSignal): Promise<void>;
  isSynced(): boolean;
  /** Carries out what is wished for until the signal; resolves when the last pass has ended. Once only. */
  work(signal: AbortSignal): Promise<void>;
  /** Resolves when the Events that were recorded are written or dropped. */
  flush(): Promise<void>;
}

const passDeadlineMs = 120_000;

export function createOperator(options: OperatorOptions): Operator {
  const { client, watchNamespaces, cluster, identity, leadership, paused, readLagMs } = options;
  const { clouds = CLOUDS, random = Math.random, clock, logger, metrics } = options;
  const caches = createCaches({ ...options, restarts: metrics.watchRestarts });
  const { networks, nodes, credentials } = caches;
  const queueNamed = (name: string) => new WorkQueue({ name, clock, metrics: metrics.queue, random });
  const queues = {
    networks: queueNamed('network'),
    nodes: queueNamed('node'),
    credentials: queueNamed('cloudcredential'),
  };
  const waking = createWaking(caches, queues, {
    hurryNetwork: (key) => networkController.hurry(key),
    hurryNode: (key) => nodeController.hurry(key),
    onAsked: () => sessions.askAnew(),
  });

  // ------------------------------------------------------------------------- what the controllers share
  const secrets = createSecretReader({ client, clock });
  const events = createEventRecorder({
    client,
    clock,
    logger,
    reportingController: 'peerage.dev/operator',
    reportingInstance: identity,
  });
  const tell = createTelling({ ...caches, events });
  const sessions = createSessions({
    ...caches,
    clouds,
    secrets,
    namespaceLabels: createNamespaceLabels({ client, clock }),
    gateOf: (cloud, budgets) => createGate({ cloud, budgets, leadership, paused, metrics, clock }),
    onWait: (cloud, bucket, waitedMs) =>
      metrics.budgetWaitSeconds.observe({ cloud, bucket }, waitedMs / 1000),
    cluster,
    clock,
  });
  const inventory = createInventory({
    ...options.inventory,
    clock,
    logger,
    metrics,
    readLagMs,
    onChange(machine) {
      waking.ownersOf(machine);
      if (machine.owner.network !== undefined) peers.touch(machine.owner.network);
    },
    onRead: (region) => {
      for (const key of region.waiting()) queues.nodes.add(key);
    },
  });
  const networkOf = (key: string) => {
    const node = nodes.get(key);
    return node && networkKeyOf(node);
  };
  const health = createHealth({
    enabled: options.probeNodes && !paused,
    onHealth(key) {
      queues.nodes.add(key);
      const network = networkOf(key);
      // Who is unwell belongs into no balancer.
      if (network !== undefined) waking.networkSoon(network);
    },
    onPeer(key) {
      queues.nodes.add(key);
      const network = networkOf(key);
      if (network !== undefined) peers.touch(network);
    },
    clock,
    random,
    metrics,
    probe: options.probe,
  });
  const peers = createPeers({
    ...caches,
    inventory,
    health,
    clock,
    wakeNode: (key) => queues.nodes.add(key),
    wakeNetwork: waking.networkSoon,
  });
  const fabrics = createFabrics({
    logger,
    onView: (_, before, now) => {
      for (const [id, { health, pools }] of now.members) {
        const last = before?.members.get(id);
        if (last?.health !== health || last.pools !== pools || before?.pools !== now.pools)
          waking.ownersOf({ id });
      }
      for (const id of before?.members.keys() ?? []) if (!now.members.has(id)) waking.ownersOf({ id });
    },
  });
  const wakeOwners = (id: string) => waking.ownersOf({ id });
  const shared: Shared = {
    ...caches,
    client,
    secrets,
    sessions,
    inventory,
    health,
    peers,
    fabrics,
    remover: createRemover({ clock, logger, onFailure: wakeOwners }),
    releaser: createReleaser({
      cluster,
      clock,
      logger,
      onFailure: wakeOwners,
      onReleased: waking.ownersOf,
    }),
    bursts: createBursts(waking.nodesOf),
    sweepHolds: createSweepHolds((credential) => queues.credentials.add(credential)),
    events,
    tell,
    cluster,
    paused,
    clock,
    logger,
    metrics,
  };
  const launcher = createLauncher({
    ...shared,
    newToken: () => `peerage-${randomUUID()}`,
    wake: (key) => queues.nodes.add(key),
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
  });

  // ------------------------------------------------------------------------------------------ controllers
  const networkController = createNetworkController(shared);
  const nodeController = createNodeController({ ...shared, launcher });
  const credentialController = createCredentialController({
    ...shared,
    holdSecrets: options.holdSecrets,
    onChanged: waking.usersOf,
  });
  const sweep = createSweep({ ...shared, ...options.sweep, watchNamespaces });

  metrics.onScrape(() => {
    for (const cloud of Object.keys(clouds)) {
      const regions = inventory.regions().filter((region) => region.cloud === cloud);
      metrics.sweepHeld.set({ cloud }, shared.sweepHolds.total(cloud));
      for (const [state, count] of countByState(regions)) metrics.machines.set({ cloud, state }, count);
      const oldestMs = Math.max(0, ...regions.map(({ ageMs }) => ageMs));
      metrics.inventoryAgeSeconds.set({ cloud }, oldestMs / 1000);
    }
  });

  // ------------------------------------------------------------------------------------------ what runs when
  function control(
    queue: WorkQueue,
    controller: Pick<ControllerOptions, 'concurrency' | 'reconcile' | 'onFailure'>,
    signal: AbortSignal,
  ) {
    return runController({
      ...controller,
      name: queue.name,
      queue,
      deadlineMs: passDeadlineMs,
      isExpected,
      askedPauseMs,
      metrics: metrics.controller,
      logger,
      clock,
      signal,
    });
  }

  return {
    async follow(signal) {
      await Promise.all([networks.run(signal), nodes.run(signal), credentials.run(signal)]);
    },
    isSynced: () => [networks, nodes, credentials].every(({ synced }) => synced),
    async work(signal) {
      await Promise.all([networks, nodes, credentials].map((cache) => cache.whenSynced(signal)));
      health.begin(signal, nodes.list());
      for (const [cache, queue] of [
        [credentials, queues.credentials],
        [networks, queues.networks],
        [nodes, queues.nodes],
      ] as const)
        for (const { metadata } of cache.list()) queue.add(keyOf(metadata));
      await Promise.all([
        inventory.run(signal),
        sweep.run(signal),
        control(
          queues.credentials,
          {
            concurrency: 4,
            reconcile: credentialController.reconcile,
            onFailure: tellInternalError(credentials, caches.credentialResource, { tell, clock }),
          },
          signal,
        ),
        control(
          queues.networks,
          {
            concurrency: 8,
            reconcile: networkController.reconcile,
            onFailure: tellInternalError(networks, caches.networkResource, { tell, clock }),
          },
          signal,
        ),
        control(
          queues.nodes,
          {
            concurrency: options.nodeConcurrency,
            reconcile: nodeController.reconcile,
            onFailure: tellInternalError(nodes, caches.nodeResource, { tell, clock }),
          },
          signal,
        ),
      ]);
    },
    flush: () => events.flush(),
  };
}

/** What comes with the trade: a lost race, a lost Lease, a call that the gate held back. */
function isExpected(error: unknown): boolean {
  return (
    isConflict(error) || isNotFound(error) || error instanceof NotLeader || error instanceof OperatorPaused
  );
}
