/** Removing containers with their volumes, and none that is not ours. */
import { inParallel } from '../../runtime/parallel.ts';
import { CloudError, TAGS } from '../cloud.ts';
import { orIfGone } from './errors.ts';
import { isReleased, releasedName } from './names.ts';
import type { CallOptions, Sdk } from './sdk.ts';
import type { ListedContainer } from './shapes.ts';
import { labelFilter, launchOf, ownerOf } from './tags.ts';

export interface Removal {
  readonly sdk: Sdk;
  readonly cluster: string;
  readonly containers: readonly ListedContainer[];
  readonly options: CallOptions;
}

/** The engine works on several at a time, and waits for the processes of each. */
const workers = 8;

/** What is not there any more is no error. Data goes with its machine: nobody else has it mounted by this name. */
export async function removeContainers(
  removal: Removal,
): Promise<{ readonly refused: ReadonlyMap<string, CloudError> }> {
  const { sdk, cluster, containers, options } = removal;
  const refused = new Map<string, CloudError>();
  const removed: ListedContainer[] = [];
  await inParallel(workers, containers, async (container) => {
    if (!isOurs(container, cluster)) {
      refused.set(container.Id, notOurs('ContainerDelete', container));
      return;
    }
    const refusal = await refusalOf(sdk.deleteContainer(container.Id, options));
    if (refusal === undefined || refusal.reason === 'Conflict') removed.push(container);
    else refused.set(container.Id, refusal);
  });
  if (removed.some(({ Mounts }) => Mounts.some(({ Type }) => Type === 'volume'))) {
    await removeVolumes(removal, new Set(removed.flatMap(({ Labels }) => launchOf(Labels)?.token ?? [])));
  }
  return { refused };
}

/** One that cannot be removed yet is left to the fabric, which looks for volumes without a container. */
async function removeVolumes({ sdk, cluster, options }: Removal, tokens: ReadonlySet<string>): Promise<void> {
  const volumes = await sdk.listVolumes(labelFilter(cluster, TAGS.launch), options);
  const theirs = volumes.filter(({ Labels }) => tokens.has(launchOf(Labels)?.token ?? ''));
  await inParallel(workers, theirs, async ({ Name }) => {
    await refusalOf(sdk.deleteVolume(Name, options));
  });
}

/**
 * Docker has no way to take a label off a container, and to make it anew would stop it. So it gets a name that says so, and
 * from then on counts as somebody else's. The name lasts as long as the container and shows in every list.
 */
export async function releaseContainers({ sdk, cluster, containers, options }: Removal): Promise<void> {
  await inParallel(workers, containers, async (container) => {
    if (!isOurs(container, cluster)) return;
    await orIfGone(sdk.renameContainer(container.Id, releasedName(container.Names), options));
  });
}

export function isOurs({ Labels, Names }: ListedContainer, cluster: string): boolean {
  return ownerOf(Labels)?.cluster === cluster && !isReleased(Names);
}

async function refusalOf(call: Promise<void>): Promise<CloudError | undefined> {
  try {
    await orIfGone(call);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof CloudError) return thrown;
    throw thrown;
  }
}

function notOurs(api: string, { Names }: ListedContainer): CloudError {
  return new CloudError({
    api,
    code: 'unauthorized',
    outcome: 'none',
    reason: 'NotOurs',
    message: `container ${Names} does not belong to this cluster`,
  });
}
