import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { NETWORKS } from '../../src/controllers/kinds.ts';
import { createGateways } from '../../src/controllers/network/gateway.ts';
import { gatewayResources, PARTS } from '../../src/controllers/network/gateway-kinds.ts';
import type { SeenPlace } from '../../src/controllers/network/gateway-pool.ts';
import { connect } from '../../src/kube/client.ts';
import { createFakeClock } from '../../src/runtime/fake-clock.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { helm } from '../chart/chart.ts';
import { auditPosition, readAudit } from '../support/audit.ts';
import { eventually } from '../support/eventually.ts';
import { installKinds } from '../support/kinds.ts';
import { kubectl } from '../support/kubectl.ts';
import { freshNamespace } from '../support/namespace.ts';
import { refereePath } from '../support/referees.ts';
import { serviceAccountKubeconfig } from '../support/service-account.ts';

const userAgent = 'peerage/gateway-test';
const restMs = 300_000;
const { signal } = new AbortController();

const place = (name: string): SeenPlace => ({
  name,
  region: name,
  desired: 1,
  ready: 1,
  address: `${name}.example.com`,
  observed: true,
});

async function stage(gateway: unknown, kubeconfig?: string) {
  await installKinds();
  const namespace = await freshNamespace();
  const { kubeconfigPath, auditLogPath } = inject('controlPlane');
  const connected = (path: string) => {
    const client = connect({ kubeconfigPath: path, deadlineMs: 10_000, userAgent, env: {} });
    onTestFinished(() => client.close());
    return client;
  };
  const administrator = connected(kubeconfigPath);
  const client = kubeconfig === undefined ? administrator : connected(kubeconfig);
  const networkResource = client.resource(NETWORKS);
  const resources = gatewayResources(administrator);
  const clock = createFakeClock();
  const gateways = createGateways({ client, networkResource, clock, logger: silentLogger });
  const spec = {
    client: { image: 'a', ports: [{ name: 'rpc', port: 8545 }] },
    placements: [
      {
        name: 'virginia',
        credentialRef: { name: 'aws' },
        aws: { region: 'us-east-1', instanceType: 't3.small' },
      },
    ],
    balancer: { type: 'Application', ports: [{ port: 80, targetPort: 'rpc' }] },
    gateway,
  };
  let seen = await administrator.resource(NETWORKS).create({ metadata: { namespace, name: 'dev' }, spec });
  return {
    clock,
    name: { namespace, name: 'dev-gateway' },
    resources,
    align: async (places: readonly SeenPlace[] = [place('virginia')]) => {
      if (!seen.parsed.ok) throw new Error(seen.parsed.message);
      const report = await gateways.align(seen, seen.parsed.value, places, {
        dryRun: false,
        anew: false,
        signal,
      });
      seen = report.seen;
      return report;
    },
    wish: async (changed: unknown) => {
      seen = await networkResource.patch(seen.metadata, { spec: { gateway: changed } }, { type: 'merge' });
    },
    remove: () => networkResource.delete(seen.metadata),
    versions: async () =>
      await Promise.all(
        PARTS.map(
          async (part) =>
            (await resources[part].get({ namespace, name: 'dev-gateway' }))?.metadata.resourceVersion,
        ),
      ),
    /** Verbs and kinds of what was asked for since. */
    callsSince: async (position: number) =>
      (await readAudit(auditLogPath, position))
        .filter((event) => event.userAgent === userAgent)
        .map(({ verb, objectRef }) => `${verb} ${objectRef?.resource}`),
    position: () => auditPosition(auditLogPath),
  };
}

