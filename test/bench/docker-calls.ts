/** Clients that make JSON-RPC calls, each on a connection of its own that it keeps. */
import { connect, type Socket } from 'node:net';

export interface CallOptions {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly clients: number;
  /** Of all clients together. Absent: as many as they can. */
  readonly perSecond?: number;
  readonly method: string;
}

export interface Calls {
  answered(): number;
  /** Answers so far, by their result. */
  readonly results: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
  /** The longest time without an answer to anybody. */
  longestGapMs(): number;
  /** Resolves when so many were answered or failed in all. */
  made(count: number): Promise<void>;
  /** Lets each client finish its call. */
  stop(): Promise<void>;
}

const answerWithinMs = 10_000;

/**
 * A call counts as failed when its connection cannot be made or ends before the answer, and when the answer is anything but
 * a result. Nothing is tried again.
 */
export function startCalls({ port, clients, perSecond, method }: CallOptions): Calls {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] });
  const request = `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const results = new Map<string, number>();
  const failures: string[] = [];
  const waiting = new Set<() => void>();
  const startedAt = performance.now();
  let answered = 0;
  let begun = 0;
  let lastAt = startedAt;
  let longestGapMs = 0;
  let stopped = false;

  async function turn(): Promise<void> {
    const at = begun++;
    const dueInMs = perSecond === undefined ? 0 : startedAt + (at / perSecond) * 1000 - performance.now();
    if (dueInMs > 1) await new Promise((resolve) => setTimeout(resolve, dueInMs));
  }

  async function client(): Promise<void> {
    let line: Line | undefined;
    for (;;) {
      await turn();
      if (stopped) break;
      try {
        if (line === undefined || line.isOver()) line = await openLine(port);
        const result = resultOf(await line.ask(request));
        results.set(result, (results.get(result) ?? 0) + 1);
        answered += 1;
        const now = performance.now();
        longestGapMs = Math.max(longestGapMs, now - lastAt);
        lastAt = now;
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
        line?.close();
        line = undefined;
      }
      for (const look of waiting) look();
    }
    line?.close();
  }

  const running = Array.from({ length: clients }, client);
  return {
    answered: () => answered,
    results,
    failures,
    longestGapMs: () => Math.max(longestGapMs, performance.now() - lastAt),
    made: (count) =>
      new Promise((resolve) => {
        const look = () => {
          if (answered + failures.length < count) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    stop: async () => {
      stopped = true;
      await Promise.all(running);
    },
  };
}

/** One HTTP connection, for one call after the other. */
interface Line {
  /** Answers the body of a 200. */
  ask(request: string): Promise<string>;
  isOver(): boolean;
  close(): void;
}

async function openLine(port: number): Promise<Line> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.setEncoding('latin1');
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  let over = false;
  let text = '';
  let answer:
    | { readonly resolve: (body: string) => void; readonly reject: (error: Error) => void }
    | undefined;
  const fail = (why: string) => {
    over = true;
    answer?.reject(new Error(why));
    answer = undefined;
  };
  socket.on('error', (error) => fail(error.message));
  socket.on('close', () => fail(text === '' ? 'closed before an answer' : 'closed within an answer'));
  socket.setTimeout(answerWithinMs, () => endOf(socket, fail));
  socket.on('data', (chunk: string) => {
    text += chunk;
    const read = readAnswer(text);
    if (read === undefined) return;
    text = '';
    over ||= read.closes;
    if (read.status === 200) answer?.resolve(read.body);
    else answer?.reject(new Error(`status ${read.status}`));
    answer = undefined;
  });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        answer = { resolve, reject };
        if (over || socket.destroyed) fail('closed before it was asked');
        else socket.write(request);
      }),
    isOver: () => over,
    close: () => socket.destroy(),
  };
}

function endOf(socket: Socket, fail: (why: string) => void): void {
  fail(`no answer within ${answerWithinMs} ms`);
  socket.destroy();
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** The connection ends with it. */
  readonly closes: boolean;
}

/** Undefined as long as it is not whole. */
export function readAnswer(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  const body = text.slice(end + 4);
  if (body.length < length) return undefined;
  const status = Number(/^HTTP\/1\.[01] (\d+)/.exec(head)?.[1]);
  return { status, body, closes: /\r\nconnection: *close/i.test(head) };
}

function resultOf(body: string): string {
  const result = /"result":"([^"]*)"/.exec(body)?.[1];
  if (result === undefined) throw new Error(`no result: ${body.slice(0, 80)}`);
  return result;
}
