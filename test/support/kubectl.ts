import { inject } from 'vitest';
import { type KubectlResult, runKubectl } from '../../src/sandbox/kubernetes/kubectl.ts';
import { type ApiObject, getObject } from './api.ts';
import { type Deadline, eventually } from './eventually.ts';

export interface KubectlOptions {
  readonly input?: string;
  readonly namespace?: string;
  /** Another kubeconfig than the administrator's. */
  readonly kubeconfig?: string;
}

/** Runs kubectl against the run's server. Never rejects for what kubectl answers: look at `code`. */
export function tryKubectl(args: readonly string[], options: KubectlOptions = {}): Promise<KubectlResult> {
  const { kubeconfigPath, kubectlPath } = inject('controlPlane');
  const { input, namespace, kubeconfig = kubeconfigPath } = options;
  const where = namespace === undefined ? [] : [`--namespace=${namespace}`];
  return runKubectl({ kubectlPath, kubeconfigPath: kubeconfig, args: [...where, ...args], input });
}

/** Runs kubectl and answers what it printed; rejects with its complaint when it fails. */
export async function kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
  const { stdout, stderr, code } = await tryKubectl(args, options);
  if (code !== 0) {
    throw new Error(`kubectl ${args.join(' ')} failed with code ${code}: ${stderr}`);
  }
  return stdout;
}

/** `kubectl apply -f -`; one or more documents. */
export function apply(yaml: string, options: Omit<KubectlOptions, 'input'> = {}): Promise<string> {
  return kubectl(['apply', '-f', '-'], { ...options, input: yaml });
}

/** What the server says when it refuses the documents. Rejects when it takes them. */
export async function applyRefused(
  yaml: string,
  options: Omit<KubectlOptions, 'input'> = {},
): Promise<string> {
  const { stdout, stderr, code } = await tryKubectl(['apply', '-f', '-'], { ...options, input: yaml });
  if (code === 0) {
    throw new Error(`the server took what it should have refused: ${stdout}`);
  }
  return stderr;
}

/** Waits until the object at the path is there and the predicate holds for it. */
export async function waitForObject(
  path: string,
  holds: (object: ApiObject) => unknown,
  deadline: Deadline = {},
): Promise<ApiObject> {
  const found = await eventually(
    () => getObject(path),
    (object) => object !== undefined && holds(object),
    { what: path, ...deadline },
  );
  if (found === undefined) {
    throw new Error(`${path} vanished`);
  }
  return found;
}

/** Waits until there is no object at the path any more. */
export async function waitForAbsence(path: string, deadline: Deadline = {}): Promise<void> {
  await eventually(
    () => getObject(path),
    (object) => object === undefined,
    { what: `absence of ${path}`, ...deadline },
  );
}
