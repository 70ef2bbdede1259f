/** One RunInstances call for a batch of machines. */
import type { Instance } from '@aws-sdk/client-ec2';
import { CloudError, type LaunchAnswer, type LaunchRequest, type Machine, type Machines } from '../cloud.ts';
import { toMachine } from './describe.ts';
import { runInstancesInput } from './request.ts';
import type { Sdk } from './sdk.ts';

/** Both say that the token was used before: with other parameters, or for machines that are gone by now. */
const SPENT = new Set(['IdempotentParameterMismatch', 'IdempotentInstanceTerminated']);

export function createLaunch(sdk: Pick<Sdk, 'runInstances'>): Machines['launch'] {
  return async (request, signal) => {
    const flow = request.owner.network ?? request.owner.node;
    try {
      const input = runInstancesInput(request);
      const { Instances = [] } = await sdk.runInstances(input, {
        signal,
        ...(flow === undefined ? {} : { flow }),
      });
      return answerOf(request, Instances);
    } catch (thrown) {
      if (thrown instanceof CloudError && SPENT.has(thrown.reason)) return { machines: [], spent: true };
      throw thrown;
    }
  };
}

function answerOf(request: LaunchRequest, instances: readonly Instance[]): LaunchAnswer {
  const machines = instances.flatMap((instance): Machine[] => {
    const machine = toMachine(instance);
    if (machine === undefined) return [];
    const launch = { token: request.token, index: instance.AmiLaunchIndex ?? 0 };
    return [{ ...machine, owner: request.owner, launch }];
  });
  if (machines.length >= request.rows.length) return { machines, spent: false };
  return { machines, spent: false, shortage: shortage(request, machines.length) };
}

/** EC2 gives what it has and does not say why it is less. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html */
function shortage({ rows }: LaunchRequest, came: number): CloudError {
  return new CloudError({
    api: 'RunInstances',
    code: 'outOfCapacity',
    outcome: 'none',
    reason: 'InsufficientInstanceCapacity',
    message: `only ${came} of ${rows.length} machines could be had`,
  });
}
