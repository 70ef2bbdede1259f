import { z } from 'zod';
import { cloudOf } from '../api/cloud-member.ts';
import type { CredentialRef } from '../api/common.ts';
import type { CloudCredential } from '../api/credential.ts';
import { ANNOTATIONS } from '../api/names.ts';
import { type CallGate, type Cloud, CloudError, type CloudSession, type Identity } from '../clouds/cloud.ts';
import { CLOUDS, type CloudName } from '../clouds/index.ts';
import { keyOf } from '../kube/object.ts';
import type { SecretReader } from '../kube/secrets.ts';
import { type Budgets, createBudgets } from '../runtime/budgets.ts';
import type { Clock } from '../runtime/clock.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { hash } from '../runtime/hash.ts';
import { assertAllowed } from './allowed-namespaces.ts';
import type { Caches } from './caches.ts';
import type { Seen } from './kinds.ts';
import { CredentialTrouble } from './trouble.ts';

/** A cloud opened for one credential and region, and who it says we are. */
export interface OpenSession {
  /** Key of the CloudCredential. What one may do in a region, another may not. */
  readonly credential: string;
  readonly cloud: CloudName;
  readonly account: string;
  readonly principal: string;
  /** Whether a list may fail to show for a while what was just made. */
  readonly readsLag: boolean;
  readonly session: CloudSession;
}

/** How a cloud is opened where it is not as the cloud itself does it. */
export type Openers = Readonly<Partial<Record<CloudName, Cloud['open']>>>;

export interface SessionsOptions extends Pick<Caches, 'credentials' | 'credentialResource'> {
  readonly openers: Openers;
  readonly secrets: SecretReader;
  readonly namespaceLabels: (name: string, signal: AbortSignal) => Promise<Readonly<Record<string, string>>>;
  readonly gateOf: (cloud: CloudName, budgets: () => Budgets<string>) => CallGate;
  readonly onWait: (cloud: CloudName, bucket: string, waitedMs: number) => void;
  readonly cluster: string;
  readonly clock: Clock;
}

export interface OpenRequest {
  readonly credentialRef: CredentialRef;
  /** Namespace of the object that wants to use it. */
  readonly namespace: string;
  readonly cloud: CloudName;
  readonly region: string;
}

export interface Sessions {
  /** Throws CredentialTrouble for what only a person can mend, CloudError for what the cloud says. */
  open(request: OpenRequest, signal: AbortSignal): Promise<OpenSession>;
  /** Opens a credential without anybody who wants to use it. */
  openFor(credential: Seen<CloudCredential>, region: string, signal: AbortSignal): Promise<OpenSession>;
  /** Asks the cloud who we are, unless it said so less than `maxAgeMs` ago. Throws as `open` does. */
  verify(
    credential: Seen<CloudCredential>,
    region: string,
    options: { readonly maxAgeMs: number; readonly signal: AbortSignal },
  ): Promise<Verified>;
  /** The CloudCredential is gone: so are its keys, as soon as what is under way through it has ended. */
  forget(credential: string): void;
  /** Somebody asks for a look now: Secrets are read anew, and what was refused is tried again. */
  askAnew(): void;
}

export interface Verified extends Identity {
  /** Differs when what the Secret holds does. */
  readonly keys: string;
}

/** Two clocks never agree on when a call was made: exactly at the limit, every other burst would be throttled. */
function withHeadroom(limits: Cloud['limits']): Cloud['limits'] {
  return Object.fromEntries(
    Object.entries(limits).map(([name, { burst, perSecond }]) => [
      name,
      { burst: Math.max(1, burst - 1), perSecond: perSecond * 0.9 },
    ]),
  );
}

const regionList = z.array(z.string()).readonly();

/** Refusals are remembered so long, so that a thousand Nodes with a refused credential ask the cloud once. */
const refusalMs = 10_000;
const verifyDeadlineMs = 60_000;
/** Longer than any call. */
const retireMs = 180_000;

interface Entry {
  readonly fingerprint: string;
  readonly keys: string;
  readonly opening: Promise<OpenSession>;
  /** Of its credential, until the account is known, which they are shared in. */
  readonly budgets: () => Budgets<string>;
  /** Monotonic; set when opening failed. */
  failedAt?: number;
  /** What the cloud said last, and when (monotonic); undefined while that is in doubt. */
  said?: { readonly identity: Identity; readonly at: number } | undefined;
}

