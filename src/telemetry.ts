import { type DestinationStream, type Logger, pino } from 'pino';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ControllerMetrics, QueueMetrics } from './runtime/metrics.ts';

export interface LoggerOptions {
  readonly level: string;
  readonly version: string;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
}

/**
 * JSON lines: `time` in RFC 3339, `level` as a word, `msg`, and fields. Secrets print as `***` by themselves; the paths
 * below are for what other people's objects might carry.
 */
export function createLogger({ level, version, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: { version },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: [
        'authorization',
        'credentials',
        'secretAccessKey',
        'sessionToken',
        'clientSecret',
        'password',
      ].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '***',
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** controller-runtime's own buckets, so that its dashboards fit. */
const queueBuckets = [1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1_000];
const passBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const callBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const waitBuckets = [0, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300];

export type Metrics = ReturnType<typeof createMetrics>;

/** Every metric there is. Labels come from closed sets: no names of objects. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const refreshers: (() => void)[] = [];
  collectDefaultMetrics({ register: registry });

  function counter<L extends string>(name: string, help: string, ...labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers });
  }
  function gauge<L extends string>(name: string, help: string, ...labelNames: L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers });
  }
  function histogram<L extends string>(
    name: string,
    help: string,
    buckets: number[],
    ...labelNames: L[]
  ): Histogram<L> {
    return new Histogram({ name, help, labelNames, registers, buckets });
  }

  const queue: QueueMetrics = {
    depth: gauge('workqueue_depth', 'Keys ready to be worked on', 'name', 'controller'),
    adds: counter('workqueue_adds_total', 'Keys added', 'name', 'controller'),
    retries: counter('workqueue_retries_total', 'Keys added again after a failure', 'name', 'controller'),
    queueSeconds: histogram(
      'workqueue_queue_duration_seconds',
      'From added to taken',
      queueBuckets,
      'name',
      'controller',
    ),
    workSeconds: histogram(
      'workqueue_work_duration_seconds',
      'From taken to done',
      queueBuckets,
      'name',
      'controller',
    ),
    unfinishedSeconds: gauge(
      'workqueue_unfinished_work_seconds',
      'Sum of the time that running passes have taken so far',
      'name',
      'controller',
    ),
    longestRunningSeconds: gauge(
      'workqueue_longest_running_processor_seconds',
      'Time that the longest running pass has taken so far',
      'name',
      'controller',
    ),
    onScrape: (refresh) => refreshers.push(refresh),
  };

  const controller: ControllerMetrics = {
    passes: counter('controller_runtime_reconcile_total', 'Passes by result', 'controller', 'result'),
    errors: counter('controller_runtime_reconcile_errors_total', 'Passes that failed', 'controller'),
    passSeconds: histogram(
      'controller_runtime_reconcile_time_seconds',
      'Time of a pass',
      passBuckets,
      'controller',
    ),
    activeWorkers: gauge('controller_runtime_active_workers', 'Passes running now', 'controller'),
    maxConcurrent: gauge(
      'controller_runtime_max_concurrent_reconciles',
      'Passes that may run at once',
      'controller',
    ),
  };

  return {
    queue,
    controller,
    kubeRequests: counter('rest_client_requests_total', 'Calls to the API server', 'code', 'method', 'host'),
    watchRestarts: counter(
      'peerage_watch_restarts_total',
      'Watches begun anew after trouble',
      'kind',
      'reason',
    ),
    leader: gauge('peerage_leader', '1 while this process leads'),
    cloudCalls: counter('peerage_cloud_calls_total', 'Calls to clouds', 'cloud', 'api', 'code'),
    cloudCallSeconds: histogram(
      'peerage_cloud_call_seconds',
      'Time of a call to a cloud',
      callBuckets,
      'cloud',
      'api',
    ),
    budgetWaitSeconds: histogram(
      'peerage_budget_wait_seconds',
      'How long calls waited for their budget',
      waitBuckets,
      'cloud',
      'bucket',
    ),
    inventoryAgeSeconds: gauge(
      'peerage_inventory_age_seconds',
      'Age of the oldest snapshot of machines',
      'cloud',
    ),
    inventoryRefreshes: counter(
      'peerage_inventory_refresh_total',
      'Snapshots of machines by result',
      'cloud',
      'result',
    ),
    machines: gauge('peerage_machines', 'Machines that carry our cluster tag', 'cloud', 'state'),
    launches: counter('peerage_launches_total', 'Launches of machines by outcome', 'cloud', 'outcome'),
    probes: counter('peerage_probes_total', 'Questions to nodes by outcome', 'check', 'outcome'),
    surplusRemoved: counter(
      'peerage_surplus_machines_removed_total',
      'Machines removed because their Node had one already',
      'cloud',
    ),
    sweepRemoved: counter(
      'peerage_sweep_removed_total',
      'Machines removed because no object was behind them',
      'cloud',
    ),
    sweepHeld: gauge(
      'peerage_sweep_held',
      'Machines without an object that were too many to remove',
      'cloud',
    ),
    /** Runs before each scrape, for values that change by themselves. */
    onScrape: (refresh: () => void) => refreshers.push(refresh),
    /** The text of `/metrics`. */
    async scrape(): Promise<string> {
      for (const refresh of refreshers) refresh();
      return registry.metrics();
    },
  };
}
