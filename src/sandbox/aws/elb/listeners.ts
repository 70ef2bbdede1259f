import type { Call, Handlers } from '../call.ts';
import { invalid, refuse } from '../errors.ts';
import { pageOf } from '../paging.ts';
import type { Params } from '../query.ts';
import type { Balancer, Listener, ListenerAction } from '../records.ts';
import { readTags } from '../tags.ts';
import { leaf, members, node } from '../xml.ts';
import {
  balancerNotFound,
  findBalancer,
  findListener,
  groupsOf,
  listenerNotFound,
  readPaging,
  required,
  targetGroupNotFound,
} from './lookup.ts';
import { balancersOf, isHttp } from './target-groups.ts';

export const listenerHandlers: Handlers = {
  CreateListener: createListener,
  DescribeListeners: describeListeners,
  ModifyListener: modifyListener,
  DeleteListener: ({ params, region }) => {
    region.listeners.remove(findListener(region, params).id);
    return '';
  },
};

const perBalancer = 50;

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html */
function createListener(call: Call): string {
  const { params, region, now } = call;
  const balancer = findBalancer(region, params);
  const port = readPort(required(params, 'Port'));
  const wanted = readListener(call, balancer, { ...blank, protocol: required(params, 'Protocol'), port });
  const siblings = region.listeners.all().filter((listener) => listener.balancerArn === balancer.id);
  const existing = siblings.find((listener) => listener.port === port);
  if (existing !== undefined) {
    if (settingsOf(existing) === settingsOf(wanted)) return listenersXml([existing]);
    throw refuse('DuplicateListener', 'A listener already exists on this port for this load balancer');
  }
  if (siblings.length >= perBalancer)
    throw refuse('TooManyListeners', 'The maximum number of listeners has been reached');
  const listener: Listener = {
    ...wanted,
    id: `${balancer.id.replace(':loadbalancer/', ':listener/')}/${region.ids.suffix()}`,
    balancerArn: balancer.id,
    attachedAt: now,
    tags: readTags(params, 'Tags'),
  };
  region.listeners.put(listener);
  return listenersXml([listener]);
}

function describeListeners(call: Call): string {
  const { params, region, seenAt } = call;
  const balancerArn = params.text('LoadBalancerArn');
  const arns = params.texts('ListenerArns');
  const seen = region.listeners.seen(seenAt);
  if (balancerArn === undefined && arns.length === 0) {
    throw invalid('You must specify either listener ARNs or a load balancer ARN');
  }
  if (balancerArn !== undefined && region.balancers.seenById(balancerArn, seenAt) === undefined) {
    throw balancerNotFound(balancerArn);
  }
  if (arns.some((arn) => !seen.some((listener) => listener.id === arn))) throw listenerNotFound();
  const selected = seen
    .filter((listener) => balancerArn === undefined || listener.balancerArn === balancerArn)
    .filter((listener) => arns.length === 0 || arns.includes(listener.id));
  const page = pageOf(region.listeners, selected, readPaging(params));
  return listenersXml(page.values) + leaf('NextMarker', page.next);
}

function modifyListener(call: Call): string {
  const { params, region, now } = call;
  const before = findListener(region, params);
  const balancer = region.balancers.get(before.balancerArn);
  if (balancer === undefined) throw listenerNotFound();
  const port = readPort(params.text('Port') ?? String(before.port));
  const taken = region.listeners
    .all()
    .some((other) => other.balancerArn === balancer.id && other.port === port && other.id !== before.id);
  if (taken)
    throw refuse('DuplicateListener', 'A listener already exists on this port for this load balancer');
  const changed = readListener(call, balancer, {
    ...before,
    protocol: params.text('Protocol') ?? before.protocol,
    port,
  });
  const sameGroups = groupsOf(changed).every((arn) => groupsOf(before).includes(arn));
  region.listeners.put({ ...changed, attachedAt: sameGroups ? before.attachedAt : now });
  return listenersXml([changed]);
}

const blank: Listener = {
  id: '',
  balancerArn: '',
  protocol: '',
  port: 0,
  certificates: [],
  sslPolicy: undefined,
  alpnPolicy: [],
  actions: [],
  attachedAt: 0,
  tags: {},
};

/** The listener that a call describes, over what was there before; refused where its parts do not fit together. */
function readListener(call: Call, balancer: Balancer, before: Listener): Listener {
  const { params, region } = call;
  const allowed = balancer.type === 'network' ? ['TCP', 'TLS', 'UDP', 'TCP_UDP'] : ['HTTP', 'HTTPS'];
  if (!allowed.includes(before.protocol)) {
    throw invalid(`Listener protocol '${before.protocol}' must be one of '${allowed.join(', ')}'`);
  }
  const secure = before.protocol === 'HTTPS' || before.protocol === 'TLS';
  const named = params.list('Certificates').map((certificate) => certificate.text('CertificateArn') ?? '');
  const certificates = secure ? (named.length > 0 ? named : before.certificates) : [];
  if (secure && certificates.length !== 1) {
    throw invalid(
      certificates.length === 0
        ? `A certificate must be specified for ${before.protocol} listeners`
        : 'Exactly one default certificate must be specified',
    );
  }
  for (const arn of certificates) {
    const isElsewhere = arn.includes(':acm:') && !arn.includes(`:acm:${region.name}:`);
    if (isElsewhere || !region.settings.certificates.includes(arn))
      throw refuse('CertificateNotFound', `Certificate '${arn}' not found`);
  }
  const actions = params.has('DefaultActions')
    ? params.list('DefaultActions').map(readAction)
    : before.actions;
  if (actions.length === 0) throw invalid('At least one default action must be specified');
  const alpnPolicy = params.texts('AlpnPolicy');
  const listener: Listener = {
    ...before,
    certificates,
    actions,
    sslPolicy: secure
      ? (params.text('SslPolicy') ?? before.sslPolicy ?? 'ELBSecurityPolicy-2016-08')
      : undefined,
    alpnPolicy: alpnPolicy.length > 0 ? alpnPolicy : before.alpnPolicy,
  };
  for (const arn of groupsOf(listener)) checkTargetGroup(call, balancer, listener, arn);
  return listener;
}

