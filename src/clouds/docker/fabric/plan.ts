/** From what is wished around a scope and what was found to what is to be done, in the order in which it must be. Pure. */
import { CloudError, type FabricGoal, type FabricWish, type Scope } from '../../cloud.ts';
import { parse } from '../parse.ts';
import { dockerPlacement } from '../schema.ts';
import { labelsFor } from '../tags.ts';
import type { DockerFabricView } from './found.ts';
import { namesOf, networkOwner } from './names.ts';
import { planBalancer, planDeleteBalancer } from './plan-balancer.ts';
import { nameTaken } from './refusals.ts';
import { type DockerStep, stepOf } from './steps.ts';

export function planFabric(goal: FabricGoal, view: DockerFabricView): readonly DockerStep[] {
  if ('goal' in goal)
    return goal.goal === 'nothing' ? planRemoval(goal.scope, view) : planRelease(goal.scope, view);
  // In a region that placements share, there is nothing without a balancer; the network is theirs.
  if (goal.balancer === undefined && goal.scope.owner.region !== undefined)
    return planNoBalancer(goal.scope, view);
  return view.trouble === undefined ? planWish(goal, view) : [inTrouble(goal.scope, view.trouble)];
}

function inTrouble(scope: Scope, trouble: CloudError): DockerStep {
  const because = 'it is not settled which one to use';
  return stepOf(scope, { verb: 'update', kind: 'network', name: 'network', because }, trouble.message);
}

/** What the engine cannot do comes last: nothing else has to wait for a person. */
function planWish(wish: FabricWish, view: DockerFabricView): readonly DockerStep[] {
  const { scope, balancer } = wish;
  return [
    ...planNetwork(scope, view),
    ...(balancer === undefined ? planNoBalancer(scope, view) : planBalancer(scope, balancer, view)),
    ...planStrays(scope, view),
    ...planRefusals(wish),
  ];
}

function planNoBalancer(scope: Scope, { around }: DockerFabricView): readonly DockerStep[] {
  return around.balancers.map((found) => planDeleteBalancer(scope, found, 'nothing wished uses it'));
}

/** A network that the placement names is nobody's to make. */
function planNetwork(scope: Scope, { around }: DockerFabricView): readonly DockerStep[] {
  const { owner, spec } = scope;
  const { network: named, labels } = parse(dockerPlacement, spec, 'docker');
  const [, ...surplus] = around.ownNetworks;
  const twins = surplus
    .filter(({ ours, released }) => ours.length === 0 && !released)
    .map(({ network }) =>
      stepOf(
        scope,
        { verb: 'delete', kind: 'network', name: network.Name, because: 'there are two of this name' },
        { do: 'delete network', id: network.Id },
      ),
    );
  if (named !== undefined || around.network !== undefined) return twins;
  const { network: name } = namesOf(owner);
  const shown = { verb: 'create', kind: 'network', name, because: 'there is none' } as const;
  if (around.networkTaken)
    return [stepOf(scope, shown, { do: 'refuse', error: nameTaken('NetworkCreate', `network ${name}`) })];
  const own = labelsFor({ owner: networkOwner(owner), ...(labels === undefined ? {} : { labels }) });
  return [stepOf(scope, shown, { do: 'create network', name, labels: own })];
}

function planStrays(scope: Scope, { around }: Pick<DockerFabricView, 'around'>): readonly DockerStep[] {
  return around.strayVolumes.map((name) =>
    stepOf(
      scope,
      { verb: 'delete', kind: 'volume', name, because: 'its container is gone' },
      { do: 'delete volume', name },
    ),
  );
}

/** What would be less than what was asked for, if nothing were said. */
function planRefusals({ scope, balancer, egress }: FabricWish): readonly DockerStep[] {
  const refuse = (kind: string, name: string, reason: string, message: string): DockerStep =>
    stepOf(
      scope,
      { verb: 'update', kind, name, because: message },
      {
        do: 'refuse',
        error: new CloudError({ api: 'plan', code: 'unsupported', outcome: 'none', reason, message }),
      },
    );
  const names = namesOf(scope.owner);
  const unserved = (balancer?.ports ?? []).filter(
    ({ protocol }) => protocol !== 'TCP' && protocol !== 'HTTP',
  );
  return [
    ...unserved.map(({ port, protocol }) =>
      refuse(
        'container',
        names.balancer,
        'ProtocolUnsupported',
        `a balancer on Docker speaks TCP and HTTP; port ${port} asks for ${protocol}`,
      ),
    ),
    ...(egress === undefined
      ? []
      : [
          refuse(
            'network',
            names.network,
            'EgressUnsupported',
            'Docker has no rules for what containers may send; leave security.egress out for this placement',
          ),
        ]),
  ];
}

/** The network last: what is in it has to go first. Of two placements, the one that goes last takes it away. */
function planRemoval(scope: Scope, { around }: DockerFabricView): readonly DockerStep[] {
  const because = 'nothing is to be left';
  return [
    ...around.balancers.map((found) => planDeleteBalancer(scope, found, because)),
    ...planStrays(scope, { around }),
    ...around.ownNetworks.flatMap(({ network, ours, released }) => {
      if (released || ours.some(({ inScope }) => !inScope)) return [];
      const shown = { verb: 'delete', kind: 'network', name: network.Name, because } as const;
      const [inside] = ours;
      return [
        stepOf(
          scope,
          shown,
          inside === undefined
            ? { do: 'delete network', id: network.Id }
            : `container ${inside.name} is still in it`,
        ),
      ];
    }),
  ];
}

/**
 * A container gets another name. A network can get neither that nor other labels: it stays as long as a container that
 * was released is in it, and whoever sweeps takes an empty one.
 */
function planRelease(scope: Scope, { around }: DockerFabricView): readonly DockerStep[] {
  return around.balancers.map(({ id, name }) =>
    stepOf(
      scope,
      { verb: 'release', kind: 'container', name, because: 'its name says from now on that it is not ours' },
      { do: 'release balancer', id, name },
    ),
  );
}
