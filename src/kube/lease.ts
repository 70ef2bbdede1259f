import { hostname } from 'node:os';
import { hash } from '../runtime/hash.ts';
import type { LeaseRecord, LeaseStore } from '../runtime/leader.ts';
import type { KubeClient } from './client.ts';
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts';
import { type KubeObject, microTime, type ObjectName } from './object.ts';
import type { ResourceDefinition } from './resource.ts';

interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string | null;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string | null;
    readonly renewTime?: string | null;
    readonly leaseTransitions?: number;
  };
}

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ */
const leases: ResourceDefinition<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
  parse: (raw: Lease) => raw,
};

/** Keeps a leader election's record in the named Lease, which is made when missing. Needs get, create and patch. */
export function createLeaseStore(client: KubeClient, name: ObjectName): LeaseStore {
  const resource = client.resource(leases);
  return {
    async read(signal) {
      const lease = await resource.get(name, { signal });
      return lease && { record: toRecord(lease), version: lease.metadata.resourceVersion };
    },
    async write(record, over, signal) {
      const spec = fromRecord(record);
      try {
        const lease =
          over === undefined
            ? await resource.create({ metadata: { ...name }, spec }, { signal })
            : await resource.patch(
                name,
                { metadata: { resourceVersion: over }, spec },
                { type: 'merge', signal },
              );
        return lease.metadata.resourceVersion;
      } catch (error) {
        // Not found: somebody deleted it, which also means that what we knew no longer holds.
        if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) return undefined;
        throw error;
      }
    },
  };
}

/** A name no other process has, this one's next start included. */
export function createIdentity(startedAt: number, random: () => number = Math.random): string {
  return `${hostname()}_${hash([process.pid, startedAt, random()], 8)}`;
}

function toRecord({ spec }: Lease): LeaseRecord {
  return {
    holder: spec?.holderIdentity ?? '',
    durationMs: (spec?.leaseDurationSeconds ?? 0) * 1000,
    acquiredAt: Date.parse(spec?.acquireTime ?? '') || 0,
    renewedAt: Date.parse(spec?.renewTime ?? '') || 0,
    transitions: spec?.leaseTransitions ?? 0,
  };
}

function fromRecord(record: LeaseRecord): Lease['spec'] {
  return {
    holderIdentity: record.holder,
    leaseDurationSeconds: Math.ceil(record.durationMs / 1000),
    acquireTime: microTime(record.acquiredAt),
    renewTime: microTime(record.renewedAt),
    leaseTransitions: record.transitions,
  };
}
