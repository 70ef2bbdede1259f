import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { exactlyOneOf, sameOf } from '../../src/api/cloud-member.ts';
import { RESOURCES } from '../../src/api/resources.ts';
import { rootOf } from '../../tools/crd.ts';
import type { Structural } from '../../tools/structural.ts';
import { api, createObject } from '../support/api.ts';
import { installKinds } from '../support/kinds.ts';
import { apply, applyRefused, kubectl } from '../support/kubectl.ts';
import { freshNamespace } from '../support/namespace.ts';
import {
  aws,
  type Changes,
  credential,
  credentialRefusals,
  network,
  networkRefusals,
  node,
  nodeChanges,
  nodeRefusals,
  placement,
  placementChanges,
} from './api-cases.ts';

const root = '/apis/peerage.dev/v1alpha1/namespaces/default';

beforeAll(installKinds);

describe.each([
  { kind: 'Network', plural: 'networks', base: network, refusals: networkRefusals },
  { kind: 'Node', plural: 'nodes', base: node, refusals: nodeRefusals },
  { kind: 'CloudCredential', plural: 'cloudcredentials', base: credential, refusals: credentialRefusals },
])('a new $kind', ({ plural, base, refusals }) => {
  const path = `${root}/${plural}?dryRun=All&fieldValidation=Strict`;

  test('is taken as the cases below change it', async () => {
    expect(await api('POST', path, base)).toMatchObject({ status: 201 });
  });

  test.each(refusals)('is refused with %s', async (_, changes, field, words) => {
    const causes = refusedFor(await api('POST', path, changed(base, changes)));

    expect(causes.map((cause) => cause.field)).toEqual([field]);
    expect(causes[0]?.message).toContain(words);
  });

  test('is refused with a field that nobody knows, by its path', async () => {
    const answer = await api('POST', path, changed(base, { 'spec.colour': 'green' }));

    expect(answer.status).toBe(400);
    expect(statusSchema.parse(answer.body).message).toContain('unknown field "spec.colour"');
  });
});

describe('an object that is there', () => {
  test.each(placementChanges)('keeps the %s of a placement', async (_, changes, field, words) => {
    const causes = await refusedChange('networks', network, changes);

    expect(causes.map((cause) => cause.field)).toEqual([field]);
    expect(causes[0]?.message).toContain(words);
  });

  test.each(nodeChanges)('keeps all of a Node: %s', async (_, changes, field, words) => {
    const base = changed(node, { 'spec.aws.runInstances.CpuOptions.CoreCount': 2 });

    const causes = await refusedChange('nodes', base, changes);

    expect(causes.map((cause) => cause.field)).toEqual([field]);
    expect(causes[0]?.message).toContain(words);
  });

  test('may have placements that move, grow and come anew', async () => {
    const namespace = await freshNamespace();
    const path = `/apis/peerage.dev/v1alpha1/namespaces/${namespace}/networks`;
    const { metadata } = await createObject(path, network);
    const [first, second] = [placement('new'), { ...placement('virginia'), replicas: 5 }];

    const answer = await api('PUT', `${path}/dev`, {
      ...changed(network, {
        'spec.placements': [{ ...first, aws: { ...aws, region: 'eu-west-1' } }, second],
      }),
      metadata: { name: 'dev', resourceVersion: metadata.resourceVersion },
    });

    expect(answer.status).toBe(200);
  });
});

test('kubectl apply says what is wrong, all of it, each with its path', async () => {
  const object = changed(network, {
    'spec.client.ports.0.port': 0,
    'spec.placements.0.replicas': -1,
    'spec.security.ingress.0.from': ['10.0.0.0/99'],
  });

  const said = await applyRefused(JSON.stringify(object), { namespace: 'default' });

  expect(said).toContain('spec.client.ports[0].port: Invalid value: 0');
  expect(said).toContain('spec.placements[0].replicas: Invalid value: -1');
  expect(said).toContain('spec.security.ingress[0].from[0]: Invalid value: "10.0.0.0/99"');
});

test('a rule over a list names what breaks it', async () => {
  const object = changed(network, {
    'spec.balancer.ports.0.targetPort': 'web',
    'spec.placements.0.aws.zones': ['us-east-1a', 'us-west-2a'],
  });

  const said = await applyRefused(JSON.stringify(object), { namespace: 'default' });

  expect(said).toContain('targetPort web is not the name of a port in client.ports');
  expect(said).toContain('us-west-2a must be a zone of the region us-east-1');
});

