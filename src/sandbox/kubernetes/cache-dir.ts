import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where things that took long to build or fetch are kept between runs: `$XDG_CACHE_HOME/peerage/<name>`, by default
 * `~/.cache/peerage/<name>`. The folder may not exist yet. Removing it costs time, never data.
 */
export function cacheDir(name: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'peerage', name);
}
