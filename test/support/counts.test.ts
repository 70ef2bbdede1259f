import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { closingLine, countTests, matchedNothing } from './counts.ts';

interface File {
  readonly status: 'passed' | 'failed';
  readonly tests: readonly string[];
}

async function report(...files: readonly File[]): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'peerage-counts-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const path = join(dir, 'report.json');
  const testResults = files.map(({ status, tests }) => ({
    status,
    assertionResults: tests.map((result) => ({ status: result })),
  }));
  await writeFile(path, JSON.stringify({ testResults }));
  return path;
}

describe('counting tests', () => {
  test('adds up what all files say', async () => {
    const path = await report(
      { status: 'passed', tests: ['passed', 'skipped'] },
      { status: 'failed', tests: ['passed', 'failed', 'todo'] },
    );

    await expect(countTests(path, false)).resolves.toEqual({ passed: 2, failed: 1, skipped: 2 });
  });

  test('counts a file that could not be loaded as a failure', async () => {
    const path = await report({ status: 'passed', tests: ['passed'] }, { status: 'failed', tests: [] });

    await expect(countTests(path, false)).resolves.toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  test('does not trust a run that failed though its tests passed', async () => {
    const path = await report({ status: 'passed', tests: ['passed'] });

    await expect(countTests(path, false)).resolves.toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  test('takes a run without a test for a failure', async () => {
    await expect(countTests(await report(), true)).resolves.toEqual({ passed: 0, failed: 1, skipped: 0 });
    const allSkipped = await report({ status: 'passed', tests: ['skipped'] });
    await expect(countTests(allSkipped, true)).resolves.toEqual({ passed: 0, failed: 1, skipped: 1 });
  });

  test('tells a run that matched no file from one that did not come to its end', async () => {
    expect(await matchedNothing(await report())).toBe(true);
    expect(await matchedNothing(await report({ status: 'passed', tests: [] }))).toBe(false);
    expect(await matchedNothing('/nowhere/report.json')).toBe(false);
  });

  test('takes a run without a report for a failure', async () => {
    await expect(countTests('/nowhere/report.json', true)).resolves.toMatchObject({ failed: 1 });
  });

  test('closes with passed and failed, and names skipped ones only if there are any', () => {
    expect(closingLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
    expect(closingLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
  });
});