describe('a gateway on a real API server', () => {
  test('is taken as it is, and nothing in it is seen as a difference afterwards', async () => {
    const on = await stage({
      algorithm: 'Source',
      service: { type: 'LoadBalancer', annotations: { 'example.com/scheme': 'internal' } },
      check: { jsonRpc: { method: 'eth_syncing', result: false } },
    });
    await on.align();
    // Its Deployment is seen by the controller manager, which no test may wait for without end.
    await eventually(on.versions, (versions) => expect(versions).not.toContain(undefined));
    await on.clock.advance(restMs);
    const position = await on.position();
    await on.align();
    await on.clock.advance(restMs);
    await on.align();
    await eventually(
      () => on.callsSince(position),
      (calls) => calls.length >= 8,
    );
    expect(new Set((await on.callsSince(position)).map((call) => call.split(' ')[0]))).toEqual(
      new Set(['get']),
    );
  });

  test('takes back what it no longer says', async () => {
    const on = await stage({ service: { annotations: { 'example.com/a': 'b' } } });
    await on.align();
    await on.wish({ service: { annotations: null } });
    await on.align();
    const service = await on.resources.service.get(on.name);
    expect(service?.metadata.annotations).not.toHaveProperty(['example.com/a']);
  });

  test('mends what somebody changed by hand', async () => {
    const on = await stage({});
    await on.align();
    const { namespace, name } = on.name;
    await kubectl(['scale', `deployment/${name}`, '--replicas=0'], { namespace });
    await on.clock.advance(restMs);
    await on.align();
    expect(await on.resources.deployment.get(on.name)).toMatchObject({ spec: { replicas: 2 } });
  });

  test('has its Pods replaced when its configuration is another, and only then', async () => {
    const on = await stage({ algorithm: 'RoundRobin' });
    const places = [place('virginia'), place('ireland')];
    await on.align(places);
    const replicaSets = async () => {
      const selector = 'jsonpath={range .items[*]}{.metadata.name} {.spec.replicas}{"\\n"}{end}';
      const out = await kubectl(['get', 'replicasets', '-o', selector], { namespace: on.name.namespace });
      return out.split('\n').filter((line) => line !== '');
    };
    const [first] = await eventually(replicaSets, (sets) => sets.length === 1);
    await on.wish({ replicas: 3 });
    await on.align(places);
    await eventually(replicaSets, (sets) => sets.join() === first?.replace(/2$/, '3'));
    await on.wish({ algorithm: 'First' });
    await on.align(places);
    await eventually(replicaSets, (sets) => sets.length === 2);
  });

  test('goes in all parts when it is no longer wished', async () => {
    const on = await stage({});
    await on.align();
    await on.wish(null);
    await on.align();
    await eventually(on.versions, (versions) => expect(new Set(versions)).toEqual(new Set([undefined])));
  });

  test('goes with its Network', async () => {
    const on = await stage({});
    await on.align();
    await on.remove();
    // The garbage collector looks for new kinds twice a minute.
    await eventually(on.versions, (versions) => expect(new Set(versions)).toEqual(new Set([undefined])));
  });

  test('has Pods that the strictest level of Pod security takes', async () => {
    const on = await stage({});
    const { namespace } = on.name;
    await kubectl(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted']);
    await on.align();
    await eventually(
      () => kubectl(['get', 'pods', '--output=name'], { namespace }),
      (pods) => expect(pods.trim().split('\n')).toHaveLength(2),
    );
  });
});

describe.skipIf(!refereePath('helm'))('the rights of the chart', () => {
  async function install(...values: readonly string[]): Promise<string> {
    const namespace = await freshNamespace();
    const kubeconfig = inject('kubeconfig');
    const named = ['crds.install=false', `fullnameOverride=${namespace}`, ...values].join(',');
    const { code, stderr } = await helm(
      ['install', 'gateways', 'helm/peerage', '--namespace', namespace, '--set', named],
      { kubeconfig },
    );
    if (code !== 0) throw new Error(stderr);
    onTestFinished(async () => {
      await helm(['uninstall', 'gateways', '--namespace', namespace], { kubeconfig });
    });
    return await serviceAccountKubeconfig(namespace, namespace);
  }

  test('with gateway.enabled are enough for a gateway, and all of them are used', async () => {
    const on = await stage({}, await install('gateway.enabled=true'));
    const position = await on.position();
    expect(await on.align()).not.toHaveProperty('trouble');
    await on.clock.advance(restMs);
    await on.wish({ replicas: 3 });
    await on.align();
    await on.wish(null);
    expect(await on.align()).not.toHaveProperty('trouble');
    const used = await eventually(
      () => on.callsSince(position),
      (calls) => calls.filter((call) => call.startsWith('delete')).length === 4,
    );
    // `create` is what apply needs for what is not there; it does not show in what was asked for.
    for (const kind of ['services', 'configmaps', 'deployments', 'poddisruptionbudgets']) {
      expect(used).toEqual(expect.arrayContaining([`get ${kind}`, `patch ${kind}`, `delete ${kind}`]));
    }
  });

  test('without it let a Network say so', async () => {
    const on = await stage({}, await install());
    const { trouble } = await on.align();
    expect(trouble).toMatchObject({ reason: 'GatewayForbidden', stalled: true });
    expect(trouble?.message).toContain('cannot get resource');
  });
});
