import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createMetrics } from '../telemetry.ts';
import { CONDITION_TYPES, REASONS } from './reasons.ts';

const root = new URL('..', import.meta.url);

/** All code but tests, and the lists themselves. */
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .filter((path) => path !== 'api/reasons.ts' && path !== 'telemetry.ts')
  .map((path) => readFileSync(new URL(path, root), 'utf8'))
  .join('\n');

test.for([...Object.keys(REASONS), ...Object.keys(CONDITION_TYPES)])('%s is written somewhere', (word) => {
  expect(sources).toContain(`'${word}'`);
});

test.for(Object.keys(createMetrics()))('metrics.%s is measured somewhere', (name) => {
  expect(sources).toContain(`metrics.${name}`);
});
