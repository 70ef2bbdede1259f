import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

/** A run of the `peerage` command without a terminal, as in CI. */
export interface CliRun {
  readonly child: ChildProcess;
  /** All that it printed so far, both streams. */
  output(): string;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

const cli = join(import.meta.dirname, '../../src/cli/peerage.ts');

export function runCli(args: readonly string[], env: NodeJS.ProcessEnv = {}): CliRun {
  const assets = process.env.PEERAGE_TEST_CONTROL_PLANE;
  const child = spawn(process.execPath, [cli, ...args], {
    env: { ...process.env, ...(assets ? { KUBEBUILDER_ASSETS: assets } : {}), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: string) => {
    output += chunk;
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  const ended = new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'ended'));
  });
  return { child, output: () => output, ended };
}
