import { API_VERSION } from '../api/common.ts';
import { ANNOTATIONS, FINALIZER, LABELS } from '../api/names.ts';
import type { Network } from '../api/network.ts';
import { MAX_PLAN_STEPS, MAX_RESOURCES, type NetworkStatus, type PlanStep } from '../api/network-status.ts';
import type { Node } from '../api/node.ts';
import type { FabricGoal, Owner } from '../clouds/cloud.ts';
import { isAlreadyExists } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import { addFinalizer, hasFinalizer, removeFinalizer } from '../kube/finalizer.ts';
import type { Informer } from '../kube/informer.ts';
import { keyOf } from '../kube/object.ts';
import type { Resource } from '../kube/resource.ts';
import { fabricWish } from '../planning/fabric-wish.ts';
import { machinesOf } from '../planning/machine.ts';
import { type NewNode, type NodeFacts, type NodePlan, planNodes, summarize } from '../planning/nodes.ts';
import { revisionOf } from '../planning/revision.ts';
import { shareReplicas } from '../planning/scale.ts';
import type { Clock } from '../runtime/clock.ts';
import { again, done, type Outcome } from '../runtime/controller.ts';
import type { Logger } from '../runtime/logger.ts';
import { inParallel } from '../runtime/parallel.ts';
import { createBackoff } from './backoff.ts';
import { scopeKeyOf } from './belonging.ts';
import type { Aligned, Fabrics } from './fabrics.ts';
import type { Inventory, RegionInventory } from './inventory.ts';
import type { Seen } from './kinds.ts';
import { recordOf } from './launcher.ts';
import { currentPlaces, definitionOf, formatPlaces, notedPlaces, type Place } from './placements.ts';
import type { Sessions } from './sessions.ts';
import { conditionsFor, type Standing, writeStatus } from './status.ts';
import { spell, type Trouble, troubleOf } from './trouble.ts';

export interface NetworkControllerOptions {
  readonly networks: Informer<Seen<Network>>;
  readonly networkResource: Resource<Seen<Network>>;
  readonly nodes: Informer<Seen<Node>>;
  readonly nodeResource: Resource<Seen<Node>>;
  readonly sessions: Sessions;
  readonly inventory: Inventory;
  readonly fabrics: Fabrics;
  readonly events: EventRecorder;
  readonly cluster: string;
  readonly paused: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One placement in one pass. */
interface Site {
  readonly name: string;
  readonly place: Place;
  readonly owner: Owner;
  /** In the spec; else on its way out. */
  readonly wished: boolean;
  readonly desired: number;
  readonly revision: string;
  readonly nodes: readonly Seen<Node>[];
  region?: RegionInventory;
  aligned?: Aligned;
  trouble?: Trouble;
}

/** Passes under way follow each other by this; a cloud reads only what is changing more often than at rest. */
const busyLookMs = 3_000;
/** Looks at rest stretch from one to ten minutes. */
const restLookMs = 60_000;
const longestLookMs = 600_000;
/** On the way out there is little left to read, and people wait for it. */
const clearLookMs = 10_000;
/** A balancer outlives its last node by this, so that scaling to zero and back keeps its address. */
const emptyGraceMs = 60_000;
/** Creates and deletes of Nodes in one pass, and at once. */
const nodesPerPass = 200;
const nodeWriters = 16;

export function createNetworkController(options: NetworkControllerOptions) {
  const { networks, networkResource, nodes, nodeResource, sessions, inventory, fabrics } = options;
  const { events, cluster, paused, clock, logger } = options;
  const backoff = createBackoff(clock);
  const quietLooks = new Map<string, number>();
  const asked = new Map<string, string | undefined>();
  const emptySince = new Map<string, number>();

  async function reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const seen = networks.get(key);
    if (seen === undefined) {
      for (const memory of [quietLooks, asked]) memory.delete(key);
      backoff.forget(key);
      return done;
    }
    if (!seen.parsed.ok) {
      await write(seen, {}, { kind: 'stalled', reason: 'Invalid', message: seen.parsed.message }, signal);
      return done;
    }
    const network = seen.parsed.value;
    const leaving = seen.metadata.deletionTimestamp !== undefined;
    if (leaving && !hasFinalizer(seen, FINALIZER)) return done;
    if (!leaving && !hasFinalizer(seen, FINALIZER)) {
      await addFinalizer(networkResource, seen, FINALIZER, { signal });
      return done;
    }
    const sites = sitesOf(key, seen, network);
    if (paused || network.spec.paused) {
      const standing: Standing = {
        kind: 'idle',
        reason: 'Paused',
        message: 'paused: nothing in the cloud is changed',
      };
      await write(seen, tallied(network, sites), standing, signal);
      return done;
    }
    return leaving
      ? await takeDown(key, seen, network, sites, signal)
      : await bringUp(key, seen, network, sites, signal);
  }

