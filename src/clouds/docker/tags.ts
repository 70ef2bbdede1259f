/** Owners as labels and back. A label cannot be changed once it is there. */
import { type Owner, TAGS } from '../cloud.ts';

/** Label keys beside those of the contract. */
export const LABELS = {
  /** Position of a machine in its launch. */
  index: `${TAGS.launch}-index`,
  /** What a container is for: a machine has a launch, a balancer has this. */
  balancer: 'peerage-balancer',
  /** UID of the owner's object: a later one of its name has another. */
  uid: 'peerage-uid',
} as const;

/** As answers carry them: an engine writes `null` for none. */
export type LabelMap = Readonly<Record<string, string>>;

export interface Labelling {
  readonly owner: Owner;
  readonly uid?: string;
  readonly launch?: { readonly token: string; readonly index: number };
  /** What the user wants on it: ours win. */
  readonly labels?: LabelMap;
}

export function labelsFor({ owner, uid, launch, labels = {} }: Labelling): Record<string, string> {
  const ours = Object.entries({
    [TAGS.cluster]: owner.cluster,
    [TAGS.network]: owner.network,
    [TAGS.node]: owner.node,
    [TAGS.placement]: owner.placement,
    [TAGS.region]: owner.region,
    [LABELS.uid]: uid,
    [TAGS.launch]: launch?.token,
    [LABELS.index]: launch === undefined ? undefined : String(launch.index),
  });
  const theirs = Object.entries(labels).filter(([key]) => !key.startsWith('peerage-'));
  const present = [...theirs, ...ours].flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  return Object.fromEntries(present);
}

/** Undefined: it does not carry our cluster label, so it is nobody's whom we know. */
export function ownerOf(labels: LabelMap): Owner | undefined {
  const cluster = labels[TAGS.cluster];
  if (cluster === undefined) return undefined;
  const network = labels[TAGS.network];
  const node = labels[TAGS.node];
  const placement = labels[TAGS.placement];
  const region = labels[TAGS.region];
  return {
    cluster,
    ...(network === undefined ? {} : { network }),
    ...(node === undefined ? {} : { node }),
    ...(placement === undefined ? {} : { placement }),
    ...(region === undefined ? {} : { region }),
  };
}

export function launchOf(labels: LabelMap): { readonly token: string; readonly index: number } | undefined {
  const token = labels[TAGS.launch];
  return token === undefined ? undefined : { token, index: Number(labels[LABELS.index] ?? 0) };
}

/** For lists: what carries our cluster label, and all of these. */
export function labelFilter(cluster: string, ...more: readonly string[]): { label: string[] } {
  return { label: [`${TAGS.cluster}=${cluster}`, ...more] };
}
