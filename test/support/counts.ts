import { readFile } from 'node:fs/promises';
import { z } from 'zod';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string() })),
    }),
  ),
});

/**
 * Counts the tests in vitest's JSON report. A run that cannot be trusted has at least one failure: without a report, without
 * a test that ran, with a file that could not be loaded, or ended by vitest itself (`succeeded` is its exit code).
 */
export async function countTests(reportPath: string, succeeded: boolean): Promise<Counts> {
  const files = await filesIn(reportPath);
  if (files === undefined) {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const tests = files.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status));
  const passed = tests.filter((status) => status === 'passed').length;
  const failedTests = tests.filter((status) => status === 'failed').length;
  const failedFiles = files.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((result) => result.status === 'failed'),
  ).length;
  const failed = failedTests + failedFiles;
  const untrusted = failed === 0 && (!succeeded || passed === 0);
  return { passed, failed: untrusted ? 1 : failed, skipped: tests.length - passed - failedTests };
}

/** The run came to its end, and no file was among what it was told to run. */
export async function matchedNothing(reportPath: string): Promise<boolean> {
  return (await filesIn(reportPath))?.length === 0;
}

async function filesIn(reportPath: string) {
  const text = await readFile(reportPath, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : reportSchema.parse(JSON.parse(text)).testResults;
}

/** The last line of a test run. */
export function closingLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
