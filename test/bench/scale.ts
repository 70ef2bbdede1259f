import { setTimeout as delay } from 'node:timers/promises';
import { must } from '../../src/cli/local/cluster.ts';
import { poll } from '../../src/cli/local/poll.ts';
import { type Rehearsal, startRehearsal } from '../../src/cli/local/rehearsal.ts';
import { createObserver } from '../../src/cli/quickstart/observe.ts';
import { clusterTag } from '../../src/cli/quickstart/rehearse.ts';
import type { RunStep, StepContext } from '../../src/cli/steps.ts';
import type { SandboxControl } from '../../src/sandbox/aws/control-client.ts';
import { manifests, namespace, networkName } from './manifests.ts';
import { peakMemoryMb } from './memory.ts';
import { parseMetrics, type Sample, sum } from './metrics.ts';
import type { Figure } from './report.ts';
import { type Counts, createWriteCounter, describeCounts, difference, total } from './writes.ts';

export interface ScaleOptions {
  readonly nodes: number;
  readonly run: RunStep;
  readonly stop: AbortController;
}

/** A machine boots in so long; the comparisons in the table were made so. */
const bootMs = 5_000;
/** The last writes of a change may still be on their way when the Network says Ready. */
const settleMs = 10_000;
const restMs = 60_000;
const lookEveryMs = 250;

const isLease = (what: string) => what.endsWith(' leases');
const isNodeCreation = (what: string) => what === 'create nodes';
const counted = (what: string) => !isLease(what) && !isNodeCreation(what);

/** One Network of many Nodes from apply to gone, on a real API server and a throttled AWS. Answers its figures. */
export async function measureScale({ nodes, run, stop }: ScaleOptions): Promise<Figure[]> {
  const rehearsal = await startRehearsal({
    run,
    userAgent: 'bench',
    audit: true,
    sandboxArgs: ['--boot-ms', String(bootMs)],
    onLoss: (error) => stop.abort(error),
  });
  try {
    return await measure({ nodes, run, rehearsal });
  } catch (error) {
    const log = rehearsal.operatorLog(20);
    if (log.length > 0) console.error(["The end of the operator's log:", ...log].join('\n'));
    throw error;
  } finally {
    await rehearsal.stop();
  }
}

