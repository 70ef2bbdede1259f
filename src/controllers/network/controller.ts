import { FINALIZER } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import type { NetworkStatus } from '../../api/network-status.ts';
import { addFinalizer, hasFinalizer, removeFinalizer } from '../../kube/finalizer.ts';
import { keyOf } from '../../kube/object.ts';
import { type NodePlan, planNodes, summarize } from '../../planning/nodes.ts';
import { again, done, type Outcome } from '../../runtime/controller.ts';
import { inParallel } from '../../runtime/parallel.ts';
import type { Seen } from '../kinds.ts';
import type { Shared } from '../shared.ts';
import type { Standing } from '../status.ts';
import { createGateways } from './gateway.ts';
import { gatewayPlacesOf } from './gateway-places.ts';
import { createMemories, heed, type Memory } from './memory.ts';
import { createPeersConfigs } from './peers-config.ts';
import { annotatePlaces, madeIn, notedPlaces } from './places.ts';
import { createPopulation, nodesPerPass, nodeWriters } from './population.ts';
import { createRemediation } from './remediation.ts';
import { factsOf, type Site, sitesOf, worstTrouble } from './site.ts';
import {
  planStatus,
  type StandingFacts,
  standingOf,
  tallied,
  troubledStanding,
  writeNetworkStatus,
} from './status.ts';
import { createSurroundings, lacksNodes } from './surroundings.ts';
import { tellUnknownVariables } from './unknown-variables.ts';

/** Passes under way follow each other by this; a cloud reads only what is changing more often than at rest. */
const busyLookMs = 3_000;
/** Looks at rest stretch from one to ten minutes. */
const restLookMs = 60_000;
const longestLookMs = 600_000;
/** On the way out there is little left to read, and people wait for it. */
const clearLookMs = 10_000;

/** What one pass knows of its Network. */
interface Pass {
  readonly key: string;
  readonly seen: Seen<Network>;
  readonly network: Network;
  readonly sites: readonly Site[];
  /** Somebody asked for a look now. */
  readonly anew: boolean;
  readonly signal: AbortSignal;
}

