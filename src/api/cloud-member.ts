/** The unions over all clouds: one optional member for each, of which exactly one is set. */
import { z } from 'zod';
import type { Cloud, CloudRules } from '../clouds/cloud.ts';
import { CLOUDS, type CloudName } from '../clouds/index.ts';

/** Names of all clouds, in the order in which they are listed. */
export const CLOUD_NAMES: readonly CloudName[] = Object.keys(CLOUDS).filter(isCloudName);

/** Of an object that has a cloud member. What stands in it is the cloud's own business. */
export type CloudMember = { readonly [Name in CloudName]?: unknown };

/** Which cloud member is set. Every object that was parsed has exactly one. */
export function cloudOf(object: CloudMember): { readonly name: CloudName; readonly spec: unknown } {
  const name = CLOUD_NAMES.find((candidate) => object[candidate] !== undefined);
  if (name === undefined) throw new Error(`none of the clouds is set: ${CLOUD_NAMES.join(', ')}`);
  return { name, spec: object[name] };
}

type MemberShape = { readonly [Name in CloudName]: z.ZodExactOptional<z.ZodType> };

/** The optional members, for the shape of the object they belong to. */
export function cloudMembers(schema: 'placement' | 'credential'): MemberShape;
export function cloudMembers(
  schema: 'placement' | 'credential',
): Record<string, z.ZodExactOptional<z.ZodType>> {
  return Object.fromEntries(CLOUD_NAMES.map((name) => [name, asCloud(CLOUDS[name])[schema].exactOptional()]));
}

/** Holds in zod what `exactlyOneCloud` holds in the API server, for objects that got past an older schema. */
export function hasOneCloud(object: CloudMember): boolean {
  return CLOUD_NAMES.filter((name) => object[name] !== undefined).length === 1;
}

export const oneCloudMessage = `set exactly one cloud: ${CLOUD_NAMES.join(', ')}`;

/** CEL: exactly one of the members is set. */
export function exactlyOneOf(names: readonly string[]) {
  const set = names.map((name) => `has(self.${name})`);
  return { rule: `[${set.join(', ')}].exists_one(set, set)`, message: oneCloudMessage };
}

/** CEL: the member that is set stays the one. */
export function sameOf(names: readonly string[]) {
  return {
    rule: names.map((name) => `has(self.${name}) == has(oldSelf.${name})`).join(' && '),
    message: 'the cloud cannot change',
  };
}

/** CEL: what one of the clouds has no means for. */
export function rulesOfClouds(of: keyof CloudRules) {
  return CLOUD_NAMES.flatMap((name) => asCloud(CLOUDS[name]).rules?.[of] ?? []);
}

/** Clouds whose placements may list `certificates` of their own, each `{port, certificateArn}`. */
export const CLOUDS_WITH_CERTIFICATES: readonly CloudName[] = CLOUD_NAMES.filter((name) => {
  const { placement } = asCloud(CLOUDS[name]);
  return placement instanceof z.ZodObject && 'certificates' in placement.shape;
});

function isCloudName(name: string): name is CloudName {
  return Object.hasOwn(CLOUDS, name);
}

function asCloud(cloud: Cloud): Cloud {
  return cloud;
}
