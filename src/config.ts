import { Command, CommanderError, Option } from 'commander';
import { z } from 'zod';
import packageJson from '../package.json' with { type: 'json' };
import { splitAddress } from './runtime/health.ts';

const flag = z.stringbool({ truthy: ['true', '1', 'yes', 'on'], falsy: ['false', '0', 'no', 'off'] });
const seconds = z.coerce.number<string>().positive().max(86_400);
const count = z.coerce.number<string>().int().positive().max(1_000);
const path = z.string();
const namespace = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'not the name of a namespace');
const namespaces = z
  .string()
  .transform((list) => list.split(',').map((name) => name.trim()))
  .pipe(z.array(namespace));
const address = z.string().refine(isAddress, 'neither host:port nor :port');
const clusterId = z
  .string()
  .regex(/^[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/, 'only letters, digits, - _ . and at most 63');
const logLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']);

interface Shown {
  /** What `--help` shows for the value. Absent: a flag, alone or with true or false. */
  readonly value?: string | undefined;
  readonly help: string;
}

/** An option that may be left out. */
function may<S extends z.ZodType>(schema: S, shown: Shown) {
  return schema.optional().meta({ ...shown });
}

/** An option with a default, written as it would be typed. */
function by<S extends z.ZodType<unknown, string>>(fallback: z.input<S>, schema: S, shown: Shown) {
  return schema.prefault(fallback).meta({ ...shown, fallback });
}

/** Every option there is: `logLevel` is `--log-level` on the command line and PEERAGE_LOG_LEVEL in the environment. */
const schema = z.object({
  kubeconfig: may(path, {
    value: 'path',
    help: 'kubeconfig file; else KUBECONFIG, else the ServiceAccount of the Pod, else ~/.kube/config',
  }),
  context: may(z.string(), { value: 'name', help: 'context of the kubeconfig instead of its current one' }),
  watchNamespaces: may(namespaces, { value: 'a,b', help: 'only objects in these namespaces; else in all' }),
  paused: by('false', flag, { help: 'change nothing in any cloud' }),
  clusterId: may(clusterId, {
    value: 'id',
    help: 'marks in the clouds what belongs to this cluster; else the UID of the namespace kube-system',
  }),
  leaderElect: by('false', flag, { help: 'act only while holding a Lease: for more than one replica' }),
  leaderElectNamespace: may(namespace, {
    value: 'name',
    help: "namespace of that Lease; else the Pod's own or the context's, else default",
  }),
  healthAddress: by('0.0.0.0:8081', address, {
    value: 'host:port',
    help: 'where /livez and /readyz are served; port 0 takes a free one',
  }),
  metricsAddress: may(address, { value: 'host:port', help: 'where /metrics is served; else beside /livez' }),
  logLevel: by('info', logLevel, { value: 'level', help: logLevel.options.join(', ') }),
  nodeConcurrency: by('32', count, { value: 'n', help: 'how many Nodes are worked on at once' }),
  readLagWindowSeconds: by('300', seconds, {
    value: 's',
    help: 'how long a cloud may fail to show what it has just made',
  }),
  inventoryBusySeconds: by('3', seconds, {
    value: 's',
    help: 'time between two lists of the machines of a region where something is under way',
  }),
  inventoryRestSeconds: by('60', seconds, {
    value: 's',
    help: 'time between two lists of the machines of a region at rest',
  }),
  sweepIntervalSeconds: by('600', seconds, {
    value: 's',
    help: 'time between two searches for machines without an object',
  }),
  sweepGraceSeconds: by('600', seconds, {
    value: 's',
    help: 'how long a machine may be without an object before it is removed',
  }),
  probeNodes: by('true', flag, {
    help: 'ask nodes how they are and what their peer address is, where their client says how',
  }),
  secretFinalizers: by('true', flag, { help: 'keep the Secrets of credentials in use from vanishing' }),
  extraCaFile: may(path, {
    value: 'path',
    help: 'PEM file with certificate authorities to trust beside the usual ones',
  }),
  kubeCallTimeoutSeconds: by('15', seconds, { value: 's', help: 'deadline of each call to the API server' }),
});

export type Config = Readonly<z.output<typeof schema>>;

/** The options, or what to print instead of running: help, the version, or what is wrong. */
export type ParsedConfig = { readonly config: Config } | { readonly exitCode: number; readonly text: string };

/** The command line wins over the environment, that over the default; an empty variable is no variable. */
export function parseConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ParsedConfig {
  let text = '';
  const command = createCommand((written) => {
    text += written;
  });
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? 0 : 2, text };
    throw error;
  }
  const typed = command.opts<Record<string, string | true | undefined>>();
  const given = Object.fromEntries(
    names().flatMap((name) => {
      const value = typed[name] ?? env[variableOf(name)];
      return value === undefined || value === '' ? [] : [[name, String(value)]];
    }),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return { config: parsed.data };
  const lines = parsed.error.issues.map(({ path: [name], message }) => {
    const where = typed[String(name)] === undefined ? variableOf(String(name)) : flagOf(String(name));
    return `${where}: ${JSON.stringify(given[String(name)])}: ${message}\n`;
  });
  return { exitCode: 2, text: [...new Set(lines)].join('') };
}

function createCommand(write: (text: string) => void): Command {
  const command = new Command('peerage-operator')
    .description(packageJson.description)
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: write })
    .allowExcessArguments(false)
    .addHelpText(
      'after',
      '\nEvery option is also read from the environment: --log-level from PEERAGE_LOG_LEVEL.',
    );
  for (const name of names()) {
    const { value, help, fallback } = shownOf(name);
    const flags = value === undefined ? `${flagOf(name)} [true|false]` : `${flagOf(name)} <${value}>`;
    const described = new Option(flags, fallback === undefined ? help : `${help} (default: ${fallback})`);
    command.addOption(described);
  }
  return command;
}

function names() {
  return schema.keyof().options;
}

function shownOf(name: keyof Config): Shown & { readonly fallback?: string | undefined } {
  return z
    .object({ help: z.string(), value: z.string().optional(), fallback: z.string().optional() })
    .parse(schema.shape[name].meta());
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function variableOf(name: string): string {
  return `PEERAGE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

function isAddress(text: string): boolean {
  try {
    splitAddress(text);
    return true;
  } catch {
    return false;
  }
}
