import type { ApiName } from './call.ts';
import type { Clock } from './clock.ts';
import { type ApiError, refuse } from './errors.ts';
import type { Params } from './query.ts';

/**
 * The limits AWS publishes, per account and region, as token buckets: `burst` tokens at most, `perSecond` refilled.
 * EC2 counts each action for itself, ELBv2 by category.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html
 */
interface Limit {
  readonly bucket: string;
  readonly burst: number;
  readonly perSecond: number;
  readonly tokens: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Takes the tokens of a call; answers the refusal when there are not enough, and then takes none. */
export type Throttle = (call: {
  readonly account: string;
  readonly region: string;
  readonly api: ApiName;
  readonly action: string;
  readonly params: Params;
}) => ApiError | undefined;

export function createThrottle(clock: Clock): Throttle {
  const buckets = new Map<string, Bucket>();
  return (call) => {
    const limits = limitsOf(call.api, call.action, call.params);
    const now = clock.now();
    const filled = limits.map((limit) => {
      const key = `${call.account}/${call.region}/${call.api}/${limit.bucket}`;
      const bucket = buckets.get(key) ?? { tokens: limit.burst, at: now };
      buckets.set(key, bucket);
      bucket.tokens = Math.min(limit.burst, bucket.tokens + ((now - bucket.at) / 1000) * limit.perSecond);
      bucket.at = now;
      return { bucket, limit };
    });
    // A call for more machines than the bucket ever holds empties it, rather than never passing.
    if (filled.some(({ bucket, limit }) => bucket.tokens < Math.min(limit.tokens, limit.burst))) {
      return refusal(call.api);
    }
    for (const { bucket, limit } of filled) bucket.tokens -= Math.min(limit.tokens, limit.burst);
    return undefined;
  };
}

function limitsOf(api: ApiName, action: string, params: Params): readonly Limit[] {
  if (api === 'ec2') return ec2Limits(action, params);
  if (api === 'elasticloadbalancing') return balancingLimits(action);
  return [];
}

function ec2Limits(action: string, params: Params): readonly Limit[] {
  if (action.startsWith('Describe')) {
    const narrowed = params.has('Filter') || params.has('MaxResults') || params.has('NextToken');
    return narrowed || hasIds(params) ? [limit(action, 100, 20)] : [limit(`${action}/unfiltered`, 50, 10)];
  }
  if (action === 'RunInstances') {
    return [
      limit(action, 5, 2),
      limit('RunInstances/instances', 1000, 2, Number(params.text('MaxCount') ?? '1')),
    ];
  }
  if (action === 'TerminateInstances') {
    return [
      limit(action, 100, 5),
      limit('TerminateInstances/instances', 1000, 20, params.texts('InstanceId').length),
    ];
  }
  return action === 'CreateTags' ? [limit(action, 100, 10)] : [limit(action, 50, 5)];
}

function balancingLimits(action: string): readonly Limit[] {
  const all = limit('all', 40, 10);
  if (action.startsWith('Describe')) return [all, limit('describe', 40, 10)];
  if (action === 'RegisterTargets' || action === 'DeregisterTargets')
    return [all, limit('registration', 20, 4)];
  if (action === 'CreateLoadBalancer' || action === 'SetSubnets') return [all, limit('costly', 10, 0.2)];
  return [all, limit('mutating', 20, 3)];
}

function hasIds(params: Params): boolean {
  for (const [name] of params.entries()) {
    if (/^(\w+Id|Zone|ZoneName|KeyName|GroupName|InstanceType)\.\d+$/.test(name)) return true;
  }
  return false;
}

function limit(bucket: string, burst: number, perSecond: number, tokens = 1): Limit {
  return { bucket, burst, perSecond, tokens };
}

function refusal(api: ApiName): ApiError {
  return api === 'ec2'
    ? refuse('RequestLimitExceeded', 'Request limit exceeded.', 503)
    : refuse('Throttling', 'Rate exceeded');
}
