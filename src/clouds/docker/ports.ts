/** Ports of an engine's host, which one container can have at a time. */
import { CloudError } from '../cloud.ts';
import type { CallOptions, Sdk } from './sdk.ts';
import type { InspectedContainer } from './shapes.ts';

export interface HostPort {
  readonly hostPort: number;
  readonly protocol: 'tcp' | 'udp';
}

/**
 * Why the engine did not start a container that is to publish these ports. It tells a taken port by a sentence only; so this
 * looks who has it. Undefined when no container has: it is something else, or another program of the host.
 */
export async function portTaken(
  sdk: Pick<Sdk, 'listContainers'>,
  wished: readonly HostPort[],
  options: CallOptions,
): Promise<CloudError | undefined> {
  if (wished.length === 0) return undefined;
  const others = await sdk.listContainers({ status: ['running', 'paused'] }, options);
  for (const { Names, Ports } of others) {
    const taken = wished.find(({ hostPort, protocol }) =>
      Ports.some(({ PublicPort, Type }) => PublicPort === hostPort && Type === protocol),
    );
    if (taken !== undefined) return refusal(taken.hostPort, Names);
  }
  return undefined;
}

/** Those that a container was made with; what the engine would assign is not among them. */
export function hostPortsOf({ HostConfig }: InspectedContainer): readonly HostPort[] {
  return Object.entries(HostConfig).flatMap(([key, bindings]) =>
    (bindings ?? []).flatMap(({ HostPort }): HostPort[] => {
      const hostPort = Number(HostPort);
      return hostPort > 0 ? [{ hostPort, protocol: key.endsWith('/udp') ? 'udp' : 'tcp' }] : [];
    }),
  );
}

function refusal(port: number, container: string): CloudError {
  return new CloudError({
    api: 'ContainerStart',
    code: 'alreadyExists',
    outcome: 'none',
    reason: 'HostPortTaken',
    message: `port ${port} of the host is published by container ${container}; only one container can have a port of the host`,
  });
}
