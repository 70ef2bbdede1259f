/** The balancer itself and its listeners. */
import {
  type Attributes,
  type Balancer,
  DELETION_PROTECTION,
  type FoundBalancer,
  type FoundPool,
  type Listener,
  NEW_BALANCER,
  type Network,
} from './found.ts';
import { nameTaken, needsTwoZones } from './refusals.ts';
import { type AwsStep, type Behalf, stepOf } from './steps.ts';
import type { DesiredBalancer, DesiredListener } from './wish.ts';

const KIND = 'load balancer';
const LISTENER = 'listener';

export interface BalancerContext {
  readonly network: Network;
  /** Of the balancer's security group; undefined until it is made. */
  readonly groupId: string | undefined;
  readonly groupName: string;
  /** Names like ours on balancers that are not ours. */
  readonly taken: ReadonlySet<string>;
}

/** `standing`: the balancer that further steps can build on. */
export function planBalancer(
  behalf: Behalf,
  desired: DesiredBalancer,
  found: FoundBalancer | undefined,
  context: BalancerContext,
): { readonly steps: readonly AwsStep[]; readonly standing: FoundBalancer | undefined } {
  const misfit = found === undefined ? undefined : whyReplace(desired, found, context);
  if (found === undefined || misfit !== undefined) {
    const steps = [
      ...(found === undefined || misfit === undefined
        ? []
        : planDeleteBalancer(behalf, found, `${misfit}; its name is free again only when it is gone`)),
      planCreate(behalf, desired, context, found),
      ...planAttributes(behalf, desired, undefined),
    ];
    return { steps, standing: undefined };
  }
  const steps = [...planPlace(behalf, desired, found, context), ...planAttributes(behalf, desired, found)];
  return { steps, standing: found };
}

function whyReplace(
  desired: DesiredBalancer,
  found: Balancer,
  { network }: BalancerContext,
): string | undefined {
  if (found.type !== desired.type) return `it is of type ${found.type}, wished is ${desired.type}`;
  if (found.scheme !== desired.scheme) return `it is ${found.scheme}, wished is ${desired.scheme}`;
  if (found.vpcId !== network.vpcId) return `it is in ${found.vpcId}, the machines are in ${network.vpcId}`;
  if (found.state === 'failed') return `AWS could not set it up: ${found.stateReason ?? 'no reason given'}`;
  // https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html
  if (found.type === 'network' && found.groupIds.length === 0) {
    return 'it was made without a security group and can never have one';
  }
  return undefined;
}

function planCreate(
  behalf: Behalf,
  desired: DesiredBalancer,
  { network, groupId, groupName, taken }: BalancerContext,
  old: Balancer | undefined,
): AwsStep {
  const shown = { verb: 'create', kind: KIND, name: desired.name, because: 'there is none' } as const;
  if (taken.has(desired.name))
    return stepOf(behalf, shown, { do: 'refuse', error: nameTaken('CreateLoadBalancer', shown) });
  if (desired.type === 'application' && network.subnets.length < 2) {
    return stepOf(behalf, shown, { do: 'refuse', error: needsTwoZones(network) });
  }
  if (old !== undefined) return stepOf(behalf, shown, 'the old load balancer has to go first');
  if (groupId === undefined) return stepOf(behalf, shown, `security group ${groupName} is not there yet`);
  return stepOf(behalf, shown, {
    do: 'create balancer',
    name: desired.name,
    type: desired.type,
    scheme: desired.scheme,
    vpcId: network.vpcId,
    subnetIds: network.subnets.map((subnet) => subnet.id),
    groupIds: [groupId],
    owner: behalf.owner,
    tags: behalf.tags,
  });
}

function planPlace(
  behalf: Behalf,
  desired: DesiredBalancer,
  found: Balancer,
  { network, groupId, groupName }: BalancerContext,
): readonly AwsStep[] {
  const update = { verb: 'update', kind: KIND, name: desired.name } as const;
  const subnetIds = network.subnets.map((subnet) => subnet.id);
  const steps: AwsStep[] = [];
  if (groupId === undefined || !sameSet(found.groupIds, [groupId])) {
    steps.push(
      stepOf(
        behalf,
        { ...update, because: `its security group is not ${groupName}` },
        groupId === undefined
          ? `security group ${groupName} is not there yet`
          : { do: 'set groups', arn: found.arn, groupIds: [groupId] },
      ),
    );
  }
  if (!sameSet(found.subnetIds, subnetIds)) {
    const because = `its subnets are ${found.subnetIds.join(', ')}, wished are ${subnetIds.join(', ')}`;
    steps.push(
      stepOf(
        behalf,
        { ...update, because },
        desired.type === 'application' && subnetIds.length < 2
          ? { do: 'refuse', error: needsTwoZones(network) }
          : { do: 'set subnets', arn: found.arn, subnetIds },
      ),
    );
  }
  return steps;
}

function planAttributes(
  behalf: Behalf,
  desired: DesiredBalancer,
  found: FoundBalancer | undefined,
): readonly AwsStep[] {
  const changed = changedAttributes(desired.attributes, found?.attributes ?? NEW_BALANCER[desired.type]);
  if (changed === undefined) return [];
  return [
    stepOf(
      behalf,
      { verb: 'update', kind: KIND, name: desired.name, because: changed.because },
      found === undefined
        ? 'the load balancer is not there yet'
        : { do: 'set balancer attributes', arn: found.arn, attributes: changed.attributes },
    ),
  ];
}

export function changedAttributes(
  wished: Attributes,
  found: Attributes,
): { readonly attributes: Readonly<Record<string, string>>; readonly because: string } | undefined {
  const changed = Array.from(wished).filter(([key, value]) => found.get(key) !== value);
  if (changed.length === 0) return undefined;
  return {
    attributes: Object.fromEntries(changed),
    because: changed
      .map(([key, value]) => `${key} is ${found.get(key) ?? 'not set'}, wished is ${value}`)
      .join('; '),
  };
}

/** Its listeners go with it. */
export function planDeleteBalancer(
  behalf: { readonly owner: Behalf['owner'] },
  found: FoundBalancer,
  because: string,
): readonly AwsStep[] {
  const what = { kind: KIND, name: found.name };
  const shielded = found.attributes.get(DELETION_PROTECTION) === 'true';
  const steps = shielded
    ? [
        stepOf(
          behalf,
          { verb: 'update', ...what, because: 'deletion protection is on' },
          { do: 'set balancer attributes', arn: found.arn, attributes: { [DELETION_PROTECTION]: 'false' } },
        ),
      ]
    : [];
  return [
    ...steps,
    stepOf(
      behalf,
      { verb: 'delete', ...what, because },
      shielded ? 'deletion protection is on' : { do: 'delete balancer', arn: found.arn },
    ),
  ];
}

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
          kind: LISTENER,
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
    kind: LISTENER,
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
        ? { do: 'create listener', balancerArn: standing.arn, listener, tags: behalf.tags }
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

function sameSet(some: readonly string[], others: readonly string[]): boolean {
  const set = new Set(some);
  return set.size === new Set(others).size && others.every((other) => set.has(other));
}
