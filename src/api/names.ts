/** Every label, annotation and finalizer that Peerage writes or reads on objects of the cluster. */
import { GROUP } from './common.ts';

export const LABELS = {
  /** Name of the Network that a Node belongs to. */
  network: `${GROUP}/network`,
  /** Name of its placement. */
  placement: `${GROUP}/placement`,
  /** Ordinal within the placement: the smallest that was free when the Node was made. */
  index: `${GROUP}/index`,
  /** Part that the Node plays, as its Network says. */
  role: `${GROUP}/role`,
  /** Hash of what the Node is made of. */
  revision: `${GROUP}/revision`,
} as const;

export const ANNOTATIONS = {
  /** On a Node: the record of its launch, as JSON. It is there before the cloud is called. */
  launch: `${GROUP}/launch`,
  /** On a Node: token of a launch whose call was never made, so that whoever still means to make it meets a conflict. */
  voided: `${GROUP}/voided`,
  /** On a Network: where its placements are, those on their way out included, as JSON. There before the first create. */
  placements: `${GROUP}/placements`,
  /** On a Network: a gateway was made, or is about to be. */
  gateway: `${GROUP}/gateway`,
  /** On a gateway's ConfigMap: addresses and weights of its placements, as JSON. */
  pool: `${GROUP}/pool`,
  /** On a gateway's Pods: hash of their configuration, so that another one is another Pod. */
  config: `${GROUP}/config`,
  /** On all objects of a gateway: hash of what we wrote, so that what is no longer wished is seen. */
  wish: `${GROUP}/wish`,
  /** On a CloudCredential: regions in which something was made, as JSON. It is there before the first create. */
  regions: `${GROUP}/regions`,
  /** On a CloudCredential: name of the Secret that carries our finalizer for it. It is there before the finalizer is. */
  heldSecret: `${GROUP}/held-secret`,
  /** On any kind, written by people: a new value makes the operator look again now. */
  reconcile: `${GROUP}/reconcile`,
} as const;

/** The ConfigMap that lists the peers of a Network. */
export function peersConfigMapName(network: string): string {
  return `${network}-peers`;
}

/** All objects of a Network's gateway. */
export function gatewayName(network: string): string {
  return `${network}-gateway`;
}

/** On all kinds, and on the Secret behind a credential in use. */
export const FINALIZER = `${GROUP}/finalizer`;
