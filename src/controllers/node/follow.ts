/** A machine is there: from booting to Ready, and what befalls it then. */
import type { Machine } from '../../clouds/cloud.ts';
import { again } from '../../runtime/controller.ts';
import type { Backoff } from '../backoff.ts';
import type { Standing } from '../status.ts';
import { fabricOfNode } from './fabric.ts';
import type { NodeControllerOptions, Pass } from './pass.ts';
import { settled, stateReason, type Verdict } from './verdict.ts';

/** How often the firewall of a standalone Node is looked at when nothing happens. */
const restLookMs = 600_000;

/** So long a first answer is waited for. */
const firstAnswerMs = 60_000;

/** A machine that does not get well for so long after it was made is unhealthy, and no longer starting. */
const startingMs = 600_000;

interface State {
  readonly state: 'well' | 'unwell' | 'unknown';
  readonly why?: string;
  /** When to look again though nothing changes. */
  readonly againInMs?: number;
}

/** `launches`: told as soon as a machine serves. */
export function createFollow(options: NodeControllerOptions, launches: Backoff) {
  const { networks, fabrics, health, clock } = options;

  async function follow(pass: Pass, machine: Machine): Promise<Verdict> {
    const { key, region, open, belonging, node, anew } = pass;
    if (machine.state !== 'running') region.watch(key);
    if (machine.state === 'pending') {
      return settled('Starting', {
        kind: 'working',
        reason: 'Starting',
        message: `machine ${machine.id} boots`,
      });
    }
    if (machine.state === 'stopped' || machine.state === 'stopping') {
      const message = `machine ${machine.id} is ${machine.state}${stateReason(machine)}: start it, or delete the Node`;
      return settled('Unhealthy', { kind: 'stalled', reason: 'Unhealthy', message });
    }
    if (machine.state === 'terminating') {
      const message = `machine ${machine.id} is being terminated${stateReason(machine)}; another follows`;
      const phase = node.status.phase === 'Ready' ? 'Unhealthy' : (node.status.phase ?? 'Starting');
      return settled(phase, { kind: 'working', reason: 'MachineLost', message });
    }
    if (belonging.network === undefined)
      await fabricOfNode({ node, belonging, open, fabrics, goal: 'wish', anew, signal: pass.signal });
    const { state, why, againInMs } = stateOf(pass, machine);
    region.unwatch(key);
    if (state === 'well') {
      launches.goesWell(key);
      const ready = settled('Ready', readyStanding(machine, why));
      // Nobody else looks at the firewall of a Node without a Network.
      return belonging.network === undefined ? { ...ready, next: again(restLookMs, 'at rest') } : ready;
    }
    const { phase } = node.status;
    const next = againInMs === undefined ? {} : { next: again(againInMs, 'its health is not known') };
    if (state === 'unknown' && phase === 'Ready')
      return { ...settled('Ready', readyStanding(machine)), ...next };
    const message = `machine ${machine.id} runs; ${why}`;
    const youngForMs = Date.parse(machine.createdAt) + startingMs - clock.now();
    const hasServed = phase === 'Ready' || phase === 'Unhealthy';
    if (hasServed || (state === 'unwell' && youngForMs <= 0))
      return { ...settled('Unhealthy', { kind: 'working', reason: 'Unhealthy', message }), ...next };
    const starting = settled('Starting', { kind: 'working', reason: 'Starting', message });
    return state === 'unwell'
      ? { ...starting, next: again(youngForMs, 'starting') }
      : { ...starting, ...next };
  }

  /** Written again only when something else is to be said. */
  function readyStanding(machine: Machine, note?: string): Standing {
    const message = `machine ${machine.id} runs${note === undefined ? '' : `; ${note}`}`;
    return { kind: 'ready', reason: 'Ready', message };
  }

  /** What the operator sees for itself can only make it worse; else its balancer says how it is, where it has one. */
  function stateOf(pass: Pass, machine: Machine): State {
    const finding = health.of(pass.key);
    if (finding?.health === 'unhealthy') return { state: 'unwell', why: finding.reason ?? 'it is unhealthy' };
    const balanced = inBalancer(pass, machine);
    if (balanced !== undefined) return balanced;
    if (finding === undefined || finding.health === 'healthy') return { state: 'well' };
    const leftMs = finding.since + firstAnswerMs - clock.now();
    const why = finding.reason ?? 'its health check has not been answered yet';
    // Whom the operator cannot reach may be well all the same.
    return leftMs > 0 ? { state: 'unknown', why, againInMs: leftMs } : { state: 'well', why };
  }

  /** Undefined: it belongs to none. */
  function inBalancer({ belonging }: Pass, machine: Machine): State | undefined {
    const network = belonging.network === undefined ? undefined : networks.get(belonging.network);
    if (network === undefined || !network.parsed.ok || network.parsed.value.spec.balancer === undefined)
      return undefined;
    const view = fabrics.lastView(belonging.scopeKey);
    if (view === undefined) return { state: 'unknown', why: 'its balancer has not been read yet' };
    const member = view.members.get(machine.id);
    if (member === undefined) return { state: 'unwell', why: 'not in its balancer yet' };
    if (member.health === 'healthy' && member.pools === view.pools) return { state: 'well' };
    const reason = member.reason === undefined ? '' : ` (${member.reason})`;
    return { state: 'unwell', why: `${member.health} in its balancer${reason}` };
  }

  return follow;
}
