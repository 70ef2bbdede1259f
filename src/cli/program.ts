import { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { addLogs } from './logs.ts';
import { addQuickstart } from './quickstart.ts';
import { addSandbox } from './sandbox.ts';

/** The `peerage` command with all that it can do; nothing runs before `parseAsync`. */
export function createProgram(): Command {
  const program = new Command('peerage')
    .description(
      'Rehearse Peerage on this machine, and look into what it runs. The operator itself is started with `npm start`.',
    )
    .version(packageJson.version)
    .showHelpAfterError()
    .showSuggestionAfterError();
  addQuickstart(program);
  addSandbox(program);
  addLogs(program);
  return program;
}
