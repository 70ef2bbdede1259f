import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { readBody } from '../http.ts';
import type { Throttle } from './buckets.ts';
import type { ApiName, Caller, Handlers } from './call.ts';
import type { Clock } from './clock.ts';
import { ApiError, refuse } from './errors.ts';
import type { CallInfo, FaultSpec, Faults } from './faults.ts';
import type { Journal } from './journal.ts';
import { protocols } from './protocols.ts';
import { type Params, parseForm, parseJson } from './query.ts';
import { isRegion } from './region-names.ts';
import { isApiName, readSignature } from './signature.ts';
import type { World } from './world.ts';

/** Runs around every call; the call waits for it. */
export type CallHook = (call: CallInfo, outcome: string) => void | Promise<void>;

/** What a call passes through on its way. */
export interface Stages {
  readonly clock: Clock;
  readonly world: World;
  readonly journal: Journal;
  readonly faults: Faults;
  readonly handlers: Readonly<Record<ApiName, Handlers>>;
  /** Undefined: nothing is throttled. */
  throttle(): Throttle | undefined;
  readLagMs(): number;
  readonly before: ReadonlySet<CallHook>;
  readonly after: ReadonlySet<CallHook>;
  /** Ends the waits of delayed calls when the sandbox stops. */
  readonly stopping: AbortSignal;
}

/** Answers one API call: hooks, identity, throttle, faults, the deed, hooks, the reply. */
export async function answerCall(
  stages: Stages,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const arrivedAt = stages.clock.now();
  const call = await readCall(request);
  if (call === undefined) {
    response.writeHead(403).end('MissingAuthenticationToken: Request is missing Authentication Token');
    return;
  }
  const { api, params, action, region, accessKeyId } = call;
  const caller = accessKeyId === undefined ? anonymous : stages.world.callerOf(accessKeyId);
  const info: CallInfo = { service: api, action, region, account: caller?.account ?? '', params };
  const requestId = crypto.randomUUID();
  const send = (status: number, body: string): void => {
    response.writeHead(status, { 'content-type': protocols[api].contentType, 'x-amzn-requestid': requestId });
    response.end(body);
  };
  const hangUp = (): void => {
    request.socket.destroy();
  };

  stages.journal.came(info);
  for (const hook of stages.before) await hook(info, 'open');
  const faults = stages.faults.hit(info);
  const outcome = await carryOut(stages, info, caller, faults);
  stages.journal.ended(info, arrivedAt, outcome.name);
  for (const hook of stages.after) await hook(info, outcome.name);

  if (outcome.content === undefined) hangUp();
  else if (outcome.error === undefined) send(200, protocols[api].answer(action, outcome.content, requestId));
  else send(outcome.error.status, protocols[api].refusal(outcome.error, requestId));
}

interface Outcome {
  readonly name: string;
  /** Undefined when no reply goes out. */
  readonly content: string | undefined;
  readonly error?: ApiError;
}

async function carryOut(
  stages: Stages,
  info: CallInfo,
  caller: Caller | undefined,
  faults: readonly FaultSpec[],
): Promise<Outcome> {
  try {
    if (caller === undefined) {
      const { code, message, status } = protocols[info.service].unknownKey;
      throw refuse(code, message, status);
    }
    if (!isRegion(info.region)) {
      // At AWS the name of its endpoint would lead nowhere; here all regions have one endpoint.
      const { code, status } = protocols[info.service].unknownKey;
      throw refuse(code, `There is no region ${info.region}.`, status);
    }
    const throttled = stages.throttle()?.({ ...info, api: info.service });
    if (throttled !== undefined) {
      stages.journal.throttled();
      throw throttled;
    }
    for (const fault of faults) await fault.onCall?.(info);
    const delayMs = Math.max(0, ...faults.map((fault) => fault.delayMs ?? 0));
    if (delayMs > 0) await sleep(delayMs, undefined, { signal: stages.stopping });
    if (faults.some((fault) => fault.dropRequest)) return { name: 'dropRequest', content: undefined };
    const error = faults.find((fault) => fault.error !== undefined)?.error;
    if (error !== undefined) throw refuse(error.code, error.message ?? 'Injected by a test', error.status);
    const content = handle(stages, info, caller);
    if (faults.some((fault) => fault.lostReply)) return { name: 'lostReply', content: undefined };
    return { name: 'ok', content };
  } catch (error) {
    if (error instanceof ApiError) return { name: error.code, content: '', error };
    if (stages.stopping.aborted) return { name: 'dropRequest', content: undefined };
    // A fault of this program: told to the caller in full, and not an answer that any real API gives.
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { name: 'SandboxFault', content: '', error: refuse('SandboxFault', message, 500) };
  }
}

function handle(stages: Stages, info: CallInfo, caller: Caller): string {
  const handler = stages.handlers[info.service][info.action];
  if (handler === undefined) {
    stages.journal.unimplemented();
    throw refuse('InvalidAction', `The action ${info.action} is not valid for this web service.`);
  }
  if (info.service === 'ec2' && info.params.text('DryRun') === 'true') {
    throw refuse('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412);
  }
  const now = stages.clock.now();
  const region = stages.world.region(info.region, caller.account);
  return handler({ params: info.params, region, caller, now, seenAt: now - stages.readLagMs() });
}

/** Web identity calls come unsigned: the token is the proof. */
const anonymous: Caller = { accessKeyId: '', account: '000000000000', arn: '', userId: '' };

interface IncomingCall {
  readonly api: ApiName;
  readonly action: string;
  readonly region: string;
  readonly accessKeyId: string | undefined;
  readonly params: Params;
}

/** Undefined for what is not signed, and need be: it is nobody's call, and is not counted. */
async function readCall(request: IncomingMessage): Promise<IncomingCall | undefined> {
  const body = await readBody(request);
  const signed = readSignature(request.headers.authorization);
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') {
    const action = target.slice(target.lastIndexOf('.') + 1);
    return signed === undefined ? undefined : { ...signed, api: 'ssm', action, params: parseJson(body) };
  }
  const params = parseForm(body === '' ? (request.url?.split('?')[1] ?? '') : body);
  const action = params.text('Action') ?? '';
  if (signed !== undefined) {
    return isApiName(signed.service) ? { ...signed, api: signed.service, action, params } : undefined;
  }
  if (action !== 'AssumeRoleWithWebIdentity') return undefined;
  return { api: 'sts', action, region: 'us-east-1', accessKeyId: undefined, params };
}
