/** What people change, and what others change behind our back. */
import { AuthorizeSecurityGroupIngressCommand, EC2Client } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { API_VERSION } from '../../src/api/common.ts';
import { TAGS } from '../../src/clouds/cloud.ts';
import { createObject, deleteObject, getObject, patchObject } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { kubectl } from '../support/kubectl.ts';
import {
  type Area,
  client,
  conditionOf,
  placementIn,
  type Stage,
  secretCredential,
  startStage,
  stays,
  usualSpec,
} from './stage.ts';

vi.setConfig({ maxConcurrency: 10 });

let stage: Stage;

beforeAll(async () => {
  stage = await startStage([
    'lost',
    'drift',
    'rotation',
    'plan',
    'plan-removal',
    'paused',
    'orphan',
    'lone',
    'places',
    'http',
    'lender',
    'borrower',
    'selected',
    'whole',
  ]);
});
afterAll(() => stage?.close());

const one = (area: Area, change: object = {}) => ({
  placements: [placementIn(area.region, { replicas: 1, ...change })],
});

describe.concurrent('behind our back', () => {
  test('a machine ends: its Node gets another', async () => {
    const area = stage.area('lost');
    await area.make(one(area));
    await area.untilReady(1);
    const [node] = await area.nodes();
    const [machine] = area.machines();
    if (machine === undefined) throw new Error('there is no machine');
    stage.sandbox.behindTheBack.terminateInstance(area.region, machine.id);
    await area.hurry();
    await eventually(area.nodes, (nodes) => nodes[0]?.status.machine?.id !== machine.id);
    await area.untilReady(1);
    const nodes = await area.nodes();
    expect(nodes.map(({ metadata }) => metadata.uid)).toEqual([node?.metadata.uid]);
    expect(area.machines()).toHaveLength(1);
    expect(nodes[0]?.status).toMatchObject({ attempt: 2, machine: { id: area.machines()[0]?.id } });
  });

  test('rules, listener and balancer are changed: they are made as wished again', async () => {
    const area = stage.area('drift');
    const { behindTheBack, url } = stage.sandbox;
    await area.make(one(area));
    await area.untilReady(1);
    const rulesNow = () =>
      area
        .cloud()
        .securityGroups.filter(({ tags }) => TAGS.cluster in tags)
        .map(({ name, rules }) => ({
          name,
          rules: rules
            .map(({ egress, protocol, fromPort, toPort, peer }) =>
              JSON.stringify({ egress, protocol, fromPort, toPort, peer }),
            )
            .toSorted(),
        }));
    const wished = rulesNow();
    expect(wished).toHaveLength(2);

    for (const { id } of area.owned().filter(({ type }) => type === 'security-group')) {
      behindTheBack.revokeRules(area.region, id);
      await area.hurry();
      await eventually(
        async () => rulesNow(),
        (now) => expect(now).toEqual(wished),
      );
    }

    const foreign = new EC2Client({
      region: area.region,
      endpoint: url,
      credentials: { accessKeyId: area.accessKeyId, secretAccessKey: 'any' },
    });
    const ssh = { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '0.0.0.0/0' }] };
    for (const { id } of area.owned().filter(({ type }) => type === 'security-group'))
      await foreign.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: id, IpPermissions: [ssh] }));
    expect(rulesNow()).not.toEqual(wished);
    await area.hurry();
    await eventually(
      async () => rulesNow(),
      (now) => expect(now).toEqual(wished),
    );

    const [listener] = area.cloud().listeners;
    behindTheBack.deleteListener(area.region, listener?.id ?? '');
    await area.hurry();
    await eventually(
      async () => area.cloud().listeners,
      (now) => expect(now).toHaveLength(1),
    );

    const [balancer] = area.cloud().loadBalancers;
    behindTheBack.deleteLoadBalancer(area.region, balancer?.id ?? '');
    await area.hurry();
    const network = await area.until(
      ({ status }) =>
        status.placements?.[0]?.balancer?.active && status.placements[0].balancer.id !== balancer?.id,
    );
    const [made] = area.cloud().loadBalancers;
    expect(network.status.endpoints).toEqual([`${made?.dnsName}:8545`]);
    await area.untilReady(1);
    expect(area.cloud().listeners).toMatchObject([{ balancerArn: made?.id }]);
    expect(area.machines()).toHaveLength(1);
  });
});

