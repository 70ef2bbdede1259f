import { spawn } from 'node:child_process';
import { requireReferee } from './referees.ts';

export interface Verdict {
  readonly status: string;
  readonly message: string;
}

/** How Flux and Helm 4 judge an object: `Current`, `InProgress`, `Failed`, `Terminating`, and why. */
export async function kstatus(object: unknown): Promise<Verdict> {
  const child = spawn(requireReferee('kstatus'), { stdio: ['pipe', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk;
  });
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.end(JSON.stringify(object));
  if ((await code) !== 0) {
    throw new Error('kstatus could not judge the object');
  }
  const [status = '', message = ''] = printed.trimEnd().split('\t');
  return { status, message };
}
