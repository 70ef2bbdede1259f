import { type Command, InvalidArgumentError, Option } from 'commander';
import { startAwsSandbox } from '../sandbox/aws/sandbox.ts';

interface SandboxOptions {
  readonly port: number;
  readonly bootMs: number;
  readonly throttle: 'published' | 'off';
}

export function addSandbox(program: Command): void {
  program
    .command('sandbox')
    .description(
      'pretend to be AWS on this machine: EC2, ELBv2, STS and SSM, which forget everything at the end',
    )
    .option('--port <n>', 'where it listens, on 127.0.0.1; 0 takes a free one', portNumber, 4599)
    .option('--boot-ms <ms>', 'how long a machine takes to boot', milliseconds, 5_000)
    .addOption(
      new Option('--throttle <limits>', 'request limits: those that AWS publishes, or none')
        .choices(['published', 'off'])
        .default('published'),
    )
    .action(runSandbox);
}

async function runSandbox(options: SandboxOptions): Promise<void> {
  const sandbox = await startAwsSandbox(options);
  console.log(instructions(sandbox.url).join('\n'));
  const stop = () => void sandbox.stop();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

/** What a user types to send the AWS CLI, an SDK or the operator here. */
export function instructions(url: string): string[] {
  return [
    `The AWS sandbox takes calls at ${url}. To send yours there:`,
    '',
    `  export AWS_ENDPOINT_URL=${url}`,
    '  export AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox AWS_REGION=us-east-1',
    '  unset AWS_PROFILE AWS_SESSION_TOKEN',
    '',
    'Any key is good. Ctrl-C ends it and forgets everything.',
  ];
}

export function portNumber(text: string): number {
  const port = wholeNumber(text);
  if (port > 65_535) throw new InvalidArgumentError('A port is at most 65535.');
  return port;
}

export function milliseconds(text: string): number {
  return wholeNumber(text);
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return Number(text);
}
