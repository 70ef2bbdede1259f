import { ANNOTATIONS, FINALIZER } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import { addFinalizer, hasFinalizer, removeFinalizer } from '../../kube/finalizer.ts';
import { planNodes, summarize } from '../../planning/nodes.ts';
import { again, done, type Outcome } from '../../runtime/controller.ts';
import { inParallel } from '../../runtime/parallel.ts';
import { createBackoff } from '../backoff.ts';
import { scopeKeyOf } from '../belonging.ts';
import type { Seen } from '../kinds.ts';
import type { Shared } from '../shared.ts';
import type { Standing } from '../status.ts';
import { spell } from '../trouble.ts';
import { annotatePlaces, notedPlaces } from './places.ts';
import { createPopulation, nodesPerPass, nodeWriters } from './population.ts';
import { factsOf, type Site, sitesOf, worstTrouble } from './site.ts';
import { planStatus, standingOf, tallied, writeNetworkStatus } from './status.ts';
import { createSurroundings, lacksNodes } from './surroundings.ts';

/** Passes under way follow each other by this; a cloud reads only what is changing more often than at rest. */
const busyLookMs = 3_000;
/** Looks at rest stretch from one to ten minutes. */
const restLookMs = 60_000;
const longestLookMs = 600_000;
/** On the way out there is little left to read, and people wait for it. */
const clearLookMs = 10_000;

/** One Network: its Nodes as many as wished, of one revision, and what stands around them. */
export function createNetworkController(options: Shared) {
  const { networks, networkResource, nodes, nodeResource, fabrics, bursts, paused, logger } = options;
  const backoff = createBackoff(options.clock);
  const surroundings = createSurroundings(options, backoff);
  const carryOut = createPopulation(options, surroundings.withTrouble);
  const quietLooks = new Map<string, number>();
  const asked = new Map<string, string | undefined>();

  async function reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const seen = networks.get(key);
    if (seen === undefined) {
      for (const memory of [quietLooks, asked]) memory.delete(key);
      backoff.forget(key);
      return done;
    }
    if (!seen.parsed.ok) {
      await writeNetworkStatus(
        options,
        seen,
        {},
        { kind: 'stalled', reason: 'Invalid', message: seen.parsed.message },
        signal,
      );
      return done;
    }
    const network = seen.parsed.value;
    const leaving = seen.metadata.deletionTimestamp !== undefined;
    if (leaving && !hasFinalizer(seen, FINALIZER)) return done;
    if (!leaving && !hasFinalizer(seen, FINALIZER)) {
      await addFinalizer(networkResource, seen, FINALIZER, { signal });
      return done;
    }
    const sites = sitesOf(options, key, seen, network);
    if (paused || network.spec.paused) {
      const standing: Standing = {
        kind: 'idle',
        reason: 'Paused',
        message: 'paused: nothing in the cloud is changed',
      };
      await writeNetworkStatus(options, seen, tallied(network, sites), standing, signal);
      return done;
    }
    return leaving
      ? await takeDown(key, seen, network, sites, signal)
      : await bringUp(key, seen, network, sites, signal);
  }

  async function bringUp(
    key: string,
    before: Seen<Network>,
    network: Network,
    sites: readonly Site[],
    signal: AbortSignal,
  ): Promise<Outcome> {
    const dryRun = network.spec.mode === 'Plan';
    const maxAgeMs = lookAgeMs(key, before);
    const how = { anew: maxAgeMs === 0, signal };
    await Promise.all(sites.map((site) => surroundings.open(site, before.metadata.namespace, how)));
    let seen = dryRun ? before : await noteOpened(before, sites, signal);
    await Promise.all(sites.map((site) => surroundings.align(site, network, { maxAgeMs, dryRun, signal })));

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
      await writeNetworkStatus(options, seen, status, standing, signal);
      return again(longestLookMs, 'plan');
    }
    const blocked = new Set(
      sites
        .filter(({ trouble, region }) => trouble !== undefined || region === undefined)
        .map(({ name }) => name),
    );
    const missing = sites.filter(lacksNodes);
    for (const { name } of missing) blocked.add(name);
    seen = await carryOut(seen, network, sites, plan, blocked, signal);
    seen = await forgetGonePlaces(seen, sites, signal);

    const standing = standingOf(sites, plan, missing);
    await writeNetworkStatus(options, seen, tallied(network, sites), standing, signal);
    return nextLook(key, sites, standing);
  }

  /** Where something may be made is written down before it is made: a cloud that was never opened holds nothing. */
  async function noteOpened(
    seen: Seen<Network>,
    sites: readonly Site[],
    signal: AbortSignal,
  ): Promise<Seen<Network>> {
    const noted = new Map(notedPlaces(seen));
    for (const { name, place, open } of sites) if (open !== undefined) noted.set(name, place);
    return await annotatePlaces(networkResource, seen, noted, signal);
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
    return await annotatePlaces(networkResource, seen, noted, signal);
  }

  async function takeDown(
    key: string,
    seen: Seen<Network>,
    network: Network,
    sites: readonly Site[],
    signal: AbortSignal,
  ): Promise<Outcome> {
    const mine = nodes.byIndex('network', key);
    const staying = mine.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (staying.length > 0)
      await bursts.during(key, () =>
        inParallel(nodeWriters, staying.slice(0, nodesPerPass), async ({ metadata }) => {
          await nodeResource.delete(metadata, { signal });
        }),
      );
    if (mine.length > 0) {
      const message = `${mine.length} Nodes are still to go`;
      await writeNetworkStatus(
        options,
        seen,
        tallied(network, sites),
        { kind: 'working', reason: 'Terminating', message },
        signal,
      );
      return again(staying.length > nodesPerPass ? 0 : 10_000, 'nodes are going');
    }
    const goal = network.spec.deletionPolicy === 'Orphan' ? 'released' : 'nothing';
    await Promise.all(sites.map((site) => surroundings.open(site, seen.metadata.namespace, { signal })));
    await Promise.all(sites.map((site) => surroundings.clear(site, goal, { maxAgeMs: clearLookMs, signal })));
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
    await writeNetworkStatus(options, seen, tallied(network, sites), standing, signal);
    return again(trouble?.retryAfterMs ?? busyLookMs, 'surroundings are going');
  }

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
      return again(standing.kind === 'stalled' ? restLookMs : busyLookMs, standing.reason);
    }
    const quiet = quietLooks.get(key) ?? -1;
    quietLooks.set(key, quiet + 1);
    return again(restPauseMs(quiet + 1), 'at rest');
  }

  return { reconcile };
}

function restPauseMs(quiet: number): number {
  return Math.min(restLookMs * 2 ** Math.min(quiet, 10), longestLookMs);
}
