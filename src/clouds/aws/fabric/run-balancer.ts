/** Balancers and listeners, as calls. Each leaves the snapshot as the call left the cloud. */
import type { Action as ElbAction } from '@aws-sdk/client-elastic-load-balancing-v2';
import { TAGS } from '../../cloud.ts';
import { chunksOf } from '../paging.ts';
import { tagMap } from '../tags.ts';
import { type Balancer, type Listener, NEW_BALANCER } from './found.ts';
import { type Hands, orIfGone } from './hands.ts';
import { scopeKey } from './names.ts';
import { ARNS_PER_CALL, readListeners, readTagged } from './reads.ts';
import { isCode, nameTaken, notNow } from './refusals.ts';
import { balancerRow, listenerRow } from './rows.ts';
import type { ActionOf, AttributeValues } from './steps.ts';

export async function createBalancer(hands: Hands, action: ActionOf<'create balancer'>): Promise<void> {
  const { sdk, snapshot, asker } = hands;
  const { name, type, scheme, owner } = action;
  try {
    const { LoadBalancers: [made] = [] } = await sdk.createLoadBalancer(
      {
        Name: name,
        Type: type,
        Scheme: scheme,
        Subnets: [...action.subnetIds],
        SecurityGroups: [...action.groupIds],
        Tags: [...action.tags],
      },
      asker,
    );
    if (made === undefined) {
      snapshot.balancers.expire();
      return;
    }
    const balancer = balancerRow(made);
    snapshot.balancers.made(balancer.arn, balancer);
    snapshot.tagged.made(balancer.arn, { owner, tags: tagMap(action.tags) });
    // Nobody knows of it yet, so that there is nothing to be read.
    const attributes = snapshot.balancerAttributes(balancer.arn);
    for (const [key, value] of NEW_BALANCER[type]) attributes.changed(key, value);
    attributes.begun();
    snapshot.listeners(balancer.arn).begun();
  } catch (thrown) {
    if (!isCode(thrown, 'alreadyExists')) throw thrown;
    const known = await balancerNamed(hands, name);
    if (known === undefined) throw notNow(thrown);
    const [, tagged] = (await readTagged(sdk, hands.cluster, [known.arn], asker)).at(-1) ?? [];
    if (tagged === undefined) throw notNow(thrown);
    if (tagged.owner === 'other' || scopeKey(tagged.owner) !== scopeKey(owner)) {
      throw nameTaken('CreateLoadBalancer', { kind: 'load balancer', name });
    }
    // The one we have just deleted is still going away.
    if (snapshot.balancers.isRemoved(known.arn)) throw notNow(thrown);
    snapshot.balancers.made(known.arn, known);
    snapshot.tagged.made(known.arn, tagged);
  }
}

async function balancerNamed({ sdk, asker }: Hands, name: string): Promise<Balancer | undefined> {
  try {
    const { LoadBalancers: [known] = [] } = await sdk.describeLoadBalancers({ Names: [name] }, asker);
    return known === undefined ? undefined : balancerRow(known);
  } catch (thrown) {
    if (isCode(thrown, 'notFound')) return undefined;
    throw thrown;
  }
}

export async function setBalancerAttributes(
  { sdk, snapshot, asker }: Hands,
  { arn, attributes }: ActionOf<'set balancer attributes'>,
): Promise<void> {
  await sdk.modifyLoadBalancerAttributes(
    { LoadBalancerArn: arn, Attributes: attributeList(attributes) },
    asker,
  );
  const part = snapshot.balancerAttributes(arn);
  for (const [key, value] of Object.entries(attributes)) part.changed(key, value);
}

export async function setSubnets(
  { sdk, snapshot, asker }: Hands,
  { arn, subnets }: ActionOf<'set subnets'>,
): Promise<void> {
  await sdk.setSubnets({ LoadBalancerArn: arn, Subnets: subnets.map(({ id }) => id) }, asker);
  const balancer = snapshot.balancers.rows().get(arn);
  if (balancer !== undefined) snapshot.balancers.changed(arn, { ...balancer, subnets });
}

