/** Owners as AWS tags and back. */
import { type Owner, TAGS } from '../cloud.ts';

export interface AwsTag {
  readonly Key: string;
  readonly Value: string;
}

/** Tags as answers carry them: every member may be absent. */
export type TagList = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[];

export interface Tagging {
  readonly owner: Owner;
  /** Of the launch, for machines. */
  readonly token?: string;
  /** What the user wants on it: ours win, except `Name`, which is for people only. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** All tags of something we make, ours first. */
export function tagsFor({ owner, token, tags = {} }: Tagging): AwsTag[] {
  const ours = Object.entries({
    [TAGS.cluster]: owner.cluster,
    [TAGS.network]: owner.network,
    [TAGS.node]: owner.node,
    [TAGS.placement]: owner.placement,
    [TAGS.launch]: token,
  });
  const theirs = Object.entries({ Name: nameOf(owner), ...tags }).filter(([key]) => !isReserved(key));
  return [...ours, ...theirs].flatMap(([Key, Value]) => (Value === undefined ? [] : [{ Key, Value }]));
}

/** Undefined: it does not carry our cluster tag, so it is nobody's whom we know. */
export function ownerOf(tags: TagList | undefined): Owner | undefined {
  const value = (key: string) => tags?.find((tag) => tag.Key === key)?.Value;
  const cluster = value(TAGS.cluster);
  if (cluster === undefined) return undefined;
  const network = value(TAGS.network);
  const node = value(TAGS.node);
  const placement = value(TAGS.placement);
  return {
    cluster,
    ...(network === undefined ? {} : { network }),
    ...(node === undefined ? {} : { node }),
    ...(placement === undefined ? {} : { placement }),
  };
}

export function tokenOf(tags: TagList | undefined): string | undefined {
  return tags?.find((tag) => tag.Key === TAGS.launch)?.Value;
}

/** `*`, `?` and `\` are wildcards in the values of EC2's filters. */
export function filterValue(text: string): string {
  return text.replace(/[*?\\]/g, '\\$&');
}

/** Only the operator's own keys begin so; an older or newer version's are left to it. */
export function isReserved(key: string): boolean {
  return key.startsWith('peerage-') || key.startsWith('aws:');
}

function nameOf(owner: Owner): string {
  const object = (owner.network ?? owner.node ?? '').split('/').at(-1);
  return [object, owner.placement].filter((part) => part !== undefined && part !== '').join('-');
}
