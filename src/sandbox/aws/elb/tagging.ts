import type { Call, Handlers } from '../call.ts';
import { invalid, refuse } from '../errors.ts';
import type { Tags } from '../records.ts';
import type { Region } from '../region.ts';
import { readTags } from '../tags.ts';
import { leaf, members } from '../xml.ts';
import { balancerNotFound, listenerNotFound, targetGroupNotFound } from './lookup.ts';

export const balancingTagHandlers: Handlers = {
  AddTags: (call) =>
    change(call, (tags) => {
      const merged = { ...tags, ...readTags(call.params, 'Tags') };
      if (Object.keys(merged).length > 50) throw refuse('TooManyTags', 'The maximum number of tags is 50');
      return merged;
    }),
  RemoveTags: (call) =>
    change(call, (tags) => {
      const doomed = call.params.texts('TagKeys');
      return Object.fromEntries(Object.entries(tags).filter(([key]) => !doomed.includes(key)));
    }),
  DescribeTags: describeTags,
};

/** More ARNs than this in one DescribeTags call are refused. */
const arnsPerCall = 20;

function describeTags(call: Call): string {
  const { params, region, seenAt } = call;
  const arns = params.texts('ResourceArns');
  if (arns.length === 0 || arns.length > arnsPerCall) {
    throw invalid(`The number of resource ARNs must be between 1 and ${arnsPerCall}, not ${arns.length}`);
  }
  const found = arns.map((arn) => ({ arn, tags: tagsOf(region, arn, seenAt) }));
  return members(
    'TagDescriptions',
    found,
    ({ arn, tags }) =>
      leaf('ResourceArn', arn) +
      members('Tags', Object.entries(tags), ([key, value]) => leaf('Key', key) + leaf('Value', value)),
  );
}

function change(call: Call, next: (tags: Tags) => Tags): string {
  const { params, region, now } = call;
  const changes = params.texts('ResourceArns').map((arn) => ({ arn, tags: next(tagsOf(region, arn, now)) }));
  if (changes.length === 0) throw invalid('At least one resource ARN must be specified');
  for (const { arn, tags } of changes) retag(region, arn, tags);
  return '';
}

function tagsOf(region: Region, arn: string, at: number): Tags {
  const resource =
    region.balancers.seenById(arn, at) ??
    region.targetGroups.seenById(arn, at) ??
    region.listeners.seenById(arn, at);
  if (resource !== undefined) return resource.tags;
  if (arn.includes(':targetgroup/')) throw targetGroupNotFound();
  if (arn.includes(':listener/')) throw listenerNotFound();
  throw balancerNotFound(arn);
}

function retag(region: Region, arn: string, tags: Tags): void {
  const { balancers, targetGroups, listeners } = region;
  const balancer = balancers.get(arn);
  const group = targetGroups.get(arn);
  const listener = listeners.get(arn);
  if (balancer !== undefined) balancers.put({ ...balancer, tags });
  if (group !== undefined) targetGroups.put({ ...group, tags });
  if (listener !== undefined) listeners.put({ ...listener, tags });
}
