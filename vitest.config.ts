import { defineConfig } from 'vitest/config';
import { isolate } from './test/support/isolation.ts';
import LongestFirst from './test/support/sequencer.ts';

// Here, since this runs before any worker or global setup starts: they inherit what is left.
isolate(process.env);

const controlPlane = 'test/support/control-plane.ts';

/** The long ones wait for servers and clocks more than they compute, so more of them run at once than there are cores. */
const waiting = {
  testTimeout: 300_000,
  hookTimeout: 300_000,
  maxWorkers: 5,
  sequence: { groupOrder: 2 },
};

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // One group after the other, so that what needs servers and seconds is not slowed down by the rest.
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/{support,bench}/**/*.test.ts'],
          pool: 'threads',
          // No module is mocked, so none has to be loaded anew for each file: that was most of the time.
          isolate: false,
          testTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // One file at a time, and not beside e2e: they install and remove the kinds, of which a server has but one of each.
        test: {
          name: 'chart',
          include: ['test/chart/**/*.test.ts'],
          globalSetup: [controlPlane],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { name: 'behaviour', include: ['test/behaviour/**/*.test.ts'], ...waiting } },
      { test: { name: 'cli', include: ['test/cli/**/*.test.ts'], ...waiting } },
      { test: { name: 'docker', include: ['test/docker/**/*.test.ts'], ...waiting } },
      {
        test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], globalSetup: [controlPlane], ...waiting },
      },
    ],
  },
});
