import { writeFile } from 'node:fs/promises';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { createScreen } from '../../src/cli/screen.ts';
import { createSteps, Interrupted, StepFailed } from '../../src/cli/steps.ts';
import { measureDocker } from './docker.ts';
import { type Figure, missed, renderFigures } from './report.ts';
import { measureScale } from './scale.ts';

const resultFile = 'bench-results.json';

interface Options {
  readonly nodes: number;
  readonly json?: boolean;
}

await new Command('npm run bench --')
  .description(`measure the operator on this machine; figures go to ${resultFile}, too`)
  .addArgument(
    new Argument(
      '[what]',
      'aws: many Nodes on a pretended AWS; docker: traffic through containers of a real engine',
    )
      .choices(['aws', 'docker'])
      .default('aws'),
  )
  .option('--nodes <n>', 'how many Nodes on aws; the bars are meant for 1000', positiveInteger, 1000)
  .option('--json', 'print the figures as JSON and nothing else')
  .action(async (what: 'aws' | 'docker', options: Options) => {
    process.exit(await bench(what, options));
  })
  .parseAsync();

/** Answers the exit code: 1 when a bar was missed or nothing could be measured. */
async function bench(what: 'aws' | 'docker', { nodes, json = false }: Options): Promise<number> {
  const screen = createScreen(json ? process.stderr : process.stdout);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => stop.abort(new Interrupted()));
  }
  let figures: Figure[];
  try {
    const run = createSteps(screen, stop.signal);
    figures = await (what === 'docker' ? measureDocker({ run, stop }) : measureScale({ nodes, run, stop }));
  } catch (error) {
    const at = error instanceof StepFailed ? ` at "${error.step}"` : '';
    screen.print('', `bench failed${at}: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
  const result = JSON.stringify({ what, ...(what === 'aws' && { nodes }), figures }, undefined, 2);
  await writeFile(resultFile, `${result}\n`);
  if (json) console.log(result);
  else screen.print('', ...renderFigures(figures));
  return figures.some(missed) ? 1 : 0;
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('must be a whole number above 0.');
  return value;
}
