/**
 * While a Network makes or deletes its Nodes, they wait for each other, so that they share few calls to the cloud: a
 * thousand Nodes take seconds to make, and a batch is gathered for one second at most.
 */
export interface Bursts {
  during<T>(network: string, work: () => Promise<T>): Promise<T>;
  isRunning(network: string | undefined): boolean;
}

/** `onEnd`: the Nodes of this Network may go on. */
export function createBursts(onEnd: (network: string) => void): Bursts {
  const running = new Set<string>();
  return {
    async during(network, work) {
      running.add(network);
      try {
        return await work();
      } finally {
        running.delete(network);
        onEnd(network);
      }
    },
    isRunning: (network) => network !== undefined && running.has(network),
  };
}
