/** Who draws on which budget, and for how long it is remembered. */
import { expect, onTestFinished, test } from 'vitest';
import { createFakeApi } from '../kube/fake-api.ts';
import { keyOf } from '../kube/object.ts';
import { createSecretReader } from '../kube/secrets.ts';
import type { Budgets } from '../runtime/budgets.ts';
import { createFakeClock } from '../runtime/fake-clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createCaches } from './caches.ts';
import { createFakeCloud } from './fake-cloud.ts';
import { CREDENTIALS } from './kinds.ts';
import { createSessions } from './sessions.ts';

const region = 'us-east-1';

/** CloudCredentials of one account. `first`: what calls draw on before the account is known; `now`: what they do later. */
async function setUp(...names: readonly string[]) {
  const clock = createFakeClock();
  const client = createFakeApi(() => clock.now());
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  const { signal } = stopping;
  for (const name of names)
    await client.resource(CREDENTIALS).create({
      metadata: { namespace: 'ns', name },
      spec: { aws: { source: 'Ambient' } },
    });
  const caches = createCaches({ client, watchNamespaces: undefined, clock, logger: silentLogger });
  void caches.credentials.run(signal);
  await caches.credentials.whenSynced(signal);
  const draws: { readonly first: Budgets<string>; readonly now: () => Budgets<string> }[] = [];
  const sessions = createSessions({
    ...caches,
    openers: { aws: createFakeCloud().open },
    secrets: createSecretReader({ client, clock }),
    namespaceLabels: async () => ({}),
    gateOf: (_, budgets) => {
      draws.push({ first: budgets(), now: budgets });
      return (call, run) => run(call.signal);
    },
    onWait: () => {},
    cluster: 'c1',
    clock,
  });
  async function open(name: string) {
    const seen = caches.credentials.get(keyOf({ namespace: 'ns', name }));
    if (seen === undefined) throw new Error(`no CloudCredential ${name}`);
    await sessions.openFor(seen, region, signal);
    const draw = draws.at(-1);
    if (draw === undefined) throw new Error('nothing was opened');
    return { first: draw.first, now: draw.now() };
  }
  return { clock, sessions, open };
}

test('credentials of one account draw on one budget', async () => {
  const { open } = await setUp('a', 'b');
  const [a, b] = [await open('a'), await open('b')];
  expect(a.now).toBe(b.now);
  expect(a.first).not.toBe(b.first);
});

test('what was drawn on until the account was known is dropped then', async () => {
  const { sessions, open } = await setUp('a');
  const before = await open('a');
  expect(before.now).not.toBe(before.first);
  sessions.forget('ns/a');
  const after = await open('a');
  expect(after.first).not.toBe(before.first);
});

test('the budget of an account lasts as long as a credential of it, and its last calls', async () => {
  const { clock, sessions, open } = await setUp('a', 'b');
  const { now } = await open('a');
  await open('b');
  sessions.forget('ns/a');
  await clock.advance(600_000);
  expect((await open('a')).now).toBe(now);
  for (const name of ['ns/a', 'ns/b']) sessions.forget(name);
  expect((await open('a')).now).toBe(now);
  sessions.forget('ns/a');
  await clock.advance(600_000);
  expect((await open('a')).now).not.toBe(now);
});
