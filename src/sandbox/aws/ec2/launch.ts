import { createHash } from 'node:crypto';
import type { Call } from '../call.ts';
import { refuse } from '../errors.ts';
import type { Params } from '../query.ts';
import type { Instance, Launch } from '../records.ts';
import type { Region } from '../region.ts';
import { freeAddresses, takeAddresses } from './addresses.ts';
import { reservationXml } from './instance-xml.ts';
import { type LaunchRequest, readLaunchRequest } from './launch-request.ts';
import { stateOf } from './state.ts';

/** Instances launched, by account and region, are counted by whoever started the sandbox. */
export type CountLaunched = (count: number) => void;

/**
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
 */
export function runInstances(call: Call, countLaunched: CountLaunched): string {
  const { params, region } = call;
  const token = params.text('ClientToken');
  if (token !== undefined && (token.length > 64 || !/^[\x20-\x7e]*$/.test(token))) {
    throw refuse('InvalidParameterValue', 'The client token must have at most 64 ASCII characters');
  }
  // A token counts per zone when the call says where, so the same one may be used once in each.
  const key = token === undefined ? undefined : `${placeOf(region, params)}/${token}`;
  const fingerprint = fingerprintOf(params);
  const earlier = key === undefined ? undefined : region.launches.get(key);
  if (earlier !== undefined) return repeat(call, earlier, fingerprint);

  const instances = launch(call, readLaunchRequest(call), token);
  countLaunched(instances.length);
  if (key !== undefined) {
    region.launches.set(key, {
      fingerprint,
      reservationId: instances[0]?.reservationId ?? '',
      instanceIds: instances.map((instance) => instance.id),
    });
  }
  return reservationXml(region, instances, call.now);
}

function repeat(call: Call, launch: Launch, fingerprint: string): string {
  const { region, now } = call;
  if (launch.fingerprint !== fingerprint) {
    throw refuse(
      'IdempotentParameterMismatch',
      'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
    );
  }
  const instances = launch.instanceIds.flatMap((id) => {
    const instance = region.instances.get(id);
    return instance === undefined || stateOf(region, instance, now) === undefined ? [] : [instance];
  });
  if (instances.every((instance) => stateOf(region, instance, now) === 'terminated')) {
    throw refuse(
      'IdempotentInstanceTerminated',
      'The client token you have provided is associated with an instance that has already been terminated.',
    );
  }
  return reservationXml(region, instances, now);
}

function launch(call: Call, request: LaunchRequest, token: string | undefined): Instance[] {
  const { region, now } = call;
  const count = granted(region, request);
  const ids = Array.from({ length: count }, () => region.ids.next('i'));
  const addresses = takeAddresses(region, request.subnet, ids);
  const reservationId = region.ids.next('r');
  return ids.map((id, launchIndex) => {
    const instance: Instance = {
      ...request.shape,
      id,
      reservationId,
      launchIndex,
      clientToken: token,
      zone: request.subnet.zone,
      subnetId: request.subnet.id,
      vpcId: request.subnet.vpcId,
      privateIp: addresses[launchIndex] ?? '',
      publicIp: request.publicIp ? publicAddress(region, id) : undefined,
      spotRequestId: request.spot ? region.ids.next('sir').slice(0, 12) : undefined,
      interfaceId: region.ids.next('eni'),
      volumes: request.volumes.map((volume) => ({ id: region.ids.next('vol'), ...volume })),
      launchedAt: now,
      bootMs: region.settings.bootMs,
      endedAt: undefined,
      endReason: undefined,
      stoppedAt: undefined,
    };
    region.instances.put(instance);
    return instance;
  });
}

/** As many as asked for, or as there is room for when that is enough: capacity of the zone first, then addresses. */
function granted(region: Region, request: LaunchRequest): number {
  const key = `${request.subnet.zone}/${request.shape.instanceType}`;
  const left = region.capacity.get(key);
  if (left !== undefined && left < request.minCount) {
    throw refuse(
      'InsufficientInstanceCapacity',
      `We currently do not have sufficient ${request.shape.instanceType} capacity in the Availability Zone you requested (${request.subnet.zone}). Our system will be working on provisioning additional capacity. You can currently get ${request.shape.instanceType} capacity by not specifying an Availability Zone in your request or choosing another one.`,
      500,
    );
  }
  const free = freeAddresses(region, request.subnet);
  if (free < request.minCount) {
    throw refuse(
      'InsufficientFreeAddressesInSubnet',
      `There are not enough free addresses in subnet '${request.subnet.id}' to satisfy the requested number of instances.`,
    );
  }
  const count = Math.min(request.maxCount, left ?? request.maxCount, free);
  if (left !== undefined) region.capacity.set(key, left - count);
  return count;
}

function placeOf(region: Region, params: Params): string {
  const subnetId = params.text('SubnetId') ?? params.list('NetworkInterface')[0]?.text('SubnetId');
  const subnet = subnetId === undefined ? undefined : region.subnets.get(subnetId);
  return subnet?.zone ?? params.text('Placement.AvailabilityZone') ?? region.name;
}

function fingerprintOf(params: Params): string {
  const lines = Array.from(params.entries(), ([name, value]) => `${name}=${value}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('base64');
}

function publicAddress(region: Region, id: string): string {
  // Spread over 54.0.0.0/8 by the id, which is unique and scattered; nothing ever connects to it.
  const hash = createHash('sha256').update(`${region.account}/${id}`).digest();
  return `54.${hash[0]}.${hash[1]}.${hash[2]}`;
}
