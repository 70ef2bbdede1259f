/** The three meters the engine needs, shaped so that prom-client's own classes fit. */
export interface Counter<Label extends string> {
  inc(labels: Readonly<Record<Label, string>>, value?: number): void;
}

interface Gauge<Label extends string> {
  set(labels: Readonly<Record<Label, string>>, value: number): void;
}

interface Histogram<Label extends string> {
  observe(labels: Readonly<Record<Label, string>>, value: number): void;
}

type QueueLabel = 'name' | 'controller';

/** What controller-runtime shows of each work queue, in seconds where it is time. */
export interface QueueMetrics {
  readonly depth: Gauge<QueueLabel>;
  readonly adds: Counter<QueueLabel>;
  readonly retries: Counter<QueueLabel>;
  /** From added to taken. */
  readonly queueSeconds: Histogram<QueueLabel>;
  /** From taken to done. */
  readonly workSeconds: Histogram<QueueLabel>;
  /** Sum over the running turns of how long they have been running. */
  readonly unfinishedSeconds: Gauge<QueueLabel>;
  readonly longestRunningSeconds: Gauge<QueueLabel>;
  /** Calls back before each scrape, for values that change by themselves. */
  onScrape(refresh: () => void): void;
}

/** What controller-runtime shows of each controller. */
export interface ControllerMetrics {
  readonly passes: Counter<'controller' | 'result'>;
  readonly errors: Counter<'controller'>;
  readonly passSeconds: Histogram<'controller'>;
  readonly activeWorkers: Gauge<'controller'>;
  readonly maxConcurrent: Gauge<'controller'>;
}
