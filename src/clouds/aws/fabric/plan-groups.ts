/** Security groups: made, filled, and taken away. */
import type { Group, Network } from './found.ts';
import { scopeName } from './names.ts';
import {
  compareRules,
  describeRules,
  EVERYTHING_IPV6,
  type Rule,
  type RuleDifference,
  ruleKey,
} from './rules.ts';
import { type AwsStep, type Behalf, stepOf } from './steps.ts';
import { type DesiredGroup, defaultEgress } from './wish.ts';

const KIND = 'security group';

export function planCreate(behalf: Behalf, desired: DesiredGroup, network: Network): AwsStep {
  return stepOf(
    behalf,
    {
      verb: 'create',
      kind: KIND,
      name: desired.name,
      because: `there is none for the ${desired.of} of ${scopeName(behalf.owner)}`,
    },
    {
      do: 'create group',
      name: desired.name,
      description: desired.description,
      vpcId: network.vpcId,
      ipv6: network.ipv6,
      owner: behalf.owner,
      tags: behalf.tags,
    },
  );
}

/**
 * Adds before it takes away, so that no packet is lost where one rule replaces another. `absent`: names of groups the
 * rules refer to that have no id yet; `names`: those of the others, by id.
 */
export function planRules(
  behalf: Behalf,
  desired: DesiredGroup,
  found: Group | undefined,
  context: {
    readonly network: Network;
    readonly names: ReadonlyMap<string, string>;
    readonly absent: readonly string[];
  },
): readonly AwsStep[] {
  const ingress = compareRules(desired.ingress, found?.ingress ?? []);
  const egress = compareEgress(desired, found?.egress ?? defaultEgress(context.network), context.network);
  const change = (
    todo: 'authorize' | 'revoke',
    direction: 'ingress' | 'egress',
    rules: readonly Rule[],
  ): readonly AwsStep[] => {
    if (rules.length === 0) return [];
    const rulesText = describeRules(rules, direction === 'ingress' ? 'from' : 'to', context.names);
    const waitsFor = [
      ...(found === undefined ? [desired.name] : []),
      ...context.absent.filter((name) => rules.some((rule) => rule.peer === name)),
    ][0];
    return [
      stepOf(
        behalf,
        {
          verb: 'update',
          kind: KIND,
          name: desired.name,
          because: `${direction} ${rulesText} is ${todo === 'authorize' ? 'missing' : 'not wished'}`,
        },
        waitsFor === undefined && found !== undefined
          ? { do: todo, direction, groupId: found.id, rules }
          : `security group ${waitsFor} is not there yet`,
      ),
    ];
  };
  return [
    ...change('authorize', 'ingress', ingress.missing),
    ...change('revoke', 'ingress', ingress.surplus),
    ...change('authorize', 'egress', egress.missing),
    ...change('revoke', 'egress', egress.surplus),
  ];
}

function compareEgress(desired: DesiredGroup, found: readonly Rule[], network: Network): RuleDifference {
  const { missing, surplus } = compareRules(desired.egress ?? defaultEgress(network), found);
  if (desired.egress !== undefined) return { missing, surplus };
  // "Everything" may also say so for IPv6 where no subnet has it.
  return { missing, surplus: surplus.filter((rule) => ruleKey(rule) !== ruleKey(EVERYTHING_IPV6)) };
}

/**
 * A group that a rule of another one refers to goes after that other; AWS refuses it otherwise. `kept`: groups that stay, whose rules are
 * brought in line by earlier steps, and those of other scopes.
 */
export function planDeleteGroups(
  behalf: { readonly owner: Behalf['owner'] },
  groups: readonly Group[],
  context: { readonly kept: readonly Group[]; readonly because: string; readonly waits: string | undefined },
): readonly AwsStep[] {
  const steps: AwsStep[] = [];
  let left = groups;
  for (let free = nextFree(left); free !== undefined; free = nextFree(left)) {
    const { group, circle } = free;
    if (circle) {
      // They refer to each other in a circle: taking the rules out of one opens it.
      steps.push(...planRevokeReferences(behalf, group));
      left = left.map((one) => (one === group ? { ...group, ingress: [], egress: [] } : one));
      continue;
    }
    const referring = [...context.kept, ...groups].find(
      (other) => other.id !== group.id && refersTo(other, group),
    );
    steps.push(
      stepOf(
        behalf,
        { verb: 'delete', kind: KIND, name: group.name, because: context.because },
        context.waits ??
          (referring === undefined
            ? { do: 'delete group', groupId: group.id }
            : `a rule of security group ${referring.name} still refers to it`),
      ),
    );
    left = left.filter((one) => one !== group);
  }
  return steps;
}

function nextFree(left: readonly Group[]): { readonly group: Group; readonly circle: boolean } | undefined {
  const free = left.find((group) => !left.some((other) => other !== group && refersTo(other, group)));
  if (free !== undefined) return { group: free, circle: false };
  const [first] = left;
  return first === undefined ? undefined : { group: first, circle: true };
}

function planRevokeReferences(behalf: { readonly owner: Behalf['owner'] }, group: Group): readonly AwsStep[] {
  return (['ingress', 'egress'] as const).flatMap((direction) => {
    const rules = group[direction].filter((rule) => rule.peer.startsWith('sg-') && rule.peer !== group.id);
    if (rules.length === 0) return [];
    return [
      stepOf(
        behalf,
        { verb: 'update', kind: KIND, name: group.name, because: 'its rules hold another group' },
        { do: 'revoke', direction, groupId: group.id, rules },
      ),
    ];
  });
}

function refersTo(group: Group, other: Group): boolean {
  return [...group.ingress, ...group.egress].some((rule) => rule.peer === other.id);
}
