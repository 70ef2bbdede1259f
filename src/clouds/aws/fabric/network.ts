/** Which VPC and which subnets: as given, or those of the region's default VPC; never picked silently. */
import type { Filter, Subnet } from '@aws-sdk/client-ec2';
import { CloudError } from '../../cloud.ts';
import { allPages } from '../paging.ts';
import type { Sdk } from '../sdk.ts';
import { filterValue } from '../tags.ts';
import type { Network } from './found.ts';
import type { Asker } from './part.ts';
import type { Settings } from './settings.ts';

export type NetworkAnswer =
  | { readonly network: Network; readonly found: string }
  | { readonly trouble: CloudError };

interface Vpc {
  readonly id: string;
  readonly found: string;
}

export async function readNetwork(
  sdk: Sdk,
  settings: Pick<Settings, 'network' | 'zones'>,
  region: string,
  asker: Asker,
): Promise<NetworkAnswer> {
  try {
    const { vpc, subnets } = await findSubnets(sdk, settings.network ?? {}, region, asker);
    return {
      found: vpc.found,
      network: {
        vpcId: vpc.id,
        ipv6: subnets.some((subnet) => (subnet.Ipv6CidrBlockAssociationSet ?? []).length > 0),
        subnets: onePerZone(subnets, settings, vpc),
      },
    };
  } catch (thrown) {
    if (thrown instanceof Trouble) return { trouble: thrown.error };
    throw thrown;
  }
}

/** What can be reached from one balancer: all the zones, each by the first that has a subnet there, if they are in one VPC. */
export function joinNetworks(answers: readonly NetworkAnswer[]): NetworkAnswer {
  const [first, ...others] = answers;
  if (first === undefined) throw new Error('a scope has at least one network');
  return others.reduce(joinTwo, first);
}

function joinTwo(one: NetworkAnswer, other: NetworkAnswer): NetworkAnswer {
  if ('trouble' in one) return one;
  if ('trouble' in other) return other;
  const { vpcId, ipv6, subnets } = one.network;
  if (other.network.vpcId !== vpcId) {
    const message = `what shares a balancer is in ${vpcId} and ${other.network.vpcId}; one is possible`;
    return { trouble: new Trouble('DescribeSubnets', 'SubnetsOfTwoVpcs', message).error };
  }
  const more = other.network.subnets.filter(({ zone }) => !subnets.some((subnet) => subnet.zone === zone));
  const all = [...subnets, ...more].sort((a, b) => (a.zone < b.zone ? -1 : 1));
  return { found: one.found, network: { vpcId, ipv6: ipv6 || other.network.ipv6, subnets: all } };
}

/** Something only a person can mend; an answer, no failure. */
class Trouble extends Error {
  readonly error: CloudError;

  constructor(api: string, reason: string, message: string) {
    super(message);
    this.error = new CloudError({ code: 'invalid', outcome: 'none', api, reason, message, finding: true });
  }
}

async function findSubnets(
  sdk: Sdk,
  wish: NonNullable<Settings['network']>,
  region: string,
  asker: Asker,
): Promise<{ readonly vpc: Vpc; readonly subnets: readonly Subnet[] }> {
  const bySubnet = wish.subnetIds !== undefined || wish.subnetTags !== undefined;
  const byVpc = wish.vpcId !== undefined || wish.vpcTags !== undefined;
  const vpc = byVpc || !bySubnet ? await findVpc(sdk, wish, region, asker) : undefined;
  const subnets = await describeSubnets(
    sdk,
    [
      ...(vpc === undefined ? [] : [{ Name: 'vpc-id', Values: [vpc.id] }]),
      ...(wish.subnetIds === undefined ? [] : [{ Name: 'subnet-id', Values: wish.subnetIds }]),
      ...tagFilters(wish.subnetTags),
    ],
    asker,
  );
  const ids = new Set(subnets.map((subnet) => subnet.SubnetId));
  const unknown = (wish.subnetIds ?? []).filter((id) => !ids.has(id));
  if (unknown.length > 0) {
    const where = vpc === undefined ? region : `${vpc.id} of ${region}`;
    throw new Trouble('DescribeSubnets', 'SubnetNotFound', `there is no ${unknown.join(', ')} in ${where}`);
  }
  const vpcIds = Array.from(new Set(subnets.map((subnet) => subnet.VpcId ?? ''))).sort();
  if (vpcIds.length > 1) {
    throw new Trouble(
      'DescribeSubnets',
      'SubnetsOfTwoVpcs',
      `the subnets are of ${vpcIds.join(' and ')}; one is possible`,
    );
  }
  const [only] = vpcIds;
  if (only === undefined) {
    const what =
      wish.subnetTags === undefined ? 'subnet' : `subnet with the tags ${tagText(wish.subnetTags)}`;
    throw new Trouble('DescribeSubnets', 'SubnetNotFound', `there is no ${what} in ${vpc?.id ?? region}`);
  }
  // Subnets that somebody added to the default VPC, often private ones, are used only when named.
  const usual = byVpc || bySubnet ? [] : subnets.filter((subnet) => subnet.DefaultForAz);
  return {
    vpc: vpc ?? { id: only, found: `VPC ${only} of the subnets given` },
    subnets: inGivenOrder(usual.length > 0 ? usual : subnets, wish.subnetIds),
  };
}

