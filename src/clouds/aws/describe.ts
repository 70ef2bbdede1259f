/** An instance in EC2's words as a machine in ours. */
import type { Instance } from '@aws-sdk/client-ec2';
import type { Machine, MachineState } from '../cloud.ts';
import { classify } from './errors.ts';
import { ownerOf, tokenOf } from './tags.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html */
const STATES: Readonly<Record<string, MachineState>> = {
  pending: 'pending',
  running: 'running',
  stopping: 'stopping',
  stopped: 'stopped',
  'shutting-down': 'terminating',
  terminated: 'terminated',
};

/** Undefined for an answer without an id. A machine without our cluster tag has the owner `{cluster: ''}`. */
export function toMachine(instance: Instance): Machine | undefined {
  const { InstanceId: id, InstanceType: type, PrivateIpAddress: inside, PublicIpAddress: outside } = instance;
  if (id === undefined) return undefined;
  const token = tokenOf(instance.Tags);
  const zone = instance.Placement?.AvailabilityZone;
  return {
    id,
    owner: ownerOf(instance.Tags) ?? { cluster: '' },
    ...(token === undefined ? {} : { launch: { token, index: instance.AmiLaunchIndex ?? 0 } }),
    state: STATES[instance.State?.Name ?? ''] ?? 'pending',
    ...reasonOf(instance),
    createdAt: (instance.LaunchTime ?? new Date(0)).toISOString(),
    ...(zone === undefined ? {} : { zone }),
    ...(type === undefined ? {} : { type }),
    // Machines that have ended have empty ones.
    ...(inside ? { privateAddress: inside } : {}),
    ...(outside ? { publicAddress: outside } : {}),
  };
}

function reasonOf({ StateReason: reason }: Instance): Pick<Machine, 'stateReason'> {
  if (!reason?.Code) return {};
  const means = classify(reason.Code);
  return {
    stateReason: {
      code: reason.Code,
      message: reason.Message ?? '',
      ...(means === undefined ? {} : { means }),
    },
  };
}
