import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { readBody } from '../http.ts';
import type { AwsSandbox } from './sandbox.ts';

/** Paths below this belong to the sandbox itself; no AWS API has one. */
export const controlPath = '/_sandbox/';

const milliseconds = z.number().nonnegative();

const settings = z.strictObject({
  bootMs: milliseconds.exactOptional(),
  shutdownMs: milliseconds.exactOptional(),
  healthMs: milliseconds.exactOptional(),
  balancerMs: milliseconds.exactOptional(),
  interfaceLingerMs: milliseconds.exactOptional(),
  terminatedVisibleMs: milliseconds.exactOptional(),
  readLagMs: milliseconds.exactOptional(),
  throttle: z.enum(['published', 'off']).exactOptional(),
  certificates: z.array(z.string()).exactOptional(),
  instanceProfiles: z.array(z.string()).exactOptional(),
});

const fault = z.strictObject({
  action: z.string(),
  region: z.string().exactOptional(),
  where: z.record(z.string(), z.string()).exactOptional(),
  error: z
    .strictObject({
      code: z.string(),
      status: z.number().exactOptional(),
      message: z.string().exactOptional(),
    })
    .exactOptional(),
  lostReply: z.boolean().exactOptional(),
  dropRequest: z.boolean().exactOptional(),
  delayMs: milliseconds.exactOptional(),
  times: z.number().exactOptional(),
  skip: z.number().exactOptional(),
});

const capacity = z.strictObject({
  region: z.string(),
  zone: z.string(),
  instanceType: z.string(),
  /** Absent: any number. */
  count: z.number().exactOptional(),
});

const reason = z.strictObject({ code: z.string(), message: z.string() });

const drift = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('terminateInstance'),
    region: z.string(),
    instanceId: z.string(),
    reason: reason.exactOptional(),
  }),
  z.strictObject({ kind: z.literal('stopInstance'), region: z.string(), instanceId: z.string() }),
  z.strictObject({ kind: z.literal('deleteLoadBalancer'), region: z.string(), arn: z.string() }),
  z.strictObject({ kind: z.literal('deleteListener'), region: z.string(), arn: z.string() }),
  z.strictObject({
    kind: z.literal('revokeRules'),
    region: z.string(),
    groupId: z.string(),
    direction: z.enum(['ingress', 'egress']).exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('setHealth'),
    targetGroupArn: z.string(),
    instanceId: z.string(),
    /** Absent: back to what it would be by itself. */
    state: z.enum(['initial', 'healthy', 'unhealthy', 'unused', 'draining', 'unavailable']).exactOptional(),
    reason: z.string().exactOptional(),
  }),
]);

const identity = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('allowKey'), accessKeyId: z.string(), account: z.string() }),
  z.strictObject({ kind: z.literal('forbidKey'), accessKeyId: z.string() }),
  z.strictObject({ kind: z.literal('trust'), roleArn: z.string(), externalId: z.string().exactOptional() }),
]);

export type RemoteSettings = z.infer<typeof settings>;
export type RemoteFault = z.infer<typeof fault>;
export type RemoteCapacity = z.infer<typeof capacity>;
export type RemoteDrift = z.infer<typeof drift>;
export type RemoteIdentity = z.infer<typeof identity>;

/**
 * Answers the control calls, JSON both ways: GET `counters`, `log`, `state?region=`, `owned?tagKey=`, `faults`; POST
 * `counters/reset`, `settings`, `faults`, `faults/remove`, `faults/clear`, `capacity`, `drift`, `identities`. What is wrong
 * with a call is told as `{error}` with status 400.
 */
export async function answerControl(
  sandbox: AwsSandbox,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '', sandbox.url);
  const verb = `${request.method} ${url.pathname.slice(controlPath.length)}`;
  const body = await readBody(request);
  try {
    const route = routes(sandbox, url.searchParams)[verb];
    if (route === undefined) throw new Error(`there is no ${verb}`);
    send(response, 200, route(body === '' ? {} : JSON.parse(body)) ?? {});
  } catch (error) {
    send(response, 400, { error: error instanceof Error ? error.message : String(error) });
  }
}

function routes(
  sandbox: AwsSandbox,
  query: URLSearchParams,
): Readonly<Record<string, (body: unknown) => unknown>> {
  const { faults } = sandbox;
  return {
    'GET counters': () => sandbox.counters,
    'GET log': () => sandbox.log,
    'GET state': () =>
      stateOf(sandbox, query.get('region') ?? 'us-east-1', query.get('account') ?? undefined),
    'GET owned': () => sandbox.ownedResources(query.get('tagKey') ?? ''),
    'GET faults': () => faults.list().map(({ id, spec, hits }) => ({ id, spec, hits })),
    'POST counters/reset': () => sandbox.resetCounters(),
    'POST settings': (body) => sandbox.set(settings.parse(body)),
    'POST faults': (body) => ({ id: faults.add(fault.parse(body)).id }),
    'POST faults/remove': (body) => faults.remove(z.strictObject({ id: z.string() }).parse(body).id),
    'POST faults/clear': () => faults.clear(),
    'POST capacity': (body) => {
      const { region, zone, instanceType, count } = capacity.parse(body);
      faults.capacity(region, zone, instanceType, count);
    },
    'POST drift': (body) => change(sandbox, drift.parse(body)),
    'POST identities': (body) => identify(sandbox, identity.parse(body)),
  };
}

/** User data is left out: it is the same long text on every machine of a launch. */
function stateOf(sandbox: AwsSandbox, region: string, account: string | undefined): unknown {
  const state = sandbox.state(region, account);
  return { ...state, instances: state.instances.map((instance) => ({ ...instance, userData: undefined })) };
}

function change({ behindTheBack }: AwsSandbox, wish: RemoteDrift): void {
  switch (wish.kind) {
    case 'terminateInstance':
      behindTheBack.terminateInstance(wish.region, wish.instanceId, wish.reason);
      break;
    case 'stopInstance':
      behindTheBack.stopInstance(wish.region, wish.instanceId);
      break;
    case 'deleteLoadBalancer':
      behindTheBack.deleteLoadBalancer(wish.region, wish.arn);
      break;
    case 'deleteListener':
      behindTheBack.deleteListener(wish.region, wish.arn);
      break;
    case 'revokeRules':
      behindTheBack.revokeRules(wish.region, wish.groupId, wish.direction);
      break;
    case 'setHealth':
      behindTheBack.setHealth(wish.targetGroupArn, wish.instanceId, wish.state, wish.reason);
      break;
  }
}

function identify({ identities }: AwsSandbox, wish: RemoteIdentity): void {
  switch (wish.kind) {
    case 'allowKey':
      identities.allowKey(wish.accessKeyId, wish.account);
      break;
    case 'forbidKey':
      identities.forbidKey(wish.accessKeyId);
      break;
    case 'trust':
      identities.trust(wish.roleArn, wish.externalId);
      break;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
