/** A Network that is deleted: its Nodes go first, then what stands around them, then the Network. */
import type { Node } from '../../api/node.ts';
import { again, done, type Outcome } from '../../runtime/controller.ts';
import { inParallel } from '../../runtime/parallel.ts';
import { createFinish } from '../finish.ts';
import type { Seen } from '../kinds.ts';
import type { Shared } from '../shared.ts';
import type { Standing } from '../status.ts';
import { busyLookMs, longestLookMs, type Pass, type Tally, waitsOf } from './pass.ts';
import { shownRemoval, stepsAround } from './plan.ts';
import { nodesPerPass, nodeWriters } from './population.ts';
import { worstTrouble } from './site.ts';
import { troubledStanding, writeNetworkStatus } from './status.ts';
import type { createSurroundings } from './surroundings.ts';

/** On the way out there is little left to read, and people wait for it. */
const clearLookMs = 10_000;

export function createTakeDown(
  options: Shared,
  { surroundings, tally }: { surroundings: ReturnType<typeof createSurroundings>; tally: Tally },
) {
  const { networks, networkResource, nodes, nodeResource, bursts, logger } = options;
  const leave = createFinish(networks, networkResource, (network) =>
    logger.info({ network }, 'network is gone'),
  );

  async function takeDown(pass: Pass): Promise<Outcome> {
    const { key, seen, network, sites, signal } = pass;
    const mine = nodes.byIndex('network', key);
    if (network.spec.mode === 'Plan') return await show(pass, mine);
    if (mine.length > 0) return await removeNodes(pass, mine);
    const { trouble, steps } = await clear(pass, { dryRun: false });
    if (trouble === undefined && steps.length === 0) return await finish(pass);
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

  /** `mode: Plan` holds the removal: it is shown, and the finalizer stays as long as anything of the Network is there. */
  async function show(pass: Pass, mine: readonly Seen<Node>[]): Promise<Outcome> {
    const { seen, network, sites, signal } = pass;
    const { trouble } = await clear(pass, { dryRun: true });
    const around = stepsAround(sites);
    if (trouble === undefined && around.length === 0 && mine.length === 0) return await finish(pass);
    const plan = shownRemoval(mine, around, network.spec.deletionPolicy);
    const message = `it is deleted, and its mode is Plan: ${plan.summary}; \`mode: Apply\` carries it out`;
    const standing: Standing =
      trouble === undefined ? { kind: 'idle', reason: 'PlanPending', message } : troubledStanding(trouble);
    await writeNetworkStatus(options, seen, { ...tally(network, sites), plan }, standing, signal);
    return again(Math.min(longestLookMs, ...waitsOf(sites)), 'plan');
  }

  async function removeNodes(
    { key, seen, network, sites, signal }: Pass,
    mine: readonly Seen<Node>[],
  ): Promise<Outcome> {
    const staying = mine.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (staying.length > 0)
      await bursts.during(key, () =>
        inParallel(nodeWriters, staying.slice(0, nodesPerPass), async ({ metadata }) => {
          await nodeResource.delete(metadata, { signal });
        }),
      );
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

  /** What stands around, on its way to nothing; or, with `deletionPolicy: Orphan`, to what is not ours. */
  async function clear(
    { seen, network, sites, anew, signal }: Pass,
    { dryRun }: { readonly dryRun: boolean },
  ) {
    const goal = network.spec.deletionPolicy === 'Orphan' ? 'released' : 'nothing';
    const { namespace } = seen.metadata;
    const look = { maxAgeMs: anew ? 0 : clearLookMs, dryRun, signal };
    await Promise.all(sites.map((site) => surroundings.open(site, namespace, { anew, signal })));
    await surroundings.clear(sites, goal, look);
    surroundings.recover(sites);
    return { trouble: worstTrouble(sites), steps: sites.flatMap(({ aligned }) => aligned?.steps ?? []) };
  }

  async function finish({ seen, sites, signal }: Pass): Promise<Outcome> {
    for (const site of sites) surroundings.forget(site);
    await leave(seen, signal);
    return done;
  }

  return takeDown;
}