/** One Network: its Nodes as many as wished, of one revision, and what stands around them. */
export function createNetworkController(options: Shared) {
  const { networks, networkResource, nodes, nodeResource, fabrics, bursts, peers } = options;
  const { cluster, paused, logger } = options;
  const memories = createMemories(options.clock);
  const surroundings = createSurroundings(options, memories);
  const peersConfigs = createPeersConfigs(options);
  const gateways = createGateways(options);
  const remediate = createRemediation(options);
  const carryOut = createPopulation(options, surroundings.withTrouble);

  async function reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const seen = networks.get(key);
    if (seen === undefined) {
      memories.forget(key);
      fabrics.forgetNetwork(key);
      peersConfigs.forget(key);
      gateways.forget(key);
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
    const { anew } = heed(memories.of(key), seen);
    const sites = sitesOf(options, key, seen, network);
    if (paused || network.spec.paused) {
      const standing: Standing = {
        kind: 'idle',
        reason: 'Paused',
        message: 'paused: nothing in the cloud is changed',
      };
      await writeNetworkStatus(options, seen, tally(network, sites), standing, signal);
      return done;
    }
    const pass = { key, seen, network, sites, anew, signal };
    return leaving ? await takeDown(pass) : await bringUp(pass);
  }

  function tally(network: Network, sites: readonly Site[]): NetworkStatus {
    const key = keyOf(network.metadata);
    const found = tallied(network, sites, peers.listed(key));
    return { ...found, endpoints: [...gateways.endpoints(key), ...(found.endpoints ?? [])] };
  }

  async function bringUp({ key, seen: before, network, sites, anew, signal }: Pass): Promise<Outcome> {
    const dryRun = network.spec.mode === 'Plan';
    const look = { dryRun, anew, signal };
    const maxAgeMs = anew ? 0 : lookAgeMs(memories.of(key));
    const { namespace } = before.metadata;
    tellUnknownVariables(options, before, network, sites, memories.of(key));
    await Promise.all(sites.map((site) => surroundings.open(site, namespace, { anew, signal })));
    let seen = dryRun ? before : await noteOpened(before, sites, signal);
    await Promise.all(sites.map((site) => surroundings.align(site, network, { maxAgeMs, dryRun, signal })));

    const plan = planNodes({
      network: { name: seen.metadata.name, uid: seen.metadata.uid },
      placements: sites
        .filter(({ wished }) => wished)
        .map(({ name, desired, revision }) => ({ name, replicas: desired, revision })),
      nodes: nodes.byIndex('network', key).map(factsOf),
    });
    if (dryRun) {
      surroundings.recover(sites);
      const gateway = await gateways.align(seen, network, gatewayPlacesOf(network.spec, sites), look);
      const around = [
        ...sites.flatMap((site) =>
          (site.aligned?.steps ?? []).map((step) => ({ ...step, placement: site.name })),
        ),
        ...gateway.steps,
      ];
      const trouble = worstTrouble(sites) ?? gateway.trouble;
      const planned: Standing = {
        kind: 'idle',
        reason: 'PlanPending',
        message: summarize(plan, around.length),
      };
      const standing = trouble === undefined ? planned : troubledStanding(trouble);
      const status = { ...tally(network, sites), plan: planStatus(plan, around) };
      await writeNetworkStatus(options, seen, status, standing, signal);
      return again(Math.min(longestLookMs, ...waitsOf(sites)), 'plan');
    }
    const blocked = new Set(
      sites
        .filter(({ trouble, region }) => trouble !== undefined || region === undefined)
        .map(({ name }) => name),
    );
    const missing = sites.filter(lacksNodes);
    for (const { name } of missing) blocked.add(name);
    seen = await carryOut(seen, network, sites, plan, blocked, signal);
    const remedy = await remediate(seen, network, sites, blocked, signal);
    surroundings.recover(sites);
    seen = await forgetGonePlaces(seen, sites, signal);
    const unlisted = await peersConfigs.align(seen, network, { listed: peers.listed(key), anew, signal });
    const gateway = await gateways.align(seen, network, gatewayPlacesOf(network.spec, sites), look);
    seen = gateway.seen;

    const facts: StandingFacts = { sites, plan, missing, held: remedy.held, waits: gateway.waits };
    const trouble = unlisted ?? gateway.trouble;
    const found = standingOf(facts);
    const standing = trouble === undefined || found.kind === 'stalled' ? found : troubledStanding(trouble);
    await writeNetworkStatus(options, seen, tally(network, sites), standing, signal);
    const waits = [remedy.againInMs, trouble?.retryAfterMs, gateway.lookAfterMs].filter(
      (wait) => wait !== undefined,
    );
    return nextLook(memories.of(key), facts, waits);
  }

  /** Where something may be made is written down before it is made: a cloud that was never opened holds nothing. */
  async function noteOpened(
    seen: Seen<Network>,
    sites: readonly Site[],
    signal: AbortSignal,
  ): Promise<Seen<Network>> {
    const noted = new Map(notedPlaces(seen));
    for (const { name, place, open } of sites)
      if (open !== undefined)
        noted.set(name, madeIn(place, noted.get(name), { account: open.account, cluster }));
    return await annotatePlaces(networkResource, seen, noted, signal);
  }

  async function forgetGonePlaces(
    seen: Seen<Network>,
    sites: readonly Site[],
    signal: AbortSignal,
  ): Promise<Seen<Network>> {
    const noted = new Map(notedPlaces(seen));
    for (const site of sites) {
      const { name, wished, nodes: left, aligned, trouble } = site;
      if (wished || left.length > 0 || trouble !== undefined) continue;
      if (aligned === undefined || aligned.steps.length > 0) continue;
      noted.delete(name);
      surroundings.forget(site);
    }
    return await annotatePlaces(networkResource, seen, noted, signal);
  }

  async function takeDown({ key, seen, network, sites, anew, signal }: Pass): Promise<Outcome> {
    const mine = nodes.byIndex('network', key);
    const staying = mine.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (staying.length > 0)
      await bursts.during(key, () =>
        inParallel(nodeWriters, staying.slice(0, nodesPerPass), async ({ metadata }) => {
          await nodeResource.delete(metadata, { signal });
        }),
      );
    if (mine.length > 0) {
      const message = `${mine.length} ${mine.length === 1 ? 'Node is' : 'Nodes are'} still to go`;
      await writeNetworkStatus(
        options,
        seen,
        tally(network, sites),
        { kind: 'working', reason: 'Terminating', message },
        signal,
      );
      return again(staying.length > nodesPerPass ? 0 : 10_000, 'nodes are going');
    }
    const goal = network.spec.deletionPolicy === 'Orphan' ? 'released' : 'nothing';
    const { namespace } = seen.metadata;
    const maxAgeMs = anew ? 0 : clearLookMs;
    await Promise.all(sites.map((site) => surroundings.open(site, namespace, { anew, signal })));
    await Promise.all(sites.map((site) => surroundings.clear(site, goal, { maxAgeMs, signal })));
    surroundings.recover(sites);
    const trouble = worstTrouble(sites);
    const steps = sites.flatMap(({ aligned }) => aligned?.steps ?? []);
    if (trouble === undefined && steps.length === 0) {
      for (const site of sites) surroundings.forget(site);
      await removeFinalizer(networkResource, networks.get(key) ?? seen, FINALIZER, { signal });
      logger.info({ network: key }, 'network is gone');
      return done;
    }
    const [step] = steps;
    const going: Standing = {
      kind: 'working',
      reason: 'Terminating',
      message: `${step?.verb} ${step?.kind} ${step?.name}: ${step?.waits ?? 'next'}`,
    };
    const standing = trouble === undefined ? going : troubledStanding(trouble);
    await writeNetworkStatus(options, seen, tally(network, sites), standing, signal);
    const waits = [...waitsOf(sites), ...(steps.length > 0 ? [busyLookMs] : [])];
    return again(Math.min(...waits), 'surroundings are going');
  }

  /** While a placement waits for its next try, the others go on. */
  function nextLook(memory: Memory, facts: StandingFacts, waits: readonly number[]): Outcome {
    const { sites, plan } = facts;
    const well = sites.filter(({ trouble }) => trouble === undefined);
    const { kind, reason } = standingOf({ ...facts, sites: well, plan: planFor(plan, well) });
    const isAtRest = kind === 'ready' && well.length === sites.length;
    const pauseMs = {
      ready: restPauseMs(memory.quietLooks),
      working: busyLookMs,
      stalled: restLookMs,
      idle: restLookMs,
    }[kind];
    memory.quietLooks = isAtRest ? memory.quietLooks + 1 : 0;
    return again(Math.min(pauseMs, ...waits, ...waitsOf(sites)), reason);
  }

  return {
    reconcile,
    /** Something that stood in the way may be mended: the next pass tries what had to wait. */
    hurry: memories.hurry,
  };
}

/** How old what we look at may be: a minute, and more and more at rest. */
function lookAgeMs({ quietLooks }: Memory): number {
  return restPauseMs(Math.max(0, quietLooks - 1));
}

function restPauseMs(quiet: number): number {
  return Math.min(restLookMs * 2 ** Math.min(quiet, 10), longestLookMs);
}

function waitsOf(sites: readonly Site[]): number[] {
  return sites.flatMap(({ trouble }) => trouble?.waitMs ?? []);
}

/** The part of the plan that is about these placements. */
function planFor({ create, remove, replace }: NodePlan, sites: readonly Site[]): NodePlan {
  const isHere = ({ placement }: { readonly placement: string }) =>
    sites.some(({ name }) => name === placement);
  return {
    create: create.filter(isHere),
    remove: remove.filter(isHere),
    replace: replace.filter(isHere),
    now: {},
  };
}
