/**
 * The AWS calls in use, and no others, each as `(input, {signal, flow?}) => Promise<output>`. Every one of them passes
 * the gate, has a deadline, is tried once (the queue is the retry), and throws nothing but `CloudError`.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { $Command, RunInstancesCommandOutput } from '@aws-sdk/client-ec2';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { unlessAborted, withDeadline } from '../../runtime/deadline.ts';
import type { CallGate } from '../cloud.ts';
import { toCloudError } from './errors.ts';
import { type Api, costOf } from './limits.ts';

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Until when they are good; absent: for ever. */
  readonly expiration?: Date;
}

export interface SdkOptions {
  readonly region: string;
  /** Called by the SDK before the first call, and again shortly before the keys expire. */
  readonly credentials: () => Promise<AwsKeys>;
  readonly gate: CallGate;
  /** For deadlines only. */
  readonly clock?: Clock;
}

interface CallOptions {
  readonly signal: AbortSignal;
  /** `namespace/name` of the Network on whose behalf the call is made. */
  readonly flow?: string;
}

export type Sdk = Awaited<ReturnType<typeof createSdk>>;

/** How long one call may take once the gate has let it go. RunInstances for 100 machines takes seconds. */
const deadlineMs = 30_000;

/** Loads the SDK on first use: about 100 MiB and a third of a second, spent only when a credential for AWS exists. */
export async function createSdk({ region, credentials, gate, clock = systemClock }: SdkOptions) {
  const [EC2, ELB, SSM, STS] = await Promise.all([
    import('@aws-sdk/client-ec2'),
    import('@aws-sdk/client-elastic-load-balancing-v2'),
    import('@aws-sdk/client-ssm'),
    import('@aws-sdk/client-sts'),
  ]);
  const config = { region, credentials, maxAttempts: 1, requestHandler: connections() };
  const clients = {
    ec2: new EC2.EC2Client(config),
    elb: new ELB.ElasticLoadBalancingV2Client(config),
    ssm: new SSM.SSMClient(config),
    sts: new STS.STSClient(config),
  };
  const ec2 = through(clients.ec2, gate, clock);
  const elb = through(clients.elb, gate, clock);
  const ssm = through(clients.ssm, gate, clock);
  const sts = through(clients.sts, gate, clock);

  return {
    runInstances: ec2('RunInstances', EC2.RunInstancesCommand, (input) => input.MaxCount ?? 1),
    terminateInstances: ec2(
      'TerminateInstances',
      EC2.TerminateInstancesCommand,
      (input) => input.InstanceIds?.length ?? 0,
    ),
    describeInstances: ec2('DescribeInstances', EC2.DescribeInstancesCommand),
    describeInstanceTypes: ec2('DescribeInstanceTypes', EC2.DescribeInstanceTypesCommand),
    describeImages: ec2('DescribeImages', EC2.DescribeImagesCommand),
    describeVpcs: ec2('DescribeVpcs', EC2.DescribeVpcsCommand),
    describeSubnets: ec2('DescribeSubnets', EC2.DescribeSubnetsCommand),
    describeSecurityGroups: ec2('DescribeSecurityGroups', EC2.DescribeSecurityGroupsCommand),
    createSecurityGroup: ec2('CreateSecurityGroup', EC2.CreateSecurityGroupCommand),
    deleteSecurityGroup: ec2('DeleteSecurityGroup', EC2.DeleteSecurityGroupCommand),
    authorizeSecurityGroupIngress: ec2(
      'AuthorizeSecurityGroupIngress',
      EC2.AuthorizeSecurityGroupIngressCommand,
    ),
    authorizeSecurityGroupEgress: ec2(
      'AuthorizeSecurityGroupEgress',
      EC2.AuthorizeSecurityGroupEgressCommand,
    ),
    revokeSecurityGroupIngress: ec2('RevokeSecurityGroupIngress', EC2.RevokeSecurityGroupIngressCommand),
    revokeSecurityGroupEgress: ec2('RevokeSecurityGroupEgress', EC2.RevokeSecurityGroupEgressCommand),
    createTags: ec2('CreateTags', EC2.CreateTagsCommand),
    deleteTags: ec2('DeleteTags', EC2.DeleteTagsCommand),

    describeLoadBalancers: elb('DescribeLoadBalancers', ELB.DescribeLoadBalancersCommand),
    describeLoadBalancerAttributes: elb(
      'DescribeLoadBalancerAttributes',
      ELB.DescribeLoadBalancerAttributesCommand,
    ),
    createLoadBalancer: elb('CreateLoadBalancer', ELB.CreateLoadBalancerCommand),
    modifyLoadBalancerAttributes: elb(
      'ModifyLoadBalancerAttributes',
      ELB.ModifyLoadBalancerAttributesCommand,
    ),
    setSubnets: elb('SetSubnets', ELB.SetSubnetsCommand),
    setSecurityGroups: elb('SetSecurityGroups', ELB.SetSecurityGroupsCommand),
    deleteLoadBalancer: elb('DeleteLoadBalancer', ELB.DeleteLoadBalancerCommand),
    describeTargetGroups: elb('DescribeTargetGroups', ELB.DescribeTargetGroupsCommand),
    describeTargetGroupAttributes: elb(
      'DescribeTargetGroupAttributes',
      ELB.DescribeTargetGroupAttributesCommand,
    ),
    createTargetGroup: elb('CreateTargetGroup', ELB.CreateTargetGroupCommand),
    modifyTargetGroup: elb('ModifyTargetGroup', ELB.ModifyTargetGroupCommand),
    modifyTargetGroupAttributes: elb('ModifyTargetGroupAttributes', ELB.ModifyTargetGroupAttributesCommand),
    deleteTargetGroup: elb('DeleteTargetGroup', ELB.DeleteTargetGroupCommand),
    describeListeners: elb('DescribeListeners', ELB.DescribeListenersCommand),
    createListener: elb('CreateListener', ELB.CreateListenerCommand),
    modifyListener: elb('ModifyListener', ELB.ModifyListenerCommand),
    deleteListener: elb('DeleteListener', ELB.DeleteListenerCommand),
    registerTargets: elb('RegisterTargets', ELB.RegisterTargetsCommand),
    deregisterTargets: elb('DeregisterTargets', ELB.DeregisterTargetsCommand),
    describeTargetHealth: elb('DescribeTargetHealth', ELB.DescribeTargetHealthCommand),
    /** Of balancers, listeners and target groups; EC2 lists its tags with the things themselves. */
    describeTags: elb('DescribeTags', ELB.DescribeTagsCommand),
    addTags: elb('AddTags', ELB.AddTagsCommand),
    removeTags: elb('RemoveTags', ELB.RemoveTagsCommand),

    getParameter: ssm('GetParameter', SSM.GetParameterCommand),
    getCallerIdentity: sts('GetCallerIdentity', STS.GetCallerIdentityCommand),

    close(): void {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}

type Answer = Pick<RunInstancesCommandOutput, '$metadata'>;

/** What of an SDK client is used here. */
interface Sends<Inputs extends object, Outputs extends Answer, Config> {
  send<Input extends Inputs, Output extends Outputs>(
    command: $Command<Input, Output, Config, Inputs, Outputs>,
    options: { readonly abortSignal: AbortSignal },
  ): Promise<Output>;
}

function through<Inputs extends object, Outputs extends Answer, Config>(
  client: Sends<Inputs, Outputs, Config>,
  gate: CallGate,
  clock: Clock,
) {
  return <Input extends Inputs, Output extends Outputs>(
    api: Api,
    Command: new (input: Input) => $Command<Input, Output, Config, Inputs, Outputs>,
    machines: (input: Input) => number = () => 0,
  ) =>
    (input: Input, { signal, flow }: CallOptions): Promise<Output> => {
      const cost = costOf(api, machines(input));
      return gate({ ...cost, ...(flow === undefined ? {} : { flow }), signal }, async (granted) => {
        const flight = { sent: false, calledOff: false };
        try {
          return await withDeadline(
            { signal: granted, deadlineMs, clock, what: 'waiting for an answer' },
            async (abortSignal) => {
              try {
                abortSignal.throwIfAborted();
                const command = new Command(input);
                command.middlewareStack.add(noting(flight, abortSignal), lastStep);
                // The SDK heeds the signal once it has the keys; the wait for those it would sit out.
                return await unlessAborted(abortSignal, client.send(command, { abortSignal }));
              } catch (thrown) {
                flight.calledOff = abortSignal.aborted;
                // The SDK's own AbortError does not tell why.
                throw abortSignal.aborted ? abortSignal.reason : thrown;
              }
            },
          );
        } catch (thrown) {
          throw toCloudError({ ...cost, ...flight }, thrown);
        }
      });
    };
}

/** Serialized, credentials at hand, signed: what follows is the connection. */
const lastStep = { step: 'finalizeRequest', priority: 'low', name: 'noteSent' } as const;

function noting(flight: { sent: boolean }, signal: AbortSignal) {
  return <Args, Result>(next: (args: Args) => Result) =>
    (args: Args): Result => {
      // Whoever asked was told that nothing was sent, and that stays true.
      signal.throwIfAborted();
      flight.sent = true;
      return next(args);
    };
}

/**
 * Connections stay open between calls: a handshake costs more than most answers. `proxyEnv` makes Node's agent follow
 * HTTPS_PROXY, HTTP_PROXY and NO_PROXY. The timeouts are for calls that the SDK makes by itself, for keys: they carry no
 * signal of ours. Those that do have been ended by then.
 */
export function connections() {
  const options = { keepAlive: true, maxSockets: 32, proxyEnv: process.env };
  return {
    httpAgent: new HttpAgent(options),
    httpsAgent: new HttpsAgent(options),
    connectionTimeout: 10_000,
    // Until the head of the answer; from there on, until the next byte.
    requestTimeout: deadlineMs + 5_000,
    socketTimeout: deadlineMs + 5_000,
    throwOnRequestTimeout: true,
  };
}
