/** Kills the operator at chosen moments, each inside a write of a record or a call to the cloud. */
import type { CallInfo } from '../../src/sandbox/aws/faults.ts';
import type { PatchGate } from '../support/kube-gate.ts';
import type { Operator } from '../support/operator.ts';
import { recordIn, type Stage } from './exactly-once-stage.ts';

export type Strike =
  /** `before`: the write never arrives. `after`: it arrived, and nobody heard the answer. */
  | { readonly record: 'member' | 'head'; readonly moment: 'before' | 'after' }
  /** `before`: the call is carried out for a dead caller. `after`: it was carried out. `late`: a dead caller's call arrives after the next operator has made the same. */
  | { readonly call: string; readonly moment: 'before' | 'after' | 'late' };

/** A kill that was made, with what shows that it hit an open record or call. */
export interface Kill {
  readonly strike: Strike;
  readonly pid: number;
  /** The operator lived when the write or call had begun. */
  readonly wasAlive: boolean;
  /** It was gone before the write or call had ended, so nobody heard the answer. */
  readonly wasOpen: boolean;
}

export interface Killer {
  readonly gate: PatchGate;
  readonly kills: readonly Kill[];
  /** Begins: starts the operator, and starts it again after each kill. */
  start(stage: Stage): Promise<void>;
  /** Adds moments to strike at. Each strikes once; the order is that of what happens. */
  arm(strikes: readonly Strike[]): void;
  /** Those that had no occasion yet. */
  armed(): readonly Strike[];
  /** Calls of dead operators that have not arrived yet. */
  underWay(): readonly string[];
  stop(): Promise<void>;
}

export function createKiller(): Killer {
  const armed = new Set<Strike>();
  const kills: Kill[] = [];
  let operator: Promise<Operator> | undefined;
  let start: (() => Promise<Operator>) | undefined;
  let killing = false;
  /** Wakes the late call of a dead operator once the same call of its successor was carried out. */
  const late = new Map<string, () => void>();

  function take(wanted: (strike: Strike) => boolean): Strike | undefined {
    const strike = killing ? undefined : [...armed].find(wanted);
    if (strike === undefined) return undefined;
    armed.delete(strike);
    killing = true;
    return strike;
  }

  /** Called from within the write or call, which goes on only when this has returned. */
  async function kill(strike: Strike): Promise<void> {
    const victim = await operator;
    if (victim === undefined || start === undefined) throw new Error('there is no operator to kill');
    const wasAlive = isAlive(victim.pid);
    await victim.kill();
    kills.push({ strike, pid: victim.pid, wasAlive, wasOpen: !isAlive(victim.pid) });
    operator = start();
    killing = false;
  }

  const gate: PatchGate = async (patch, forward) => {
    const record = recordIn(patch);
    if (record === undefined) {
      await forward();
      return 'answered';
    }
    const part = record.members === undefined ? 'member' : 'head';
    const before = take((one) => 'record' in one && one.record === part && one.moment === 'before');
    if (before !== undefined) {
      await kill(before);
      return 'lost';
    }
    const status = await forward();
    if (status !== 200) return 'answered';
    const after = take((one) => 'record' in one && one.record === part && one.moment === 'after');
    if (after === undefined) return 'answered';
    await kill(after);
    return 'lost';
  };

  async function beforeCall({ action }: CallInfo): Promise<void> {
    const strike = take(
      (one) => 'call' in one && one.call === action && (one.moment === 'before' || one.moment === 'late'),
    );
    if (strike === undefined) return;
    await kill(strike);
    if (strike.moment === 'late') await new Promise<void>((resolve) => late.set(action, resolve));
  }

  async function afterCall({ action }: CallInfo, outcome: string): Promise<void> {
    if (outcome !== 'ok' && outcome !== 'lostReply') return;
    late.get(action)?.();
    late.delete(action);
    const strike = take((one) => 'call' in one && one.call === action && one.moment === 'after');
    if (strike !== undefined) await kill(strike);
  }

  return {
    gate,
    kills,
    async start(stage) {
      stage.sandbox.faults.beforeCall(beforeCall);
      stage.sandbox.faults.afterCall(afterCall);
      start = () => stage.startOperator();
      operator = start();
      await operator;
    },
    arm(strikes) {
      for (const strike of strikes) armed.add(strike);
    },
    armed: () => [...armed],
    underWay: () => [...late.keys()],
    async stop() {
      for (const release of late.values()) release();
      await (await operator)?.stop();
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
