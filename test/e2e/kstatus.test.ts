import { describe, expect, test } from 'vitest';
import { kstatus } from '../support/kstatus.ts';
import { refereePath } from '../support/referees.ts';

const object = (status: unknown) => ({
  apiVersion: 'peerage.dev/v1alpha1',
  kind: 'Node',
  metadata: { name: 'a', namespace: 'b', generation: 2 },
  status,
});

describe.skipIf(!refereePath('kstatus'))('what Flux and Helm make of a status', () => {
  test('an object that no controller has seen yet is under way, if its status says so from the start', async () => {
    await expect(kstatus(object({ observedGeneration: -1 }))).resolves.toMatchObject({
      status: 'InProgress',
    });
  });

  test('without any status it counts as done', async () => {
    await expect(kstatus(object(undefined))).resolves.toMatchObject({ status: 'Current' });
  });

  test('Stalled=True is a failure with its message', async () => {
    const conditions = [{ type: 'Stalled', status: 'True', reason: 'Invalid', message: 'mend the spec' }];

    await expect(kstatus(object({ observedGeneration: 2, conditions }))).resolves.toEqual({
      status: 'Failed',
      message: 'mend the spec',
    });
  });
});