async function measure({
  nodes,
  run,
  rehearsal,
}: {
  readonly nodes: number;
  readonly run: RunStep;
  readonly rehearsal: Rehearsal;
}): Promise<Figure[]> {
  const { controlPlane, aws, kube } = rehearsal;
  const observer = createObserver(kube, Date.now);
  const writes = createWriteCounter(auditLogOf(controlPlane), 'peerage/');
  const first = await run({ name: 'operator ready', withinSeconds: 60 }, () => rehearsal.startOperator());
  await writes();

  const creating = await calls(aws.control);
  const createSeconds = await run(
    { name: `${nodes} Nodes from apply to Ready`, withinSeconds: 300 },
    (context) =>
      timed(async () => {
        await must(controlPlane, ['apply', '--server-side', '-f', '-'], manifests(nodes));
        await untilReady(nodes, context);
      }),
  );
  const createCalls = difference(await calls(aws.control), creating);
  await delay(settleMs);
  const createWrites = await writes();

  const resting = await calls(aws.control);
  await run({ name: 'at rest for a minute', withinSeconds: 120 }, ({ signal }) =>
    delay(restMs, undefined, { signal }),
  );
  const restCalls = difference(await calls(aws.control), resting);
  const restWrites = await writes();

  const firstPeak = await peakMemoryMb(first.pid);
  await rehearsal.killOperator();
  let secondPid = 0;
  const restartSeconds = await run(
    { name: 'operator killed, started and caught up', withinSeconds: 120 },
    (context) =>
      timed(async () => {
        const second = await rehearsal.startOperator();
        secondPid = second.pid;
        await untilCaughtUp(second.metricsUrl, nodes, context);
      }),
  );
  await delay(settleMs);
  const restartWrites = await writes();

  const deleting = await calls(aws.control);
  const deleteSeconds = await run({ name: 'Network and Nodes deleted', withinSeconds: 600 }, (context) =>
    timed(async () => {
      await must(controlPlane, [
        'delete',
        `networks.peerage.dev/${networkName}`,
        '-n',
        namespace,
        '--wait=false',
      ]);
      await untilGone(context);
    }),
  );
  const deleteCalls = difference(await calls(aws.control), deleting);
  const left = await run({ name: 'cloud looked over', withinSeconds: 60 }, () =>
    aws.control.ownedResources(clusterTag),
  );
  const peak = Math.max(firstPeak, await peakMemoryMb(secondPid));

  const perNode = (count: number) => count / nodes;
  return [
    { what: 'from apply to all Ready', value: createSeconds, unit: 's', bar: 60 },
    {
      what: 'AWS calls per Node, create',
      value: perNode(total(createCalls)),
      unit: '',
      bar: 0.1,
      note: describeCounts(createCalls),
    },
    {
      what: 'AWS calls per Node, delete',
      value: perNode(total(deleteCalls)),
      unit: '',
      bar: 0.1,
      note: describeCounts(deleteCalls),
    },
    {
      what: 'API writes per Node until Ready',
      value: perNode(total(createWrites, counted)),
      unit: '',
      bar: 3.1,
      note: describeCounts(createWrites),
    },
    { what: 'peak memory of the operator', value: peak, unit: 'MB', bar: 350 },
    {
      what: 'AWS calls in a minute at rest',
      value: total(restCalls),
      unit: '',
      bar: 12,
      note: describeCounts(restCalls),
    },
    {
      what: 'API writes in a minute at rest, but the Lease',
      value: total(restWrites, (what) => !isLease(what)),
      unit: '',
      bar: 0,
      note: describeCounts(restWrites),
    },
    {
      what: 'operator start to caught up',
      value: restartSeconds,
      unit: 's',
      bar: 15,
      note: describeCounts(restartWrites),
    },
    { what: 'from delete to all gone', value: deleteSeconds, unit: 's' },
    { what: 'AWS calls that were throttled', value: (await aws.control.counters()).throttled, unit: '' },
    {
      what: 'resources left in the cloud',
      value: left.length,
      unit: '',
      bar: 0,
      note: left
        .slice(0, 5)
        .map(({ type, id }) => `${type} ${id}`)
        .join(', '),
    },
  ];

  async function untilReady(replicas: number, { signal, progress }: StepContext): Promise<void> {
    let told = '';
    await poll({ everyMs: lookEveryMs, signal }, async () => {
      const network = await observer.network(namespace, networkName, signal);
      if (network?.current !== true) return undefined;
      if (network.message !== told) progress(network.message);
      told = network.message;
      return network.settled && network.readyReplicas === replicas ? true : undefined;
    });
  }

  async function untilGone({ signal }: StepContext): Promise<void> {
    await poll({ everyMs: lookEveryMs, signal }, async () => {
      if ((await observer.network(namespace, networkName, signal)) !== undefined) return undefined;
      return (await observer.world(namespace, signal)).nodes.length === 0 ? true : undefined;
    });
  }
}

/** Every Node had its pass, nothing waits for one, and the machines were listed. */
async function untilCaughtUp(metricsUrl: string, nodes: number, { signal }: StepContext): Promise<void> {
  await poll({ everyMs: lookEveryMs, signal }, async () => {
    const samples = parseMetrics(await (await fetch(metricsUrl, { signal })).text());
    return isCaughtUp(samples, nodes) ? true : undefined;
  });
}

function isCaughtUp(samples: readonly Sample[], nodes: number): boolean {
  return (
    sum(samples, 'controller_runtime_reconcile_total', { controller: 'node' }) >= nodes &&
    sum(samples, 'workqueue_depth') === 0 &&
    sum(samples, 'controller_runtime_active_workers') === 0 &&
    sum(samples, 'peerage_inventory_refresh_total') > 0
  );
}

function auditLogOf({ auditLogPath }: Rehearsal['controlPlane']): string {
  if (auditLogPath === undefined) throw new Error('the API server keeps no audit log');
  return auditLogPath;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

async function calls(control: SandboxControl): Promise<Counts> {
  return new Map(Object.entries((await control.counters()).calls));
}