export async function setGroups(
  { sdk, snapshot, asker }: Hands,
  { arn, groupIds }: ActionOf<'set groups'>,
): Promise<void> {
  await sdk.setSecurityGroups({ LoadBalancerArn: arn, SecurityGroups: [...groupIds] }, asker);
  const balancer = snapshot.balancers.rows().get(arn);
  if (balancer !== undefined) snapshot.balancers.changed(arn, { ...balancer, groupIds });
}

export async function deleteBalancer(hands: Hands, { arn }: ActionOf<'delete balancer'>): Promise<void> {
  await orIfGone(hands.sdk.deleteLoadBalancer({ LoadBalancerArn: arn }, hands.asker));
  hands.snapshot.balancers.removed(arn);
}

export async function createListener(hands: Hands, action: ActionOf<'create listener'>): Promise<void> {
  const { sdk, snapshot, asker } = hands;
  const part = snapshot.listeners(action.balancerArn);
  try {
    const { Listeners: [made] = [] } = await sdk.createListener(
      { LoadBalancerArn: action.balancerArn, ...listenerInput(action.listener), Tags: [...action.tags] },
      asker,
    );
    if (made === undefined) return part.expire();
    const listener = listenerRow(made);
    part.made(listener.arn, listener);
    snapshot.tagged.made(listener.arn, { owner: action.owner, tags: tagMap(action.tags) });
  } catch (thrown) {
    if (!isCode(thrown, 'alreadyExists')) throw thrown;
    // The port is in use: the reply to an earlier call was lost, or somebody else was quicker. Either way it is ours to set.
    for (const [arn, row] of await readListeners(sdk, action.balancerArn, asker)) part.made(arn, row);
  }
}

export async function setListener(
  { sdk, snapshot, asker }: Hands,
  { balancerArn, listener }: ActionOf<'set listener'>,
): Promise<void> {
  await sdk.modifyListener({ ListenerArn: listener.arn, ...listenerInput(listener) }, asker);
  snapshot.listeners(balancerArn).changed(listener.arn, listener);
}

export async function deleteListener(
  { sdk, snapshot, asker }: Hands,
  { balancerArn, arn }: ActionOf<'delete listener'>,
): Promise<void> {
  await orIfGone(sdk.deleteListener({ ListenerArn: arn }, asker));
  snapshot.listeners(balancerArn).removed(arn);
}

export async function release({ sdk, snapshot, asker }: Hands, { arns }: ActionOf<'release'>): Promise<void> {
  for (const ResourceArns of chunksOf(arns, ARNS_PER_CALL)) {
    await orIfGone(sdk.removeTags({ ResourceArns, TagKeys: [TAGS.cluster] }, asker));
  }
  for (const arn of arns) {
    const tags = new Map(snapshot.tagged.rows().get(arn)?.tags);
    tags.delete(TAGS.cluster);
    snapshot.tagged.changed(arn, { owner: 'other', tags });
  }
}

function listenerInput({ port, protocol, certificates, poolArns }: Omit<Listener, 'arn'>) {
  return {
    Port: port,
    Protocol: protocolOf(protocol),
    ...(certificates.length === 0
      ? {}
      : { Certificates: certificates.map((CertificateArn) => ({ CertificateArn })) }),
    DefaultActions: poolArns.map((TargetGroupArn): ElbAction => ({ Type: 'forward', TargetGroupArn })),
  };
}

const PROTOCOLS = ['TCP', 'UDP', 'TLS', 'HTTP', 'HTTPS'] as const;

export function protocolOf(protocol: string): (typeof PROTOCOLS)[number] {
  const known = PROTOCOLS.find((one) => one === protocol);
  if (known === undefined) throw new Error(`no protocol of ours: ${protocol}`);
  return known;
}

function attributeList(values: AttributeValues): { Key: string; Value: string }[] {
  return Object.entries(values).map(([Key, Value]) => ({ Key, Value }));
}
