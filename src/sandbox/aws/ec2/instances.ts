import type { Call, Handlers } from '../call.ts';
import { missing, refuse } from '../errors.ts';
import { type FilterValues, readFilters } from '../filters.ts';
import { pageOf } from '../paging.ts';
import type { Params } from '../query.ts';
import type { Instance } from '../records.ts';
import type { Region } from '../region.ts';
import { items, leaf, node } from '../xml.ts';
import { reservations, reservationXml, stateXml, userInitiated } from './instance-xml.ts';
import { type CountLaunched, runInstances } from './launch.ts';
import { type InstanceState, runningAt, stateCodes, stateOf } from './state.ts';

export function instanceHandlers(countLaunched: CountLaunched): Handlers {
  return {
    RunInstances: (call) => runInstances(call, countLaunched),
    DescribeInstances: describeInstances,
    DescribeInstanceStatus: describeInstanceStatus,
    TerminateInstances: terminateInstances,
    ModifyInstanceAttribute: modifyInstanceAttribute,
  };
}

/** Every machine that a list shows at a moment. */
export function visibleInstances(region: Region, at: number): Instance[] {
  return region.instances.seen(at).filter((instance) => stateOf(region, instance, at) !== undefined);
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html */
function describeInstances(call: Call): string {
  const { params, region, seenAt } = call;
  const page = pageOf(region.instances, selectInstances(call), readPaging(params));
  return (
    items('reservationSet', reservations(page.values), (run) => reservationXml(region, run, seenAt)) +
    leaf('nextToken', page.next)
  );
}

function describeInstanceStatus(call: Call): string {
  const { params, region, seenAt } = call;
  const everyState = params.text('IncludeAllInstances') === 'true';
  const selected = selectInstances(call).filter(
    (instance) => everyState || stateOf(region, instance, seenAt) === 'running',
  );
  const page = pageOf(region.instances, selected, readPaging(params));
  return (
    items('instanceStatusSet', page.values, (instance) => {
      const state = stateOf(region, instance, seenAt) ?? 'terminated';
      // Status checks pass about two minutes after a real boot; here one more boot time.
      const checked = seenAt >= runningAt(instance) + instance.bootMs ? 'ok' : 'initializing';
      const status = state === 'running' ? checked : 'not-applicable';
      return (
        leaf('instanceId', instance.id) +
        leaf('availabilityZone', instance.zone) +
        stateXml('instanceState', state) +
        node('systemStatus', leaf('status', status)) +
        node('instanceStatus', leaf('status', status))
      );
    }) + leaf('nextToken', page.next)
  );
}

function selectInstances(call: Call): Instance[] {
  const { params, region, seenAt } = call;
  const test = readFilters(params, instanceFilters(region, seenAt));
  if (!params.has('InstanceId')) return visibleInstances(region, seenAt).filter(test);
  const ids = params.texts('InstanceId');
  return findAll(ids, (id) => {
    const instance = region.instances.seenById(id, seenAt);
    return instance !== undefined && stateOf(region, instance, seenAt) !== undefined ? instance : undefined;
  }).filter(test);
}

function instanceFilters(region: Region, at: number): Readonly<Record<string, FilterValues<Instance>>> {
  const state = (instance: Instance): InstanceState => stateOf(region, instance, at) ?? 'terminated';
  return {
    'instance-id': (instance) => [instance.id],
    'instance-state-name': (instance) => [state(instance)],
    'instance-state-code': (instance) => [String(stateCodes[state(instance)])],
    'instance-type': (instance) => [instance.instanceType],
    'image-id': (instance) => [instance.imageId],
    'client-token': (instance) => [instance.clientToken],
    'reservation-id': (instance) => [instance.reservationId],
    'launch-index': (instance) => [String(instance.launchIndex)],
    'key-name': (instance) => [instance.keyName],
    'vpc-id': (instance) => [state(instance) === 'terminated' ? undefined : instance.vpcId],
    'subnet-id': (instance) => [state(instance) === 'terminated' ? undefined : instance.subnetId],
    'availability-zone': (instance) => [instance.zone],
    'private-ip-address': (instance) => [instance.privateIp],
    'ip-address': (instance) => [instance.publicIp],
    'instance.group-id': (instance) => (state(instance) === 'terminated' ? [] : instance.groupIds),
    'instance.group-name': (instance) => instance.groupIds.map((id) => region.groups.get(id)?.name),
    architecture: (instance) => [instance.architecture],
    'instance-lifecycle': (instance) => [instance.spotRequestId === undefined ? undefined : 'spot'],
  };
}

function readPaging(params: Params) {
  const size = params.text('MaxResults');
  if (size !== undefined) {
    if (params.has('InstanceId')) {
      throw refuse(
        'InvalidParameterCombination',
        'The parameter instancesSet cannot be used with the parameter maxResults',
      );
    }
    if (!(Number(size) >= 5 && Number(size) <= 1000)) {
      throw refuse(
        'InvalidParameterValue',
        `Value ( ${size} ) for parameter maxResults is invalid. Expecting a value greater than or equal to 5 and at most 1000.`,
      );
    }
  }
  return {
    token: params.text('NextToken'),
    size: size === undefined ? undefined : Number(size),
    badToken: 'InvalidParameterValue',
  };
}

/**
 * All or nothing: one unknown or protected machine refuses the whole call.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html
 */
function terminateInstances(call: Call): string {
  const { params, region, now } = call;
  const ids = params.texts('InstanceId');
  if (ids.length === 0) throw missing('InstanceId');
  const found = findAll(ids, (id) => presentInstance(region, id, now));
  const locked = found.find((instance) => instance.protected);
  if (locked !== undefined) {
    throw refuse(
      'OperationNotPermitted',
      `The instance '${locked.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
    );
  }
  return items('instancesSet', found, (instance) => {
    const before = stateOf(region, instance, now) ?? 'terminated';
    endInstance(region, instance, {
      code: userInitiated,
      message: `${userInitiated}: User initiated shutdown`,
    });
    const ended = region.instances.get(instance.id) ?? instance;
    return (
      leaf('instanceId', instance.id) +
      stateXml('currentState', stateOf(region, ended, now) ?? 'terminated') +
      stateXml('previousState', before)
    );
  });
}

/** Begins to shut a machine down; one that is ending already goes on as before. */
export function endInstance(
  region: Region,
  instance: Instance,
  reason: { readonly code: string; readonly message: string },
): void {
  if (instance.endedAt !== undefined) return;
  region.instances.put({ ...instance, endedAt: region.clock.now(), endReason: reason });
}

function presentInstance(region: Region, id: string, now: number): Instance | undefined {
  const instance = region.instances.get(id);
  return instance !== undefined && stateOf(region, instance, now) !== undefined ? instance : undefined;
}

/** All instances of these ids, or EC2's complaint about those it does not know. */
function findAll(ids: readonly string[], find: (id: string) => Instance | undefined): Instance[] {
  const malformed = ids.find((id) => !/^i-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id));
  if (malformed !== undefined) throw refuse('InvalidInstanceID.Malformed', `Invalid id: "${malformed}"`);
  const unknown: string[] = [];
  const found = new Map<string, Instance>();
  for (const id of ids) {
    const instance = find(id);
    if (instance === undefined) unknown.push(id);
    else found.set(id, instance);
  }
  if (unknown.length > 0) {
    throw refuse(
      'InvalidInstanceID.NotFound',
      unknown.length === 1
        ? `The instance ID '${unknown[0]}' does not exist`
        : `The instance IDs '${unknown.join(', ')}' do not exist`,
    );
  }
  return Array.from(found.values());
}

function modifyInstanceAttribute(call: Call): string {
  const { params, region, now } = call;
  const [instance] = findAll([params.text('InstanceId') ?? ''], (id) => presentInstance(region, id, now));
  if (instance === undefined) throw missing('InstanceId');
  const locked = params.text('DisableApiTermination.Value');
  const sourceDestCheck = params.text('SourceDestCheck.Value');
  const groupIds = params.texts('GroupId');
  for (const id of groupIds) {
    if (region.groups.get(id) === undefined)
      throw refuse('InvalidGroup.NotFound', `The security group '${id}' does not exist`);
  }
  region.instances.put({
    ...instance,
    ...(locked === undefined ? {} : { protected: locked === 'true' }),
    ...(sourceDestCheck === undefined ? {} : { sourceDestCheck: sourceDestCheck === 'true' }),
    ...(groupIds.length === 0 ? {} : { groupIds }),
  });
  return '<return>true</return>';
}
