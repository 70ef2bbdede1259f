/** A machine is there: from booting to Ready, and what befalls it then. */
import type { Condition } from '../../api/common.ts';
import type { Node } from '../../api/node.ts';
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

type Told = 'Ready' | 'Unhealthy' | 'HealthCheckFailed';

interface State {
  readonly state: 'well' | 'unwell' | 'unknown';
  /** Who sees it unwell. */
  readonly reason?: 'Unhealthy' | 'HealthCheckFailed';
  /** Undefined: as was said before. */
  readonly why?: string | undefined;
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
    if (machine.state === 'pending') return booting(machine, node);
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
    const said = findCondition(conditions, 'Ready');
    if (found.state === 'unwell') {
      const standing = standingOf(machine, found.reason ?? 'Unhealthy', found.why);
      const told = found.why === undefined ? inWordsOf(said, machine, standing) : standing;
      return { ...settled('Unhealthy', told), ...next };
    }
    // It stays what it was.
    const reason = phase === 'Unhealthy' && said?.reason === 'HealthCheckFailed' ? said.reason : phase;
    return { ...settled(phase, inWordsOf(said, machine, standingOf(machine, reason, found.why))), ...next };
  }

  /** One that ended and is started again by its cloud was there before, and may not stay. */
  function booting(machine: Machine, { status }: Node): Verdict {
    const why = machine.stateReason === undefined ? 'boots' : `does not stay up${stateReason(machine)}`;
    const message = `machine ${machine.id} ${why}`;
    const isNews = machine.stateReason !== undefined;
    const served = status.phase === 'Ready' || status.phase === 'Unhealthy';
    if (served && isNews) return settled('Unhealthy', { kind: 'working', reason: 'Unhealthy', message });
    return { ...settled('Starting', { kind: 'working', reason: 'Starting', message }), isNews };
  }

  /** It has not served yet. */
  function starting(machine: Machine, { state, reason, why, since, againInMs }: State): Verdict {
    const youngForMs = Date.parse(machine.createdAt) + startingMs - clock.now();
    if (state === 'unwell' && youngForMs <= 0)
      return settled('Unhealthy', standingOf(machine, reason ?? 'Unhealthy', why));
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

  /** As it was said before of the same machine, if it was. */
  function inWordsOf(said: Condition | undefined, machine: Machine, standing: Standing): Standing {
    const isSame = said?.message.startsWith(standingOf(machine, 'Ready').message) === true;
    return isSame ? { ...standing, message: said.message } : standing;
  }

  function standingOf({ id }: Machine, reason: 'Starting' | Told, more?: string): Standing {
    const message = `machine ${id} runs${more === undefined ? '' : `; ${more}`}`;
    return { kind: reason === 'Ready' ? 'ready' : 'working', reason, message };
  }

  /** What the operator sees for itself can only make it worse; else its balancer says how it is, where it has one. */
  function stateOf(pass: Pass, machine: Machine): State {
    const finding = health.of(pass.key);
    if (finding?.health === 'unhealthy') {
      return { state: 'unwell', reason: 'HealthCheckFailed', why: finding.reason, since: finding.since };
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
