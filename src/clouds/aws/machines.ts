/** EC2 instances as the contract's machines. */
import type { DescribeInstancesCommandInput, Instance } from '@aws-sdk/client-ec2';
import { CloudError, type Machine, type Machines, TAGS } from '../cloud.ts';
import { toMachine } from './describe.ts';
import { createLaunch } from './launch.ts';
import { chunksOf, paged } from './paging.ts';
import { removeMachines } from './remove.ts';
import { createResolver } from './resolve.ts';
import type { Sdk } from './sdk.ts';
import { filterValue } from './tags.ts';

export interface MachineOptions {
  readonly sdk: Sdk;
  readonly cluster: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Aborted when the session is closed. */
  readonly closed: AbortSignal;
}

/** EC2 takes more, but one lost reply should not put thousands of machines in doubt. */
const batchLimit = 100;
/** Values in one filter. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html */
const filterLimit = 200;
/** Ids or resources in one call that changes them. */
const idLimit = 1000;

export function createMachines({ sdk, cluster, now, closed }: MachineOptions): Machines {
  const ours = { Name: `tag:${TAGS.cluster}`, Values: [filterValue(cluster)] };

  /** Calls back for each instance, so that no page is kept longer than needed. */
  async function visit(
    input: DescribeInstancesCommandInput,
    signal: AbortSignal,
    see: (instance: Instance) => void,
  ): Promise<void> {
    const reservations = paged(async (NextToken) => {
      const page = await sdk.describeInstances(
        { ...input, MaxResults: 1000, ...(NextToken === undefined ? {} : { NextToken }) },
        { signal },
      );
      return { items: page.Reservations, next: page.NextToken };
    });
    for await (const { Instances } of reservations) Instances?.forEach(see);
  }

  /** By filter rather than by id: with an unknown id EC2 would refuse to say anything about the rest. */
  async function visitIds(ids: readonly string[], signal: AbortSignal, see: (instance: Instance) => void) {
    for (const Values of chunksOf(ids, filterLimit)) {
      await visit({ Filters: [{ Name: 'instance-id', Values }] }, signal, see);
    }
  }

  async function list(signal: AbortSignal): Promise<Machine[]> {
    const machines: Machine[] = [];
    await visit({ Filters: [ours] }, signal, (instance) => {
      const machine = toMachine(instance);
      if (machine?.owner.cluster === cluster) machines.push(machine);
    });
    return machines;
  }

  async function read(ids: readonly string[], signal: AbortSignal): Promise<Machine[]> {
    const machines: Machine[] = [];
    await visitIds(ids, signal, (instance) => {
      const machine = toMachine(instance);
      if (machine !== undefined) machines.push(machine);
    });
    return machines;
  }

  return {
    batchLimit,
    list,
    read,
    ...createResolver({ sdk, now, closed }),
    launch: createLaunch(sdk),
    remove: (ids, signal) => removeMachines({ sdk, cluster, read, chunks: chunksOf(ids, idLimit), signal }),
    /** The machines' volumes, interfaces and spot requests carry our tag, too. */
    release: async (ids, signal) => {
      const released: Instance[] = [];
      await visitIds(ids, signal, (instance) => {
        if (toMachine(instance)?.owner.cluster === cluster) released.push(instance);
      });
      const requests = released.flatMap(({ SpotInstanceRequestId: id }) => (id ? [id] : []));
      for (const some of chunksOf(requests, idLimit)) await untag(some, signal).catch(ignoreUnknown);
      for (const some of chunksOf(released.flatMap(partsOf), idLimit)) await untag(some, signal);
    },
  };

  async function untag(Resources: string[], signal: AbortSignal): Promise<void> {
    // With the value, another cluster's tag would stay even if it came there since the read.
    await sdk.deleteTags({ Resources, Tags: [{ Key: TAGS.cluster, Value: cluster }] }, { signal });
  }
}

function partsOf(instance: Instance): string[] {
  return [
    ...(instance.BlockDeviceMappings ?? []).map((mapping) => mapping.Ebs?.VolumeId),
    ...(instance.NetworkInterfaces ?? []).map((card) => card.NetworkInterfaceId),
    // Last: as long as it carries the tag, a release cut short is found again.
    instance.InstanceId,
  ].flatMap((id) => (id ? [id] : []));
}

/** EC2 forgets closed spot requests long before their machines are gone. */
function ignoreUnknown(thrown: unknown): void {
  if (!(thrown instanceof CloudError) || thrown.code !== 'notFound') throw thrown;
}
