import type { z } from 'zod';
import type { Scope } from '../../cloud.ts';
import { parse } from '../parse.ts';
import { awsPlacement } from '../schema.ts';

const settings = awsPlacement.pick({ zones: true, network: true, tags: true });

/** What of a placement's `aws` the fabric goes by. */
export type Settings = z.output<typeof settings>;

/** `spec`: the cloud member of a placement or Node, as the schema parsed it. */
export function settingsOf(spec: unknown): Settings {
  return parse(settings, spec, 'aws');
}

/** Of a scope that several share: the settings of each, the one that decides first. */
export function allSettingsOf({ spec, also = [] }: Scope): readonly Settings[] {
  return [spec, ...also].map(settingsOf);
}

/** Users' tags of what stands there: where several share it, those of each, and of the first where they differ. */
export function tagsOf(scope: Scope): Settings['tags'] {
  const all = allSettingsOf(scope).flatMap(({ tags }) => (tags === undefined ? [] : [tags]));
  return all.length === 0 ? undefined : Object.assign({}, ...all.toReversed());
}
