/** The gateway of a Network in the cluster: made, kept as wished, and taken away again. */
import { ANNOTATIONS, gatewayName } from '../../api/names.ts';
import type { Network } from '../../api/network.ts';
import type { PlanStep } from '../../api/network-status.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isForbidden, isForbiddenNamespaceTerminating, KubeError } from '../../kube/errors.ts';
import { type KubeObject, keyOf } from '../../kube/object.ts';
import type { Resource } from '../../kube/resource.ts';
import { type GatewayObject, gatewayPods, gatewayService } from '../../planning/gateway.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Seen } from '../kinds.ts';
import {
  familiesOf,
  GATEWAY_KINDS,
  gatewayResources,
  isAsWished,
  ownership,
  PARTS,
  type Part,
} from './gateway-kinds.ts';
import { createGatewayMemories, type GatewayMemory, restLookMs } from './gateway-memory.ts';
import { nextPool, reweightAfterMs, type SeenPlace } from './gateway-pool.ts';
import {
  endpointsOf,
  type GatewayReport,
  reportForeign,
  reportTrouble,
  stepOf,
  waitsFor,
} from './gateway-report.ts';

export interface GatewayOptions {
  readonly client: KubeClient;
  readonly networkResource: Resource<Seen<Network>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface GatewayLook {
  /** Only look, and tell the steps. */
  readonly dryRun: boolean;
  /** Somebody asked for a look now. */
  readonly anew: boolean;
  readonly signal: AbortSignal;
}

/**
 * `align` makes the cluster as wished and answers what came of it. At rest it calls nobody, but for a look at the four objects
 * every five minutes. What it may not do is told as trouble; other errors are the queue's. A Network that goes takes its gateway
 * along by owner references.
 */
export function createGateways({ client, networkResource, clock, logger }: GatewayOptions) {
  const resources = gatewayResources(client);
  const memories = createGatewayMemories(resources, clock);
  const endpoints = new Map<string, readonly string[]>();

  async function align(
    seen: Seen<Network>,
    network: Network,
    places: readonly SeenPlace[],
    look: GatewayLook,
  ): Promise<GatewayReport> {
    const key = keyOf(seen.metadata);
    try {
      const service = gatewayService({ network });
      if (service !== undefined) {
        return await keep(seen, network, places, service, look);
      }
      if (network.spec.gateway === undefined) {
        return await clear(seen, look);
      }
      const message = 'gateway: the balancer has no port that it could pass on to';
      return reportTrouble(seen, { reason: 'Invalid', message });
    } catch (error) {
      memories.forget(key);
      // The namespace goes, and all in it.
      if (isForbiddenNamespaceTerminating(error)) {
        return { seen, steps: [] };
      }
      if (error instanceof KubeError && (isForbidden(error) || error.status === 422)) {
        const message = `gateway: ${error.message}`;
        if (!isForbidden(error)) return reportTrouble(seen, { reason: 'Invalid', message });
        // It may be a quota as well.
        const mend = 'the chart gives the rights for a gateway with gateway.enabled=true';
        return reportTrouble(seen, { reason: 'GatewayForbidden', message: `${message}; ${mend}` });
      }
      throw error;
    }
  }

  async function keep(
    before: Seen<Network>,
    network: Network,
    places: readonly SeenPlace[],
    service: GatewayObject,
    { dryRun, anew, signal }: GatewayLook,
  ): Promise<GatewayReport> {
    const { metadata } = before;
    const memory = await memories.recall(metadata, { anew, signal });
    for (const part of PARTS) {
      const found = memory.found[part];
      if (found !== undefined && isOthers(found, metadata)) {
        memories.forget(keyOf(metadata));
        return reportForeign(before, part, found);
      }
    }
    const steps: PlanStep[] = [];
    let seen = before;

    async function make(part: Part, wished: GatewayObject): Promise<void> {
      const found = memory.found[part];
      if (found !== undefined && isAsWished(found, wished)) {
        return;
      }
      if (dryRun) {
        steps.push(stepOf(part, wished.metadata.name, found === undefined ? 'create' : 'update'));
        return;
      }
      seen = await note(seen, signal);
      memory.found[part] = await resources[part].patch(wished.metadata, wished, { type: 'apply', signal });
      memory.unsettledSince = clock.monotonic();
      logger.info(
        { network: keyOf(metadata), kind: GATEWAY_KINDS[part].kind, name: wished.metadata.name },
        found === undefined ? 'gateway part made' : 'gateway part changed',
      );
    }

    await make('service', service);
    const pods = gatewayPods({
      network,
      pool: nextPool(network, places, { memory, clock }),
      families: familiesOf(memory.found.service),
    });
    if (pods === undefined) {
      steps.push(...(await removeParts(metadata, memory, PARTS.slice(1), { dryRun, signal })));
      if (dryRun && places.some(({ desired }) => desired > 0)) steps.push(...stepsToCome(service, memory));
    } else {
      await make('configMap', pods.configMap);
      await make('deployment', pods.deployment);
      await make('disruptionBudget', pods.disruptionBudget);
    }
    const waits = waitsFor(network, memory.found, pods !== undefined);
    memory.unsettledSince = waits === undefined ? undefined : (memory.unsettledSince ?? clock.monotonic());
    memories.keep(keyOf(metadata), memory);
    endpoints.set(keyOf(metadata), endpointsOf(network, memory.found.service));
    return {
      seen,
      steps,
      ...(waits === undefined ? {} : { waits }),
      lookAfterMs: Math.min(
        memories.lookPauseMs(memory),
        memory.reweightSince === undefined ? restLookMs : reweightAfterMs,
      ),
    };
  }

  /** Written down before the first part is made, so that all of them are found when they are no longer wished. */
  async function note(seen: Seen<Network>, signal: AbortSignal): Promise<Seen<Network>> {
    return seen.metadata.annotations?.[ANNOTATIONS.gateway] === undefined
      ? await annotate(seen, gatewayName(seen.metadata.name), signal)
      : seen;
  }

  function annotate(seen: Seen<Network>, value: string | null, signal: AbortSignal) {
    const annotations = { [ANNOTATIONS.gateway]: value };
    return networkResource.patch(seen.metadata, { metadata: { annotations } }, { type: 'merge', signal });
  }

  async function clear(seen: Seen<Network>, { dryRun, signal }: GatewayLook): Promise<GatewayReport> {
    const { metadata } = seen;
    if (!dryRun) endpoints.delete(keyOf(metadata));
    if (metadata.annotations?.[ANNOTATIONS.gateway] === undefined) {
      memories.forget(keyOf(metadata));
      return { seen, steps: [] };
    }
    memories.forget(keyOf(metadata));
    const memory = await memories.recall(metadata, { anew: true, signal });
    const steps = await removeParts(metadata, memory, PARTS, { dryRun, signal });
    return { seen: dryRun ? seen : await annotate(seen, null, signal), steps };
  }

  async function removeParts(
    metadata: Seen<Network>['metadata'],
    memory: GatewayMemory,
    parts: readonly Part[],
    { dryRun, signal }: Omit<GatewayLook, 'anew'>,
  ): Promise<readonly PlanStep[]> {
    const steps: PlanStep[] = [];
    for (const part of parts) {
      const found = memory.found[part];
      if (found === undefined || isOthers(found, metadata)) {
        continue;
      }
      if (dryRun) {
        steps.push(stepOf(part, found.metadata.name, 'delete'));
        continue;
      }
      const { uid, name } = found.metadata;
      await resources[part].delete(found.metadata, { uid, signal });
      delete memory.found[part];
      logger.info({ network: keyOf(metadata), kind: GATEWAY_KINDS[part].kind, name }, 'gateway part removed');
    }
    return steps;
  }

  return {
    align,
    /** `host:port`, as found last; trouble takes none away. */
    endpoints: (key: string): readonly string[] => endpoints.get(key) ?? [],
    /** The Network is gone. */
    forget(key: string): void {
      memories.forget(key);
      endpoints.delete(key);
    },
  };
}

/** What follows as soon as there is somebody to pass on to. */
function stepsToCome({ metadata: { name } }: GatewayObject, { found }: GatewayMemory): readonly PlanStep[] {
  return PARTS.slice(1)
    .filter((part) => found[part] === undefined)
    .map((part) => ({ ...stepOf(part, name, 'create'), waits: 'no balancer has an address yet' }));
}

const isOthers = (found: KubeObject, network: Seen<Network>['metadata']) =>
  ownership(found, network) !== 'ours';
