import { refuse } from './errors.ts';
import type { Params } from './query.ts';
import type { Tags } from './records.ts';
import { items, leaf } from './xml.ts';

/** Reads `Tag.N.Key` / `Tag.N.Value` or the ELBv2 form `Tags.member.N.Key`. */
export function readTags(params: Params, name: string): Tags {
  const tags: Record<string, string> = {};
  for (const tag of params.list(name)) {
    const key = tag.text('Key') ?? '';
    if (key === '' || key.length > 128 || key.startsWith('aws:')) {
      throw refuse(
        'InvalidParameterValue',
        `Tag keys cannot be empty, longer than 128 or start with aws: '${key}'`,
      );
    }
    const value = tag.text('Value') ?? '';
    if (value.length > 256)
      throw refuse('InvalidParameterValue', `The value of tag ${key} is longer than 256`);
    tags[key] = value;
  }
  return tags;
}

/** The tags that `TagSpecification.N` gives to one type of resource. */
export function readTagSpecifications(params: Params, resourceType: string): Tags {
  return Object.assign(
    {},
    ...params
      .list('TagSpecification')
      .filter((specification) => specification.text('ResourceType') === resourceType)
      .map((specification) => readTags(specification, 'Tag')),
  );
}

/** A create call may only tag what it creates. */
export function checkTagSpecifications(params: Params, allowed: readonly string[]): void {
  for (const specification of params.list('TagSpecification')) {
    const type = specification.text('ResourceType') ?? '';
    if (!allowed.includes(type)) {
      throw refuse(
        'InvalidParameterValue',
        `'${type}' is not a valid taggable resource type for this operation.`,
      );
    }
  }
}

export function tagSet(tags: Tags): string {
  const entries = Object.entries(tags);
  return entries.length === 0
    ? ''
    : items('tagSet', entries, ([key, value]) => leaf('key', key) + leaf('value', value));
}