export function createSessions(options: SessionsOptions): Sessions {
  const { credentials, credentialResource, openers, secrets, gateOf, onWait, cluster, clock } = options;
  const entries = new Map<string, Entry>();
  /** Their sessions are not closed yet. */
  const retired = new Set<Entry>();
  const shared = new Map<string, Budgets<string>>();
  const noting = new Map<string, Promise<unknown>>();

  function budgetsOf(cloud: CloudName, account: string, region: string): Budgets<string> {
    const key = `${cloud}/${account}/${region}`;
    let budgets = shared.get(key);
    if (budgets === undefined) {
      const limits = withHeadroom(CLOUDS[cloud].limits);
      budgets = createBudgets({
        limits,
        clock,
        onWait: (bucket, waitedMs) => onWait(cloud, bucket, waitedMs),
      });
      shared.set(key, budgets);
    }
    return budgets;
  }

  /** Forgets what nobody draws on any more. */
  function dropUnusedBudgets(): void {
    const used = new Set([...entries.values(), ...retired].map(({ budgets }) => budgets()));
    for (const [key, budgets] of shared) if (!used.has(budgets)) shared.delete(key);
  }

  function ask(session: CloudSession, credential: string, signal?: AbortSignal): Promise<Identity> {
    const what = `verifying CloudCredential ${credential}`;
    return withDeadline({ signal, deadlineMs: verifyDeadlineMs, clock, what }, (inner) =>
      session.verify(inner),
    );
  }

  async function entryFor(
    credential: Seen<CloudCredential>,
    region: string,
    signal: AbortSignal,
  ): Promise<Entry> {
    const key = keyOf(credential.metadata);
    if (!credential.parsed.ok)
      throw new CredentialTrouble('Invalid', `CloudCredential ${key}: ${credential.parsed.message}`);
    const member = cloudOf(credential.parsed.value.spec);
    const cloud: Cloud = CLOUDS[member.name];
    const open = openers[member.name] ?? cloud.open;
    const secretName = cloud.secretOf(member.spec);
    const name = { namespace: credential.metadata.namespace, name: secretName ?? '' };
    const secret = secretName === undefined ? undefined : await secrets.read(name, { signal });
    if (secretName !== undefined && secret === undefined)
      throw new CredentialTrouble(
        'SecretNotFound',
        `CloudCredential ${key}: there is no Secret ${secretName} in namespace ${credential.metadata.namespace}`,
      );
    const id = `${key}/${region}`;
    // By its values: our own finalizer on the Secret changes its version and nothing else.
    const keys = hash([...(secret?.values ?? [])].map(([name, value]) => [name, value.reveal()]));
    const fingerprint = hash([credential.metadata.uid, credential.metadata.generation, keys]);
    const known = entries.get(id);
    const isDue = known?.failedAt !== undefined && clock.monotonic() - known.failedAt >= refusalMs;
    if (known?.fingerprint === fingerprint && !isDue) return known;
    if (known !== undefined) retire(id, known);

    let budgets = budgetsOf(member.name, key, region);
    const opening = (async () => {
      const session = await open({
        region,
        credential: member.spec,
        ...(secret && { secret: secret.values }),
        cluster,
        gate: gateOf(member.name, () => budgets),
        now: () => clock.now(),
      }).catch((cause: unknown) => {
        if (!(cause instanceof CloudError) || cause.reason !== 'SecretKeyMissing') throw cause;
        // The cloud knows neither by name.
        const message = `CloudCredential ${key}: Secret ${secretName}: ${cause.message}`;
        throw new CredentialTrouble('SecretKeyMissing', message, { cause });
      });
      try {
        const identity = await ask(session, key);
        budgets = budgetsOf(member.name, identity.account, region);
        dropUnusedBudgets();
        const { readsLag } = cloud;
        return { credential: key, cloud: member.name, ...identity, readsLag, session };
      } catch (error) {
        session.close();
        throw error;
      }
    })();
    const entry: Entry = { fingerprint, keys, opening, budgets: () => budgets };
    entries.set(id, entry);
    opening.then(
      ({ account, principal }) => {
        entry.said = { identity: { account, principal }, at: clock.monotonic() };
      },
      () => {
        entry.failedAt = clock.monotonic();
      },
    );
    return entry;
  }

  function retire(id: string, entry: Entry): void {
    entries.delete(id);
    retired.add(entry);
    // What is under way through it may end.
    clock.after(retireMs, () => {
      retired.delete(entry);
      dropUnusedBudgets();
      entry.opening.then(({ session }) => session.close()).catch(() => {});
    });
  }

  function retireAll(credential: string): void {
    for (const [id, entry] of entries) if (id.startsWith(`${credential}/`)) retire(id, entry);
  }

  async function verify(
    credential: Seen<CloudCredential>,
    region: string,
    { maxAgeMs, signal }: { readonly maxAgeMs: number; readonly signal: AbortSignal },
  ): Promise<Verified> {
    const entry = await entryFor(credential, region, signal);
    const { account, session } = await entry.opening;
    const { said, keys } = entry;
    if (said !== undefined && clock.monotonic() - said.at < maxAgeMs) return { ...said.identity, keys };
    entry.said = undefined;
    const identity = await ask(session, keyOf(credential.metadata), signal);
    entry.said = { identity, at: clock.monotonic() };
    // Whoever we are by now: what is opened from here on belongs to that account.
    if (identity.account !== account) retireAll(keyOf(credential.metadata));
    return { ...identity, keys };
  }

  /** Written before the first create there, so that removal and sweep know where to look. */
  async function noteRegion(
    credential: Seen<CloudCredential>,
    region: string,
    signal: AbortSignal,
  ): Promise<void> {
    const noted = notedRegions(credential);
    if (noted.includes(region)) return;
    const regions = JSON.stringify([...noted, region].sort());
    const { resourceVersion } = credential.metadata;
    const key = `${keyOf(credential.metadata)}/${region}`;
    const patch =
      noting.get(key) ??
      credentialResource
        .patch(
          credential.metadata,
          { metadata: { resourceVersion, annotations: { [ANNOTATIONS.regions]: regions } } },
          { type: 'merge' },
        )
        .finally(() => noting.delete(key));
    noting.set(key, patch);
    await patch;
    signal.throwIfAborted();
  }

  return {
    async open({ credentialRef, namespace, cloud, region }, signal) {
      const key = keyOf({ namespace: credentialRef.namespace ?? namespace, name: credentialRef.name });
      const credential = credentials.get(key);
      if (credential === undefined)
        throw new CredentialTrouble('CredentialNotFound', `there is no CloudCredential ${key}`);
      await assertAllowed(credential, namespace, (name) => options.namespaceLabels(name, signal));
      // Before anything is asked: another cloud knows nothing of this one's regions.
      const own = credential.parsed.ok ? cloudOf(credential.parsed.value.spec).name : cloud;
      if (own !== cloud)
        throw new CredentialTrouble(
          'CredentialMismatch',
          `CloudCredential ${key} is for ${own}, not for ${cloud}`,
        );
      const open = await openFor(credential, region, signal);
      await noteRegion(credential, region, signal);
      return open;
    },
    openFor,
    verify,
    forget: retireAll,
    askAnew() {
      secrets.forget();
      for (const entry of entries.values())
        if (entry.failedAt !== undefined) entry.failedAt = Number.NEGATIVE_INFINITY;
    },
  };

  async function openFor(credential: Seen<CloudCredential>, region: string, signal: AbortSignal) {
    return (await entryFor(credential, region, signal)).opening;
  }
}

/** Regions in which something may have been made with the credential. Throws CredentialTrouble when nobody can read them. */
export function notedRegions({ metadata }: Seen<CloudCredential>): readonly string[] {
  const annotation = metadata.annotations?.[ANNOTATIONS.regions];
  if (annotation === undefined) return [];
  try {
    return regionList.parse(JSON.parse(annotation));
  } catch (cause) {
    const where = `metadata.annotations[${ANNOTATIONS.regions}]`;
    const message = `${where} of CloudCredential ${keyOf(metadata)}: not a JSON list of regions; restore it`;
    throw new CredentialTrouble('Invalid', message, { cause });
  }
}
