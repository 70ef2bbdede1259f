/**
 * Writes what is made from the kinds: `crds/`, the chart's copy of it, and the reference page.
 *
 *     node tools/generate.ts [--check]
 *
 * With `--check` nothing is written; the exit status is 1 when a file is not what it should be.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { GROUP } from '../src/api/common.ts';
import { RESOURCES } from '../src/api/resources.ts';
import { crdOf } from './crd.ts';
import { referencePage } from './reference.ts';

const root = join(import.meta.dirname, '..');
const crdFolders = ['crds', 'helm/peerage/files/crds'];
const header = '# Made by tools/generate.ts from src/api. Do not edit.\n';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const wanted = generate();
const stale = [...wanted].filter(([path, text]) => current(path) !== text).map(([path]) => path);
const surplus = crdFolders.flatMap((folder) => listed(folder)).filter((path) => !wanted.has(path));

if (values.check) {
  for (const path of stale) console.error(`${path} is not what src/api says: run npm run generate`);
  for (const path of surplus) console.error(`${path} belongs to no kind: remove it`);
  process.exitCode = stale.length + surplus.length > 0 ? 1 : 0;
} else {
  for (const path of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), wanted.get(path) ?? '');
    console.log(`wrote ${path}`);
  }
  for (const path of surplus) console.log(`${path} belongs to no kind: remove it`);
}

/** Every generated file: path from the root, and text. */
function generate(): Map<string, string> {
  const files = new Map<string, string>();
  for (const kind of Object.values(RESOURCES)) {
    // Anchors would be shorter and nobody could read them.
    const text = header + stringify(crdOf(kind), { lineWidth: 0, aliasDuplicateObjects: false });
    for (const folder of crdFolders) files.set(`${folder}/${GROUP}_${kind.plural}.yaml`, text);
  }
  files.set('docs/api.md', referencePage(Object.values(RESOURCES)));
  return files;
}

function current(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}
