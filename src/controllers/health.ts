/** What the operator asks the programs on machines by itself: how they are, and what their peer address is. */
import type { Client } from '../api/client.ts';
import type { Network } from '../api/network.ts';
import type { Node } from '../api/node.ts';
import type { Machine } from '../clouds/cloud.ts';
import { keyOf } from '../kube/object.ts';
import { healthTargetOf, peerTargetOf } from '../planning/probe-target.ts';
import type { Probe } from '../probes/probe.ts';
import { probe as realProbe } from '../probes/probe.ts';
import { createProber, type Finding, type Prober, type ProbeTarget } from '../probes/prober.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Metrics } from '../telemetry.ts';
import { findCondition } from './conditions.ts';
import type { Seen } from './kinds.ts';

export interface HealthOptions {
  /** Without it no node is asked anything. */
  readonly enabled: boolean;
  /** The health of this Node became another. */
  readonly onHealth: (node: string) => void;
  /** What this Node says of its peer address became another. */
  readonly onPeer: (node: string) => void;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly metrics: Metrics;
  readonly probe?: Probe | undefined;
}

/** A Node as it is asked, by its key. */
export interface Asked {
  readonly node: Node;
  /** Absent for a standalone Node. */
  readonly network?: Network | undefined;
  readonly machine: Machine;
}

export interface Health {
  /**
   * Asks from now on until the signal, and not before: only who leads asks. `nodes`: as they stand. What was found unhealthy
   * by an earlier operator stays so until it is found well.
   */
  begin(signal: AbortSignal, nodes: readonly Seen<Node>[]): void;
  /** Undefined: there is nobody to ask any more. The same again changes nothing. */
  follow(key: string, asked: Asked | undefined): void;
  /** How the machine of the Node is. Undefined: nobody asks. */
  of(key: string): Finding | undefined;
  /** What the machine answered about its peer address. Undefined: nobody asks. */
  peerOf(key: string): Finding | undefined;
}

/** With the Network's idea of health: it can change while its Nodes stay. */
export function clientOf({ node, network }: Pick<Asked, 'node' | 'network'>): Client {
  const { client } = node.spec;
  if (network === undefined) return client;
  const { health: _, ...program } = client;
  const { health } = network.spec.client;
  return { ...program, ...(health && { health }) };
}

interface Remembered {
  readonly machine: string;
  readonly finding: Finding;
}

/** The condition keeps the words, and who found it: what a balancer says of a machine is asked of the balancer again. */
function rememberedOf({ parsed }: Seen<Node>): Remembered | undefined {
  if (!parsed.ok) return undefined;
  const { conditions, machine } = parsed.value.status;
  const ready = findCondition(conditions, 'Ready');
  if (machine === undefined || ready?.reason !== 'HealthCheckFailed') return undefined;
  return {
    machine: machine.id,
    finding: { health: 'unhealthy', since: Date.parse(ready.lastTransitionTime) },
  };
}

const kinds = ['health', 'peer'] as const;
type Kind = (typeof kinds)[number];

export function createHealth(options: HealthOptions): Health {
  const { enabled, onHealth, onPeer, clock, random, metrics, probe = realProbe } = options;
  /** The machine that is asked, by Node: the next machine may be reached at the same address. */
  const machines = new Map<string, string>();
  /** By Node: what an earlier operator has found of a machine that was not asked after yet. */
  const remembered = new Map<string, Remembered>();
  let prober: Prober | undefined;

  const counted: Probe = async (endpoint, check, limits) => {
    const answer = await probe(endpoint, check, limits);
    metrics.probes.inc({ check: check.kind, outcome: answer.outcome });
    return answer;
  };

  function ask(kind: Kind, key: string, target: ProbeTarget | undefined, last?: Finding): void {
    if (target === undefined) prober?.unwatch(`${kind} ${key}`);
    else prober?.watch(`${kind} ${key}`, target, last);
  }

  function onChange(name: string): void {
    const [kind, key = ''] = name.split(' ');
    if (kind === 'health') onHealth(key);
    else onPeer(key);
  }

  return {
    begin(signal, nodes) {
      if (!enabled) return;
      for (const node of nodes) {
        const found = rememberedOf(node);
        if (found !== undefined) remembered.set(keyOf(node.metadata), found);
      }
      prober = createProber({ clock, random, onChange, signal, probe: counted });
    },
    follow(key, asked) {
      if (machines.has(key) && machines.get(key) !== asked?.machine.id) {
        for (const kind of kinds) ask(kind, key, undefined);
        machines.delete(key);
      }
      const before = remembered.get(key);
      remembered.delete(key);
      if (asked === undefined) return;
      const { machine, network } = asked;
      const client = clientOf(asked);
      const peering = network?.spec.peering;
      const last = before?.machine === machine.id ? before.finding : undefined;
      ask('health', key, healthTargetOf(client, machine), last);
      ask('peer', key, peering && peerTargetOf(peering, client, machine));
      machines.set(key, machine.id);
    },
    of: (key) => prober?.of(`health ${key}`) ?? remembered.get(key)?.finding,
    peerOf: (key) => prober?.of(`peer ${key}`),
  };
}
