/** The process around the operator: configuration, connection, election, health, and an orderly end. */
import packageJson from '../package.json' with { type: 'json' };
import { type Config, parseConfig } from './config.ts';
import { createOperator } from './controllers/operator.ts';
import { connect, type KubeClient } from './kube/client.ts';
import { readClusterId } from './kube/cluster-id.ts';
import { createIdentity, createLeaseStore } from './kube/lease.ts';
import { systemClock as clock } from './runtime/clock.ts';
import { describeError } from './runtime/errors.ts';
import { serveHealth } from './runtime/health.ts';
import { Election, runWhenLeader, soleLeader } from './runtime/leader.ts';
import { createLifecycle } from './runtime/lifecycle.ts';
import { createLogger, createMetrics } from './telemetry.ts';

const parsed = parseConfig(process.argv.slice(2), process.env);
if ('config' in parsed) {
  const endedWell = await operate(parsed.config).catch((error: unknown) => {
    process.stderr.write(`peerage-operator: ${describeError(error)}\n`);
    return false;
  });
  // Calls to a cloud may still be open. Their launches are written down: whoever leads next finishes them.
  process.exit(endedWell ? 0 : 1);
} else {
  (parsed.exitCode === 0 ? process.stdout : process.stderr).write(parsed.text);
  process.exitCode = parsed.exitCode;
}

async function operate(config: Config): Promise<boolean> {
  const { version } = packageJson;
  const logger = createLogger({ level: config.logLevel, version });
  const metrics = createMetrics();
  const lifecycle = createLifecycle({ clock, logger, signals: process });
  const { signal } = lifecycle;

  const client = connect({
    kubeconfigPath: config.kubeconfig,
    context: config.context,
    extraCaFile: config.extraCaFile,
    deadlineMs: config.kubeCallTimeoutSeconds * 1000,
    userAgent: `peerage/${version}`,
    requests: metrics.kubeRequests,
  });
  const identity = createIdentity(clock.now());
  if (!config.leaderElect) metrics.leader.set({}, 1);
  const election = config.leaderElect ? createElection(config, client, identity) : undefined;

  function createElection({ leaderElectNamespace }: Config, kube: KubeClient, name: string): Election {
    const namespace = leaderElectNamespace ?? kube.namespace ?? 'default';
    const store = createLeaseStore(kube, { namespace, name: 'peerage-operator' });
    return new Election({
      store,
      identity: name,
      clock,
      logger,
      onChange: (leading) => metrics.leader.set({}, leading ? 1 : 0),
    });
  }

  const cluster =
    config.clusterId ??
    (await readClusterId(client, { signal }).catch((cause: unknown) => {
      throw new Error(`API server ${client.server}`, { cause });
    }));
  const operator = createOperator({
    client,
    watchNamespaces: config.watchNamespaces,
    cluster,
    identity,
    leadership: election ?? soleLeader,
    paused: config.paused,
    holdSecrets: config.secretFinalizers,
    nodeConcurrency: config.nodeConcurrency,
    probeNodes: config.probeNodes,
    inventory: { busyMs: config.inventoryBusySeconds * 1000, restMs: config.inventoryRestSeconds * 1000 },
    sweep: { intervalMs: config.sweepIntervalSeconds * 1000, graceMs: config.sweepGraceSeconds * 1000 },
    readLagMs: config.readLagWindowSeconds * 1000,
    clock,
    logger,
    metrics,
  });

  const caching = operator.follow(signal);
  const health = await serveHealth({
    address: config.healthAddress,
    live: { ping: () => undefined },
    ready: { caches: () => (operator.isSynced() ? undefined : 'caches are not synced') },
    ...(config.metricsAddress === undefined && { metrics: () => metrics.scrape() }),
  });
  const metricsServer =
    config.metricsAddress === undefined
      ? undefined
      : await serveHealth({ address: config.metricsAddress, metrics: () => metrics.scrape() });
  logger.info(
    {
      cluster,
      server: client.server,
      healthPort: health.port,
      metricsPort: metricsServer?.port ?? health.port,
    },
    'started',
  );

  // Whoever lost the Lease starts anew, as with controller-runtime: nothing learned as a leader is carried over.
  const leadOnce = (until: AbortSignal) => lifecycle.endWith(operator.work(until));
  const working = lifecycle.endWith(runWhenLeader(election, signal, leadOnce));
  lifecycle.onStop('connections', () => client.close());
  lifecycle.onStop('health', async () => {
    await metricsServer?.close();
    await health.close();
  });
  lifecycle.onStop('events', () => operator.flush());
  lifecycle.onStop('caches', () => caching);
  lifecycle.onStop('controllers', () => working);
  return await lifecycle.run();
}
