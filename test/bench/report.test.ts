import { expect, test } from 'vitest';
import { parseMetrics, sum } from './metrics.ts';
import { missed, renderFigures } from './report.ts';
import { countWrites, describeCounts, difference, total } from './writes.ts';

test('a bar is met by the very figure, and missed by more or by no figure at all', () => {
  const figure = { what: 'seconds', unit: 's', bar: 60 };
  expect(missed({ ...figure, value: 60 })).toBe(false);
  expect(missed({ ...figure, value: 60.1 })).toBe(true);
  expect(missed({ ...figure, value: Number.NaN })).toBe(true);
  const least = { what: 'ratio', unit: '', floor: 0.95 };
  expect([0.95, 0.949, Number.NaN].map((value) => missed({ ...least, value }))).toEqual([false, true, true]);
  expect(missed({ what: 'told only', unit: 's', value: 1e9 })).toBe(false);
});

test('prints each figure beside its bar', () => {
  expect(
    renderFigures([
      { what: 'apply to Ready', value: 41.26, unit: 's', bar: 60 },
      { what: 'AWS calls per Node', value: 0.2, unit: '', bar: 0.1, note: 'ec2:RunInstances 200' },
      { what: 'deletion', value: 30, unit: 's' },
      { what: 'calls/s', value: 0.97, unit: '', floor: 0.95 },
    ]),
  ).toEqual([
    'WHAT                 BAR       FIGURE            NOTE',
    'apply to Ready       <= 60 s   41.3 s   ok',
    'AWS calls per Node   <= 0.1    0.200    MISSED   ec2:RunInstances 200',
    'deletion                       30 s',
    'calls/s              >= 0.95   0.970    ok',
  ]);
});

test('counts requests that write by verb and resource', () => {
  const event = (verb: string, resource: string, subresource?: string) => ({
    auditID: crypto.randomUUID(),
    stage: 'ResponseComplete' as const,
    verb,
    requestURI: '/',
    user: {},
    objectRef: { resource, ...(subresource === undefined ? {} : { subresource }) },
  });
  const counts = countWrites([
    event('create', 'nodes'),
    event('patch', 'nodes', 'status'),
    event('patch', 'nodes', 'status'),
    event('get', 'nodes'),
    event('watch', 'nodes'),
  ]);
  expect(describeCounts(counts)).toBe('patch nodes/status 2, create nodes 1');
  expect(total(counts)).toBe(3);
  expect(total(counts, (what) => what !== 'create nodes')).toBe(2);
});

test('tells what came on top between two counts', () => {
  const before = new Map([['a', 2]]);
  const now = new Map([
    ['a', 2],
    ['b', 3],
  ]);
  expect(difference(now, before)).toEqual(new Map([['b', 3]]));
});

test('reads the Prometheus text format', () => {
  const samples = parseMetrics(
    [
      '# HELP workqueue_depth Keys',
      'workqueue_depth{name="node",controller="node"} 3',
      'workqueue_depth{name="network",controller="network"} 1',
      'process_open_fds 20',
      'bucket{le="+Inf",path="a\\"b"} 1e3',
    ].join('\n'),
  );
  expect(sum(samples, 'workqueue_depth')).toBe(4);
  expect(sum(samples, 'workqueue_depth', { controller: 'node' })).toBe(3);
  expect(sum(samples, 'process_open_fds')).toBe(20);
  expect(samples.at(-1)).toEqual({ name: 'bucket', labels: { le: '+Inf', path: 'a\\"b' }, value: 1000 });
});
