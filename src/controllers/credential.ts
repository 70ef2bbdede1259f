import { cloudOf } from '../api/cloud-member.ts';
import type { Condition } from '../api/common.ts';
import type { CloudCredential, CloudCredentialStatus } from '../api/credential.ts';
import { ANNOTATIONS, FINALIZER } from '../api/names.ts';
import type { Cloud } from '../clouds/cloud.ts';
import { CLOUDS } from '../clouds/index.ts';
import { addFinalizer, hasFinalizer, removeFinalizer } from '../kube/finalizer.ts';
import { keyOf } from '../kube/object.ts';
import { again, done, type Outcome } from '../runtime/controller.ts';
import { createBackoff, type Held } from './backoff.ts';
import { networkKeyOf } from './belonging.ts';
import { findCondition, setCondition } from './conditions.ts';
import type { Seen } from './kinds.ts';
import { notedRegions, type Verified } from './sessions.ts';
import type { Shared } from './shared.ts';
import { conditionsFor, type Standing, writeStatus } from './status.ts';
import { spell, troubleOf } from './trouble.ts';

export interface CredentialControllerOptions extends Shared {
  /** Whether the Secret of a credential in use is held too. */
  readonly holdSecrets: boolean;
  /** The credential can be used again, or differently: everything that uses it looks again. */
  readonly onChanged: (key: string) => void;
}

/** A changed Secret is announced to nobody, and has to take effect within a minute. */
const secretLookMs = 30_000;
/** Nor is a key that was revoked. */
const verifyEveryMs = 600_000;
const usersTold = 5;

