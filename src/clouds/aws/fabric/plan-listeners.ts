/** The listeners of a balancer. */
import type { FoundBalancer, FoundPool, Listener } from './found.ts';
import { sameSet } from './plan-balancer.ts';
import { type AwsStep, type Behalf, stepOf } from './steps.ts';
import type { DesiredBalancer, DesiredListener } from './wish.ts';

const KIND = 'listener';

/**
 * Listeners that forward to our target groups, and those on a port that is wished. Any other belongs to somebody else and
 * stays.
 */
export function planListeners(
  behalf: Behalf,
  desired: DesiredBalancer,
  standing: FoundBalancer | undefined,
  pools: readonly FoundPool[],
): readonly AwsStep[] {
  const found = standing?.listeners ?? [];
  const wishedPorts = new Set(desired.listeners.map((listener) => listener.port));
  const poolArns = new Set(pools.map((pool) => pool.arn));
  const surplus = found.filter(
    (listener) => !wishedPorts.has(listener.port) && listener.poolArns.some((arn) => poolArns.has(arn)),
  );
  return [
    ...surplus.map((listener) =>
      stepOf(
        behalf,
        {
          verb: 'delete',
          kind: KIND,
          name: listenerName(listener),
          because: `port ${listener.port} is not wished`,
        },
        { do: 'delete listener', balancerArn: standing?.arn ?? '', arn: listener.arn },
      ),
    ),
    ...desired.listeners.flatMap((wished) => {
      const arn = pools.find((pool) => pool.name === wished.pool)?.arn;
      return planListener(behalf, wished, { standing, poolArn: arn, found: found.find(onPort(wished.port)) });
    }),
  ];
}

function planListener(
  behalf: Behalf,
  wished: DesiredListener,
  context: {
    readonly standing: FoundBalancer | undefined;
    readonly poolArn: string | undefined;
    readonly found: Listener | undefined;
  },
): readonly AwsStep[] {
  const { standing, poolArn, found } = context;
  const because = found === undefined ? `port ${wished.port} has none` : misfitOf(wished, found, poolArn);
  if (because === undefined) return [];
  const shown = {
    verb: found === undefined ? 'create' : 'update',
    kind: KIND,
    name: listenerName(wished),
    because,
  } as const;
  if (standing === undefined) return [stepOf(behalf, shown, 'the load balancer is not there yet')];
  if (poolArn === undefined) return [stepOf(behalf, shown, `target group ${wished.pool} is not there yet`)];
  const listener = {
    port: wished.port,
    protocol: wished.protocol,
    certificates: wished.certificate === undefined ? [] : [wished.certificate],
    poolArns: [poolArn],
  };
  return [
    stepOf(
      behalf,
      shown,
      found === undefined
        ? {
            do: 'create listener',
            balancerArn: standing.arn,
            listener,
            owner: behalf.owner,
            tags: behalf.tags,
          }
        : { do: 'set listener', balancerArn: standing.arn, listener: { ...listener, arn: found.arn } },
    ),
  ];
}

function misfitOf(wished: DesiredListener, found: Listener, poolArn: string | undefined): string | undefined {
  if (found.protocol !== wished.protocol) return `it speaks ${found.protocol}, wished is ${wished.protocol}`;
  if (!sameSet(found.certificates, wished.certificate === undefined ? [] : [wished.certificate])) {
    return 'its certificate is not the wished one';
  }
  if (poolArn === undefined || !sameSet(found.poolArns, [poolArn])) {
    return `it does not forward to ${wished.pool}`;
  }
  return undefined;
}

const onPort = (port: number) => (listener: Listener) => listener.port === port;

export function listenerName(listener: { readonly protocol: string; readonly port: number }): string {
  return `${listener.protocol} ${listener.port}`;
}
