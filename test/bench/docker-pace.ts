import { startCalls } from './docker-calls.ts';

const clients = 32;
const warmUpCalls = 1_000;

/** Calls per second through a port over so many calls, after some that do not count. Rejects when one fails. */
export async function pace(port: number, count: number): Promise<number> {
  const calls = startCalls({ port, clients, method: 'eth_chainId' });
  await calls.made(warmUpCalls);
  const startedAt = performance.now();
  const before = calls.answered();
  await calls.made(warmUpCalls + count);
  const perSecond = ((calls.answered() - before) / (performance.now() - startedAt)) * 1000;
  await calls.stop();
  if (calls.failures.length > 0) throw new Error(`a call failed: ${calls.failures[0]}`);
  return perSecond;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return (low + high) / 2;
}

/**
 * Each of the ports in turn, round after round, and every other round the other way about: what else the machine does hits
 * all of them alike. Answers calls per second of each port by round.
 */
export async function sideBySide(
  ports: readonly number[],
  { rounds, count }: { readonly rounds: number; readonly count: number },
): Promise<readonly (readonly number[])[]> {
  const paces = ports.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? ports : ports.toReversed();
    for (const port of order) paces[ports.indexOf(port)]?.push(await pace(port, count));
  }
  return paces;
}
