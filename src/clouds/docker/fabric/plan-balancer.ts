/** The container with the balancer in it. */
import type { FabricWish, Scope } from '../../cloud.ts';
import { parse } from '../parse.ts';
import { dockerPlacement } from '../schema.ts';
import { LABELS, labelsFor } from '../tags.ts';
import { configFor, membersIn, portsOf, readConfig } from './config.ts';
import type { DockerFabricView, FoundBalancer } from './found.ts';
import { namesOf } from './names.ts';
import { EVERYWHERE, HERE, shapeOf } from './shape.ts';
import { type DockerStep, stepOf } from './steps.ts';

const KIND = 'container';

export function planBalancer(
  scope: Scope,
  wish: NonNullable<FabricWish['balancer']>,
  { around }: DockerFabricView,
): readonly DockerStep[] {
  const { owner, spec } = scope;
  const { haproxyImage: image, labels } = parse(dockerPlacement, spec, 'docker');
  const { balancer: name, network: ownNetwork } = namesOf(owner);
  const network = around.network?.Name ?? parse(dockerPlacement, spec, 'docker').network ?? ownNetwork;
  const ports = portsOf(wish).map(({ port }) => port);
  const hostIp = wish.internal ? HERE : EVERYWHERE;
  const shape = shapeOf({ image, hostIp, ports, network });
  const config = configFor(wish, around.addresses);
  const [found, ...surplus] = around.balancers;
  const misfit = found === undefined ? undefined : whyReplace(found, shape);
  const create = (because: string) =>
    stepOf(
      scope,
      { verb: 'create', kind: KIND, name, because },
      around.network === undefined
        ? 'its network is not there yet'
        : misfit !== undefined
          ? 'the old container has to go first'
          : {
              do: 'create balancer',
              name,
              owner,
              image,
              network,
              hostIp,
              ports,
              labels: {
                ...labelsFor({ owner, ...(labels === undefined ? {} : { labels }) }),
                [LABELS.balancer]: shape,
              },
              config,
            },
    );
  return [
    ...surplus.map((one) => planDeleteBalancer(scope, one, 'there are two')),
    ...(found === undefined ? [create('there is none')] : []),
    ...(found !== undefined && misfit !== undefined
      ? [planDeleteBalancer(scope, found, misfit), create('the old one does not fit')]
      : []),
    ...(found !== undefined && misfit === undefined
      ? planStanding(scope, found, { wish, ports, config })
      : []),
  ];
}

/** Docker changes neither ports nor image nor labels of a container. */
function whyReplace({ shape, state }: FoundBalancer, wished: string): string | undefined {
  if (shape !== wished) return `it is ${shape}, wished is ${wished}`;
  return state === 'paused' || state === 'dead' ? `it is ${state}` : undefined;
}

function planStanding(
  scope: Scope,
  found: FoundBalancer,
  {
    wish,
    ports,
    config,
  }: {
    readonly wish: NonNullable<FabricWish['balancer']>;
    readonly ports: readonly number[];
    readonly config: string;
  },
): readonly DockerStep[] {
  const { id, name, state } = found;
  const what = { kind: KIND, name };
  const update = { verb: 'update', ...what, because: `it is ${state}` } as const;
  const isCurrent = found.config === config;
  if (state === 'removing') return [stepOf(scope, update, 'it is being removed')];
  // The engine starts it again and again by itself; all there is to do is to tell it something else.
  if (state === 'restarting' && isCurrent)
    return [stepOf(scope, update, 'HAProxy ends as soon as it starts')];
  if (state !== 'running') return [stepOf(scope, update, { do: 'start balancer', id, ports, config })];
  if (found.config === undefined || isCurrent) return [];
  const before = membersIn(readConfig(found.config));
  const after = membersIn(readConfig(config));
  const joining = after.filter((member) => !before.includes(member));
  const leaving = before.filter((member) => !after.includes(member));
  const draining = (found.draining ?? []).filter(({ id: member }) => !after.includes(member));
  const { verb, because } = changeOf(joining, leaving);
  return [
    stepOf(
      scope,
      { verb, ...what, because },
      { do: 'configure', id, config, leaving, draining, drainSeconds: wish.drainSeconds },
    ),
  ];
}

function changeOf(
  joining: readonly string[],
  leaving: readonly string[],
): Pick<DockerStep, 'verb' | 'because'> {
  const because = [
    ...(joining.length > 0 ? [`${list(joining)} not in it`] : []),
    ...(leaving.length > 0 ? [`${list(leaving)} to leave it`] : []),
  ].join(', ');
  if (because === '') return { verb: 'update', because: 'its configuration is not the wished one' };
  if (leaving.length === 0) return { verb: 'register', because };
  return { verb: joining.length === 0 ? 'deregister' : 'update', because };
}

export function planDeleteBalancer(scope: Scope, { id, name }: FoundBalancer, because: string): DockerStep {
  return stepOf(scope, { verb: 'delete', kind: KIND, name, because }, { do: 'delete balancer', id });
}

/** For people, who know containers by the first twelve characters: `1f2e3d4c5b6a, 0a1b2c3d4e5f and 4 more are`. */
function list(ids: readonly string[]): string {
  const shown = ids.slice(0, 3).map((id) => id.slice(0, 12));
  const more = ids.length > shown.length ? ` and ${ids.length - shown.length} more` : '';
  return `${shown.join(', ')}${more} ${ids.length === 1 ? 'is' : 'are'}`;
}
