import { cloudOf } from '../../api/cloud-member.ts';
import type { CredentialRef } from '../../api/common.ts';
import type { Cloud, CloudSession, LogOptions, LogPiece } from '../../clouds/cloud.ts';
import { CLOUDS } from '../../clouds/index.ts';
import { CREDENTIALS, NODES, type Seen } from '../../controllers/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { keyOf } from '../../kube/object.ts';
import { createSecretReader } from '../../kube/secrets.ts';
import { systemClock as clock } from '../../runtime/clock.ts';

export interface OpenOptions {
  readonly kube: KubeClient;
  readonly node: { readonly namespace: string; readonly name: string };
  readonly signal: AbortSignal;
}

export type ReadLogs = (options: LogOptions, signal: AbortSignal) => AsyncIterable<LogPiece>;

/** From a Node over its credential to its cloud, with the rights of whoever asks. Rejects in words for people. */
export async function openLogs({ kube, node, signal }: OpenOptions): Promise<ReadLogs> {
  const what = `Node ${keyOf(node)}`;
  const { spec, status } = parsed(what, await kube.resource(NODES).get(node, { signal }));
  const { name, spec: placement } = cloudOf(spec);
  const machine = status.machine?.id;
  if (machine === undefined) throw new Error(`${what} has no machine yet: it is ${status.phase ?? 'new'}`);
  const cloud: Cloud = CLOUDS[name];
  const session = await openSession(kube, cloud, {
    ...{ region: cloud.regionOf(placement), credentialRef: spec.credentialRef },
    ...{ namespace: node.namespace, signal },
  });
  const { logs } = session;
  if (logs === undefined) {
    session.close();
    throw new Error(
      `${what} runs on ${name}, whose logs are unsupported: look into the machine ${machine} itself`,
    );
  }
  return async function* (options, until) {
    try {
      yield* logs(machine, options, until);
    } finally {
      session.close();
    }
  };
}

async function openSession(
  kube: KubeClient,
  cloud: Cloud,
  asked: {
    readonly region: string;
    readonly credentialRef: CredentialRef;
    readonly namespace: string;
    readonly signal: AbortSignal;
  },
): Promise<CloudSession> {
  const { region, credentialRef, signal } = asked;
  const namespace = credentialRef.namespace ?? asked.namespace;
  const key = { namespace, name: credentialRef.name };
  const what = `CloudCredential ${keyOf(key)}`;
  const credential = cloudOf(parsed(what, await kube.resource(CREDENTIALS).get(key, { signal })).spec);
  if (CLOUDS[credential.name] !== cloud)
    throw new Error(`${what} is for ${credential.name}, not for ${cloud.name}`);
  const secretName = cloud.secretOf(credential.spec);
  const secret =
    secretName === undefined
      ? undefined
      : await createSecretReader({ client: kube, clock }).read({ namespace, name: secretName }, { signal });
  if (secretName !== undefined && secret === undefined)
    throw new Error(`${what}: there is no Secret ${secretName} in namespace ${namespace}`);
  return await cloud.open({
    region,
    credential: credential.spec,
    ...(secret && { secret: secret.values }),
    // What is ours is no question here: one machine is asked for by its id.
    cluster: '',
    gate: (call, run) => run(call.signal),
    now: () => clock.now(),
  });
}

function parsed<T>(what: string, seen: Seen<T> | undefined): T {
  if (seen === undefined) throw new Error(`there is no ${what}`);
  if (!seen.parsed.ok) throw new Error(`${what}: ${seen.parsed.message}`);
  return seen.parsed.value;
}
