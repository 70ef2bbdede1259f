import type { Call, Handlers } from '../call.ts';
import { missing, refuse } from '../errors.ts';
import { readFilters } from '../filters.ts';
import type { Subnet, Tags, Vpc } from '../records.ts';
import { addVpc, type Region } from '../region.ts';
import { readTagSpecifications, tagSet } from '../tags.ts';
import { items, leaf, node } from '../xml.ts';
import { contains, freeAddresses, overlap } from './addresses.ts';

export const networkHandlers: Handlers = {
  DescribeVpcs: describeVpcs,
  DescribeSubnets: describeSubnets,
  DescribeAvailabilityZones: describeAvailabilityZones,
  DescribeRegions: describeRegions,
  DescribeInternetGateways: describeInternetGateways,
  DescribeRouteTables: describeRouteTables,
  DescribeAccountAttributes: describeAccountAttributes,
  CreateVpc: createVpc,
  CreateSubnet: createSubnet,
};

function describeVpcs(call: Call): string {
  const { params, region, seenAt } = call;
  const test = readFilters<Vpc>(params, {
    'vpc-id': (vpc) => [vpc.id],
    cidr: (vpc) => [vpc.cidr],
    isDefault: (vpc) => [String(vpc.isDefault)],
    'is-default': (vpc) => [String(vpc.isDefault)],
    state: () => ['available'],
    'owner-id': () => [region.account],
  });
  const ids = params.texts('VpcId');
  const seen = region.vpcs.seen(seenAt);
  for (const id of ids) {
    if (!seen.some((vpc) => vpc.id === id))
      throw refuse('InvalidVpcID.NotFound', `The vpc ID '${id}' does not exist`);
  }
  const selected = seen.filter((vpc) => ids.length === 0 || ids.includes(vpc.id)).filter(test);
  return items('vpcSet', selected, (vpc) => vpcXml(region, vpc));
}

function describeSubnets(call: Call): string {
  const { params, region, seenAt } = call;
  const test = readFilters<Subnet>(params, {
    'subnet-id': (subnet) => [subnet.id],
    'vpc-id': (subnet) => [subnet.vpcId],
    'availability-zone': (subnet) => [subnet.zone],
    availabilityZone: (subnet) => [subnet.zone],
    'default-for-az': (subnet) => [String(subnet.isDefault)],
    defaultForAz: (subnet) => [String(subnet.isDefault)],
    'map-public-ip-on-launch': (subnet) => [String(subnet.publicIps)],
    'cidr-block': (subnet) => [subnet.cidr],
    state: () => ['available'],
    'owner-id': () => [region.account],
  });
  const ids = params.texts('SubnetId');
  const seen = region.subnets.seen(seenAt);
  for (const id of ids) {
    if (!seen.some((subnet) => subnet.id === id)) {
      throw refuse('InvalidSubnetID.NotFound', `The subnet ID '${id}' does not exist`);
    }
  }
  const selected = seen.filter((subnet) => ids.length === 0 || ids.includes(subnet.id)).filter(test);
  return items('subnetSet', selected, (subnet) => subnetXml(region, subnet));
}

function describeAvailabilityZones(call: Call): string {
  const { params, region } = call;
  const names = params.texts('ZoneName');
  const unknown = names.find((name) => !region.zones.some((zone) => zone.name === name));
  if (unknown !== undefined) throw refuse('InvalidParameterValue', `Invalid availability zone: [${unknown}]`);
  const test = readFilters<{ name: string; id: string; tags: Tags }>(params, {
    'zone-name': (zone) => [zone.name],
    'zone-id': (zone) => [zone.id],
    'region-name': () => [region.name],
    state: () => ['available'],
    'zone-type': () => ['availability-zone'],
    'opt-in-status': () => ['opt-in-not-required'],
  });
  const selected = region.zones
    .map((zone) => ({ ...zone, tags: {} }))
    .filter((zone) => names.length === 0 || names.includes(zone.name))
    .filter(test);
  return items(
    'availabilityZoneInfo',
    selected,
    (zone) =>
      leaf('zoneName', zone.name) +
      leaf('zoneState', 'available') +
      leaf('regionName', region.name) +
      leaf('zoneId', zone.id) +
      leaf('groupName', `${region.name}-zg-1`) +
      leaf('networkBorderGroup', region.name) +
      leaf('zoneType', 'availability-zone') +
      leaf('optInStatus', 'opt-in-not-required') +
      '<messageSet/>',
  );
}

