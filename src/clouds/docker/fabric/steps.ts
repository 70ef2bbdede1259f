/** A step of the plan, and what it does. */
import type { CloudError, Owner, Step } from '../../cloud.ts';
import type { Leaving } from './told.ts';

export type Action =
  | { readonly do: 'create network'; readonly name: string; readonly labels: Record<string, string> }
  | { readonly do: 'delete network'; readonly id: string }
  | {
      readonly do: 'create balancer';
      readonly name: string;
      readonly owner: Owner;
      readonly image: string;
      readonly network: string;
      readonly hostIp: string;
      /** Of the host and of the container alike. */
      readonly ports: readonly number[];
      readonly labels: Record<string, string>;
      readonly config: string;
    }
  | {
      readonly do: 'start balancer';
      readonly id: string;
      readonly ports: readonly number[];
      readonly config: string;
    }
  | {
      readonly do: 'configure';
      readonly id: string;
      readonly config: string;
      /** Ids of the machines that leave it. */
      readonly leaving: readonly string[];
      /** Those that left before and may still have connections. */
      readonly draining: readonly Leaving[];
      readonly drainSeconds: number;
    }
  | { readonly do: 'delete balancer'; readonly id: string }
  | { readonly do: 'release balancer'; readonly id: string; readonly name: string }
  | { readonly do: 'delete volume'; readonly name: string }
  /** The engine would refuse it, or do it and touch what is not ours. */
  | { readonly do: 'refuse'; readonly error: CloudError };

export interface DockerStep extends Step {
  /** `namespace/name` on whose behalf. */
  readonly flow?: string;
  /** Absent as long as the step waits. */
  readonly action?: Action;
}

/** `next`: what to do, or why it cannot be done yet. */
export function stepOf(
  { owner }: { readonly owner: Owner },
  shown: Pick<DockerStep, 'verb' | 'kind' | 'name' | 'because'>,
  next: Action | string,
): DockerStep {
  const flow = owner.network ?? owner.node;
  return {
    ...shown,
    ...(flow === undefined ? {} : { flow }),
    ...(typeof next === 'string' ? { waits: next } : { action: next }),
  };
}

export type ActionOf<Name extends Action['do']> = Extract<Action, { readonly do: Name }>;
