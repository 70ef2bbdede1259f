import type { z } from 'zod';
import { parse } from '../parse.ts';
import { awsPlacement } from '../schema.ts';

const settings = awsPlacement.pick({ zones: true, network: true, tags: true });

/** What of a placement's `aws` the fabric goes by. */
export type Settings = z.output<typeof settings>;

/** `spec`: the cloud member of a placement or Node, as the schema parsed it. */
export function settingsOf(spec: unknown): Settings {
  return parse(settings, spec, 'aws');
}