function describeRegions(): string {
  const names = [
    'us-east-1',
    'us-east-2',
    'us-west-1',
    'us-west-2',
    'eu-west-1',
    'eu-central-1',
    'ap-southeast-2',
  ];
  return items(
    'regionInfo',
    names,
    (name) =>
      leaf('regionName', name) +
      leaf('regionEndpoint', `ec2.${name}.amazonaws.com`) +
      leaf('optInStatus', 'opt-in-not-required'),
  );
}

/** Every VPC here has one gateway and one table that sends everything else to it. Ids follow from the VPC's. */
function describeInternetGateways(call: Call): string {
  const { params, region, seenAt } = call;
  const gateways = region.vpcs
    .seen(seenAt)
    .map((vpc) => ({ id: vpc.id.replace('vpc-', 'igw-'), vpcId: vpc.id, tags: {} }));
  const test = readFilters<(typeof gateways)[number]>(params, {
    'attachment.vpc-id': (gateway) => [gateway.vpcId],
    'attachment.state': () => ['available'],
    'internet-gateway-id': (gateway) => [gateway.id],
  });
  return items(
    'internetGatewaySet',
    gateways.filter(test),
    (gateway) =>
      leaf('internetGatewayId', gateway.id) +
      leaf('ownerId', region.account) +
      items('attachmentSet', [gateway], () => leaf('vpcId', gateway.vpcId) + leaf('state', 'available')) +
      '<tagSet/>',
  );
}

function describeRouteTables(call: Call): string {
  const { params, region, seenAt } = call;
  const tables = region.vpcs
    .seen(seenAt)
    .map((vpc) => ({ id: vpc.id.replace('vpc-', 'rtb-'), vpc, tags: {} }));
  const test = readFilters<(typeof tables)[number]>(params, {
    'vpc-id': (table) => [table.vpc.id],
    'route-table-id': (table) => [table.id],
    'association.main': () => ['true'],
  });
  return items(
    'routeTableSet',
    tables.filter(test),
    ({ id, vpc }) =>
      leaf('routeTableId', id) +
      leaf('vpcId', vpc.id) +
      leaf('ownerId', region.account) +
      items(
        'routeSet',
        [
          leaf('destinationCidrBlock', vpc.cidr) + leaf('gatewayId', 'local'),
          leaf('destinationCidrBlock', '0.0.0.0/0') + leaf('gatewayId', vpc.id.replace('vpc-', 'igw-')),
        ],
        (route) => route + leaf('state', 'active'),
      ) +
      items(
        'associationSet',
        [id],
        () =>
          leaf('routeTableAssociationId', id.replace('rtb-', 'rtbassoc-')) +
          leaf('routeTableId', id) +
          leaf('main', true),
      ) +
      '<tagSet/>',
  );
}

function describeAccountAttributes(call: Call): string {
  const vpcId = call.region.vpcs.all().find((vpc) => vpc.isDefault)?.id ?? 'none';
  const attributes = {
    'supported-platforms': 'VPC',
    'default-vpc': vpcId,
    'max-instances': '20',
    'vpc-max-security-groups-per-interface': '5',
  };
  const names = call.params.texts('AttributeName');
  const selected = Object.entries(attributes).filter(([name]) => names.length === 0 || names.includes(name));
  return items(
    'accountAttributeSet',
    selected,
    ([name, value]) =>
      leaf('attributeName', name) +
      items('attributeValueSet', [value], (text) => leaf('attributeValue', text)),
  );
}

