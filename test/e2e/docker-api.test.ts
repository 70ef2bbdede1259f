import { beforeAll, expect, test } from 'vitest';
import { api } from '../support/api.ts';
import { installKinds } from '../support/kinds.ts';
import { credential, network } from './api-cases.ts';
import { dockerCredentials, dockerNeighbours, dockerPlacements } from './docker-cases.ts';

const root = '/apis/peerage.dev/v1alpha1/namespaces/default';
const how = '?dryRun=All&fieldValidation=Strict';

beforeAll(installKinds);

test.each(dockerPlacements)('a placement on Docker is taken: %j', async (docker) => {
  const placement = { name: 'local', credentialRef: { name: 'engine' }, docker };
  const object = { ...network, spec: { ...network.spec, placements: [placement] } };
  expect(await api('POST', `${root}/networks${how}`, object)).toMatchObject({ status: 201 });
});

test.each(dockerNeighbours)('placements beside each other are taken: %j and %j', async (...placements) => {
  const object = { ...network, spec: { ...network.spec, balancer: undefined, placements, replicas: 2 } };
  expect(await api('POST', `${root}/networks${how}`, object)).toMatchObject({ status: 201 });
});

test('placements on one engine that share its balancer are taken', async () => {
  const placements = ['a', 'b'].map((name) => ({ name, credentialRef: { name: 'engine' }, docker: {} }));
  const balancer = { ...network.spec.balancer, scope: 'Region' };
  const object = { ...network, spec: { ...network.spec, balancer, placements } };
  expect(await api('POST', `${root}/networks${how}`, object)).toMatchObject({ status: 201 });
});

test.each(dockerCredentials)('an engine is taken: %j', async (docker) => {
  const object = { ...credential, spec: { docker } };
  expect(await api('POST', `${root}/cloudcredentials${how}`, object)).toMatchObject({ status: 201 });
});
