import type { Clock } from './clock.ts';
import { createIds, type Ids } from './ids.ts';
import type {
  Balancer,
  Instance,
  KeyPair,
  Launch,
  LingeringInterface,
  Listener,
  SecurityGroup,
  Subnet,
  TargetGroup,
  Vpc,
  Zone,
} from './records.ts';
import { createStore, type Store } from './store.ts';

/** How the simulated world behaves. Times in milliseconds; every one may be changed while it runs. */
export interface Settings {
  /** pending -> running, for machines launched from now on. */
  bootMs: number;
  /** shutting-down -> terminated. */
  shutdownMs: number;
  /** How long a terminated machine stays in lists. */
  terminatedVisibleMs: number;
  /** initial -> healthy, once a target's machine runs behind an active balancer. */
  healthMs: number;
  /** provisioning -> active. */
  balancerMs: number;
  /** How long network interfaces of a deleted balancer stay and hold its security groups. */
  interfaceLingerMs: number;
  /** ARNs of certificates that listeners may name. */
  certificates: readonly string[];
  /** Instance profiles by name; absent: any is accepted. */
  instanceProfiles: readonly string[] | undefined;
  readonly defaultVpc: boolean;
}

/** Everything one account has in one region. */
export interface Region {
  readonly name: string;
  readonly account: string;
  readonly zones: readonly Zone[];
  readonly clock: Clock;
  readonly ids: Ids;
  readonly settings: Settings;
  readonly vpcs: Store<Vpc>;
  readonly subnets: Store<Subnet>;
  readonly groups: Store<SecurityGroup>;
  readonly instances: Store<Instance>;
  readonly keyPairs: Store<KeyPair>;
  readonly balancers: Store<Balancer>;
  readonly targetGroups: Store<TargetGroup>;
  readonly listeners: Store<Listener>;
  /** RunInstances by client token, and zone where the call named one. */
  readonly launches: Map<string, Launch>;
  /** Machines of a type that a zone can still start, by `zone/type`; absent: as many as anyone wants. */
  readonly capacity: Map<string, number>;
  /** Who holds a private address, by subnet and address: the id of an instance or of a balancer's interface. */
  readonly addresses: Map<string, Map<string, string>>;
  readonly lingering: LingeringInterface[];
}

export function createRegion(where: {
  readonly name: string;
  readonly account: string;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly seed: bigint;
}): Region {
  const { clock } = where;
  const region: Region = {
    ...where,
    zones: zonesOf(where.name),
    ids: createIds(where.seed),
    vpcs: createStore(clock),
    subnets: createStore(clock),
    groups: createStore(clock),
    instances: createStore(clock),
    keyPairs: createStore(clock),
    balancers: createStore(clock),
    targetGroups: createStore(clock),
    listeners: createStore(clock),
    launches: new Map(),
    capacity: new Map(),
    addresses: new Map(),
    lingering: [],
  };
  if (where.settings.defaultVpc) addDefaultVpc(region);
  return region;
}

/** A VPC comes with a group named `default` that lets its own members in and everything out. */
export function addVpc(region: Region, vpc: Omit<Vpc, 'id'>, since?: number): Vpc {
  const made: Vpc = { id: region.ids.next('vpc'), ...vpc };
  region.vpcs.put(made, since);
  const groupId = region.ids.next('sg');
  region.groups.put(
    {
      id: groupId,
      name: 'default',
      description: 'default VPC security group',
      vpcId: made.id,
      tags: {},
      rules: [
        {
          id: region.ids.next('sgr'),
          egress: false,
          protocol: '-1',
          fromPort: undefined,
          toPort: undefined,
          peer: { kind: 'group', id: groupId },
          description: undefined,
          tags: {},
        },
        allowAllOut(region),
      ],
    },
    since,
  );
  return made;
}

/** The egress rule that every new group of a VPC starts with. */
export function allowAllOut(region: Region) {
  return {
    id: region.ids.next('sgr'),
    egress: true,
    protocol: '-1',
    fromPort: undefined,
    toPort: undefined,
    peer: { kind: 'ipv4', cidr: '0.0.0.0/0' },
    description: undefined,
    tags: {},
  } as const;
}

/** No read lag hides what every region starts with. */
const beforeAll = Number.NEGATIVE_INFINITY;

function addDefaultVpc(region: Region): void {
  const vpc = addVpc(region, { cidr: '172.31.0.0/16', isDefault: true, tags: {} }, beforeAll);
  for (const [index, zone] of region.zones.entries()) {
    region.subnets.put(
      {
        id: region.ids.next('subnet'),
        vpcId: vpc.id,
        zone: zone.name,
        cidr: `172.31.${index * 16}.0/20`,
        isDefault: true,
        publicIps: true,
        tags: {},
      },
      beforeAll,
    );
  }
}

function zonesOf(region: string): readonly Zone[] {
  const letters = region === 'us-east-1' ? 'abcdef' : 'abc';
  return Array.from(letters, (letter, index) => ({
    name: region + letter,
    id: `${shortName(region)}-az${index + 1}`,
  }));
}

/** `us-east-1` is `use1` in zone ids, `ap-southeast-2` is `apse2`. */
function shortName(region: string): string {
  const [area = '', ...rest] = region.split('-');
  const directions = rest
    .slice(0, -1)
    .join('')
    .replace(/(north|south|east|west|central)/g, (word) => word.charAt(0));
  return `${area}${directions}${rest.at(-1) ?? ''}`;
}
