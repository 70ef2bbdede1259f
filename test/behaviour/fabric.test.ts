import { describe } from 'vitest';
import { startAwsSandbox } from '../../src/sandbox/aws/sandbox.ts';
import { startMoto } from '../support/moto.ts';
import { refereePath } from '../support/referees.ts';
import { describeFabric } from './fabric-suite.ts';

describe('the fabric on the sandbox', () => {
  describeFabric(async () => {
    const stops: (() => Promise<void>)[] = [];
    const stop = async (): Promise<void> => {
      for (const end of stops.splice(0)) await end();
    };
    return {
      fresh: async (clock) => {
        await stop();
        const sandbox = await startAwsSandbox({ clock, throttle: 'off' });
        stops.push(sandbox.stop);
        return sandbox;
      },
      stop,
    };
  });
});

describe.skipIf(!refereePath('moto'))('the fabric on moto', () => {
  describeFabric(async () => {
    const moto = await startMoto();
    return {
      fresh: async () => {
        await moto.reset();
        return moto;
      },
      stop: async () => {
        await moto.assertNoUnimplemented().finally(moto.stop);
      },
    };
  });
});
