/** A machine is there: from booting to Ready, and what befalls it then. */
import type { Machine } from '../../clouds/cloud.ts';
import { again } from '../../runtime/controller.ts';
import type { Backoff } from '../backoff.ts';
import { findCondition } from '../conditions.ts';
import type { Standing } from '../status.ts';
import { fabricOfNode } from './fabric.ts';
import type { NodeControllerOptions, Pass } from './pass.ts';
import { settled, stateReason, type Verdict } from './verdict.ts';

/** How often the firewall of a standalone Node is looked at when nothing happens. */
const restLookMs = 600_000;

/** So long a first answer is waited for, and a node that starts may be unwell before it is told of. */
const firstAnswerMs = 60_000;

/** A machine that does not get well for so long after it was made is unhealthy, and no longer starting. */
const startingMs = 600_000;

interface State {
  readonly state: 'well' | 'unwell' | 'unknown';
  readonly why?: string;
  /** Milliseconds since the epoch; since when the operator sees it so. */
  readonly since?: number;
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
      return settled('Unhealthy', { kind: 'stalled', reason: 'MachineStopped', message });
    }
    if (machine.state === 'terminating') {
      const message = `machine ${machine.id} is being terminated${stateReason(machine)}; another follows`;
      const phase = node.status.phase === 'Ready' ? 'Unhealthy' : (node.status.phase ?? 'Starting');
      return settled(phase, { kind: 'working', reason: 'MachineLost', message });
    }
    if (belonging.network === undefined)
      await fabricOfNode({ node, belonging, open, fabrics, goal: 'wish', anew, signal: pass.signal });
    const found = stateOf(pass, machine);
    region.unwatch(key);
    if (found.state === 'well') {
      launches.goesWell(key);
      const ready = settled('Ready', standingOf(machine, 'Ready', found.why));
      // Nobody else looks at the firewall of a Node without a Network.
      return belonging.network === undefined ? { ...ready, next: again(restLookMs, 'at rest') } : ready;
    }
    const { phase, conditions } = node.status;
    if (phase !== 'Ready' && phase !== 'Unhealthy') return starting(machine, found);
    const next = found.againInMs === undefined ? {} : { next: again(found.againInMs, 'not answered yet') };
    if (found.state === 'unwell')
      return { ...settled('Unhealthy', standingOf(machine, 'Unhealthy', found.why)), ...next };
    // It stays what it was, in the same words.
    const standing = standingOf(machine, phase, found.why);
    const said = findCondition(conditions, 'Ready')?.message;
    const isSame = said?.startsWith(standingOf(machine, phase).message) === true;
    return { ...settled(phase, isSame ? { ...standing, message: said } : standing), ...next };
  }

  /** It has not served yet. */
  function starting(machine: Machine, { state, why, since, againInMs }: State): Verdict {
    const youngForMs = Date.parse(machine.createdAt) + startingMs - clock.now();
    if (state === 'unwell' && youngForMs <= 0)
      return settled('Unhealthy', standingOf(machine, 'Unhealthy', why));
    const waits = [againInMs, ...(state === 'unwell' ? [youngForMs] : [])];
    const tellInMs = since === undefined ? undefined : since + firstAnswerMs - clock.now();
    if (tellInMs !== undefined && tellInMs > 0) waits.push(tellInMs);
    const wait = Math.min(...waits.filter((ms) => ms !== undefined));
    return {
      ...settled('Starting', standingOf(machine, 'Starting', why)),
      ...(Number.isFinite(wait) && { next: again(wait, 'starting') }),
      isNews: tellInMs !== undefined && tellInMs <= 0,
    };
  }

  function standingOf({ id }: Machine, reason: 'Ready' | 'Starting' | 'Unhealthy', more?: string): Standing {
    const message = `machine ${id} runs${more === undefined ? '' : `; ${more}`}`;
    return { kind: reason === 'Ready' ? 'ready' : 'working', reason, message };
  }

  /** What the operator sees for itself can only make it worse; else its balancer says how it is, where it has one. */
  function stateOf(pass: Pass, machine: Machine): State {
    const finding = health.of(pass.key);
    if (finding?.health === 'unhealthy') {
      const { reason = 'it is unhealthy', since } = finding;
      return { state: 'unwell', why: reason, since };
    }
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
