/** Fetching images. That takes minutes and no call waits for it: it goes on behind, one fetch for all who want the same. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { unlessAborted, withDeadline } from '../../runtime/deadline.ts';
import { CloudError } from '../cloud.ts';
import { factsOf } from './errors.ts';
import { type Login, loginFor, referenceOf } from './registry.ts';
import type { CallOptions, Sdk } from './sdk.ts';
import { drop, linesOf } from './streams.ts';

export interface ImageOptions {
  readonly sdk: Pick<Sdk, 'engine' | 'pullImage'>;
  /** Aborted when the session is closed. */
  readonly closed: AbortSignal;
  readonly clock?: Clock;
}

export interface Images {
  /**
   * Resolves when the image was fetched in the last half minute. Throws `unavailable` while that goes on, and what came of
   * it when it failed: both with `outcome: none`, to be called again.
   */
  fetched(
    wanted: { readonly image: string; readonly logins?: { reveal(): string } },
    options: CallOptions,
  ): Promise<void>;
  /** What was fetched is gone again. */
  forget(image: string): void;
}

/** So long a launch waits for a small image before it says that it will be repeated. */
const patienceMs = 10_000;
/** What was fetched counts as new for so long. To ask the registry again takes a moment, when all layers are there. */
const freshMs = 30_000;
/** A thousand launches of an image that does not exist ask the registry once. */
const refusalMs = 10_000;
/** A registry that sends nothing for so long has been lost. */
const silenceMs = 5 * 60_000;

interface Fetch {
  readonly image: string;
  readonly done: Promise<void>;
  /** Monotonic; set when it is over. */
  endedAt?: number;
  failure?: unknown;
  progress: string;
}

export function createImages({ sdk, closed, clock = systemClock }: ImageOptions): Images {
  const fetches = new Map<string, Fetch>();

  function isOver({ endedAt, failure }: Fetch): boolean {
    if (endedAt === undefined) return false;
    return clock.monotonic() - endedAt >= (failure === undefined ? freshMs : refusalMs);
  }

  function begin(image: string, login: Login | undefined, options: CallOptions): Fetch {
    const { repository, tag } = referenceOf(image);
    const lost = new AbortController();
    const until = AbortSignal.any([closed, lost.signal]);
    const run = async () => {
      const wanted = { repository, tag, ...(login === undefined ? {} : { login }) };
      // The fetch is everybody's: no single caller may call it off.
      const { stream } = await sdk.pullImage(wanted, until, { ...options, signal: closed });
      try {
        await follow(await stream, (progress) => {
          fetch.progress = progress;
          watchdog.seen();
        });
      } catch (thrown) {
        throw refusal(image, lost.signal.aborted ? lost.signal.reason : thrown);
      }
    };
    const watchdog = guard(() => lost.abort(new Error(`nothing came for ${silenceMs / 60_000} minutes`)));
    const fetch: Fetch = {
      image,
      progress: 'asking the registry',
      done: run()
        .catch((thrown: unknown) => {
          fetch.failure = thrown;
        })
        .finally(() => {
          watchdog.end();
          fetch.endedAt = clock.monotonic();
        }),
    };
    return fetch;
  }

  function guard(onSilence: () => void) {
    let cancel = clock.after(silenceMs, onSilence);
    return {
      seen: () => {
        cancel();
        cancel = clock.after(silenceMs, onSilence);
      },
      end: () => cancel(),
    };
  }

  return {
    fetched: async ({ image, logins }, options) => {
      const config = logins?.reveal();
      const key = `${image} ${config === undefined ? '' : createHash('sha256').update(config).digest('hex')}`;
      for (const [known, fetch] of fetches) if (isOver(fetch)) fetches.delete(known);
      let fetch = fetches.get(key);
      if (fetch === undefined) {
        const login = config === undefined ? undefined : await loginOf(image, config, options);
        fetch = fetches.get(key) ?? begin(image, login, options);
        fetches.set(key, fetch);
      }
      await soon(fetch, options.signal);
      if (fetch.failure !== undefined) throw fetch.failure;
      if (fetch.endedAt === undefined) throw underWay(fetch);
    },
    forget: (image) => {
      for (const [key, fetch] of fetches)
        if (fetch.image === image && fetch.endedAt !== undefined) fetches.delete(key);
    },
  };

  async function loginOf(image: string, config: string, options: CallOptions): Promise<Login | undefined> {
    const { index } = await sdk.engine(options);
    return loginFor(referenceOf(image), config, index);
  }

  async function soon({ done }: Fetch, signal: AbortSignal): Promise<void> {
    const patience = { signal, deadlineMs: patienceMs, clock, what: 'fetching an image' };
    await withDeadline(patience, (inner) => unlessAborted(inner, done)).catch(() => {});
    signal.throwIfAborted();
  }
}

const progressLine = z.looseObject({
  status: z.string().exactOptional(),
  id: z.string().exactOptional(),
  errorDetail: z.looseObject({ message: z.string().exactOptional() }).exactOptional(),
  error: z.string().exactOptional(),
});

/** Layers come in by their ids. A failure after the first of them comes as a line: the status was sent before. */
async function follow(stream: NodeJS.ReadableStream, onProgress: (progress: string) => void): Promise<void> {
  const layers = new Map<string, boolean>();
  try {
    for await (const line of linesOf(stream)) {
      const { status = '', id, error, errorDetail } = progressLine.parse(JSON.parse(line));
      if (error !== undefined) throw new Error(errorDetail?.message ?? error);
      if (id !== undefined && (layers.has(id) || /^[0-9a-f]{12}$/.test(id)))
        layers.set(id, status === 'Pull complete' || status === 'Already exists');
      const there = Array.from(layers.values()).filter(Boolean).length;
      onProgress(`${there} of ${layers.size} layers are there`);
    }
  } finally {
    drop(stream);
  }
}

function refusal(image: string, thrown: unknown): CloudError {
  const facts = factsOf({ api: 'ImageCreate', write: false }, thrown);
  const reason = facts.reason === 'NoAnswer' ? 'PullFailed' : facts.reason;
  return new CloudError({ ...facts, reason, message: `image ${image}: ${facts.message}` });
}

function underWay({ image, progress }: Fetch): CloudError {
  return new CloudError({
    api: 'ImageCreate',
    code: 'unavailable',
    outcome: 'none',
    reason: 'ImageIsBeingPulled',
    message: `image ${image} is being pulled: ${progress}`,
  });
}
