/** Security groups, as calls. Each leaves the snapshot as the call left the cloud. */
import { TAGS } from '../../cloud.ts';
import { tagMap } from '../tags.ts';
import type { Group } from './found.ts';
import { type Hands, orIfGone } from './hands.ts';
import { scopeKey } from './names.ts';
import { isCode, nameTaken, notNow } from './refusals.ts';
import { groupRow } from './rows.ts';
import { distinct, type Rule, toPermissions, without } from './rules.ts';
import type { ActionOf } from './steps.ts';
import { defaultEgress } from './wish.ts';

export async function createGroup(hands: Hands, action: ActionOf<'create group'>): Promise<void> {
  const { sdk, snapshot, asker } = hands;
  const { name, description, vpcId, owner } = action;
  try {
    const { GroupId: id = '' } = await sdk.createSecurityGroup(
      {
        GroupName: name,
        Description: description,
        VpcId: vpcId,
        TagSpecifications: [
          {
            ResourceType: 'security-group',
            Tags: [...action.tags],
          },
        ],
      },
      asker,
    );
    snapshot.groups.made(id, {
      id,
      name,
      vpcId,
      owner,
      tags: tagMap(action.tags),
      ingress: [],
      egress: defaultEgress(action),
    });
  } catch (thrown) {
    // The reply to an earlier call was lost, or the name is somebody else's.
    if (!isCode(thrown, 'alreadyExists')) throw thrown;
    const group = await groupNamed(hands, name, vpcId);
    if (group === undefined) throw notNow(thrown);
    if (group.owner === undefined || scopeKey(group.owner) !== scopeKey(owner)) {
      throw nameTaken('CreateSecurityGroup', { kind: 'security group', name });
    }
    snapshot.groups.made(group.id, group);
  }
}

async function groupNamed(hands: Hands, name: string, vpcId: string): Promise<Group | undefined> {
  const { SecurityGroups = [] } = await hands.sdk.describeSecurityGroups(
    {
      Filters: [
        { Name: 'group-name', Values: [name] },
        { Name: 'vpc-id', Values: [vpcId] },
      ],
    },
    hands.asker,
  );
  const [group] = SecurityGroups;
  return group === undefined ? undefined : groupRow(group, hands.cluster);
}

/** AWS takes all rules of a call or none; one that is there already (or gone already) must not hold up the rest. */
export async function changeRules(hands: Hands, action: ActionOf<'authorize' | 'revoke'>): Promise<void> {
  const isNothingNew = (thrown: unknown): boolean =>
    action.do === 'authorize'
      ? isCode(thrown, 'alreadyExists')
      : isCode(thrown, 'notFound') && thrown.reason.startsWith('InvalidPermission');
  try {
    await sendRules(hands, action, action.rules);
  } catch (thrown) {
    if (!isNothingNew(thrown)) {
      if (isCode(thrown, 'notFound')) hands.snapshot.groups.removed(action.groupId);
      throw thrown;
    }
    for (const rule of action.rules.length > 1 ? action.rules : []) {
      await sendRules(hands, action, [rule]).catch((again: unknown) => {
        if (!isNothingNew(again)) throw again;
      });
    }
  }
  const group = hands.snapshot.groups.rows().get(action.groupId);
  if (group === undefined) return;
  const before = group[action.direction];
  const after =
    action.do === 'authorize' ? distinct([...before, ...action.rules]) : without(before, action.rules);
  hands.snapshot.groups.changed(group.id, { ...group, [action.direction]: after });
}

async function sendRules(
  { sdk, asker }: Hands,
  { do: todo, direction, groupId }: ActionOf<'authorize' | 'revoke'>,
  rules: readonly Rule[],
): Promise<void> {
  const input = { GroupId: groupId, IpPermissions: toPermissions(rules) };
  if (todo === 'authorize') {
    await (direction === 'ingress'
      ? sdk.authorizeSecurityGroupIngress(input, asker)
      : sdk.authorizeSecurityGroupEgress(input, asker));
  } else {
    await (direction === 'ingress'
      ? sdk.revokeSecurityGroupIngress(input, asker)
      : sdk.revokeSecurityGroupEgress(input, asker));
  }
}

export async function deleteGroup(hands: Hands, { groupId }: ActionOf<'delete group'>): Promise<void> {
  await orIfGone(hands.sdk.deleteSecurityGroup({ GroupId: groupId }, hands.asker));
  hands.snapshot.groups.removed(groupId);
}

export async function releaseGroup(hands: Hands, { groupId }: ActionOf<'release group'>): Promise<void> {
  await orIfGone(
    hands.sdk.deleteTags(
      { Resources: [groupId], Tags: [{ Key: TAGS.cluster, Value: hands.cluster }] },
      hands.asker,
    ),
  );
  hands.snapshot.groups.removed(groupId);
}
