/** All that a region remembers as one JSON value, so that a later run can go on from there. */
import { z } from 'zod';
import type {
  Balancer,
  Instance,
  KeyPair,
  Launch,
  Listener,
  SecurityGroup,
  Subnet,
  Target,
  TargetGroup,
  Vpc,
} from './records.ts';
import type { Region } from './region.ts';

/** Records are written and read by the sandbox alone, so that their shape is its own business. */
const record = <T>() => z.custom<T>((value) => typeof value === 'object' && value !== null);
const pairs = <T>(of: z.ZodType<T>) => z.array(z.tuple([z.string(), of]));

export const savedRegion = z.object({
  vpcs: z.array(record<Vpc>()),
  subnets: z.array(record<Subnet>()),
  groups: z.array(record<SecurityGroup>()),
  instances: z.array(record<Instance>()),
  keyPairs: z.array(record<KeyPair>()),
  balancers: z.array(record<Balancer>()),
  targetGroups: z.array(
    z.object({ group: record<Omit<TargetGroup, 'targets'>>(), targets: pairs(record<Target>()) }),
  ),
  listeners: z.array(record<Listener>()),
  launches: pairs(record<Launch>()),
  addresses: pairs(pairs(z.string())),
  /** How many ids were given out. */
  ids: z.int(),
});
export type SavedRegion = z.output<typeof savedRegion>;

export function save(region: Region): SavedRegion {
  return {
    vpcs: region.vpcs.all(),
    subnets: region.subnets.all(),
    groups: region.groups.all(),
    instances: region.instances.all(),
    keyPairs: region.keyPairs.all(),
    balancers: region.balancers.all(),
    targetGroups: region.targetGroups
      .all()
      .map(({ targets, ...group }) => ({ group, targets: Array.from(targets) })),
    listeners: region.listeners.all(),
    launches: Array.from(region.launches),
    addresses: Array.from(region.addresses, ([subnet, held]) => [subnet, Array.from(held)]),
    ids: region.ids.given(),
  };
}

/** In place of what the region starts with. No read lag hides what was there when it was saved. */
export function restore(region: Region, saved: SavedRegion): void {
  const before = Number.NEGATIVE_INFINITY;
  const stores = [region.vpcs, region.subnets, region.groups, region.instances, region.keyPairs];
  for (const store of [...stores, region.balancers, region.targetGroups, region.listeners])
    for (const { id } of store.all()) store.remove(id);
  for (const vpc of saved.vpcs) region.vpcs.put(vpc, before);
  for (const subnet of saved.subnets) region.subnets.put(subnet, before);
  for (const group of saved.groups) region.groups.put(group, before);
  for (const instance of saved.instances) region.instances.put(instance, before);
  for (const pair of saved.keyPairs) region.keyPairs.put(pair, before);
  for (const balancer of saved.balancers) region.balancers.put(balancer, before);
  for (const { group, targets } of saved.targetGroups)
    region.targetGroups.put({ ...group, targets: new Map(targets) }, before);
  for (const listener of saved.listeners) region.listeners.put(listener, before);
  for (const [token, launch] of saved.launches) region.launches.set(token, launch);
  region.addresses.clear();
  for (const [subnet, held] of saved.addresses) region.addresses.set(subnet, new Map(held));
  region.ids.skip(saved.ids);
}
