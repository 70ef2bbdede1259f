import { describe, expect, it } from 'vitest';
import { API_VERSION } from '../api/common.ts';
import { ANNOTATIONS, LABELS } from '../api/names.ts';
import { network } from '../api/network.ts';
import { type GatewayFacts, gatewayPods, gatewayService } from './gateway.ts';
import type { Pool } from './gateway-pool.ts';

type Members = Readonly<Record<string, unknown>>;

const pool: Pool = new Map([
  ['virginia', { address: 'v.elb.example.com', weight: 1 }],
  ['home', { address: '192.0.2.1', weight: 1 }],
]);

function facts(gateway: Members | undefined, more: Partial<GatewayFacts> = {}): GatewayFacts {
  const parsed = network.parse({
    apiVersion: API_VERSION,
    kind: 'Network',
    metadata: {
      name: 'dev',
      namespace: 'chains',
      uid: 'u-1',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      client: {
        image: 'a',
        ports: [{ name: 'rpc', port: 8545 }],
        health: { jsonRpc: { port: 'rpc', method: 'eth_blockNumber' } },
      },
      placements: [
        { name: 'a', credentialRef: { name: 'aws' }, aws: { region: 'us-east-1', instanceType: 't3.small' } },
      ],
      balancer: { type: 'Application', ports: [{ port: 80, targetPort: 'rpc' }], drainSeconds: 20 },
      ...(gateway && { gateway }),
    },
  });
  return { network: parsed, pool, families: ['IPv4'], ...more };
}

const all = (gateway: Members, more: Partial<GatewayFacts> = {}) => ({
  service: gatewayService(facts(gateway, more)),
  ...gatewayPods(facts(gateway, more)),
});
const wishesOf = (objects: ReturnType<typeof all>) =>
  Object.entries(objects).map(([part, object]) => [part, object?.metadata.annotations[ANNOTATIONS.wish]]);
const configOf = (gateway: Members, more: Partial<GatewayFacts> = {}) =>
  JSON.stringify(all(gateway, more).configMap?.data);

describe('a gateway', () => {
  it('is nothing where none is wished', () => {
    expect(gatewayService(facts(undefined))).toBeUndefined();
    expect(gatewayPods(facts(undefined))).toBeUndefined();
  });

  it('is its Service alone until a placement has a balancer', () => {
    expect(gatewayService(facts({}))).toBeDefined();
    expect(gatewayPods(facts({}, { pool: new Map() }))).toBeUndefined();
  });

  it('belongs to its Network in all parts', () => {
    for (const object of Object.values(all({}))) {
      expect(object?.metadata).toMatchObject({
        name: 'dev-gateway',
        namespace: 'chains',
        labels: { [LABELS.network]: 'dev', 'app.kubernetes.io/managed-by': 'peerage' },
        ownerReferences: [
          { kind: 'Network', name: 'dev', uid: 'u-1', controller: true, blockOwnerDeletion: false },
        ],
      });
    }
  });

  it('is the same for the same wish, to its hashes', () => {
    expect(all({})).toEqual(all({}));
  });

  it('rolls its Pods for another configuration, and for nothing else', () => {
    const moved: Pool = new Map([['virginia', { address: 'w.elb.example.com', weight: 1 }]]);
    const changedParts = (gateway: Members, more: Partial<GatewayFacts> = {}) => {
      const before = new Map(wishesOf(all({})).map(([part, wish]) => [part, wish]));
      return wishesOf(all(gateway, more)).flatMap(([part, wish]) =>
        before.get(part) === wish ? [] : [part],
      );
    };
    expect(changedParts({}, { pool: moved })).toEqual(['configMap', 'deployment']);
    expect(changedParts({ replicas: 3 })).toEqual(['deployment']);
    expect(changedParts({ service: { type: 'LoadBalancer' } })).toEqual(['service']);
    const podsOf = (gateway: Members) => all(gateway).deployment?.spec;
    expect(podsOf({ replicas: 3 })).toMatchObject({
      template: { metadata: JSON.parse(JSON.stringify(podsOf({}))).template.metadata },
    });
  });

  it('sends clients of a port to where its Pods listen', () => {
    expect(all({}).service?.spec).toMatchObject({
      type: 'ClusterIP',
      selector: { [LABELS.network]: 'dev', 'app.kubernetes.io/component': 'gateway' },
      ports: [{ name: 'port-80', port: 80, targetPort: 10_080, protocol: 'TCP' }],
    });
    expect(configOf({})).toContain('bind 0.0.0.0:10080');
  });

  it('keeps the addresses of clients where they decide', () => {
    const policyOf = (gateway: Members) => JSON.stringify(all(gateway).service?.spec);
    const service = { type: 'LoadBalancer' };
    expect(policyOf({ algorithm: 'Source', service })).toContain('"externalTrafficPolicy":"Local"');
    expect(policyOf({ algorithm: 'Source' })).not.toContain('externalTrafficPolicy');
    expect(policyOf({ service })).not.toContain('externalTrafficPolicy');
  });

  it('puts annotations of the user on its Service', () => {
    const annotations = { 'example.com/scheme': 'internal' };
    expect(all({ service: { annotations } }).service?.metadata.annotations).toMatchObject(annotations);
  });

  it('speaks IPv6 where its Service does', () => {
    expect(configOf({})).not.toContain('::');
    expect(configOf({}, { families: ['IPv6'] })).toContain('bind [::]:10080');
  });

  it('goes on to each placement by its balancer, in their order', () => {
    const config = configOf({ algorithm: 'First' });
    expect(config).toMatch(/server virginia v\.elb\.example\.com:80 .*server home 192\.0\.2\.1:80 backup/);
    expect(config).toContain('eth_blockNumber');
  });

  it('tells weights only where they differ', () => {
    expect(configOf({})).not.toContain('weight');
    const uneven: Pool = new Map([...pool, ['third', { address: '192.0.2.3', weight: 2 }]]);
    expect(configOf({}, { pool: uneven })).toMatch(/server home 192\.0\.2\.1:80 weight 1\b/);
  });

  it('drains as long as the balancer does, and lets its Pods do so', () => {
    expect(configOf({})).toContain('hard-stop-after 20s');
    expect(all({}).deployment?.spec).toMatchObject({
      template: { spec: { terminationGracePeriodSeconds: 30 } },
    });
  });

  it('runs as nobody, with nothing it can write and no right in the cluster', () => {
    expect(all({}).deployment?.spec).toMatchObject({
      template: {
        spec: {
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              securityContext: {
                allowPrivilegeEscalation: false,
                capabilities: { drop: ['ALL'] },
                readOnlyRootFilesystem: true,
              },
            },
          ],
        },
      },
    });
  });
});