  function sitesOf(key: string, seen: Seen<Network>, network: Network): readonly Site[] {
    const { spec } = network;
    const desired = shareReplicas(spec.placements, spec.replicas);
    const mine = nodes.byIndex('network', key);
    return [...currentPlaces(network, notedPlaces(seen))].map(([name, place]) => ({
      name,
      place,
      owner: { cluster, network: key, placement: name },
      wished: spec.placements.some((placement) => placement.name === name),
      desired: desired.get(name) ?? 0,
      revision: revisionOf(spec, definitionOf(place), place.spec),
      nodes: mine.filter(({ metadata }) => metadata.labels?.[LABELS.placement] === name),
    }));
  }

  // ------------------------------------------------------------------------------------------ bringing up

  async function bringUp(
    key: string,
    before: Seen<Network>,
    network: Network,
    sites: readonly Site[],
    signal: AbortSignal,
  ): Promise<Outcome> {
    const dryRun = network.spec.mode === 'Plan';
    let seen = dryRun ? before : await notePlaces(before, sites, signal);
    const maxAgeMs = lookAgeMs(key, seen);
    await Promise.all(sites.map((site) => look(site, network, { maxAgeMs, dryRun, signal })));

    const plan = planNodes({
      network: { name: seen.metadata.name, uid: seen.metadata.uid },
      placements: sites
        .filter(({ wished }) => wished)
        .map(({ name, desired, revision }) => ({ name, replicas: desired, revision })),
      nodes: nodes.byIndex('network', key).map(factsOf),
    });
    const around = sites.flatMap((site) =>
      (site.aligned?.steps ?? []).map((step) => ({ ...step, placement: site.name })),
    );
    if (dryRun) {
      const standing: Standing = {
        kind: 'idle',
        reason: 'PlanPending',
        message: summarize(plan, around.length),
      };
      const status = { ...tallied(network, sites), plan: planStatus(plan, around) };
      await write(seen, status, standing, signal);
      return again(longestLookMs, 'plan');
    }
    const blocked = new Set(
      sites
        .filter(({ trouble, region }) => trouble !== undefined || region === undefined)
        .map(({ name }) => name),
    );
    const missing = sites.filter((site) => lacksNodes(site));
    for (const { name } of missing) blocked.add(name);
    seen = await carryOut(seen, network, sites, plan, blocked, signal);
    seen = await forgetGonePlaces(seen, sites, signal);

    const standing = standingOf(sites, plan, missing);
    await write(seen, tallied(network, sites), standing, signal);
    return nextLook(key, sites, standing);
  }

  /** Where something may be made is written down before it is made. */
  async function notePlaces(
    seen: Seen<Network>,
    sites: readonly Site[],
    signal: AbortSignal,
  ): Promise<Seen<Network>> {
    const places = new Map(sites.map(({ name, place }) => [name, place]));
    return await annotatePlaces(seen, places, signal);
  }

  async function annotatePlaces(
    seen: Seen<Network>,
    places: ReadonlyMap<string, Place>,
    signal: AbortSignal,
  ): Promise<Seen<Network>> {
    const text = formatPlaces(places);
    if (seen.metadata.annotations?.[ANNOTATIONS.placements] === text) return seen;
    const { resourceVersion } = seen.metadata;
    const annotations = { [ANNOTATIONS.placements]: text };
    return await networkResource.patch(
      seen.metadata,
      { metadata: { resourceVersion, annotations } },
      { type: 'merge', signal },
    );
  }

