/** The launch record of a Node as it stands in its annotation. */
import { ANNOTATIONS } from '../../api/names.ts';
import type { Node } from '../../api/node.ts';
import { keyOf } from '../../kube/object.ts';
import { type LaunchRecord, parseLaunchRecord } from '../../planning/launch-record.ts';
import type { Seen } from '../kinds.ts';

/** Undefined when the Node has none. Throws when what is there is not what the operator writes. */
export function recordOf({ metadata }: Seen<Node>): LaunchRecord | undefined {
  try {
    return parseLaunchRecord(metadata.annotations?.[ANNOTATIONS.launch]);
  } catch (cause) {
    throw new Error(`annotation ${ANNOTATIONS.launch} of Node ${keyOf(metadata)} cannot be read`, { cause });
  }
}

/** What is not what the operator writes names no launch; the Node's own pass tells of it. */
export function readableRecordOf(seen: Seen<Node>): LaunchRecord | undefined {
  try {
    return recordOf(seen);
  } catch {
    return undefined;
  }
}

/** There is an annotation, and nobody knows what launch it names. */
export function isRecordUnreadable(seen: Seen<Node>): boolean {
  return (
    seen.metadata.annotations?.[ANNOTATIONS.launch] !== undefined && readableRecordOf(seen) === undefined
  );
}
