import { CloudError } from '../../cloud.ts';
import type { Hands } from './hands.ts';
import {
  createBalancer,
  createListener,
  deleteBalancer,
  deleteListener,
  release,
  setBalancerAttributes,
  setGroups,
  setListener,
  setSubnets,
} from './run-balancer.ts';
import { changeRules, createGroup, deleteGroup, releaseGroup } from './run-groups.ts';
import {
  createPool,
  deletePool,
  deregister,
  register,
  setHealthCheck,
  setPoolAttributes,
} from './run-pools.ts';
import { tag, tagGroup, untag, untagGroup } from './run-tags.ts';
import type { Action } from './steps.ts';

/** One step: one call where all goes well. */
export async function runAction(hands: Hands, action: Action): Promise<void> {
  switch (action.do) {
    case 'create group':
      return createGroup(hands, action);
    case 'authorize':
    case 'revoke':
      return changeRules(hands, action);
    case 'delete group':
      return deleteGroup(hands, action);
    case 'release group':
      return releaseGroup(hands, action);
    case 'create balancer':
      return createBalancer(hands, action);
    case 'set balancer attributes':
      return setBalancerAttributes(hands, action);
    case 'set subnets':
      return setSubnets(hands, action);
    case 'set groups':
      return setGroups(hands, action);
    case 'delete balancer':
      return deleteBalancer(hands, action);
    case 'create listener':
      return createListener(hands, action);
    case 'set listener':
      return setListener(hands, action);
    case 'delete listener':
      return deleteListener(hands, action);
    case 'create pool':
      return createPool(hands, action);
    case 'set health check':
      return setHealthCheck(hands, action);
    case 'set pool attributes':
      return setPoolAttributes(hands, action);
    case 'delete pool':
      return deletePool(hands, action);
    case 'register':
      return register(hands, action);
    case 'deregister':
      return deregister(hands, action);
    case 'tag group':
      return tagGroup(hands, action);
    case 'untag group':
      return untagGroup(hands, action);
    case 'tag':
      return tag(hands, action);
    case 'untag':
      return untag(hands, action);
    case 'release':
      return release(hands, action);
    case 'refuse':
      throw action.error;
  }
}

/** After AWS said that something is not there, what we know of the lists is worth nothing. */
export async function mistrusting(hands: Hands, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof CloudError && thrown.code === 'notFound') {
      const { groups, balancers, pools } = hands.snapshot;
      for (const part of [groups, balancers, pools]) part.expire();
    }
    throw thrown;
  }
}
