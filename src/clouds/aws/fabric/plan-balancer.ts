/** The balancer itself. */
import {
  type Attributes,
  type Balancer,
  DELETION_PROTECTION,
  type FoundBalancer,
  NEW_BALANCER,
  type Network,
  type Subnet,
} from './found.ts';
import { nameTaken, needsTwoZones } from './refusals.ts';
import { type AwsStep, type Behalf, stepOf } from './steps.ts';
import type { DesiredBalancer } from './wish.ts';

const KIND = 'load balancer';

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
  if (found.state === 'failed') return `AWS could not set it up: ${found.stateReason ?? 'no reason given'}`;
  // https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html
  if (found.type === 'network' && found.groupIds.length === 0) {
    return 'it was made without a security group and can never have one';
  }
  if (subnetCalls(desired.type, found.subnets, network.subnets) === undefined) {
    return 'it is in one zone only, and cannot take another subnet there while it has one';
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
  const calls = subnetCalls(desired.type, found.subnets, network.subnets) ?? [];
  calls.forEach((subnets, index) => {
    const ids = subnets.map(({ id }) => id).join(', ');
    const because =
      index === calls.length - 1
        ? `its subnets are not the wished ${ids}`
        : `a zone gives up its subnet before it takes another, which leaves ${ids}`;
    const refused = desired.type === 'application' && subnets.length < 2;
    steps.push(
      stepOf(
        behalf,
        { ...update, because },
        index > 0
          ? 'the subnets are changed one call after the other'
          : refused
            ? { do: 'refuse', error: needsTwoZones(network) }
            : { do: 'set subnets', arn: found.arn, subnets },
      ),
    );
  });
  return steps;
}

/**
 * What the subnets are set to, one call after the other, until they are the wished ones; undefined where no calls lead
 * there. A network balancer takes another subnet in a zone only after it gave up the one it has, and always needs one: so
 * the zones take turns.
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/network/availability-zones.html
 */
export function subnetCalls(
  type: Balancer['type'],
  found: readonly Subnet[],
  wished: readonly Subnet[],
): readonly (readonly Subnet[])[] | undefined {
  const ids = (subnets: readonly Subnet[]) => subnets.map(({ id }) => id);
  if (sameSet(ids(found), ids(wished))) return [];
  const isHeld = ({ id, zone }: Subnet) =>
    type === 'network' && found.some((has) => has.zone === zone && has.id !== id);
  const [first, ...later] = wished.filter(isHeld);
  if (first === undefined) return [wished];
  const free = wished.filter((subnet) => !isHeld(subnet));
  const held = found.filter(({ zone }) => later.some((subnet) => subnet.zone === zone));
  const unwished = found.filter(({ zone }) => !wished.some((subnet) => subnet.zone === zone));
  const next = free.length + held.length > 0 ? [...free, ...held] : unwished;
  if (next.length === 0) return undefined;
  const rest = subnetCalls(type, next, wished);
  return rest && [next, ...rest];
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

export function sameSet(some: readonly string[], others: readonly string[]): boolean {
  const set = new Set(some);
  return set.size === new Set(others).size && others.every((other) => set.has(other));
}
