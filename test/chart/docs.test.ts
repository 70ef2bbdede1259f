import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { CONDITION_TYPES, REASONS } from '../../src/api/reasons.ts';
import { parseConfig } from '../../src/config.ts';
import { longestWaitMs } from '../../src/controllers/gate.ts';
import { createMetrics } from '../../src/telemetry.ts';
import { refereePath } from '../support/referees.ts';
import { printed, run } from './chart.ts';

const docsDir = join(import.meta.dirname, '../../docs');
const read = (name: string) => readFile(join(docsDir, name), 'utf8');

/** First cells of the rows of the tables below a heading, without their backquotes. */
function rowsBelow(text: string, heading: string): readonly string[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`there is no heading ${heading}`);
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, cell]) => cell ?? '');
}

describe('the docs', () => {
  test('list every option, and no other', async () => {
    const help = parseConfig(['--help'], {});
    if ('config' in help) throw new Error('--help prints nothing');
    const flags = [...help.text.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, flag]) => flag);
    expect(flags).not.toHaveLength(0);
    expect([...rowsBelow(await read('operating.md'), 'Options')].sort()).toEqual(flags.sort());
  });

  test("list every metric but the runtime's own, and no other", async () => {
    const names = [...(await createMetrics().scrape()).matchAll(/^# TYPE (\S+)/gm)].map(
      ([, name]) => name ?? '',
    );
    const ours = names.filter((name) => !/^(process|nodejs)_/.test(name));
    expect([...rowsBelow(await read('operating.md'), 'Metrics')].sort()).toEqual(ours.sort());
  });

  test('say of every reason what to do or what follows, and of no other', async () => {
    const rows = (await read('operating.md')).matchAll(
      /^\| (`[A-Z][A-Za-z]+`(?:, `[A-Z][A-Za-z]+`)*) \| [a-z(]/gm,
    );
    const told = [...rows].flatMap(([, cell = '']) => cell.replaceAll('`', '').split(', '));
    const reasons = told.filter((reason) => !(reason in CONDITION_TYPES) || reason in REASONS);
    expect(new Set(reasons)).toEqual(new Set(Object.keys(REASONS)));
  });

  test('advise on what a Docker engine says in words that are said', async () => {
    const folder = join(docsDir, '../src/clouds/docker');
    const files = (await readdir(folder, { recursive: true })).filter((file) =>
      /^(?!.*\.test).*\.ts$/.test(file),
    );
    const sources = (await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))).join('\n');
    const [, section = ''] = (await read('docker.md')).split('## When something is wrong');
    const advised = [...section.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = '']) =>
      cell.replaceAll(/`|\.\.\./g, '').split(', '),
    );
    expect(advised).toContain('HostPortTaken');
    const said = (word: string) =>
      sources.includes(word.endsWith('_') ? word : `'${word}'`) || word in REASONS;
    expect(advised.filter((word) => !said(word))).toEqual([]);
  });

  test.for(['Cloud', 'CloudSession', 'Machines', 'Fabric'])(
    'tell who adds a cloud of every member of %s',
    async (name) => {
      const code = (await read('adding-a-cloud.md')).match(/^```.*?^```$|`[^`\n]+`/gms)?.join('\n') ?? '';
      const contract = await readFile(join(docsDir, '../src/clouds/cloud.ts'), 'utf8');
      const [, body = ''] =
        new RegExp(`^export interface ${name}\\b[^\\n]*\\{\\n(.*?)^\\}`, 'ms').exec(contract) ?? [];
      const members = [...body.matchAll(/^ {2}(?:readonly )?([a-zA-Z]+)\??[:(]/gm)].map(
        ([, member]) => member,
      );
      expect(members).not.toHaveLength(0);
      expect(members.filter((member) => !new RegExp(`\\b${member}\\b`).test(code))).toEqual([]);
    },
  );

  test('alert on metrics that exist', async () => {
    const rules = z.object({
      groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string(), expr: z.string() })) })),
    });
    const [block] = await yamlBelow('Alerts');
    const { groups } = rules.parse(block);
    const metrics = new Set(rowsBelow(await read('operating.md'), 'Metrics'));
    const expressions = groups.flatMap((group) => group.rules.map(({ expr }) => expr));
    expect(expressions).not.toHaveLength(0);
    for (const expr of expressions) {
      const used = expr.match(/\b(peerage|controller_runtime|workqueue)_[a-z_]+/g) ?? [];
      expect(used).not.toHaveLength(0);
      for (const name of used) expect([...metrics]).toContain(name.replace(/_bucket$/, ''));
    }
  });

  test('alert on waits for a budget that are shorter than the longest there is', async () => {
    const [, seconds] =
      (await read('operating.md')).match(/peerage_budget_wait_seconds_bucket.*> (\d+)$/m) ?? [];
    expect(Number(seconds) * 1000).toBeLessThan(longestWaitMs);
  });

  test('have no link into the void', async () => {
    const pages = (await readdir(docsDir, { recursive: true })).filter((file) => file.endsWith('.md'));
    expect(pages).toContain('operating.md');
    const broken = [];
    for (const page of pages) {
      // A pattern in code can look like a link.
      const text = (await read(page)).replaceAll(/`[^`\n]*`/g, '');
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? join(docsDir, page) : join(docsDir, dirname(page), path);
        const found = existsSync(file) && (anchor === undefined || (await anchorsOf(file)).includes(anchor));
        if (!found) broken.push(`${page}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });
});

