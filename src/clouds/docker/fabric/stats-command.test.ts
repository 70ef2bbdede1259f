import { execFile } from 'node:child_process';
import { accessSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { statsCommand } from './config.ts';

const run = promisify(execFile);
const csv = '# pxname,svname,\nport-80,a,\n';

/** A PATH on which there is nothing else. */
function only(...programs: readonly string[]): string {
  const dir = mkdtempSync(join(tmpdir(), 'peerage-path-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  for (const program of programs) symlinkSync(where(program), join(dir, program));
  return dir;
}

function where(program: string): string {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((dir) => join(dir, program))
    .find((path) => {
      try {
        accessSync(path);
        return true;
      } catch {
        return false;
      }
    });
  if (found === undefined) throw new Error(`there is no ${program}`);
  return found;
}

async function statistics(): Promise<number> {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/;csv' ? 200 : 404;
    response.end(csv);
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test.each([[['bash', 'cat']], [['wget']]])(
  'the statistics are printed where there is %j and a shell',
  async (programs) => {
    const [shell = '', ...args] = statsCommand(await statistics());
    const { stdout } = await run(where(shell), args, { env: { PATH: only(...programs) } });
    expect(stdout).toBe(csv);
  },
);

test('where nobody answers the command fails', async () => {
  const [shell = '', ...args] = statsCommand(1);
  const env = { PATH: only('bash', 'cat') };
  await expect(run(where(shell), args, { env })).rejects.toThrow();
});
