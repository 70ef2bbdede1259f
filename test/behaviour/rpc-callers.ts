import { Agent, request } from 'node:http';

/** Clients that call without pause, each on a connection of its own that it keeps. */
export interface Callers {
  /** Answers so far, by the node that gave them. */
  readonly answers: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
  answered(): number;
  /** Resolves when that many more were answered. */
  answeredMore(count: number): Promise<void>;
  /** Lets each finish its call. */
  stop(): Promise<void>;
}

export function startCallers(port: number, count: number): Callers {
  const agent = new Agent({ keepAlive: true, maxSockets: count });
  const answers = new Map<string, number>();
  const failures: string[] = [];
  const waiting = new Set<() => void>();
  let answered = 0;
  let stopped = false;

  const loop = async () => {
    while (!stopped) {
      try {
        const name = await call(port, agent);
        answers.set(name, (answers.get(name) ?? 0) + 1);
        answered++;
        for (const look of waiting) {
          look();
        }
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  const running = Array.from({ length: count }, loop);
  return {
    answers,
    failures,
    answered: () => answered,
    answeredMore: (more) => {
      const goal = answered + more;
      return new Promise((resolve) => {
        const look = () => {
          if (answered >= goal) {
            waiting.delete(look);
            resolve();
          }
        };
        waiting.add(look);
      });
    },
    stop: async () => {
      stopped = true;
      await Promise.all(running);
      agent.destroy();
    },
  };
}

/** One JSON-RPC call; answers its result. Rejects on anything but an answer with a result. */
export function call(port: number, agent?: Agent, method = 'who'): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const sent = request(
      { host: '127.0.0.1', port, method: 'POST', path: '/', headers, ...(agent ? { agent } : {}) },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          try {
            const { result } = JSON.parse(text);
            resolve(String(result));
          } catch {
            reject(new Error(`${response.statusCode}: ${text.slice(0, 80)}`));
          }
        });
      },
    );
    sent.on('error', reject);
    sent.setTimeout(10_000, () => sent.destroy(new Error('no answer within 10 s')));
    sent.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] }));
  });
}
