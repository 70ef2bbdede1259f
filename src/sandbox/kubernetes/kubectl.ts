import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';

export interface KubectlCall {
  readonly kubectlPath: string;
  readonly kubeconfigPath: string;
  readonly args: readonly string[];
  /** What kubectl reads as `-`. */
  readonly input?: string | undefined;
}

export interface KubectlResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/**
 * Runs kubectl to its end. Rejects only when it could not be started: what it answers is in the result.
 *
 * It gets nothing of the user's environment, and keeps its cache beside the kubeconfig: neither the user's kubeconfig and
 * kuberc nor the cache in the home folder is read or changed.
 */
export function runKubectl({
  kubectlPath,
  kubeconfigPath,
  args,
  input = '',
}: KubectlCall): Promise<KubectlResult> {
  const home = dirname(kubeconfigPath);
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    KUBECACHEDIR: join(home, 'kubectl-cache'),
    KUBERC: 'off',
  };
  return new Promise((resolve, reject) => {
    const child = spawn(kubectlPath, [`--kubeconfig=${kubeconfigPath}`, ...args], { env, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ stdout, stderr, code: code ?? 1 }));
    // kubectl may end without reading its input; that is its business.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
