/** Tags of what stands, as calls. Each leaves the snapshot as the call left the cloud. */
import type { AwsTag } from '../tags.ts';
import type { Tags } from './found.ts';
import type { Hands } from './hands.ts';
import type { ActionOf } from './steps.ts';

export async function tagGroup(
  { sdk, snapshot, asker }: Hands,
  { groupId, tags }: ActionOf<'tag group'>,
): Promise<void> {
  await sdk.createTags({ Resources: [groupId], Tags: [...tags] }, asker);
  const group = snapshot.groups.rows().get(groupId);
  if (group !== undefined) snapshot.groups.changed(groupId, { ...group, tags: withTags(group.tags, tags) });
}

export async function untagGroup(
  { sdk, snapshot, asker }: Hands,
  { groupId, keys }: ActionOf<'untag group'>,
): Promise<void> {
  await sdk.deleteTags({ Resources: [groupId], Tags: keys.map((Key) => ({ Key })) }, asker);
  const group = snapshot.groups.rows().get(groupId);
  if (group !== undefined)
    snapshot.groups.changed(groupId, { ...group, tags: withoutTags(group.tags, keys) });
}

export async function tag({ sdk, snapshot, asker }: Hands, { arn, tags }: ActionOf<'tag'>): Promise<void> {
  await sdk.addTags({ ResourceArns: [arn], Tags: [...tags] }, asker);
  const known = snapshot.tagged.rows().get(arn);
  if (known !== undefined) snapshot.tagged.changed(arn, { ...known, tags: withTags(known.tags, tags) });
}

export async function untag(
  { sdk, snapshot, asker }: Hands,
  { arn, keys }: ActionOf<'untag'>,
): Promise<void> {
  await sdk.removeTags({ ResourceArns: [arn], TagKeys: [...keys] }, asker);
  const known = snapshot.tagged.rows().get(arn);
  if (known !== undefined) snapshot.tagged.changed(arn, { ...known, tags: withoutTags(known.tags, keys) });
}

function withTags(before: Tags, added: readonly AwsTag[]): Tags {
  return new Map([...before, ...added.map(({ Key, Value }) => [Key, Value] as const)]);
}

function withoutTags(before: Tags, keys: readonly string[]): Tags {
  return new Map(Array.from(before).filter(([key]) => !keys.includes(key)));
}
