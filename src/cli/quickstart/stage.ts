import type { Cluster } from '../local/cluster.ts';
import type { Operator } from '../local/operator.ts';
import type { RunStep, StepContext } from '../steps.ts';
import type { Example } from './example.ts';

/** A cluster and a cloud on this machine, and what is shown on them. */
export interface Stage extends Pick<Cluster, 'controlPlane' | 'kube' | 'operatorLog'> {
  readonly example: Example;
  /** How messages call what the machines are in: `cloud`. */
  readonly cloud: string;
  startOperator(): Promise<Operator>;
  /** Shows that a Network that is Ready serves at an endpoint, `host:port`. Answers lines for the user. */
  readonly tryOut?: (endpoint: string, context: StepContext) => Promise<readonly string[]>;
  /** What the operator made and is still there. */
  left(): Promise<readonly string[]>;
  /** What it is not, for the user. */
  readonly limits: readonly string[];
  /** Lines that a user may type next, beside those for kubectl. */
  readonly hints: readonly string[];
  /** Ends all of it, and leaves nothing behind. */
  stop(): Promise<void>;
}

export interface StageOptions {
  readonly run: RunStep;
  /** Called when something that is needed ends by itself. */
  readonly onLoss: (error: Error) => void;
}
