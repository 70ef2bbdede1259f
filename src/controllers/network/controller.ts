import { FINALIZER } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import type { NetworkStatus } from '../../api/network-status.ts';
import { addFinalizer, hasFinalizer } from '../../kube/finalizer.ts';
import { keyOf } from '../../kube/object.ts';
import { type NodePlan, planNodes } from '../../planning/nodes.ts';
import { again, done, type Outcome } from '../../runtime/controller.ts';
import { pausedStanding } from '../held.ts';
import type { Seen } from '../kinds.ts';
import type { Shared } from '../shared.ts';
import type { Standing } from '../status.ts';
import { createGateways, type GatewayLook } from './gateway.ts';
import { gatewayPlacesOf } from './gateway-places.ts';
import { createMemories, heed, type Memory } from './memory.ts';
import { busyLookMs, longestLookMs, type Pass, restLookMs, waitsOf } from './pass.ts';
import { createPeersConfigs, type PeersConfigReport } from './peers-config.ts';
import { annotatePlaces, madeIn, notedPlaces } from './places.ts';
import { shownPlan, stepsAround } from './plan.ts';
import { createPopulation } from './population.ts';
import { createRemediation } from './remediation.ts';
import { factsOf, type Site, sitesOf, worstTrouble } from './site.ts';
import { type StandingFacts, standingOf, tallied, troubledStanding, writeNetworkStatus } from './status.ts';
import { createSurroundings, lacksNodes } from './surroundings.ts';
import { createTakeDown } from './take-down.ts';
import { tellUnknownVariables } from './unknown-variables.ts';

/** One Network: its Nodes as many as wished, of one revision, and what stands around them. */
export function createNetworkController(options: Shared) {
  const { networks, networkResource, nodes, fabrics, peers, cluster, paused } = options;
  const memories = createMemories(options.clock);
  const surroundings = createSurroundings(options, memories);
  const peersConfigs = createPeersConfigs(options);
  const gateways = createGateways(options);
  const remediate = createRemediation(options);
  const carryOut = createPopulation(options, surroundings.withTrouble);
  const takeDown = createTakeDown(options, { surroundings, tally });

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
      const standing = pausedStanding(paused ? 'operator' : 'Network', { leaving });
      await writeNetworkStatus(options, seen, tally(network, sites), standing, signal);
      return done;
    }
    const pass = { key, seen, network, sites, anew, signal };
    return leaving ? await takeDown(pass) : await bringUp(pass);
  }

  function tally(network: Network, sites: readonly Site[], config?: PeersConfigReport): NetworkStatus {
    const key = keyOf(network.metadata);
    const found = tallied(
      network,
      sites,
      config ? config.peers : (peers.listed(key) ?? network.status.peers),
    );
    return { ...found, endpoints: [...gateways.endpoints(key), ...(found.endpoints ?? [])] };
  }

  async function bringUp(pass: Pass): Promise<Outcome> {
    const { key, seen: before, network, sites, anew, signal } = pass;
    const dryRun = network.spec.mode === 'Plan';
    const look = { dryRun, anew, signal };
    const maxAgeMs = anew ? 0 : lookAgeMs(memories.of(key));
    const { namespace } = before.metadata;
    tellUnknownVariables(options, before, network, sites, memories.of(key));
    await Promise.all(sites.map((site) => surroundings.open(site, namespace, { anew, signal })));
    let seen = dryRun ? before : await noteOpened(before, network, sites, signal);
    await surroundings.align(sites, network, { maxAgeMs, dryRun, signal });

    const plan = planNodes({
      network: { name: seen.metadata.name, uid: seen.metadata.uid },
      placements: sites
        .filter(({ wished }) => wished)
        .map(({ name, desired, revision }) => ({ name, replicas: desired, revision })),
      nodes: nodes.byIndex('network', key).map(factsOf),
    });
    if (dryRun) return await show({ ...pass, look }, plan);
    const blocked = new Set(
      sites
        .filter(({ trouble, region }) => trouble !== undefined || region === undefined)
        .map(({ name }) => name),
    );
    const missing = sites.filter(lacksNodes);
    for (const { name } of missing) blocked.add(name);
    seen = await carryOut(seen, network, sites, plan, blocked, signal);
    const remedy = await remediate(seen, network, blocked, signal);
    surroundings.recover(sites);
    seen = await forgetGonePlaces(seen, sites, signal);
    const config = await peersConfigs.align(seen, network, { ...look, listed: peers.listed(key) });
    const gateway = await gateways.align(seen, network, gatewayPlacesOf(network.spec, sites), look);
    seen = gateway.seen;

    const facts: StandingFacts = {
      sites,
      plan,
      missing,
      held: remedy.held,
      waits: gateway.waits,
      now: options.clock.now(),
    };
    const trouble = config.trouble ?? gateway.trouble;
    const found = standingOf(facts);
    const standing = trouble === undefined || found.kind === 'stalled' ? found : troubledStanding(trouble);
    await writeNetworkStatus(options, seen, tally(network, sites, config), standing, signal);
    const waits = [remedy.againInMs, trouble?.retryAfterMs, gateway.lookAfterMs].filter(
      (wait) => wait !== undefined,
    );
    return nextLook(memories.of(key), facts, waits);
  }

  /** `mode: Plan` stops here. */
  async function show(
    { key, seen, network, sites, look, signal }: Pass & { readonly look: GatewayLook },
    plan: NodePlan,
  ): Promise<Outcome> {
    surroundings.recover(sites);
    const config = await peersConfigs.align(seen, network, { ...look, listed: peers.listed(key) });
    const gateway = await gateways.align(seen, network, gatewayPlacesOf(network.spec, sites), look);
    const shown = shownPlan(plan, {
      nodes: nodes.byIndex('network', key),
      around: stepsAround(sites),
      after: [...config.steps, ...gateway.steps],
    });
    const trouble = worstTrouble(sites) ?? config.trouble ?? gateway.trouble;
    const standing: Standing =
      trouble === undefined
        ? { kind: 'idle', reason: 'PlanPending', message: shown.summary }
        : troubledStanding(trouble);
    const status = { ...tally(network, sites, config), plan: shown };
    await writeNetworkStatus(options, seen, status, standing, signal);
    const waits = [...waitsOf(sites), ...[config, gateway].flatMap((one) => one.trouble?.retryAfterMs ?? [])];
    return again(Math.min(longestLookMs, ...waits), 'plan');
  }

  /** Where something may be made is written down before it is made: a cloud that was never opened holds nothing. */
  async function noteOpened(
    seen: Seen<Network>,
    { spec: { balancer } }: Network,
    sites: readonly Site[],
    signal: AbortSignal,
  ): Promise<Seen<Network>> {
    const noted = new Map(notedPlaces(seen));
    for (const { name, place, open } of sites) {
      if (open === undefined) continue;
      // Who shares a balancer is told by the account, whatever an earlier version noted.
      const before = balancer?.scope === 'Region' ? undefined : noted.get(name);
      noted.set(name, madeIn(place, before, { account: open.account, cluster }));
    }
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
