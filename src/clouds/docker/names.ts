/** What things are called on an engine. */
import { createHash } from 'node:crypto';

/**
 * Name of a launch's container. The token makes it unique and the same for each repetition; the node's name in front is
 * for people.
 */
export function containerName(node: string, token: string): string {
  return `${fitting(node)}-${fitting(token)}`;
}

export function volumeName(container: string, volume: string): string {
  return `${container}-${volume}`;
}

/**
 * Labels cannot be taken off, names can be changed: a container called so is not ours any more, whatever its labels say.
 * No node's name has an underscore.
 */
const RELEASED = 'peerage_released_';

export const releasedName = (name: string): string => (isReleased(name) ? name : `${RELEASED}${name}`);

export const isReleased = (name: string): boolean => name.startsWith(RELEASED);

/** Letters, digits, dots, dashes. Whatever else is in it, two texts stay two. */
function fitting(text: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9.-]*$/.test(text)) return text;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${text.replace(/[^a-zA-Z0-9]+/g, '-').replace(/^-+|-+$/g, '')}-${hash}`.replace(/^-/, '');
}