function createVpc(call: Call): string {
  const { params, region } = call;
  const cidr = params.text('CidrBlock');
  if (cidr === undefined) throw missing('CidrBlock');
  if (!/^\d+\.\d+\.\d+\.\d+\/(1[6-9]|2[0-8])$/.test(cidr))
    throw refuse('InvalidVpc.Range', `The CIDR '${cidr}' is invalid.`);
  const vpc = addVpc(region, { cidr, isDefault: false, tags: readTagSpecifications(params, 'vpc') });
  return node('vpc', vpcXml(region, vpc));
}

function createSubnet(call: Call): string {
  const { params, region } = call;
  const vpcId = params.text('VpcId');
  const cidr = params.text('CidrBlock');
  if (vpcId === undefined) throw missing('VpcId');
  if (cidr === undefined) throw missing('CidrBlock');
  const vpc = region.vpcs.get(vpcId);
  if (vpc === undefined) throw refuse('InvalidVpcID.NotFound', `The vpc ID '${vpcId}' does not exist`);
  if (!contains(vpc.cidr, cidr)) throw refuse('InvalidSubnet.Range', `The CIDR '${cidr}' is invalid.`);
  const others = region.subnets.all().filter((subnet) => subnet.vpcId === vpcId);
  if (others.some((subnet) => overlap(subnet.cidr, cidr))) {
    throw refuse('InvalidSubnet.Conflict', `The CIDR '${cidr}' conflicts with another subnet`);
  }
  const zone = params.text('AvailabilityZone') ?? region.zones[0]?.name ?? '';
  if (!region.zones.some((candidate) => candidate.name === zone)) {
    throw refuse('InvalidParameterValue', `Value (${zone}) for parameter availabilityZone is invalid.`);
  }
  const subnet: Subnet = {
    id: region.ids.next('subnet'),
    vpcId,
    zone,
    cidr,
    isDefault: false,
    publicIps: false,
    tags: readTagSpecifications(params, 'subnet'),
  };
  region.subnets.put(subnet);
  return node('subnet', subnetXml(region, subnet));
}

function vpcXml(region: Region, vpc: Vpc): string {
  return (
    leaf('vpcId', vpc.id) +
    leaf('ownerId', region.account) +
    '<state>available</state>' +
    leaf('cidrBlock', vpc.cidr) +
    items(
      'cidrBlockAssociationSet',
      [vpc.cidr],
      (cidr) =>
        leaf('cidrBlock', cidr) +
        leaf('associationId', vpc.id.replace('vpc-', 'vpc-cidr-assoc-')) +
        node('cidrBlockState', leaf('state', 'associated')),
    ) +
    leaf('dhcpOptionsId', vpc.id.replace('vpc-', 'dopt-')) +
    tagSet(vpc.tags) +
    '<instanceTenancy>default</instanceTenancy>' +
    leaf('isDefault', vpc.isDefault)
  );
}

function subnetXml(region: Region, subnet: Subnet): string {
  return (
    leaf('subnetId', subnet.id) +
    leaf('subnetArn', `arn:aws:ec2:${region.name}:${region.account}:subnet/${subnet.id}`) +
    '<state>available</state>' +
    leaf('ownerId', region.account) +
    leaf('vpcId', subnet.vpcId) +
    leaf('cidrBlock', subnet.cidr) +
    leaf('availableIpAddressCount', freeAddresses(region, subnet)) +
    leaf('availabilityZone', subnet.zone) +
    leaf('availabilityZoneId', region.zones.find((zone) => zone.name === subnet.zone)?.id) +
    leaf('defaultForAz', subnet.isDefault) +
    leaf('mapPublicIpOnLaunch', subnet.publicIps) +
    '<assignIpv6AddressOnCreation>false</assignIpv6AddressOnCreation>' +
    tagSet(subnet.tags)
  );
}
