/** Steps, carried out. What a step changed, or may have, is read again. */
import { orIfGone } from '../errors.ts';
import { releasedName } from '../names.ts';
import { ownerOf } from '../tags.ts';
import type { Hands } from './hands.ts';
import { isCode, nameTaken } from './refusals.ts';
import { configure, createBalancer, startBalancer } from './run-balancer.ts';
import type { Action, ActionOf } from './steps.ts';

export async function runAction(hands: Hands, action: Action): Promise<void> {
  const { sdk, snapshot, asker } = hands;
  try {
    switch (action.do) {
      case 'create network':
        return await createNetwork(hands, action);
      case 'delete network':
        return await orIfGone(sdk.deleteNetwork(action.id, asker));
      case 'create balancer':
        return await createBalancer(hands, action);
      case 'start balancer':
        return await startBalancer(hands, action);
      case 'configure':
        return await configure(hands, action);
      case 'delete balancer':
        return await orIfGone(sdk.deleteContainer(action.id, asker));
      case 'release balancer':
        return await orIfGone(sdk.renameContainer(action.id, releasedName(action.name), asker));
      case 'delete volume':
        return await orIfGone(sdk.deleteVolume(action.name, asker));
      case 'refuse':
        throw action.error;
    }
  } finally {
    for (const part of touchedBy(snapshot, action)) part.expire();
  }
}

function touchedBy(snapshot: Hands['snapshot'], action: Action) {
  switch (action.do) {
    case 'create network':
    case 'delete network':
      return [snapshot.networks];
    case 'delete volume':
      return [snapshot.volumes];
    case 'configure':
      return [snapshot.balancer(action.id)];
    case 'start balancer':
      return [snapshot.containers, snapshot.balancer(action.id)];
    case 'create balancer':
    case 'delete balancer':
    case 'release balancer':
      return [snapshot.containers];
    case 'refuse':
      return [];
  }
}

async function createNetwork(
  { sdk, cluster, asker }: Hands,
  { name, labels }: ActionOf<'create network'>,
): Promise<void> {
  try {
    await sdk.createNetwork({ Name: name, Driver: 'bridge', CheckDuplicate: true, Labels: labels }, asker);
  } catch (thrown) {
    if (!isCode(thrown, 'alreadyExists')) throw thrown;
    // The reply to an earlier call was lost, or a snapshot is older than that.
    const found = await sdk.listNetworks({ name: [name] }, asker);
    if (!found.some(({ Name, Labels }) => Name === name && ownerOf(Labels)?.cluster === cluster))
      throw nameTaken('NetworkCreate', `network ${name}`);
  }
}
