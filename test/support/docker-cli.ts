import { spawn } from 'node:child_process';
import type { Engine } from './engine.ts';

/**
 * Runs `docker` against an engine and answers what it wrote to standard output, without the last line's end. Rejects with
 * what it wrote to both when it fails. Nothing of the user's configuration gets in but proxies, which `docker build` hands on
 * when told by `--build-arg`.
 */
export async function docker(
  { socketPath }: Pick<Engine, 'socketPath'>,
  args: readonly string[],
): Promise<string> {
  const env = {
    PATH: process.env.PATH,
    DOCKER_HOST: `unix://${socketPath}`,
    DOCKER_CONFIG: `${socketPath}.config`,
    // The builder inside the engine. The other one is a program of its own that may not be there.
    DOCKER_BUILDKIT: '0',
    ...Object.fromEntries(proxies().map((name) => [name, process.env[name]])),
  };
  const child = spawn('docker', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let both = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    both = (both + chunk).slice(-8192);
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    both = (both + chunk).slice(-8192);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`docker ${args[0]} failed with code ${code}:\n${both.trim()}`);
  return stdout.trimEnd();
}

/** The variables by which this machine is told of a proxy, as they are set. */
export function proxies(): readonly string[] {
  const known = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]);
  return known.filter((name) => process.env[name]);
}
