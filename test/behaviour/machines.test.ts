import { describe, vi } from 'vitest';
import { createFakeClock } from '../../src/runtime/fake-clock.ts';
import { startAwsSandbox } from '../../src/sandbox/aws/sandbox.ts';
import { startMoto } from '../support/moto.ts';
import { refereePath } from '../support/referees.ts';
import { createAwsStage } from './machines-aws.ts';
import { describeMachines } from './machines-suite.ts';

describe('machines on the AWS sandbox', () => {
  const can = { repeat: true, batches: true, interfaceTags: true };
  describeMachines(async () => {
    const clock = createFakeClock();
    const sandbox = await startAwsSandbox({ clock, throttle: 'off' });
    vi.stubEnv('AWS_ENDPOINT_URL', sandbox.url);
    return createAwsStage({
      url: sandbox.url,
      can,
      now: clock.now,
      settle: () => clock.advance(60_000),
      stop: sandbox.stop,
    });
  }, can);
});

describe.skipIf(!refereePath('moto'))('machines on moto', () => {
  // It keeps client tokens without looking at them, and starts MinCount machines, whatever MaxCount says; interfaces get no tags.
  const can = { repeat: false, batches: false, interfaceTags: false };
  describeMachines(async () => {
    const moto = await startMoto();
    vi.stubEnv('AWS_ENDPOINT_URL', moto.url);
    return createAwsStage({
      url: moto.url,
      can,
      now: Date.now,
      settle: async () => {},
      stop: async () => {
        await moto.assertNoUnimplemented();
        await moto.stop();
      },
    });
  }, can);
});