  async function forgetGonePlaces(
    seen: Seen<Network>,
    sites: readonly Site[],
    signal: AbortSignal,
  ): Promise<Seen<Network>> {
    const noted = new Map(notedPlaces(seen));
    for (const { name, wished, nodes: left, aligned, owner } of sites) {
      if (wished || left.length > 0 || aligned === undefined || aligned.steps.length > 0) continue;
      noted.delete(name);
      fabrics.forget(scopeKeyOf(owner));
    }
    return await annotatePlaces(seen, noted, signal);
  }

  /** Reads the placement's cloud and brings what stands around its machines in line. Trouble stays with the placement. */
  async function look(
    site: Site,
    network: Network,
    {
      maxAgeMs,
      dryRun,
      signal,
    }: { readonly maxAgeMs: number; readonly dryRun: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    const { place, owner, wished } = site;
    const failureKey = scopeKeyOf(owner);
    try {
      const open = await openPlace(place, network.metadata.namespace, signal);
      const region = inventory.of(open);
      if (region.readAt === undefined) await region.read(signal);
      if (region.readAt === undefined) return;
      site.region = region;
      const scope = { owner, spec: place.spec };
      const balanced = isBalanced(site);
      const goal: FabricGoal =
        wished || site.nodes.length > 0
          ? fabricWish({ scope, spec: network.spec, members: membersOf(site, region), balanced })
          : { scope, goal: 'nothing' };
      site.aligned = await fabrics.align({ open, goal, maxAgeMs, dryRun, signal });
      const { trouble } = site.aligned.view;
      if (trouble !== undefined) throw trouble;
      backoff.forget(failureKey);
    } catch (error) {
      const trouble = troubleOf(error, backoff.failures(failureKey));
      if (trouble === undefined) throw error;
      backoff.fail(failureKey, trouble);
      site.trouble = trouble;
    }
  }

  function openPlace({ credentialRef, cloud, spec }: Place, namespace: string, signal: AbortSignal) {
    const region = definitionOf({ cloud }).regionOf(spec);
    return sessions.open({ credentialRef, namespace, cloud, region }, signal);
  }

  /** The balancer comes with the first node, and goes a while after the last. */
  function isBalanced({ desired, nodes: here, owner }: Site): boolean {
    const key = scopeKeyOf(owner);
    if (desired > 0 || here.length > 0) {
      emptySince.set(key, clock.monotonic());
      return true;
    }
    const since = emptySince.get(key);
    return since !== undefined && clock.monotonic() - since < emptyGraceMs;
  }

  function membersOf({ nodes: here }: Site, region: RegionInventory): string[] {
    return here.flatMap((seen) => {
      const record = recordOf(seen);
      if (record === undefined || seen.metadata.deletionTimestamp !== undefined || !seen.parsed.ok) return [];
      const { machine } = machinesOf(
        record,
        seen.parsed.value.status.machine?.id,
        region.launchedBy(record.token),
      );
      return machine?.state === 'running' ? [machine.id] : [];
    });
  }

  /** Machines of the placement run and none of its Nodes is there: somebody restores the cluster, Nodes last. */
  function lacksNodes({ nodes: here, owner, region, desired }: Site): boolean {
    if (here.length > 0 || region === undefined || desired === 0) return false;
    return region
      .all()
      .some(
        ({ owner: of, state }) =>
          of.network === owner.network &&
          of.placement === owner.placement &&
          (state === 'running' || state === 'pending'),
      );
  }

  async function carryOut(
    seen: Seen<Network>,
    network: Network,
    sites: readonly Site[],
    plan: NodePlan,
    blocked: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<Seen<Network>> {
    const creates = [...plan.create, ...(plan.now.create ? [plan.now.create] : [])]
      .filter(({ placement }) => !blocked.has(placement))
      .slice(0, nodesPerPass);
    const removes = [
      ...plan.remove.map(({ name }) => name),
      ...(plan.now.remove ? [plan.now.remove] : []),
    ].slice(0, nodesPerPass);
    const { namespace } = seen.metadata;
    await inParallel(nodeWriters, removes, async (name) => {
      await nodeResource.delete({ namespace, name }, { signal });
    });
    const pinned = await pin(seen, sites, creates, signal);
    await inParallel(nodeWriters, creates, async (wish) => {
      const site = sites.find(({ name }) => name === wish.placement);
      if (site !== undefined) await createNode(pinned, network, site, wish, signal);
    });
    if (creates.length > 0) tell(seen, 'Scaling', `made ${creates.length} Nodes`);
    if (removes.length > 0) tell(seen, 'Scaling', `removed ${removes.length} Nodes`);
    return pinned;
  }

  /** One revision runs one image: what a public parameter names today is written down before the first Node. */
  async function pin(
    seen: Seen<Network>,
    sites: readonly Site[],
    creates: readonly NewNode[],
    signal: AbortSignal,
  ): Promise<Seen<Network>> {
    const noted = new Map(notedPlaces(seen));
    for (const { name, place, revision, region } of sites) {
      if (region === undefined || !creates.some(({ placement }) => placement === name)) continue;
      if (noted.get(name)?.pinned?.revision === revision) continue;
      const spec = await region.open.session.machines.pin(place.spec, signal);
      noted.set(name, { ...place, pinned: { revision, spec } });
    }
    return await annotatePlaces(seen, noted, signal);
  }

  async function createNode(
    seen: Seen<Network>,
    network: Network,
    site: Site,
    wish: NewNode,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, role, init, secretDelivery } = network.spec;
    const { name, namespace, uid } = seen.metadata;
    const { place, revision } = site;
    const pinned = notedPlaces(seen).get(site.name)?.pinned;
    try {
      await nodeResource.create(
        {
          metadata: {
            namespace,
            name: wish.name,
            finalizers: [FINALIZER],
            labels: {
              [LABELS.network]: name,
              [LABELS.placement]: site.name,
              [LABELS.index]: String(wish.index),
              [LABELS.revision]: revision,
            },
            ownerReferences: [
              {
                apiVersion: API_VERSION,
                kind: 'Network',
                name,
                uid,
                controller: true,
                blockOwnerDeletion: true,
              },
            ],
          },
          spec: {
            credentialRef: place.credentialRef,
            client,
            role,
            ...(init !== undefined && { init }),
            secretDelivery,
            [place.cloud]: pinned?.spec ?? place.spec,
          },
        },
        { signal },
      );
    } catch (error) {
      // Another leader, or this one before its cache caught up, made it already.
      if (!isAlreadyExists(error)) throw error;
    }
  }

  // ------------------------------------------------------------------------------------------ taking down

  async function takeDown(
    key: string,
    seen: Seen<Network>,
    network: Network,
    sites: readonly Site[],
    signal: AbortSignal,
  ): Promise<Outcome> {
    const mine = nodes.byIndex('network', key);
    const staying = mine.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    await inParallel(nodeWriters, staying.slice(0, nodesPerPass), async ({ metadata }) => {
      await nodeResource.delete(metadata, { signal });
    });
    if (mine.length > 0) {
      const message = `${mine.length} Nodes are still to go`;
      await write(seen, tallied(network, sites), { kind: 'working', reason: 'Terminating', message }, signal);
      return again(staying.length > nodesPerPass ? 0 : 10_000, 'nodes are going');
    }
    const goal = network.spec.deletionPolicy === 'Orphan' ? 'released' : 'nothing';
    await Promise.all(sites.map((site) => clear(site, network.metadata.namespace, goal, signal)));
    const trouble = worstTrouble(sites);
    const steps = sites.flatMap(({ aligned }) => aligned?.steps ?? []);
    if (trouble === undefined && steps.length === 0) {
      for (const { owner } of sites) fabrics.forget(scopeKeyOf(owner));
      await removeFinalizer(networkResource, networks.get(key) ?? seen, FINALIZER, { signal });
      logger.info({ network: key }, 'network is gone');
      return done;
    }
    const [step] = steps;
    const message =
      trouble === undefined
        ? `${step?.verb} ${step?.kind} ${step?.name}: ${step?.waits ?? 'next'}`
        : `${trouble.message}; next try in ${spell(trouble.retryAfterMs)}`;
    const standing: Standing = {
      kind: trouble?.stalled === true ? 'stalled' : 'working',
      reason: trouble?.reason ?? 'Terminating',
      message,
    };
    await write(seen, tallied(network, sites), standing, signal);
    return again(trouble?.retryAfterMs ?? busyLookMs, 'surroundings are going');
  }

  async function clear(
    site: Site,
    namespace: string,
    goal: 'nothing' | 'released',
    signal: AbortSignal,
  ): Promise<void> {
    const failureKey = scopeKeyOf(site.owner);
    try {
      const open = await openPlace(site.place, namespace, signal);
      const scope = { owner: site.owner, spec: site.place.spec };
      site.aligned = await fabrics.align({
        open,
        goal: { scope, goal },
        maxAgeMs: clearLookMs,
        dryRun: false,
        signal,
      });
      backoff.forget(failureKey);
    } catch (error) {
      const trouble = troubleOf(error, backoff.failures(failureKey));
      if (trouble === undefined) throw error;
      backoff.fail(failureKey, trouble);
      site.trouble = trouble;
    }
  }

  // ------------------------------------------------------------------------------------------- both ways

  /** How old what we look at may be: new when somebody asked, else a minute, and more and more at rest. */
  function lookAgeMs(key: string, { metadata }: Seen<Network>): number {
    const wanted = metadata.annotations?.[ANNOTATIONS.reconcile];
    const isNew = asked.has(key) && asked.get(key) !== wanted;
    asked.set(key, wanted);
    if (isNew) quietLooks.delete(key);
    const quiet = quietLooks.get(key);
    return isNew ? 0 : restPauseMs(quiet ?? 0);
  }

  function nextLook(key: string, sites: readonly Site[], standing: Standing): Outcome {
    const retry = worstTrouble(sites)?.retryAfterMs;
    if (retry !== undefined) return again(retry, standing.reason);
    if (standing.kind !== 'ready') {
      quietLooks.delete(key);
      return again(busyLookMs, standing.reason);
    }
    const quiet = quietLooks.get(key) ?? -1;
    quietLooks.set(key, quiet + 1);
    return again(restPauseMs(quiet + 1), 'at rest');
  }

  function standingOf(sites: readonly Site[], plan: NodePlan, missing: readonly Site[]): Standing {
    const trouble = worstTrouble(sites);
    if (trouble !== undefined) {
      const message = `${trouble.message}; next try in ${spell(trouble.retryAfterMs)}`;
      return { kind: trouble.stalled ? 'stalled' : 'working', reason: trouble.reason, message };
    }
    const [lacking] = missing;
    if (lacking !== undefined) {
      const message = `placement ${lacking.name} has machines and no Nodes: restore the Nodes, or scale the placement to 0 to have the machines removed`;
      return { kind: 'stalled', reason: 'NodesMissing', message };
    }
    const all = sites.flatMap(({ nodes: here }) => here);
    const ready = all.filter(
      (seen) => factsOf(seen).ready && seen.metadata.deletionTimestamp === undefined,
    ).length;
    const desired = sites.reduce((sum, site) => sum + site.desired, 0);
    const stalled = all.filter((seen) => isStalled(seen));
    const [first] = stalled;
    const counts = `${ready} of ${desired} Nodes are Ready`;
    if (first?.parsed.ok) {
      const why = first.parsed.value.status.conditions?.find(({ type }) => type === 'Stalled');
      const message = `${counts}; ${stalled.length} cannot go on: ${first.metadata.name}: ${why?.message}`;
      return { kind: 'stalled', reason: 'NodesStalled', message };
    }
    if (plan.replace.length > 0)
      return {
        kind: 'working',
        reason: 'Replacing',
        message: `${counts}; ${plan.replace.length} are to be replaced, one at a time`,
      };
    if (plan.create.length > 0 || plan.remove.length > 0 || all.length !== desired)
      return { kind: 'working', reason: 'Scaling', message: `${counts}; ${summarize(plan, 0)}` };
    const [step] = sites.flatMap(({ aligned }) => aligned?.steps ?? []);
    if (ready < desired) return { kind: 'working', reason: 'Progressing', message: counts };
    if (step !== undefined)
      return {
        kind: 'working',
        reason: 'Progressing',
        message: `${counts}; ${step.verb} ${step.kind} ${step.name}${step.waits === undefined ? '' : `: ${step.waits}`}`,
      };
    if (sites.some(({ aligned }) => aligned === undefined))
      return { kind: 'working', reason: 'Progressing', message: 'the cloud has not been read yet' };
    return { kind: 'ready', reason: 'AllReady', message: `${counts}` };
  }

  function tallied(network: Network, sites: readonly Site[]): NetworkStatus {
    const all = sites.flatMap(({ nodes: here }) => here);
    const { name } = network.metadata;
    const ports = network.spec.balancer?.ports ?? [];
    const resources = sites.flatMap((site) =>
      (site.aligned?.view.resources ?? []).map(({ kind, name: called, id }) => ({
        placement: site.name,
        kind,
        name: called,
        id,
      })),
    );
    return {
      desiredReplicas: sites.reduce((sum, site) => sum + site.desired, 0),
      replicas: all.length,
      readyReplicas: all.filter((seen) => factsOf(seen).ready).length,
      selector: `${LABELS.network}=${name}`,
      revision: sites.find(({ wished }) => wished)?.revision ?? '',
      placements: sites.map(({ name: called, desired, revision, nodes: here, aligned }) => ({
        name: called,
        desired,
        ready: here.filter((seen) => factsOf(seen).ready).length,
        updated: here.filter((seen) => factsOf(seen).revision === revision).length,
        ...(aligned?.view.network && { network: aligned.view.network.found }),
        ...(aligned?.view.balancer && { balancer: { ...aligned.view.balancer } }),
      })),
      resources: resources.slice(0, MAX_RESOURCES),
      endpoints: sites.flatMap(({ aligned }) => {
        const address = aligned?.view.balancer?.address;
        return address === undefined ? [] : ports.map(({ port }) => `${address}:${port}`);
      }),
    };
  }

  async function write(
    seen: Seen<Network>,
    found: NetworkStatus,
    standing: Standing,
    signal: AbortSignal,
  ): Promise<void> {
    const before: NetworkStatus = seen.parsed.ok ? seen.parsed.value.status : {};
    const { generation } = seen.metadata;
    const conditions = conditionsFor(before.conditions, standing, { generation, now: clock.now() });
    const after: NetworkStatus = { ...found, observedGeneration: generation, conditions };
    await writeStatus(networkResource, seen, { before, after, signal });
  }

  function tell(regarding: Seen<Network>, reason: 'Scaling', note: string): void {
    events.event({ regarding, type: 'Normal', reason, action: 'Scale', note });
    logger.info({ network: keyOf(regarding.metadata) }, note);
  }

  return { reconcile };
}

function restPauseMs(quiet: number): number {
  return Math.min(restLookMs * 2 ** Math.min(quiet, 10), longestLookMs);
}

function worstTrouble(sites: readonly Site[]): Trouble | undefined {
  const troubles = sites.flatMap(({ trouble }) => (trouble === undefined ? [] : [trouble]));
  return troubles.find(({ stalled }) => stalled) ?? troubles[0];
}

function factsOf(seen: Seen<Node>): NodeFacts {
  const { name, labels = {}, deletionTimestamp } = seen.metadata;
  return {
    name,
    placement: labels[LABELS.placement] ?? '',
    index: Number(labels[LABELS.index] ?? '0'),
    revision: labels[LABELS.revision] ?? '',
    ready: seen.parsed.ok && seen.parsed.value.status.phase === 'Ready',
    leaving: deletionTimestamp !== undefined,
  };
}

function isStalled({ parsed }: Seen<Node>): boolean {
  return (
    parsed.ok &&
    (parsed.value.status.conditions ?? []).some(({ type, status }) => type === 'Stalled' && status === 'True')
  );
}

function planStatus(plan: NodePlan, around: readonly PlanStep[]): NonNullable<NetworkStatus['plan']> {
  const steps: PlanStep[] = [
    ...around.map(({ verb, kind, name, because, placement, waits }) => ({
      verb,
      kind,
      name,
      because,
      ...(placement !== undefined && { placement }),
      ...(waits !== undefined && { waits }),
    })),
    ...plan.create.map(({ name, placement }) => ({
      verb: 'create' as const,
      kind: 'Node',
      name,
      placement,
      because: 'wished for and not there',
    })),
    ...plan.remove.map(({ name, placement, because }) => ({
      verb: 'delete' as const,
      kind: 'Node',
      name,
      placement,
      because,
    })),
    ...plan.replace.map(({ name, placement }) => ({
      verb: 'replace' as const,
      kind: 'Node',
      name,
      placement,
      because: 'made of an earlier revision',
    })),
  ];
  return { summary: summarize(plan, around.length), steps: steps.slice(0, MAX_PLAN_STEPS) };
}
