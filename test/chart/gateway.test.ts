import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { refereePath } from '../support/referees.ts';
import { render } from './chart.ts';

const rulesSchema = z.array(
  z.object({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }),
);

/** `verb resource.group` of every right of the roles by this name, Leases apart. */
async function rights(values: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
  return (await render({ values }))
    .filter(({ kind, metadata }) => /Role$/.test(kind) && metadata.name === 'peerage')
    .flatMap(({ rules }) => rulesSchema.parse(rules))
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}.${group}`)),
      ),
    )
    .toSorted();
}

describe.skipIf(!refereePath('helm'))('gateway.enabled', () => {
  test.each([
    ['in the cluster', {}],
    ['in the namespaces it watches', { watchNamespaces: ['chains'], clusterId: 'blue' }],
  ])('gives the rights for gateways %s, and no other', async (_, values) => {
    const before = new Set(await rights(values));
    const more = (await rights({ ...values, gateway: { enabled: true } })).filter(
      (right) => !before.has(right),
    );
    // ConfigMaps it has anyway, for peers.
    const kinds = ['services.', 'deployments.apps', 'poddisruptionbudgets.policy'];
    const verbs = ['get', 'create', 'patch', 'delete'];
    expect(more).toEqual(kinds.flatMap((kind) => verbs.map((verb) => `${verb} ${kind}`)).toSorted());
  });
});
