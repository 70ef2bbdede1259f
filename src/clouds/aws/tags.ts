/** Owners as AWS tags and back. */
import { createHash } from 'node:crypto';
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
    [TAGS.region]: owner.region,
    [TAGS.launch]: token,
  });
  const theirs = Object.entries({ Name: nameOf(owner), ...tags }).filter(([key]) => !isReserved(key));
  return [...ours, ...theirs].flatMap(([Key, Value]) => (Value === undefined ? [] : [{ Key, Value }]));
}

/** Which keys a user's spec has put on something that stands. */
const KEYS_TAG = 'peerage-tag-keys';
const MARK_LENGTH = 6;

/**
 * All tags of something that stands and whose tags follow the spec. One of them says which keys are there for the spec,
 * since only those may be taken off again; a tag that somebody else put on stays. A value has room for 256 characters
 * and a spec for 40 keys, so each key is kept as a mark of six: 36 bits of its hash.
 */
export function standingTags({ owner, tags = {} }: Pick<Tagging, 'owner' | 'tags'>): AwsTag[] {
  const marks = Object.keys(tags)
    .filter((key) => !isReserved(key))
    .map(markOf)
    .sort();
  return [
    ...tagsFor({ owner, tags }),
    ...(marks.length === 0 ? [] : [{ Key: KEYS_TAG, Value: marks.join('') }]),
  ];
}

export interface TagDifference {
  /** Not there, or with another value. */
  readonly missing: readonly AwsTag[];
  /** Keys that a spec once put there and that are not wished any more. */
  readonly surplus: readonly string[];
}

/** `wished`: as `standingTags` gives them. */
export function compareTags(wished: readonly AwsTag[], found: ReadonlyMap<string, string>): TagDifference {
  const wishedKeys = new Set(wished.map(({ Key }) => Key));
  const noted = found.get(KEYS_TAG) ?? '';
  const marks = new Set(noted.match(new RegExp(`.{${MARK_LENGTH}}`, 'g')));
  return {
    missing: wished.filter(({ Key, Value }) => found.get(Key) !== Value),
    surplus: Array.from(found.keys()).filter(
      (key) => !wishedKeys.has(key) && (key === KEYS_TAG || (!isReserved(key) && marks.has(markOf(key)))),
    ),
  };
}

/** For people: `team is ops, wished is chain; cost is not wished`. Our own notes are no news. */
export function describeTags(
  { missing, surplus }: TagDifference,
  found: ReadonlyMap<string, string>,
): string {
  const told = [
    ...missing.map(({ Key, Value }) => ({ Key, text: `${found.get(Key) ?? 'not set'}, wished is ${Value}` })),
    ...surplus.map((Key) => ({ Key, text: 'not wished' })),
  ].filter(({ Key }) => Key !== KEYS_TAG);
  if (told.length === 0) return 'its note of the tags that the spec put there is not right';
  const shown = told.slice(0, 3).map(({ Key, text }) => `tag ${Key} is ${text}`);
  return [...shown, ...(told.length > shown.length ? [`${told.length - shown.length} more`] : [])].join('; ');
}

/** The characters of base64url are among those that a tag may have. */
function markOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, MARK_LENGTH);
}

/** By key. */
export function tagMap(tags: TagList | undefined): ReadonlyMap<string, string> {
  return new Map((tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]));
}

/** Undefined: it does not carry our cluster tag, so it is nobody's whom we know. */
export function ownerOf(tags: TagList | undefined): Owner | undefined {
  const value = (key: string) => tags?.find((tag) => tag.Key === key)?.Value;
  const cluster = value(TAGS.cluster);
  if (cluster === undefined) return undefined;
  const network = value(TAGS.network);
  const node = value(TAGS.node);
  const placement = value(TAGS.placement);
  const region = value(TAGS.region);
  return {
    cluster,
    ...(network === undefined ? {} : { network }),
    ...(node === undefined ? {} : { node }),
    ...(placement === undefined ? {} : { placement }),
    ...(region === undefined ? {} : { region }),
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
  const place = owner.placement ?? owner.region?.split('/').at(-1);
  return [object, place].filter((part) => part !== undefined && part !== '').join('-');
}
