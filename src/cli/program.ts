import { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { addQuickstart } from './quickstart.ts';
import { addSandbox } from './sandbox.ts';

/** The `peerage` command with all that it can do; nothing runs before `parseAsync`. */
export function createProgram(): Command {
  const program = new Command('peerage')
    .description('Rehearse Peerage on this machine. The operator itself is started with `npm start`.')
    .version(packageJson.version)
    .showHelpAfterError()
    .showSuggestionAfterError();
  addQuickstart(program);
  addSandbox(program);
  return program;
}