/** Argo CD runs its scripts by gopher-lua, and so does the interpreter here. */
const glua = refereePath('glua');

describe.skipIf(glua === undefined)('the health of Argo CD', () => {
  let dir: string;
  let scripts: Readonly<Record<string, string>>;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'peerage-lua-'));
    const [block] = await yamlBelow('GitOps');
    scripts = z.object({ data: z.record(z.string(), z.string()) }).parse(block).data;
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  const condition = (type: string, status: string, message = type) => ({ type, status, message });
  const ready = condition('Ready', 'True');
  const underWay = [condition('Ready', 'False', 'waiting for 2 nodes'), condition('Reconciling', 'True')];
  const stalled = [condition('Ready', 'False'), condition('Stalled', 'True', 'no such subnet')];

  async function healthOf(kind: string, object: object): Promise<unknown> {
    const script = scripts[`resource.customizations.health.peerage.dev_${kind}`] ?? '';
    const file = join(dir, 'health.lua');
    const call = `obj = ${luaOf(object)}\nlocal hs = (function()\n${script}\nend)()\n`;
    await writeFile(file, `${call}print(hs.status .. '|' .. (hs.message or ''))\n`);
    return (await printed(run(glua ?? '', [file], {}))).trim();
  }
  const seen = (conditions: readonly unknown[], status: object = {}, spec: object = {}) => ({
    metadata: { generation: 2 },
    spec,
    status: { observedGeneration: 2, conditions, ...status },
  });

  test.each(['Network', 'Node', 'CloudCredential'])('of a %s follows its conditions', async (kind) => {
    expect(await healthOf(kind, seen([ready]))).toBe('Healthy|Ready');
    expect(await healthOf(kind, seen(underWay))).toBe('Progressing|waiting for 2 nodes');
    expect(await healthOf(kind, seen(stalled))).toBe('Degraded|no such subnet');
  });

  test.each(['Network', 'Node', 'CloudCredential'])('of a %s not seen yet is progressing', async (kind) => {
    const fresh = { metadata: { generation: 1 }, spec: {}, status: { observedGeneration: -1 } };
    expect(await healthOf(kind, fresh)).toMatch(/^Progressing/);
    expect(await healthOf(kind, { metadata: { generation: 1 }, spec: {} })).toMatch(/^Progressing/);
    const changed = { ...seen([ready]), metadata: { generation: 3 } };
    expect(await healthOf(kind, changed)).toMatch(/^Progressing/);
  });

  test('of a Network that is held by its spec is suspended', async () => {
    expect(await healthOf('Network', seen(underWay, {}, { mode: 'Plan' }))).toMatch(/^Suspended/);
    expect(await healthOf('Network', seen(underWay, {}, { paused: true }))).toMatch(/^Suspended/);
    expect(await healthOf('Network', seen([ready], {}, { paused: true }))).toMatch(/^Healthy/);
  });

  test('of a Node tells a machine that is unwell', async () => {
    expect(await healthOf('Node', seen(underWay, { phase: 'Unhealthy' }))).toMatch(/^Degraded/);
    expect(await healthOf('Node', seen(underWay, { phase: 'Starting' }))).toMatch(/^Progressing/);
  });
});

/** The YAML blocks below a heading of operating.md. */
async function yamlBelow(heading: string): Promise<readonly unknown[]> {
  const section = (await read('operating.md')).split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  return [...(section ?? '').matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block]) => parse(block ?? ''));
}

/** As GitHub makes them. */
async function anchorsOf(file: string): Promise<readonly string[]> {
  const headings = [...(await readFile(file, 'utf8')).matchAll(/^#+ (.+)$/gm)];
  return headings.map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** A JSON value as a Lua literal. */
function luaOf(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(luaOf).join(', ')}}`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, inner]) => `[${JSON.stringify(key)}] = ${luaOf(inner)}`)
      .join(', ')}}`;
  }
  return JSON.stringify(value);
}
