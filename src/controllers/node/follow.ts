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

/** `launches`: told as soon as a machine serves. */
export function createFollow({ networks, fabrics }: NodeControllerOptions, launches: Backoff) {
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
    const health = healthIn(pass, machine);
    if (health === 'unseen') {
      region.unwatch(key);
      if (node.status.phase === 'Ready') return settled('Ready', readyStanding(machine));
      return settled('Starting', {
        kind: 'working',
        reason: 'Starting',
        message: `machine ${machine.id} runs; its balancer has not been read yet`,
      });
    }
    region.unwatch(key);
    if (health === 'healthy') {
      launches.goesWell(key);
      const ready = settled('Ready', readyStanding(machine));
      // Nobody else looks at the firewall of a Node without a Network.
      return belonging.network === undefined ? { ...ready, next: again(restLookMs, 'at rest') } : ready;
    }
    if (node.status.phase === 'Ready' || node.status.phase === 'Unhealthy')
      return settled('Unhealthy', {
        kind: 'working',
        reason: 'Unhealthy',
        message: `machine ${machine.id}: ${health}`,
      });
    return settled('Starting', {
      kind: 'working',
      reason: 'Starting',
      message: `machine ${machine.id} runs; ${health}`,
    });
  }

  function readyStanding(machine: Machine): Standing {
    return { kind: 'ready', reason: 'Ready', message: `machine ${machine.id} runs` };
  }

  /** `healthy`, `unseen`, or what its balancer says of it. */
  function healthIn({ belonging }: Pass, machine: Machine): string {
    const network = belonging.network === undefined ? undefined : networks.get(belonging.network);
    if (network === undefined || !network.parsed.ok || network.parsed.value.spec.balancer === undefined)
      return 'healthy';
    const view = fabrics.lastView(belonging.scopeKey);
    if (view === undefined) return 'unseen';
    const member = view.members.get(machine.id);
    if (member === undefined) return 'not in its balancer yet';
    if (member.health === 'healthy' && member.pools === view.pools) return 'healthy';
    return `${member.health} in its balancer${member.reason === undefined ? '' : ` (${member.reason})`}`;
  }

  return follow;
}