async function findVpc(
  sdk: Sdk,
  { vpcId, vpcTags }: NonNullable<Settings['network']>,
  region: string,
  asker: Asker,
): Promise<Vpc> {
  const describe = async (Filters: Filter[]): Promise<readonly string[]> => {
    const vpcs = await allPages(async (NextToken) => {
      const page = await sdk.describeVpcs(
        { Filters, ...(NextToken === undefined ? {} : { NextToken }) },
        asker,
      );
      return { items: page.Vpcs, next: page.NextToken };
    });
    return vpcs.flatMap((vpc) => vpc.VpcId ?? []);
  };
  if (vpcId !== undefined) {
    const [id] = await describe([{ Name: 'vpc-id', Values: [vpcId] }]);
    if (id === undefined)
      throw new Trouble('DescribeVpcs', 'VpcNotFound', `there is no ${vpcId} in ${region}`);
    return { id, found: `VPC ${id} of ${region}, by its id` };
  }
  if (vpcTags !== undefined) {
    const ids = await describe(tagFilters(vpcTags));
    const [id] = ids;
    const tags = tagText(vpcTags);
    if (id === undefined)
      throw new Trouble('DescribeVpcs', 'VpcNotFound', `no VPC of ${region} has the tags ${tags}`);
    if (ids.length > 1) {
      const all = [...ids].sort().join(', ');
      throw new Trouble(
        'DescribeVpcs',
        'AmbiguousVpc',
        `${all} of ${region} have the tags ${tags}; one is possible`,
      );
    }
    return { id, found: `VPC ${id} of ${region}, by the tags ${tags}` };
  }
  const [id] = await describe([{ Name: 'is-default', Values: ['true'] }]);
  if (id === undefined) {
    const message = `${region} has no default VPC; name one in network.vpcId, vpcTags, subnetIds or subnetTags`;
    throw new Trouble('DescribeVpcs', 'NoDefaultVpc', message);
  }
  return { id, found: `default VPC ${id} of ${region}` };
}

function describeSubnets(sdk: Sdk, Filters: Filter[], asker: Asker): Promise<readonly Subnet[]> {
  return allPages(async (NextToken) => {
    const page = await sdk.describeSubnets(
      { Filters, ...(NextToken === undefined ? {} : { NextToken }) },
      asker,
    );
    return { items: page.Subnets, next: page.NextToken };
  });
}

/** As given where ids are given, by id otherwise: the same subnet of a zone every time. */
function inGivenOrder(subnets: readonly Subnet[], ids: readonly string[] | undefined): readonly Subnet[] {
  const rank = (subnet: Subnet): string => subnet.SubnetId ?? '';
  const byId = [...subnets].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  if (ids === undefined) return byId;
  return ids.flatMap((id) => byId.filter((subnet) => subnet.SubnetId === id));
}

function onePerZone(
  subnets: readonly Subnet[],
  { zones }: Pick<Settings, 'zones'>,
  vpc: Vpc,
): Network['subnets'] {
  const byZone = new Map<string, { id: string; zone: string }>();
  for (const { SubnetId: id = '', AvailabilityZone: zone = '' } of subnets) {
    if (!byZone.has(zone)) byZone.set(zone, { id, zone });
  }
  const without = (zones ?? []).filter((zone) => !byZone.has(zone));
  if (without.length > 0) {
    const message = `${vpc.id} has no subnet to use in ${without.join(', ')}`;
    throw new Trouble('DescribeSubnets', 'NoSubnetInZone', message);
  }
  const wanted = Array.from(byZone.values()).filter(
    ({ zone }) => zones === undefined || zones.includes(zone),
  );
  return wanted.sort((a, b) => (a.zone < b.zone ? -1 : 1));
}

function tagFilters(tags: Readonly<Record<string, string>> | undefined): Filter[] {
  return Object.entries(tags ?? {}).map(([key, value]) => ({
    Name: `tag:${key}`,
    Values: [filterValue(value)],
  }));
}

function tagText(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}
