import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { requireReferee } from '../support/referees.ts';

export const chartDir = join(import.meta.dirname, '../../helm/peerage');
const manifestSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});
export type Manifest = z.infer<typeof manifestSchema>;

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly kubeconfig?: string;
}

/** Runs helm with a home of its own. Never rejects for what helm answers: look at `code`. */
export async function helm(
  args: readonly string[],
  { input, kubeconfig }: RunOptions = {},
): Promise<Outcome> {
  const home = await mkdtemp(join(tmpdir(), 'peerage-helm-'));
  try {
    const env = { HOME: home, ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig }) };
    return await run(requireReferee('helm'), args, { env, ...(input !== undefined && { input }) });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

export interface RenderOptions {
  readonly values?: Readonly<Record<string, unknown>>;
  readonly release?: string;
  readonly namespace?: string;
  readonly args?: readonly string[];
}

/** `helm template`, as helm answers it. */
export function template({ values = {}, release, namespace, args }: RenderOptions = {}): Promise<Outcome> {
  const named = ['template', release ?? 'peerage', chartDir, '--namespace', namespace ?? 'peerage-system'];
  return helm([...named, '--values', '-', ...(args ?? [])], { input: JSON.stringify(values) });
}

/** What the chart makes of values. Rejects with helm's words when it refuses them. */
export async function render(options: RenderOptions = {}): Promise<readonly Manifest[]> {
  return parseManifests(await printed(template(options)));
}

/** What a program printed. Rejects with its words when it failed. */
export async function printed(outcome: Promise<Outcome>): Promise<string> {
  const { code, stdout, stderr } = await outcome;
  if (code !== 0) throw new Error(stderr || stdout);
  return stdout;
}

function parseManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => {
      if (document.errors[0] !== undefined) throw document.errors[0];
      return document.toJS();
    })
    .filter((value) => value !== null)
    .map((value) => manifestSchema.parse(value));
}

/** The one manifest of that kind (and name). */
export function one(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter(
    ({ kind: k, metadata }) => k === kind && (name ?? metadata.name) === metadata.name,
  );
  const [first, second] = found;
  if (first === undefined || second !== undefined) {
    throw new Error(`${found.length} manifests are ${kind} ${name ?? ''}`);
  }
  return first;
}

/** `Kind namespace/name`, sorted. */
export function namesOf(manifests: readonly Manifest[]): readonly string[] {
  return manifests
    .map(({ kind, metadata: { namespace, name } }) => `${kind} ${namespace ? `${namespace}/` : ''}${name}`)
    .sort();
}

export function run(
  command: string,
  args: readonly string[],
  {
    input = '',
    env = {},
    cwd,
  }: { readonly input?: string; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string },
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { PATH: process.env.PATH, ...env },
      stdio: 'pipe',
      ...(cwd !== undefined && { cwd }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
    // It may end without reading its input.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
