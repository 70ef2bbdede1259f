/** What the controllers share, put together: one of each, and whom it wakes when something changes. */
import { createEventRecorder } from '../kube/events.ts';
import { createNamespaceLabels } from '../kube/namespaces.ts';
import { createSecretReader } from '../kube/secrets.ts';
import { networkKeyOf } from './belonging.ts';
import { createBursts } from './bursts.ts';
import type { Caches } from './caches.ts';
import { createFabrics } from './fabrics.ts';
import { createGate } from './gate.ts';
import { createHealth } from './health.ts';
import { createInventory } from './inventory.ts';
import type { OperatorOptions } from './operator.ts';
import { createPeers } from './peers.ts';
import { createReleaser } from './releaser.ts';
import { createRemover } from './remover.ts';
import { createSessions } from './sessions.ts';
import type { Shared } from './shared.ts';
import { createSweepHolds } from './sweep-holds.ts';
import { createTelling } from './telling.ts';
import type { Queues, Waking } from './waking.ts';

export interface Wiring {
  readonly caches: Caches;
  readonly queues: Queues;
  readonly waking: Waking;
}

export function assemble(options: OperatorOptions, { caches, queues, waking }: Wiring): Shared {
  const { client, cluster, identity, leadership, paused, readLagMs } = options;
  const { openers = {}, random = Math.random, clock, logger, metrics } = options;

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
    openers,
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
    const node = caches.nodes.get(key);
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
  return {
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
}
