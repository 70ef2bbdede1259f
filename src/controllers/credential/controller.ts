import { cloudOf } from '../../api/cloud-member.ts';
import type { CloudCredential } from '../../api/credential.ts';
import { ANNOTATIONS, FINALIZER } from '../../api/names.ts';
import type { Cloud } from '../../clouds/cloud.ts';
import { CLOUDS } from '../../clouds/index.ts';
import { addFinalizer, hasFinalizer, removeFinalizer } from '../../kube/finalizer.ts';
import { again, done, type Outcome } from '../../runtime/controller.ts';
import { createBackoff, type Held } from '../backoff.ts';
import type { Seen } from '../kinds.ts';
import { notedRegions, type Verified } from '../sessions.ts';
import type { Shared } from '../shared.ts';
import type { Standing } from '../status.ts';
import { spell, troubleOf } from '../trouble.ts';
import { createSecretHold } from './secret-hold.ts';
import { createCredentialStatus, found } from './status.ts';
import { listed, usersOf } from './users.ts';

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

export function createCredentialController(options: CredentialControllerOptions) {
  const { credentials, credentialResource, sessions, inventory, sweepHolds, clock, onChanged } = options;
  const holdSecret = createSecretHold(options);
  const write = createCredentialStatus(options);
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
    const users = usersOf(options, key);
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
        // Others that use it have to name it.
        message: `${trouble.message.replace(`CloudCredential ${key}: `, '')}; next try in ${spell(trouble.retryAfterMs)}`,
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

  function defaultRegion({ parsed }: Seen<CloudCredential>): string {
    if (!parsed.ok) return '';
    const { name, spec } = cloudOf(parsed.value.spec);
    const cloud: Cloud = CLOUDS[name];
    return cloud.homeRegionOf(spec);
  }

  return { reconcile };
}
