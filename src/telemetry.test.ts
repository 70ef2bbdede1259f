import { describe, expect, test } from 'vitest';
import { done, runController } from './runtime/controller.ts';
import { createFakeClock } from './runtime/fake-clock.ts';
import { silentLogger } from './runtime/logger.ts';
import { WorkQueue } from './runtime/queue.ts';
import { Secret } from './runtime/secret.ts';
import { createLogger, createMetrics } from './telemetry.ts';

describe('the log', () => {
  function logged(write: (log: ReturnType<typeof createLogger>) => void): string {
    let text = '';
    write(
      createLogger({ level: 'info', version: '1.2.3', destination: { write: (line) => (text += line) } }),
    );
    return text;
  }

  test('is one JSON object a line, with a time and a level that people can read', () => {
    const line = logged((log) => log.info({ node: 'chains/a' }, 'launched'));
    expect(JSON.parse(line)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      version: '1.2.3',
      node: 'chains/a',
      msg: 'launched',
    });
    expect(line.endsWith('}\n')).toBe(true);
  });

  test('shows no secret, whether it is a Secret or stands where secrets stand', () => {
    const text = logged((log) => {
      const aws = { key: new Secret('planted-1'), secretAccessKey: 'planted-2' };
      log.info({ aws, headers: { authorization: 'Bearer planted-3' } }, 'called');
      log.info({ deep: { list: [{ key: new Secret('planted-4') }] } }, `with ${aws.key}`);
    });
    expect(text).not.toContain('planted');
    expect(text).toContain('***');
  });
});

describe('the metrics', () => {
  test('keep the names that dashboards for controller-runtime ask for', async () => {
    const metrics = createMetrics();
    const clock = createFakeClock();
    const queue = new WorkQueue({ name: 'node', clock, metrics: metrics.queue });
    const stop = new AbortController();
    let passes = 0;
    const running = runController({
      ...{
        name: 'node',
        concurrency: 2,
        queue,
        deadlineMs: 1_000,
        clock,
        signal: stop.signal,
        logger: silentLogger,
      },
      metrics: metrics.controller,
      reconcile: async () => {
        passes += 1;
        if (passes === 1) throw new Error('no');
        return done;
      },
    });
    queue.add('a');
    await clock.advance(5_000);
    const text = await metrics.scrape();
    for (const line of [
      'workqueue_depth{name="node",controller="node"} 0',
      'workqueue_adds_total{name="node",controller="node"} 2',
      'workqueue_retries_total{name="node",controller="node"} 1',
      'workqueue_queue_duration_seconds_count{name="node",controller="node"} 2',
      'workqueue_work_duration_seconds_count{name="node",controller="node"} 2',
      'workqueue_unfinished_work_seconds{name="node",controller="node"} 0',
      'workqueue_longest_running_processor_seconds{name="node",controller="node"} 0',
      'controller_runtime_reconcile_total{controller="node",result="success"} 1',
      'controller_runtime_reconcile_total{controller="node",result="error"} 1',
      'controller_runtime_reconcile_total{controller="node",result="requeue_after"} 0',
      'controller_runtime_reconcile_errors_total{controller="node"} 1',
      'controller_runtime_reconcile_time_seconds_count{controller="node"} 2',
      'controller_runtime_max_concurrent_reconciles{controller="node"} 2',
      'controller_runtime_active_workers{controller="node"} 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toContain('process_resident_memory_bytes');
    stop.abort();
    await clock.advance(5_000);
    await running;
  });

  test('refresh what changes by itself before each scrape', async () => {
    const metrics = createMetrics();
    metrics.onScrape(() => metrics.inventoryAgeSeconds.set({ cloud: 'aws' }, 42));
    expect(await metrics.scrape()).toContain('peerage_inventory_age_seconds{cloud="aws"} 42');
  });
});
