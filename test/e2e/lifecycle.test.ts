import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { TAGS } from '../../src/clouds/cloud.ts';
import { auditPosition, by, isWrite, readAudit } from '../support/audit.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl } from '../support/kubectl.ts';
import { CLUSTER, client, isReady, placementIn, type Stage, startStage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await startStage(['apply', 'scale', 'template', 'rest']);
});
afterAll(() => stage?.close());

describe.concurrent('a Network', () => {
  test('becomes machines behind a balancer, and says so', async () => {
    const area = stage.area('apply');
    await area.make();
    const { status } = await area.untilReady(2);

    const { instances, loadBalancers, targetGroups, listeners, vpcs } = area.cloud();
    expect(instances.map(({ state }) => state)).toEqual(['running', 'running']);
    for (const { tags } of instances)
      expect(tags).toMatchObject({
        [TAGS.cluster]: CLUSTER,
        [TAGS.network]: `${area.namespace}/dev`,
        [TAGS.placement]: 'first',
        [TAGS.launch]: expect.any(String),
      });
    expect(new Set(instances.map(({ zone }) => zone)).size).toBe(2);
    expect(loadBalancers).toMatchObject([{ type: 'network', state: 'active' }]);
    expect(listeners).toHaveLength(1);
    expect(targetGroups.flatMap(({ targets }) => targets.map(({ state }) => state))).toEqual([
      'healthy',
      'healthy',
    ]);

    const [balancer] = loadBalancers;
    expect(status).toMatchObject({
      replicas: 2,
      readyReplicas: 2,
      desiredReplicas: 2,
      selector: 'peerage.dev/network=dev',
      endpoints: [`${balancer?.dnsName}:8545`],
      placements: [
        {
          name: 'first',
          desired: 2,
          ready: 2,
          updated: 2,
          network: `default VPC ${vpcs[0]?.id} of ${area.region}`,
          balancer: { address: balancer?.dnsName, id: balancer?.id, active: true },
        },
      ],
    });
    const listed = (status.resources ?? []).map(({ id }) => id);
    const around = area.owned().filter(({ type }) => /group|balancer|listener/.test(type));
    expect(listed.toSorted()).toEqual(around.map(({ id }) => id).toSorted());

    const nodes = await area.nodes();
    expect(nodes.map(({ status: { machine } }) => machine?.id).toSorted()).toEqual(
      instances.map(({ id }) => id).toSorted(),
    );
    for (const node of nodes) {
      expect(isReady(node)).toBe(true);
      expect(node.status).toMatchObject({ phase: 'Ready', attempt: 1, machine: { type: 't3.small' } });
    }
    await kubectl(['wait', '--for=condition=Ready', '--timeout=60s', 'pnet/dev'], area);
    const table = await kubectl(['get', 'pnet,pnode,ccred'], area);
    expect(table).toContain('network.peerage.dev/dev');
    expect(table.match(/node\.peerage\.dev\/dev-first-/g)).toHaveLength(2);
  });

  test('is scaled by kubectl; a machine leaves its balancer before it ends', async () => {
    const area = stage.area('scale');
    await area.make();
    const { instances: first } = await area.untilReady(2).then(area.cloud);
    await kubectl(['scale', 'pnet/dev', '--replicas=4'], area);
    await area.untilReady(4);
    expect(area.machines().map(({ id }) => id)).toEqual(expect.arrayContaining(first.map(({ id }) => id)));

    const before = area.machines().map(({ id }) => id);
    await kubectl(['scale', 'pnet/dev', '--replicas=1'], area);
    await area.untilReady(1);
    await eventually(area.nodes, (nodes) => nodes.length === 1);
    const [kept] = area.machines();
    const log = area.writes();
    for (const id of before.filter((gone) => gone !== kept?.id)) {
      const at = (action: string) =>
        log.findIndex((entry) => entry.action === action && entry.params.includes(id));
      expect(at('DeregisterTargets')).toBeGreaterThan(-1);
      expect(at('TerminateInstances')).toBeGreaterThan(at('DeregisterTargets'));
    }
  });

  test('with another template is replaced one by one, and never has fewer Ready than wished', async () => {
    const area = stage.area('template');
    await area.make();
    await area.untilReady(2);
    const former = area.machines().map(({ id }) => id);
    const changed = await area.change({ spec: { client: { ...client, image: 'example.org/chain:2' } } });

    const seen: { readonly ready: number; readonly nodes: number }[] = [];
    await eventually(
      async () => {
        const nodes = await area.nodes();
        const serving = nodes.filter(
          ({ status, metadata }) => status.phase === 'Ready' && metadata.deletionTimestamp === undefined,
        );
        seen.push({ ready: serving.length, nodes: nodes.length });
        return area.network();
      },
      (network) =>
        network !== undefined &&
        network.status.observedGeneration === changed.metadata.generation &&
        isReady(network) &&
        network.status.placements?.every(({ updated, desired }) => updated === desired),
      { what: 'replacement' },
    );
    expect(Math.min(...seen.map(({ ready }) => ready))).toBeGreaterThanOrEqual(2);
    expect(Math.max(...seen.map(({ nodes }) => nodes))).toBe(3);
    const now = area.machines();
    expect(now).toHaveLength(2);
    expect(now.map(({ id }) => id).filter((id) => former.includes(id))).toEqual([]);
  });
});

describe.concurrent('at rest', () => {
  test('nothing is written to the API server, and the cloud is hardly asked', async () => {
    const area = stage.area('rest');
    const { auditLogPath } = inject('controlPlane');
    await area.make({ placements: [placementIn(area.region, { replicas: 3 })] });
    await area.untilReady(3);
    let last = { calls: -1, at: Date.now() };
    await eventually(
      async () => area.calls().length,
      (calls) => {
        if (calls !== last.calls) last = { calls, at: Date.now() };
        return Date.now() - last.at > 3_000;
      },
      { what: 'rest' },
    );
    const position = await auditPosition(auditLogPath);
    const lines = () =>
      stage.operator.logs().filter((line) => JSON.stringify(line).includes(area.namespace)).length;
    const [calls, logged, until] = [area.calls().length, lines(), Date.now() + 30_000];
    await eventually(async () => Date.now() > until, Boolean, { withinMs: 40_000 });
    const caller = by({ userAgent: 'peerage/', namespace: area.namespace });
    const writes = (await readAudit(auditLogPath, position)).filter(caller).filter(isWrite);
    expect(writes.map(({ verb, requestURI }) => `${verb} ${requestURI}`)).toEqual([]);
    expect(area.calls().length - calls).toBeLessThanOrEqual(12);
    expect(lines() - logged).toBe(0);
  });
});