test('every rule of the kinds is broken by a case, but for those that need two clouds', () => {
  const cases = [networkRefusals, nodeRefusals, credentialRefusals, placementChanges, nodeChanges].flat();
  const words = cases.map(([, , , said]) => said).filter((said) => !/^\d+$/.test(said));

  const messages = Object.values(RESOURCES).flatMap((kind) => messagesIn(rootOf(kind)));
  const untried = messages.filter((message) => !words.some((said) => message.includes(said)));

  expect(messages.length).toBeGreaterThan(40);
  expect([...new Set(untried)]).toEqual(['the cloud cannot change']);
});

describe('a union of two clouds', () => {
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'unions.test.peerage.dev' },
    spec: {
      group: 'test.peerage.dev',
      names: { kind: 'Union', plural: 'unions' },
      scope: 'Cluster',
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: union() } }],
    },
  };
  const unions = '/apis/test.peerage.dev/v1/unions';
  const header = { apiVersion: 'test.peerage.dev/v1', kind: 'Union' };

  beforeAll(async () => {
    await apply(JSON.stringify(crd));
    await kubectl(['wait', '--for=condition=Established', '--timeout=60s', `crd/${crd.metadata.name}`]);
    return () => kubectl(['delete', 'crd', crd.metadata.name, '--wait=false']).then(() => undefined);
  });

  test.each([
    ['none', {}, [['spec', 'set exactly one cloud']]],
    ['both', { aws: {}, azure: {} }, [['spec', 'set exactly one cloud']]],
    ['one', { azure: {} }, []],
  ])('takes exactly one: %s', async (_, spec, refusals) => {
    const answer = await api('POST', `${unions}?dryRun=All`, { ...header, metadata: { name: 'a' }, spec });

    const causes = answer.status === 201 ? [] : refusedFor(answer);
    expect(causes.map(({ field, message }) => [field, message])).toEqual(
      refusals.map(([field, said]) => [field, expect.stringContaining(`${said}`)]),
    );
  });

  test('keeps the one it has', async () => {
    const { metadata } = await createObject(unions, {
      ...header,
      metadata: { name: 'b' },
      spec: { aws: {} },
    });
    const { name, resourceVersion } = metadata;

    const answer = await api('PUT', `${unions}/${name}`, {
      ...header,
      metadata: { name, resourceVersion },
      spec: { azure: {} },
    });

    expect(refusedFor(answer)).toMatchObject([
      { field: 'spec', message: expect.stringContaining('the cloud cannot change') },
    ]);
  });

  function union(): Structural {
    const names = ['aws', 'azure'];
    const spec: Structural = {
      type: 'object',
      properties: { aws: { type: 'object' }, azure: { type: 'object' } },
      'x-kubernetes-validations': [exactlyOneOf(names), sameOf(names)],
    };
    return { type: 'object', properties: { spec } };
  }
});

const statusSchema = z.object({
  message: z.string(),
  details: z
    .object({ causes: z.array(z.object({ field: z.string(), message: z.string() })).default([]) })
    .default({ causes: [] }),
});

/**
 * What an answer of 422 complains of, without the complaint that rules were not looked at for that. A bad `spec.replicas`
 * is told twice, once as the path of the scale subresource, with a dot before it.
 */
function refusedFor(answer: { status: number; body: unknown }) {
  expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 422 });
  const { causes } = statusSchema.parse(answer.body).details;
  return causes.filter(
    ({ field, message }) =>
      !field.startsWith('.') && !message.includes('some validation rules were not checked'),
  );
}

function messagesIn(schema: Structural): string[] {
  const { items, additionalProperties, properties = {} } = schema;
  const children = [items, additionalProperties, ...Object.values(properties)].filter(
    (child) => child !== undefined,
  );
  const own = schema['x-kubernetes-validations'] ?? [];
  return [...own.map(({ message }) => message), ...children.flatMap(messagesIn)];
}

async function refusedChange(plural: string, base: object, changes: Changes) {
  const namespace = await freshNamespace();
  const path = `/apis/peerage.dev/v1alpha1/namespaces/${namespace}/${plural}`;
  const { metadata } = await createObject(path, base);
  const { name, resourceVersion } = metadata;
  const object = { ...changed(base, changes), metadata: { name, resourceVersion } };
  return refusedFor(await api('PUT', `${path}/${name}`, object));
}

function changed(base: object, changes: Changes): object {
  return Object.entries(changes).reduce<object>(
    (object, [path, value]) => z.looseObject({}).parse(put(object, path.split('.'), value)),
    base,
  );
}

/** A copy of the container with the value at the path; what is missing on the way is made. */
function put(container: unknown, [step, ...rest]: readonly string[], value: unknown): unknown {
  if (step === undefined) return value;
  if (Array.isArray(container)) {
    const copy: unknown[] = [...container];
    copy[Number(step)] = put(copy[Number(step)], rest, value);
    return copy;
  }
  const members = z.record(z.string(), z.unknown()).parse(container ?? {});
  return { ...members, [step]: put(members[step], rest, value) };
}
