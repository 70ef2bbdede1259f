import { type Command, Option } from 'commander';
import { startOnAws } from './quickstart/on-aws.ts';
import { startOnDocker } from './quickstart/on-docker.ts';
import { rehearse } from './quickstart/rehearse.ts';
import type { Stage } from './quickstart/stage.ts';
import { createScreen } from './screen.ts';
import { createSteps, Interrupted, StepFailed } from './steps.ts';

interface QuickstartOptions {
  readonly on: 'aws' | 'docker';
  readonly ownEngine?: boolean;
  readonly stay: boolean;
}

const logLines = 20;

export function addQuickstart(program: Command): void {
  program
    .command('quickstart')
    .description('run a network on this machine: a real Kubernetes API server, a cloud, the operator between')
    .addOption(
      new Option('--on <cloud>', 'a pretended AWS, or a real Docker engine')
        .choices(['aws', 'docker'])
        .default('aws'),
    )
    .option('--own-engine', 'with --on docker: start an engine for this run even where one answers')
    .option(
      '--no-stay',
      'scale, delete and verify by itself instead of waiting for Ctrl-C (always so without a terminal)',
    )
    .action(async (options: QuickstartOptions) => {
      process.exitCode = await quickstart(options);
      // Whatever a step that was given up still does, it must not hold the shell.
      process.exit();
    });
}

/** Answers the exit code. */
async function quickstart({ on, stay, ownEngine = false }: QuickstartOptions): Promise<number> {
  const screen = createScreen(process.stdout);
  const stop = new AbortController();
  const interrupt = () => stop.abort(new Interrupted());
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  // Once: a second Ctrl-C ends this process at once, and the watchdog the others.
  for (const signal of signals) process.once(signal, interrupt);

  const run = createSteps(screen, stop.signal);
  const options = { run, onLoss: (error: Error) => stop.abort(error) };
  let stage: Stage | undefined;
  try {
    stage = await (on === 'docker' ? startOnDocker({ ...options, ownEngine }) : startOnAws(options));
    await rehearse({ stage, run, screen, stop: stop.signal, stays: stay && screen.isTerminal });
    return 0;
  } catch (error) {
    const why = error instanceof StepFailed ? error.cause : error;
    if (why instanceof Interrupted) {
      screen.print('', 'Interrupted.');
      return 130;
    }
    const at = error instanceof StepFailed ? ` at "${error.step}"` : '';
    screen.print('', `quickstart failed${at}: ${error instanceof Error ? error.message : error}`);
    const log = stage?.operatorLog(logLines) ?? [];
    if (log.length > 0) screen.print('', "The end of the operator's log:", ...log);
    return 1;
  } finally {
    await stage?.stop();
  }
}
