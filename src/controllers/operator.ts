/** The operator without its process: caches, what the controllers share, the controllers, and what runs when. */
import { randomUUID } from 'node:crypto';
import { CLOUDS } from '../clouds/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { askedPauseMs, isConflict, isNotFound } from '../kube/errors.ts';
import { keyOf } from '../kube/object.ts';
import type { Probe } from '../probes/probe.ts';
import type { Clock } from '../runtime/clock.ts';
import { type ControllerOptions, runController } from '../runtime/controller.ts';
import { type Leadership, NotLeader } from '../runtime/leader.ts';
import type { Logger } from '../runtime/logger.ts';
import { WorkQueue } from '../runtime/queue.ts';
import type { Metrics } from '../telemetry.ts';
import { assemble } from './assemble.ts';
import { networkKeyOf } from './belonging.ts';
import { createCaches } from './caches.ts';
import { createCredentialController } from './credential/controller.ts';
import { OperatorPaused } from './gate.ts';
import { tellInternalError } from './internal-error.ts';
import { countByState } from './known-machines.ts';
import { createLauncher } from './launch/launcher.ts';
import { createNetworkController } from './network/controller.ts';
import { createNodeController } from './node/controller.ts';
import type { Openers } from './sessions.ts';
import { createSweep } from './sweep.ts';
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
  /** For tests. */
  readonly openers?: Openers;
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
  const { watchNamespaces, random = Math.random, clock, logger, metrics } = options;
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
    onAsked: () => shared.sessions.askAnew(),
  });

  const shared = assemble(options, { caches, queues, waking });
  const { health, inventory, events, tell } = shared;
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
    for (const cloud of Object.keys(CLOUDS)) {
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
