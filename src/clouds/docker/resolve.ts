/** What a launch needs to know besides the placement: the network its container attaches to. */
import { z } from 'zod';
import { CloudError, type Json, type Machines } from '../cloud.ts';
import { parse } from './parse.ts';
import { dockerPlacement } from './schema.ts';

/** Kept in a launch record, so a member, once here, keeps its meaning. */
export const resolution = z.object({
  /** By name: should it be made again, it has another id. */
  network: z.string(),
});

/** Nothing is asked of the engine: what a tag of an image means is settled when a container is made. */
export const resolver: Pick<Machines, 'pin' | 'resolve'> = {
  pin: async (spec): Promise<Json> => z.json().parse(parse(dockerPlacement, spec, 'docker')),
  resolve: async (_spec, attachment, zone) => {
    const place = attachment.zones.find((candidate) => candidate.zone === zone);
    if (place !== undefined) return { network: place.at } satisfies z.output<typeof resolution>;
    throw new CloudError({
      api: 'ContainerCreate',
      code: 'invalid',
      outcome: 'none',
      reason: 'NoSuchZone',
      message: `an engine has no zone ${zone}`,
    });
  },
};
