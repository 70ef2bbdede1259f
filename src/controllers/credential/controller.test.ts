import { describe, expect, test } from 'vitest';
import { FINALIZER } from '../../api/names.ts';
import { credentialRef, networkSpec, place, setUp, type Testbed } from '../testbed.ts';

const other = { metadata: { name: 'other', namespace: 'ns' }, spec: { aws: { source: 'Ambient' } } };

async function finalizersOfSecret(bed: Testbed, name: string): Promise<readonly string[]> {
  return (await bed.server.secrets.get({ namespace: 'ns', name }))?.metadata.finalizers ?? [];
}

async function inUse() {
  const bed = await setUp();
  bed.startOperator();
  await bed.makeNetwork();
  await bed.run(10_000);
  expect(await finalizersOfSecret(bed, 'keys')).toEqual([FINALIZER]);
  return bed;
}

describe('a credential in use', () => {
  test('stays until nothing is left of a placement that left the spec', async () => {
    const bed = await inUse();
    await bed.server.credentials.create(other);
    bed.cloud.refuse('run', 'unavailable');
    const elsewhere = { name: 'there', replicas: 1, credentialRef: { name: 'other' }, aws: place };
    await bed.changeNetwork({ spec: { ...networkSpec(1), placements: [elsewhere] } });
    await bed.server.credentials.delete({ namespace: 'ns', name: credentialRef.name });
    await bed.run(60_000);
    expect((await bed.nodes()).map(({ spec }) => spec.credentialRef.name)).not.toContain('cred');
    expect((await bed.credential()).metadata.deletionTimestamp).toBeDefined();
    expect(await finalizersOfSecret(bed, 'keys')).toEqual([FINALIZER]);

    bed.cloud.refuse('run');
    await bed.run(600_000);
    expect(await bed.server.credentials.get({ namespace: 'ns', name: 'cred' })).toBeUndefined();
    expect(await finalizersOfSecret(bed, 'keys')).toEqual([]);
  });

  test('lets go of the Secret it has no use for any more', async () => {
    const bed = await inUse();
    await bed.makeSecret('newer');
    await bed.server.credentials.patch(
      { namespace: 'ns', name: 'cred' },
      { spec: { aws: { secretRef: { name: 'newer' } } } },
      { type: 'merge' },
    );
    await bed.run(60_000);
    expect(await finalizersOfSecret(bed, 'newer')).toEqual([FINALIZER]);
    expect(await finalizersOfSecret(bed, 'keys')).toEqual([]);
  });
});

test('a credential that nothing uses any more holds no Secret', async () => {
  const bed = await inUse();
  await bed.server.networks.delete({ namespace: 'ns', name: 'net' });
  await bed.run(600_000);
  expect(await bed.server.networks.get({ namespace: 'ns', name: 'net' })).toBeUndefined();
  expect(await finalizersOfSecret(bed, 'keys')).toEqual([]);
  expect((await bed.credential()).metadata.finalizers ?? []).toEqual([]);
});
