import { createServer } from 'node:net';

const bindAttempts = 3;

/** A port that was free a moment ago. Somebody may take it before we do: see `retryWhenPortWasTaken`. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') {
    throw new Error('no TCP port to be had on 127.0.0.1');
  }
  return address.port;
}

/** Repeats a start that failed because somebody else took its port in the meantime. `start` picks a new port each time. */
export async function retryWhenPortWasTaken<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === bindAttempts || !/address already in use/i.test(String(error))) {
        throw error;
      }
    }
  }
}
