import { describe, vi } from 'vitest';
import { createFakeClock } from '../../src/runtime/fake-clock.ts';
import { startAwsSandbox } from '../../src/sandbox/aws/sandbox.ts';
import { startMoto } from '../support/moto.ts';
import { refereePath } from '../support/referees.ts';
import { AWS_CAN, createAwsStage } from './machines-aws.ts';
import { describeMachines } from './machines-suite.ts';

describe('machines on the AWS sandbox', () => {
  describeMachines(async () => {
    const clock = createFakeClock();
    const sandbox = await startAwsSandbox({ clock, throttle: 'off' });
    vi.stubEnv('AWS_ENDPOINT_URL', sandbox.url);
    return createAwsStage({
      url: sandbox.url,
      can: AWS_CAN,
      now: clock.now,
      settle: () => clock.advance(60_000),
      stop: sandbox.stop,
    });
  }, AWS_CAN);
});

describe.skipIf(!refereePath('moto'))('machines on moto', () => {
  // It keeps client tokens without looking at them, and starts MinCount machines, whatever MaxCount says; interfaces get no tags.
  const can = {
    ...AWS_CAN,
    repeat: false,
    compare: false,
    batches: 'one of many' as const,
    interfaceTags: false,
  };
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