function checkTargetGroup(call: Call, balancer: Balancer, listener: Listener, arn: string): void {
  const { region, now } = call;
  const group = region.targetGroups.get(arn);
  if (group === undefined) throw targetGroupNotFound();
  if (group.vpcId !== balancer.vpcId) {
    throw refuse(
      'InvalidConfigurationRequest',
      `The target group '${arn}' is not in the VPC of the load balancer`,
    );
  }
  const fits = isHttp(listener.protocol)
    ? isHttp(group.protocol)
    : (networkPairs[listener.protocol] ?? []).includes(group.protocol);
  if (!fits) {
    throw refuse(
      'InvalidConfigurationRequest',
      `Listener protocol '${listener.protocol}' is not supported with a target group with the protocol '${group.protocol}'`,
    );
  }
  const elsewhere = balancersOf(region, group, now).filter((other) => other !== balancer.id);
  if (elsewhere.length > 0) {
    throw refuse(
      'TargetGroupAssociationLimit',
      `The following target groups cannot be associated with more than one load balancer: ${arn}`,
    );
  }
}

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html */
const networkPairs: Readonly<Record<string, readonly string[]>> = {
  TCP: ['TCP', 'TCP_UDP'],
  TLS: ['TCP', 'TLS'],
  UDP: ['UDP', 'TCP_UDP'],
  TCP_UDP: ['TCP_UDP'],
};

function readAction(action: Params): ListenerAction {
  const type = action.text('Type') ?? '';
  const forwarded = action.list('ForwardConfig.TargetGroups').map((group) => ({
    arn: group.text('TargetGroupArn') ?? '',
    weight: group.has('Weight') ? Number(group.text('Weight')) : undefined,
  }));
  const single = action.text('TargetGroupArn');
  const targetGroups =
    forwarded.length > 0 ? forwarded : single === undefined ? [] : [{ arn: single, weight: undefined }];
  if (type === 'forward' && targetGroups.length === 0) {
    throw invalid('A target group ARN must be specified for a forward action');
  }
  const order = action.text('Order');
  const config = Array.from(action.entries()).filter(([name]) =>
    /^(Redirect|FixedResponse)Config\./.test(name),
  );
  return {
    type,
    order: order === undefined ? undefined : Number(order),
    targetGroups,
    config: Object.fromEntries(config),
  };
}

function readPort(text: string): number {
  const port = Number(text);
  if (!(port >= 1 && port <= 65_535)) throw invalid(`Port '${text}' must be between 1 and 65535 inclusive`);
  return port;
}

function settingsOf(listener: Listener): string {
  const { protocol, port, certificates, sslPolicy, alpnPolicy, actions } = listener;
  return JSON.stringify([protocol, port, certificates, sslPolicy, alpnPolicy, actions]);
}

function listenersXml(listeners: readonly Listener[]): string {
  return members(
    'Listeners',
    listeners,
    (listener) =>
      leaf('ListenerArn', listener.id) +
      leaf('LoadBalancerArn', listener.balancerArn) +
      leaf('Port', listener.port) +
      leaf('Protocol', listener.protocol) +
      (listener.certificates.length === 0
        ? ''
        : members('Certificates', listener.certificates, (arn) => leaf('CertificateArn', arn))) +
      leaf('SslPolicy', listener.sslPolicy) +
      members('DefaultActions', listener.actions, actionXml) +
      (listener.alpnPolicy.length === 0
        ? ''
        : members('AlpnPolicy', listener.alpnPolicy, (policy) => policy)),
  );
}

function actionXml(action: ListenerAction): string {
  return (
    leaf('Type', action.type) +
    leaf('TargetGroupArn', action.targetGroups.length === 1 ? action.targetGroups[0]?.arn : undefined) +
    leaf('Order', action.order) +
    (action.targetGroups.length === 0
      ? ''
      : node(
          'ForwardConfig',
          members(
            'TargetGroups',
            action.targetGroups,
            (group) => leaf('TargetGroupArn', group.arn) + leaf('Weight', group.weight ?? 1),
          ),
          node('TargetGroupStickinessConfig', leaf('Enabled', false)),
        )) +
    configXml(action, 'RedirectConfig') +
    configXml(action, 'FixedResponseConfig')
  );
}

function configXml(action: ListenerAction, name: string): string {
  const prefix = `${name}.`;
  const entries = Object.entries(action.config).filter(([key]) => key.startsWith(prefix));
  return entries.length === 0
    ? ''
    : node(name, ...entries.map(([key, value]) => leaf(key.slice(prefix.length), value)));
}
