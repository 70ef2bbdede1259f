import type { Call, Handlers } from '../call.ts';
import { missing, refuse } from '../errors.ts';
import { readFilters } from '../filters.ts';
import type { Tags } from '../records.ts';
import type { Region } from '../region.ts';
import { readTags } from '../tags.ts';
import { items, leaf } from '../xml.ts';
import { isAlive, stateOf } from './state.ts';

export const taggingHandlers: Handlers = {
  CreateTags: (call) =>
    change(call, (tags) => {
      const merged = { ...tags, ...readTags(call.params, 'Tag') };
      if (Object.keys(merged).length > 50)
        throw refuse('TagLimitExceeded', 'The maximum number of tags is 50.');
      return merged;
    }),
  DeleteTags: (call) => change(call, (tags) => without(call, tags)),
  DescribeTags: describeTags,
};

/** Anything that can carry tags, with how to give it others. */
export interface Tagged {
  readonly id: string;
  readonly type: string;
  readonly tags: Tags;
  retag(tags: Tags): void;
}

/** Everything in EC2 that exists at a moment and can carry tags. A terminated machine keeps its own for as long as it is seen. */
export function taggedResources(region: Region, at: number): Tagged[] {
  const { vpcs, subnets, groups, instances, keyPairs } = region;
  return [
    ...instances.seen(at).flatMap((seen): Tagged[] => {
      if (stateOf(region, seen, at) === undefined) return [];
      const now = () => instances.get(seen.id) ?? seen;
      const itself: Tagged = {
        id: seen.id,
        type: 'instance',
        tags: seen.tags,
        retag: (tags) => instances.put({ ...now(), tags }),
      };
      if (!isAlive(region, seen, at)) return [itself];
      return [
        itself,
        {
          id: seen.interfaceId,
          type: 'network-interface',
          tags: seen.interfaceTags,
          retag: (tags) => instances.put({ ...now(), interfaceTags: tags }),
        },
        ...seen.volumes.map((volume) => ({
          id: volume.id,
          type: 'volume',
          tags: volume.tags,
          retag: (tags: Tags) =>
            instances.put({
              ...now(),
              volumes: now().volumes.map((other) => (other.id === volume.id ? { ...other, tags } : other)),
            }),
        })),
      ];
    }),
    ...groups.seen(at).map((group) => ({
      id: group.id,
      type: 'security-group',
      tags: group.tags,
      retag: (tags: Tags) => groups.put({ ...(groups.get(group.id) ?? group), tags }),
    })),
    ...groups.seen(at).flatMap((group) =>
      group.rules.map((rule) => ({
        id: rule.id,
        type: 'security-group-rule',
        tags: rule.tags,
        retag: (tags: Tags) => {
          const now = groups.get(group.id) ?? group;
          groups.put({
            ...now,
            rules: now.rules.map((other) => (other.id === rule.id ? { ...other, tags } : other)),
          });
        },
      })),
    ),
    ...vpcs.seen(at).map((vpc) => ({
      id: vpc.id,
      type: 'vpc',
      tags: vpc.tags,
      retag: (tags: Tags) => vpcs.put({ ...vpc, tags }),
    })),
    ...subnets.seen(at).map((subnet) => ({
      id: subnet.id,
      type: 'subnet',
      tags: subnet.tags,
      retag: (tags: Tags) => subnets.put({ ...subnet, tags }),
    })),
    ...keyPairs.seen(at).map((pair) => ({
      id: pair.keyPairId,
      type: 'key-pair',
      tags: pair.tags,
      retag: (tags: Tags) => keyPairs.put({ ...pair, tags }),
    })),
  ];
}

/** All or nothing: one unknown resource refuses the whole call. */
function change(call: Call, next: (tags: Tags) => Tags): string {
  const { params, region, now } = call;
  const ids = params.texts('ResourceId');
  if (ids.length === 0) throw missing('resourceIdSet');
  if (ids.length > 1000)
    throw refuse('InvalidParameterValue', 'At most 1000 resources can be tagged in one call');
  const resources = new Map(taggedResources(region, now).map((resource) => [resource.id, resource]));
  for (const id of ids) if (!resources.has(id)) throw unknownResource(id);
  for (const id of new Set(ids)) {
    const resource = resources.get(id);
    resource?.retag(next(resource.tags));
  }
  return '<return>true</return>';
}

/** `Tag.N.Key` alone removes whatever its value; no tags at all removes every one. */
function without(call: Call, tags: Tags): Tags {
  const named = call.params.list('Tag');
  if (named.length === 0) return {};
  const doomed = named.flatMap((tag) => {
    const key = tag.text('Key') ?? '';
    const value = tag.text('Value');
    return value === undefined || tags[key] === value ? [key] : [];
  });
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !doomed.includes(key)));
}

function describeTags(call: Call): string {
  const { params, region, seenAt } = call;
  const all = taggedResources(region, seenAt).flatMap((resource) =>
    Object.entries(resource.tags).map(([key, value]) => ({ resource, key, value, tags: { [key]: value } })),
  );
  const test = readFilters<(typeof all)[number]>(params, {
    'resource-id': (tag) => [tag.resource.id],
    'resource-type': (tag) => [tag.resource.type],
    key: (tag) => [tag.key],
    value: (tag) => [tag.value],
  });
  return items(
    'tagSet',
    all.filter(test),
    (tag) =>
      leaf('resourceId', tag.resource.id) +
      leaf('resourceType', tag.resource.type) +
      leaf('key', tag.key) +
      leaf('value', tag.value),
  );
}

/** EC2 names the kind of resource in its code. */
function unknownResource(id: string): Error {
  const codes: Readonly<Record<string, string>> = {
    i: 'InvalidInstanceID.NotFound',
    sg: 'InvalidGroup.NotFound',
    vpc: 'InvalidVpcID.NotFound',
    subnet: 'InvalidSubnetID.NotFound',
    vol: 'InvalidVolume.NotFound',
    eni: 'InvalidNetworkInterfaceID.NotFound',
  };
  return refuse(codes[id.split('-')[0] ?? ''] ?? 'InvalidID', `The ID '${id}' does not exist`);
}
