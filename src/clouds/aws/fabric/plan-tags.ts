/** The tags of what stands: what the spec wishes is put on, and what it wished once is taken off. */
import { compareTags, describeTags } from '../tags.ts';
import type { Group, Tags } from './found.ts';
import { type Action, type AwsStep, type Behalf, stepOf } from './steps.ts';

export function planGroupTags(behalf: Behalf, { id: groupId, name, tags }: Group): readonly AwsStep[] {
  return planTags(behalf, {
    kind: 'security group',
    name,
    found: tags,
    untag: (keys) => ({ do: 'untag group', groupId, keys }),
    tag: (wished) => ({ do: 'tag group', groupId, tags: wished }),
  });
}

/** A balancer, listener or target group. */
export function planElbTags(
  behalf: Behalf,
  {
    kind,
    name,
    arn,
    tags,
  }: { readonly kind: string; readonly name: string; readonly arn: string; readonly tags?: Tags },
): readonly AwsStep[] {
  if (tags === undefined) return [];
  return planTags(behalf, {
    kind,
    name,
    found: tags,
    untag: (keys) => ({ do: 'untag', arn, keys }),
    tag: (wished) => ({ do: 'tag', arn, tags: wished }),
  });
}

/** Off before on: the note of what the spec put there must outlast it. */
function planTags(
  behalf: Behalf,
  of: {
    readonly kind: string;
    readonly name: string;
    readonly found: Tags;
    readonly untag: (keys: readonly string[]) => Action;
    readonly tag: (tags: Behalf['tags']) => Action;
  },
): readonly AwsStep[] {
  const { kind, name, found } = of;
  const { missing, surplus } = compareTags(behalf.tags, found);
  const because = (part: { missing: Behalf['tags']; surplus: readonly string[] }) =>
    describeTags(part, found);
  const update = { verb: 'update', kind, name } as const;
  return [
    ...(surplus.length === 0
      ? []
      : [stepOf(behalf, { ...update, because: because({ missing: [], surplus }) }, of.untag(surplus))]),
    ...(missing.length === 0
      ? []
      : [stepOf(behalf, { ...update, because: because({ missing, surplus: [] }) }, of.tag(missing))]),
  ];
}