describe.concurrent('a person', () => {
  test('rotates the Secret: it takes effect within a minute, without a restart', async () => {
    const area = stage.area('rotation');
    await area.make(one(area));
    await area.untilReady(1);
    stage.sandbox.identities.allowKey('AKIAROTATED', '123456789012');
    stage.sandbox.identities.forbidKey(area.accessKeyId);
    const rotatedAt = Date.now();
    await patchObject(area.secretPath('aws-keys'), { stringData: { aws_access_key_id: 'AKIAROTATED' } });
    await kubectl(['scale', 'pnet/dev', '--replicas=2'], area);
    await area.untilReady(2);
    // What follows the first accepted call, a launch, takes its own time.
    const launch = area
      .calls()
      .find(({ at, action, outcome }) => at > rotatedAt && action === 'RunInstances' && outcome === 'ok');
    expect((launch?.at ?? Number.POSITIVE_INFINITY) - rotatedAt).toBeLessThan(60_000);
  });

  test('plans first: nothing is called that changes, and the plan shown is the plan run', async () => {
    const area = stage.area('plan');
    await area.make({ mode: 'Plan' });
    const { status } = await area.until((network) => network.status.plan !== undefined);
    const steps = status.plan?.steps ?? [];
    expect(status.plan?.summary).toMatch(/^add 2 nodes in first; \d+ steps around them$/);
    expect(conditionOf({ status }, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'PlanPending' });
    await area.hurry();
    await stays(
      async () => [await area.nodes(), area.writes()],
      (found) => found.every((list) => list.length === 0),
      2_000,
    );

    await area.change({ spec: { mode: 'Apply' } });
    await area.untilReady(2);
    const shown = steps
      .filter(({ kind }) => kind !== 'Node')
      .map(({ verb, kind, name }) => `${verb} ${kind} ${name}`);
    const ran = stage.operator
      .logs()
      .filter(
        ({ msg, scope }) =>
          msg === 'changed the surroundings' && scope === `network ${area.namespace}/dev/first`,
      )
      .map(({ verb, kind, name }) => `${verb} ${kind} ${name}`);
    expect(shown.length).toBeGreaterThan(3);
    expect(ran.slice(0, shown.length)).toEqual(shown);
    // What the plan could not know yet are the machines: only their membership follows.
    expect(ran.slice(shown.length).filter((step) => !step.startsWith('register'))).toEqual([]);
    const nodes = steps.filter(({ kind }) => kind === 'Node').map(({ name }) => name);
    expect((await area.nodes()).map(({ metadata }) => metadata.name).toSorted()).toEqual(nodes.toSorted());
    const named = area
      .writes()
      .filter(({ action }) => /^Create(SecurityGroup|TargetGroup|LoadBalancer)$/.test(action));
    const creates = steps.filter(
      ({ verb, kind }) => verb === 'create' && /security group|target group|balancer/.test(kind),
    );
    expect(named).toHaveLength(creates.length);
    for (const [index, { name }] of creates.entries()) expect(named[index]?.params).toContain(name);
  });

  test('plans a removal first: all stays until the mode is Apply, and what was shown is what goes', async () => {
    const area = stage.area('plan-removal');
    await area.make({ mode: 'Apply' });
    await area.untilReady(2);
    await area.change({ spec: { mode: 'Plan' } });
    const before = area.writes().length;
    await deleteObject(area.pathOf('networks', 'dev'));
    const { status } = await area.until(
      (network) =>
        network.metadata.deletionTimestamp !== undefined &&
        network.status.plan !== undefined &&
        /it is deleted/.test(conditionOf(network, 'Ready')?.message ?? ''),
    );
    const shown = (status.plan?.steps ?? []).map(({ verb, kind, name }) => `${verb} ${kind} ${name}`);
    expect(shown.filter((step) => step.startsWith('delete Node '))).toHaveLength(2);
    await area.hurry();
    await stays(
      async () => [
        area.writes().length,
        (await area.nodes()).map(({ metadata }) => metadata.deletionTimestamp),
      ],
      (found) => JSON.stringify(found) === JSON.stringify([before, [undefined, undefined]]),
      4_000,
    );

    await area.change({ spec: { mode: 'Apply' } });
    await area.untilGone();
    const ran = stage.operator
      .logs()
      .filter(
        ({ msg, scope, verb }) =>
          msg === 'changed the surroundings' &&
          scope === `network ${area.namespace}/dev/first` &&
          verb === 'delete',
      )
      .map(({ verb, kind, name }) => `${verb} ${kind} ${name}`);
    expect(ran.toSorted()).toEqual(shown.filter((step) => !step.startsWith('delete Node ')).toSorted());
    const gone = stage.operator
      .logs()
      .filter(({ msg, node }) => msg === 'node is gone' && `${node}`.startsWith(`${area.namespace}/`));
    expect(gone).toHaveLength(2);
  });

  test('pauses a Network: nothing in the cloud is changed until it goes on', async () => {
    const area = stage.area('paused');
    await area.make(one(area));
    await area.untilReady(1);
    const [machine] = area.machines();
    await area.change({ spec: { paused: true } });
    await area.until((network) => conditionOf(network, 'Ready')?.reason === 'Paused');
    const before = area.writes().length;
    await kubectl(['scale', 'pnet/dev', '--replicas=3'], area);
    stage.sandbox.behindTheBack.terminateInstance(area.region, machine?.id ?? '');
    await area.hurry();
    await stays(area.writes, ({ length }) => length === before, 4_000);
    expect(await area.nodes()).toHaveLength(1);

    await area.change({ spec: { paused: false } });
    await area.untilReady(3);
    expect(area.machines()).toHaveLength(3);
  });

  test('deletes with Orphan: the objects go, and what they made lives on without our tag', async () => {
    const area = stage.area('orphan');
    await area.make({ deletionPolicy: 'Orphan' });
    await area.untilReady(2);
    const machines = area.machines().map(({ id }) => id);
    await kubectl(['delete', 'pnet/dev', '--wait=false'], area);
    await area.untilGone();
    await eventually(area.nodes, (nodes) => nodes.length === 0);
    expect(area.machines().map(({ id }) => id)).toEqual(machines);
    expect(area.cloud().loadBalancers).toMatchObject([{ state: 'active' }]);
    expect(area.cloud().targetGroups[0]?.targets).toHaveLength(2);
    expect(area.owned()).toEqual([]);
  });

  test('makes a Node without a Network: a machine and its firewall, and nothing of them when it goes', async () => {
    const area = stage.area('lone');
    await createObject(area.pathOf('nodes'), {
      apiVersion: API_VERSION,
      kind: 'Node',
      metadata: { name: 'lone' },
      spec: {
        credentialRef: { name: 'aws' },
        client,
        aws: { region: area.region, instanceType: 't3.small' },
        security: { ingress: [{ ports: ['p2p'], from: ['0.0.0.0/0'] }] },
      },
    });
    await eventually(
      area.nodes,
      ([node]) => node !== undefined && conditionOf(node, 'Ready')?.status === 'True',
    );
    const [machine, ...more] = area.machines();
    expect(more).toEqual([]);
    expect(machine?.tags).toMatchObject({ [TAGS.node]: `${area.namespace}/lone` });
    const group = area.cloud().securityGroups.find(({ id }) => machine?.groupIds.includes(id));
    expect(group?.rules.filter(({ egress }) => !egress)).toMatchObject([{ fromPort: 30303, toPort: 30303 }]);
    await deleteObject(area.pathOf('nodes', 'lone'));
    await eventually(area.nodes, (nodes) => nodes.length === 0);
    expect(area.owned()).toEqual([]);
  });

  test('adds a placement and removes the first: everything of the first goes', async () => {
    const area = stage.area('places');
    await area.make(one(area));
    await area.untilReady(1);
    const second = placementIn(area.region, { name: 'second', replicas: 1 });
    await area.change({ spec: { placements: [placementIn(area.region, { replicas: 1 }), second] } });
    await area.untilReady(2);
    const changed = await area.change({ spec: { placements: [second] } });
    const { status } = await area.until(
      ({ status: now }) =>
        now.observedGeneration === changed.metadata.generation &&
        now.placements?.length === 1 &&
        conditionOf({ status: now }, 'Ready')?.status === 'True',
    );
    expect(status).toMatchObject({ replicas: 1, placements: [{ name: 'second', ready: 1 }] });
    expect(new Set(area.owned().map(({ tags }) => tags[TAGS.placement]))).toEqual(new Set(['second']));
    expect(area.cloud().loadBalancers).toHaveLength(1);
  });

  test('wants an application balancer: it is one, in two zones or more, with HTTP checks', async () => {
    const area = stage.area('http');
    await area.make({
      ...one(area),
      client: { ...client, health: { http: { port: 'rpc', path: '/live', status: 204 } } },
      balancer: {
        type: 'Application',
        ports: [{ port: 80, targetPort: 'rpc', protocol: 'HTTP' }],
        drainSeconds: 1,
      },
    });
    await area.untilReady(1);
    const { loadBalancers, targetGroups, listeners } = area.cloud();
    expect(loadBalancers).toMatchObject([{ type: 'application' }]);
    expect(loadBalancers[0]?.zones.length).toBeGreaterThan(1);
    expect(targetGroups).toMatchObject([
      { protocol: 'HTTP', port: 8545, healthCheck: { protocol: 'HTTP', path: '/live', httpCodes: '204' } },
    ]);
    expect(listeners).toMatchObject([{ port: 80, protocol: 'HTTP' }]);
  });

  test('uses a credential of another namespace that allows it, by list and by selector', async () => {
    const lender = stage.area('lender');
    const byList = stage.area('borrower');
    const bySelector = stage.area('selected');
    await kubectl(['label', 'namespace', bySelector.namespace, 'chains=allowed']);
    await lender.credential('listed', {
      ...secretCredential,
      allowedNamespaces: { list: [byList.namespace] },
    });
    await lender.credential('chosen', {
      ...secretCredential,
      allowedNamespaces: { selector: { matchLabels: { chains: 'allowed' } } },
    });
    const { namespace } = lender;
    await byList.make(one(byList, { credentialRef: { name: 'listed', namespace } }));
    await bySelector.make(one(bySelector, { credentialRef: { name: 'chosen', namespace } }));
    await Promise.all([byList.untilReady(1), bySelector.untilReady(1)]);
    const credential = await lender.credentialNow('listed');
    expect(credential?.metadata.finalizers).toEqual(['peerage.dev/finalizer']);
    // They go before their credential: the stage takes all namespaces at once.
  });

  test('deletes the whole namespace at once: nothing is left, and it goes', async () => {
    const area = stage.area('whole');
    await area.make(usualSpec(area.region));
    await area.untilReady(2);
    expect(area.owned().length).toBeGreaterThan(5);
    await kubectl(['delete', 'namespace', area.namespace, '--wait=false']);
    await eventually(
      () => getObject(`/api/v1/namespaces/${area.namespace}`),
      (namespace) => namespace === undefined,
      { what: 'absence of the namespace' },
    );
    expect(area.owned()).toEqual([]);
    expect(area.machines()).toEqual([]);
  });
});
