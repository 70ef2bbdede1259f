import { join } from 'node:path';
import type { Command } from 'commander';
import { type Rehearsal, startRehearsal } from './local/rehearsal.ts';
import { readExample } from './quickstart/example.ts';
import { rehearse } from './quickstart/rehearse.ts';
import { createScreen } from './screen.ts';
import { createSteps, Interrupted, StepFailed } from './steps.ts';

const example = join(import.meta.dirname, '../../examples/quickstart.yaml');
const logLines = 20;

export function addQuickstart(program: Command): void {
  program
    .command('quickstart')
    .description(
      'run a network on this machine: a real Kubernetes API server, a pretended AWS, the operator between',
    )
    .option(
      '--no-stay',
      'scale, delete and verify by itself instead of waiting for Ctrl-C (always so without a terminal)',
    )
    .action(async (options: { readonly stay: boolean }) => {
      process.exitCode = await quickstart(options.stay);
      // Whatever a step that was given up still does, it must not hold the shell.
      process.exit();
    });
}

/** Answers the exit code. */
async function quickstart(mayStay: boolean): Promise<number> {
  const screen = createScreen(process.stdout);
  const stop = new AbortController();
  const interrupt = () => stop.abort(new Interrupted());
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  // Once: a second Ctrl-C ends this process at once, and the watchdog the others.
  for (const signal of signals) process.once(signal, interrupt);

  const run = createSteps(screen, stop.signal);
  let rehearsal: Rehearsal | undefined;
  try {
    const network = await readExample(example);
    rehearsal = await startRehearsal({
      run,
      userAgent: 'peerage-quickstart',
      onLoss: (error) => stop.abort(error),
    });
    await rehearse({
      rehearsal,
      run,
      screen,
      network,
      stop: stop.signal,
      stays: mayStay && screen.isTerminal,
    });
    return 0;
  } catch (error) {
    const why = error instanceof StepFailed ? error.cause : error;
    if (why instanceof Interrupted) {
      screen.print('', 'Interrupted.');
      return 130;
    }
    const at = error instanceof StepFailed ? ` at "${error.step}"` : '';
    screen.print('', `quickstart failed${at}: ${error instanceof Error ? error.message : error}`);
    const log = rehearsal?.operatorLog(logLines) ?? [];
    if (log.length > 0) screen.print('', "The end of the operator's log:", ...log);
    return 1;
  } finally {
    await rehearsal?.stop();
  }
}
