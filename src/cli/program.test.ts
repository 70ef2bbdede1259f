import { CommanderError } from 'commander';
import { expect, test } from 'vitest';
import { duration } from './logs.ts';
import { createProgram } from './program.ts';
import { instructions } from './sandbox.ts';

/** What a refused command line says. Nothing may be started by it. */
async function refusalOf(...args: string[]): Promise<string> {
  let said = '';
  const program = createProgram();
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeErr: (text) => {
        said += text;
      },
    });
  }
  await expect(program.parseAsync(args, { from: 'user' })).rejects.toBeInstanceOf(CommanderError);
  return said;
}

test.each([
  ['a port beyond 65535', ['sandbox', '--port', '65536'], 'A port is at most 65535.'],
  ['a port that is a word', ['sandbox', '--port', 'http'], 'It must be a whole number'],
  ['a negative boot time', ['sandbox', '--boot-ms=-1'], 'It must be a whole number'],
  ['unknown limits', ['sandbox', '--throttle', 'low'], 'Allowed choices are published, off'],
  ['an unknown cloud', ['quickstart', '--on', 'paper'], 'Allowed choices are aws, docker'],
  ['an unknown option', ['quickstart', '--off'], "unknown option '--off'"],
  ['a time without a unit', ['logs', 'a', '--since', '10'], 'It must be like 30s, 10m or 1h30m.'],
  ['a tail that is no number', ['logs', 'a', '--tail=-1'], 'It must be a whole number'],
  ['logs of nobody', ['logs'], "missing required argument 'node'"],
  ['an unknown command', ['quickstrat'], 'Did you mean quickstart?'],
])('refuses %s', async (_, args, words) => {
  expect(await refusalOf(...args)).toContain(words);
});

test('tells how to send calls to the sandbox', () => {
  expect(instructions('http://127.0.0.1:4599')).toContain('  export AWS_ENDPOINT_URL=http://127.0.0.1:4599');
});

test.each([
  ['30s', 30_000],
  ['10m', 600_000],
  ['1h30m', 5_400_000],
  ['2d', 172_800_000],
])('%s is %d ms', (text, ms) => {
  expect(duration(text)).toBe(ms);
});
