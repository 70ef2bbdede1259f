import type { Node, NodePhase } from '../../api/node.ts';
import type { Machine } from '../../clouds/cloud.ts';
import { again, done, type Outcome } from '../../runtime/controller.ts';
import type { Held } from '../backoff.ts';
import type { Standing } from '../status.ts';
import { spell } from '../trouble.ts';

/** What a pass found, for the status, and when to look again. */
export interface Verdict {
  readonly phase: NodePhase;
  readonly standing: Standing;
  readonly next: Outcome;
  readonly trouble?: string;
  /** What merely reads differently from what stood there is worth a write. */
  readonly isNews?: boolean;
}

export function settled(phase: NodePhase, standing: Standing): Verdict {
  return { phase, standing, next: done };
}

export function pending(message: string): Verdict {
  return settled('Pending', { kind: 'working', reason: 'Waiting', message });
}

export function launching(message: string): Verdict {
  return settled('Launching', { kind: 'working', reason: 'Launching', message });
}

export function terminating(message: string): Verdict {
  return settled('Terminating', { kind: 'working', reason: 'Terminating', message });
}

export function waiting(node: Node, reason: 'Progressing', message: string, afterMs: number): Verdict {
  return {
    phase: node.status.phase ?? 'Pending',
    standing: { kind: 'working', reason, message },
    next: again(afterMs, message),
  };
}

/** As it stood, with a word on what is looked into. */
export function keep(node: Node, message: string): Verdict {
  const phase = node.status.phase ?? 'Launching';
  if (phase === 'Ready') return settled('Unhealthy', { kind: 'working', reason: 'MachineLost', message });
  return settled(phase, { kind: 'working', reason: 'Launching', message });
}

/** Reads the same in every pass until the next try. */
export function troubled(node: Node, leaving: boolean, { trouble, waitMs }: Held): Verdict {
  const message = `${trouble.message}; next try in ${spell(trouble.retryAfterMs)}`;
  const phase = leaving ? 'Terminating' : (node.status.phase ?? 'Pending');
  return {
    phase,
    standing: { kind: trouble.stalled ? 'stalled' : 'working', reason: trouble.reason, message },
    next: again(waitMs, trouble.reason),
    trouble: message,
  };
}

export function stateReason({ stateReason }: Machine): string {
  return stateReason === undefined ? '' : ` (${stateReason.code}: ${stateReason.message})`;
}