export function createCredentialController(options: CredentialControllerOptions) {
  const {
    credentials,
    credentialResource,
    networks,
    nodes,
    secrets,
    holdSecrets,
    sessions,
    inventory,
    sweepHolds,
    tell,
    clock,
    onChanged,
  } = options;
  const backoff = createBackoff(clock);
  const lastSeen = new Map<string, string>();
  const wishes = new Map<string, { readonly generation: number; readonly asked: string | undefined }>();

  async function reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const seen = credentials.get(key);
    if (seen === undefined) {
      for (const memory of [lastSeen, wishes]) memory.delete(key);
      backoff.forget(key);
      sessions.forget(key);
      inventory.forget(key);
      sweepHolds.forget(key);
      return done;
    }
    if (!seen.parsed.ok) {
      await write(seen, {}, { kind: 'stalled', reason: 'Invalid', message: seen.parsed.message }, signal);
      return done;
    }
    const users = usersOf(key);
    const leaving = seen.metadata.deletionTimestamp !== undefined;
    const member = cloudOf(seen.parsed.value.spec);
    const cloud: Cloud = CLOUDS[member.name];
    if (users.length === 0) {
      const free = await holdSecret(key, seen, undefined, signal);
      const left = await removeFinalizer(credentialResource, free, FINALIZER, { signal });
      if (leaving || left === undefined) return done;
      return await verify(key, left, users, signal);
    }
    if (leaving && hasFinalizer(seen, FINALIZER)) {
      const standing: Standing = {
        kind: 'working',
        reason: 'InUse',
        message: `still used by ${listed(users)}`,
      };
      await write(seen, { ...found(seen), usedBy: users.length }, standing, signal);
      return done;
    }
    if (!leaving && !hasFinalizer(seen, FINALIZER)) {
      await addFinalizer(credentialResource, seen, FINALIZER, { signal });
      return done;
    }
    const held = await holdSecret(key, seen, cloud.secretOf(member.spec), signal);
    return await verify(key, held, users, signal);
  }

  /**
   * Puts our finalizer on the Secret `wanted` and takes it off the one held before. Without the right to (`holdSecrets`
   * off) neither is done: what an earlier start of the operator held, a person has to free.
   */
  async function holdSecret(
    key: string,
    seen: Seen<CloudCredential>,
    wanted: string | undefined,
    signal: AbortSignal,
  ): Promise<Seen<CloudCredential>> {
    if (!holdSecrets) return seen;
    const { namespace, annotations } = seen.metadata;
    const held = annotations?.[ANNOTATIONS.heldSecret];
    if (held !== undefined && held !== wanted && !isSecretShared(key, { namespace, name: held }))
      await secrets.release({ namespace, name: held }, FINALIZER, { signal });
    const noted = held === wanted ? seen : await noteHeld(seen, wanted, signal);
    if (wanted !== undefined) await secrets.hold({ namespace, name: wanted }, FINALIZER, { signal });
    return noted;
  }

  async function noteHeld(
    { metadata }: Seen<CloudCredential>,
    name: string | undefined,
    signal: AbortSignal,
  ): Promise<Seen<CloudCredential>> {
    const { resourceVersion } = metadata;
    const annotations = { [ANNOTATIONS.heldSecret]: name ?? null };
    return await credentialResource.patch(
      metadata,
      { metadata: { resourceVersion, annotations } },
      { type: 'merge', signal },
    );
  }

  async function verify(
    key: string,
    seen: Seen<CloudCredential>,
    users: readonly string[],
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { anew, isOther } = heed(key, seen);
    if (isOther) backoff.hurry(key);
    const answer = await ask(key, seen, { anew, signal });
    if ('trouble' in answer) {
      const { trouble, waitMs } = answer;
      const standing: Standing = {
        kind: trouble.stalled ? 'stalled' : 'working',
        reason: trouble.reason,
        message: `${trouble.message}; next try in ${spell(trouble.retryAfterMs)}`,
      };
      await write(seen, { ...found(seen), usedBy: users.length }, standing, signal);
      return again(waitMs, trouble.reason);
    }
    const { account, principal } = answer;
    const message = `the cloud knows us as ${principal}`;
    const standing: Standing = { kind: 'ready', reason: 'Verified', message };
    await write(seen, { account, principal, usedBy: users.length }, standing, signal);
    return again(secretLookMs, 'the Secret may change');
  }

  /** Users come and go, which is no reason to ask the cloud before its time. */
  async function ask(
    key: string,
    seen: Seen<CloudCredential>,
    { anew, signal }: { readonly anew: boolean; readonly signal: AbortSignal },
  ): Promise<Verified | Held> {
    const held = backoff.of(key);
    if (held !== undefined && held.waitMs > 0) return held;
    try {
      const [region = defaultRegion(seen)] = notedRegions(seen);
      const maxAgeMs = anew ? 0 : verifyEveryMs;
      const verified = await sessions.verify(seen, region, { maxAgeMs, signal });
      backoff.forget(key);
      announce(key, `${verified.account} ${verified.keys}`);
      return verified;
    } catch (error) {
      const found = troubleOf(error, backoff.failures(key));
      if (found === undefined) throw error;
      const waitMs = Math.min(found.retryAfterMs, secretLookMs);
      const trouble = { ...found, retryAfterMs: waitMs };
      backoff.fail(key, trouble);
      announce(key, `${trouble.reason} ${trouble.message}`);
      return { trouble, waitMs };
    }
  }

  /** `isOther`: the wish is another than in the last pass. `anew`: the annotation asks for a look since then. */
  function heed(key: string, { metadata }: Seen<CloudCredential>) {
    const { generation, annotations } = metadata;
    const wish = { generation, asked: annotations?.[ANNOTATIONS.reconcile] };
    const before = wishes.get(key) ?? wish;
    wishes.set(key, wish);
    const anew = before.asked !== wish.asked;
    return { anew, isOther: anew || before.generation !== generation };
  }

  function announce(key: string, state: string): void {
    if (lastSeen.get(key) === state) return;
    const isFirst = !lastSeen.has(key);
    lastSeen.set(key, state);
    if (!isFirst) onChanged(key);
  }

  /** What would be left behind if the credential went: Networks, and Nodes that no such Network speaks for. */
  function usersOf(key: string): readonly string[] {
    const inUse = new Set(networks.byIndex('credential', key).map(({ metadata }) => keyOf(metadata)));
    const alone = nodes.byIndex('credential', key).filter((node) => !inUse.has(networkKeyOf(node) ?? ''));
    return [
      ...[...inUse].map((network) => `Network ${network}`),
      ...alone.map(({ metadata }) => `Node ${keyOf(metadata)}`),
    ].sort();
  }

  function isSecretShared(
    key: string,
    secret: { readonly namespace: string; readonly name: string },
  ): boolean {
    return credentials.list(secret.namespace).some((other) => {
      const otherKey = keyOf(other.metadata);
      if (otherKey === key || !other.parsed.ok || usersOf(otherKey).length === 0) return false;
      const { name, spec } = cloudOf(other.parsed.value.spec);
      const cloud: Cloud = CLOUDS[name];
      return cloud.secretOf(spec) === secret.name;
    });
  }

  function defaultRegion({ parsed }: Seen<CloudCredential>): string {
    if (!parsed.ok) return '';
    const { name, spec } = cloudOf(parsed.value.spec);
    const cloud: Cloud = CLOUDS[name];
    return cloud.homeRegionOf(spec);
  }

  function found({ parsed }: Seen<CloudCredential>): CloudCredentialStatus {
    if (!parsed.ok) return {};
    const { account, principal } = parsed.value.status;
    return { ...(account !== undefined && { account }), ...(principal !== undefined && { principal }) };
  }

  async function write(
    seen: Seen<CloudCredential>,
    status: CloudCredentialStatus,
    standing: Standing,
    signal: AbortSignal,
  ): Promise<void> {
    const before: CloudCredentialStatus = seen.parsed.ok ? seen.parsed.value.status : {};
    const { generation: observedGeneration } = seen.metadata;
    const now = clock.now();
    tell({ object: seen, before: before.conditions, standing });
    const standings = conditionsFor(before.conditions, standing, { generation: observedGeneration, now });
    const kept: Condition[] = standings.filter(({ type }) => type !== 'Protected' && type !== 'SweepHeld');
    for (const condition of [protectionOf(seen, status), heldBySweep(seen)]) {
      if (condition === undefined) continue;
      const same = before.conditions?.filter(({ type }) => type === condition.type);
      kept.push(...setCondition(same, { ...condition, observedGeneration }, now));
    }
    await writeStatus(credentialResource, seen, {
      before,
      after: { ...status, observedGeneration, conditions: kept },
      signal,
    });
  }

  /** As it stands until the first sweep of this process has looked. */
  function heldBySweep({ metadata, parsed }: Seen<CloudCredential>) {
    const type = 'SweepHeld';
    const holds = sweepHolds.of(keyOf(metadata));
    if (holds === undefined && parsed.ok) {
      const told = findCondition(parsed.value.status.conditions, type);
      return told && ({ type, status: 'True', reason: 'SweepHeld', message: told.message } as const);
    }
    if (holds === undefined || holds.length === 0) return undefined;
    const counts = holds.map(({ held, region }) => `${held} in ${region}`).join(', ');
    const message = `machines without an object, more than an hour may remove, so none is: ${counts}; find out why before you remove them`;
    return { type, status: 'True', reason: 'SweepHeld', message } as const;
  }

  function protectionOf(seen: Seen<CloudCredential>, { usedBy = 0 }: CloudCredentialStatus) {
    const type = 'Protected';
    if (usedBy === 0)
      return { type, status: 'False', reason: 'Unused', message: 'nothing uses it, so it can go' } as const;
    if (!holdSecrets) {
      const held = seen.metadata.annotations?.[ANNOTATIONS.heldSecret];
      return {
        type,
        status: 'False',
        reason: 'FinalizerOff',
        message:
          held === undefined
            ? 'its Secret is not held: deleting the namespace can leave machines that nobody can reach'
            : `the operator may not touch Secrets any more, and Secret ${held} still carries ${FINALIZER}: take it off by hand before you delete it`,
      } as const;
    }
    if (!hasFinalizer(seen, FINALIZER))
      return { type, status: 'False', reason: 'InUse', message: 'not held yet' } as const;
    return {
      type,
      status: 'True',
      reason: 'FinalizersInPlace',
      message: 'it and its Secret stay while they are in use',
    } as const;
  }

  function listed(users: readonly string[]): string {
    const more = users.length - usersTold;
    return `${users.slice(0, usersTold).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  }

  return { reconcile };
}
