/** From a machine in use to none: out of its balancer, drained, ended, and certainly gone. */
import type { Node } from '../../api/node.ts';
import type { Machine } from '../../clouds/cloud.ts';
import { keyOf } from '../../kube/object.ts';
import type { LaunchRecord } from '../../planning/launch-record.ts';
import { again } from '../../runtime/controller.ts';
import type { Backoff } from '../backoff.ts';
import { createFinish } from '../finish.ts';
import type { Seen } from '../kinds.ts';
import { spell } from '../trouble.ts';
import { fabricOfNode } from './fabric.ts';
import {
  knownMachine,
  lookedUpFor,
  lookUpAgainMs,
  membersAreOpen,
  type NodeControllerOptions,
  type Pass,
  repeatOf,
} from './pass.ts';
import { settled, terminating, troubled, type Verdict } from './verdict.ts';

/** A machine that is on its way out of a balancer waits this much longer than its drain time for a look that shows it. */
const drainMarginMs = 30_000;

export function createTakeDown(options: NodeControllerOptions, troubles: Backoff) {
  const { nodes, nodeResource, networks, fabrics, launcher, remover, releaser } = options;
  const { cluster, clock, logger } = options;
  const leave = createFinish(nodes, nodeResource, (node) => logger.info({ node }, 'node is gone'));

  async function takeDown(pass: Pass): Promise<Verdict | 'gone'> {
    const { key, seen, node, region, open, record, found, signal } = pass;
    region.watch(key);
    if (launcher.isWaiting(key))
      return { ...terminating('its launch is being put together'), next: again(500, 'in a batch') };
    const { machine } = found;
    if (machine !== undefined) {
      region.present(key);
      if (policyOf(pass) === 'Orphan') return letGo(pass, machine.id);
      if (machine.state === 'terminating')
        return settled('Terminating', {
          kind: 'working',
          reason: 'Terminating',
          message: `machine ${machine.id} is being terminated`,
        });
      const draining = drains(pass, machine);
      if (draining !== undefined)
        return {
          phase: 'Draining',
          standing: { kind: 'working', reason: 'Draining', message: draining },
          next: again(2_000, 'draining'),
        };
      const failure = remover.takeFailure(machine.id);
      if (failure !== undefined) throw failure;
      const held = troubles.of(key);
      if (held !== undefined && held.waitMs > 0) return troubled(node, true, held);
      remover.request({ region, open, id: machine.id });
      return settled('Terminating', {
        kind: 'working',
        reason: 'Terminating',
        message: `machine ${machine.id} is being terminated`,
      });
    }
    if (record === undefined) return await finish(seen, signal, pass);
    if (found.ended !== undefined) return holdsOthers(pass, record) ?? (await finish(seen, signal, pass));
    if (releaser.takeReleased(record)) return await finish(seen, signal, pass);
    const known = knownMachine(node, record, region);
    const outcome = launcher.outcomeOf(record.token);
    if (outcome?.kind === 'refused' || outcome?.kind === 'void') return await finish(seen, signal, pass);
    if (outcome?.kind === 'answered' && record.index >= outcome.count)
      return await finish(seen, signal, pass);
    if (known !== undefined || outcome?.kind === 'answered') return await awaitAbsence(pass, known);
    if (outcome?.kind === 'open')
      return { ...terminating('its launch is under way'), next: again(1_000, 'launch open') };
    if (outcome?.kind === 'lookUp') {
      if (lookedUpFor(options, pass, outcome.since) < region.readLagMs)
        return {
          ...terminating('looking for its machine by launch token'),
          next: again(lookUpAgainMs(options, pass, outcome.since), 'read lag'),
        };
      return holdsOthers(pass, record) ?? (await finish(seen, signal, pass));
    }
    const mayCall = nodes
      .byIndex('token', record.token)
      .some((other) => other.metadata.deletionTimestamp === undefined);
    const waitMs = mayCall && outcome !== undefined ? repeatOf(options, outcome).waitMs : 0;
    if (waitMs > 0) {
      const message = `its launch has no answer; it is repeated in ${spell(waitMs)}`;
      return { ...terminating(message), next: again(waitMs, 'launch has no answer') };
    }
    launcher.settle({ record, namespace: seen.metadata.namespace, region, open, mayCall });
    return { ...terminating('finding out what became of its launch'), next: again(2_000, 'settling') };
  }

  function letGo(pass: Pass, id: string): Verdict {
    const { key, node, region, open } = pass;
    const failure = releaser.takeFailure(id);
    if (failure !== undefined) throw failure;
    const held = troubles.of(key);
    if (held !== undefined && held.waitMs > 0) return troubled(node, true, held);
    releaser.request({ region, open, id });
    return {
      ...terminating('waiting for its machine to be listed without our tag'),
      next: again(2_000, 'release'),
    };
  }

  /** The head's record is all that others have to find out about their launch: it stays until they have. */
  function holdsOthers(pass: Pass, record: LaunchRecord): Verdict | undefined {
    if (record.members === undefined || !membersAreOpen(options, pass, record)) return undefined;
    return {
      ...terminating('other Nodes of its launch are not settled yet'),
      next: again(1_000, 'members open'),
    };
  }

  async function awaitAbsence(pass: Pass, id: string | undefined): Promise<Verdict | 'gone'> {
    const { key, region, open, seen, signal } = pass;
    if (policyOf(pass) === 'Orphan' && id !== undefined && (await isLetGo(pass, id)))
      return await finish(seen, signal, pass);
    if (region.absentForMs(key) >= region.readLagMs) {
      const machines = id === undefined ? [] : await open.session.machines.read([id], signal);
      const ours = machines.filter(({ owner, state }) => owner.cluster === cluster && state !== 'terminated');
      if (ours.length === 0) return await finish(seen, signal, pass);
      region.learn(ours);
    }
    return {
      ...terminating('its machine is not in the list; waiting until that is certain'),
      next: again(5_000, 'read lag'),
    };
  }

  async function isLetGo({ open, signal }: Pass, id: string): Promise<boolean> {
    const [machine] = await open.session.machines.read([id], signal);
    return machine !== undefined && machine.owner.cluster !== cluster;
  }

  /** A Network that goes decides for its Nodes; one that is scaled down ends their machines. */
  function policyOf({ belonging, node }: Pass): 'Delete' | 'Orphan' {
    const network = belonging.network === undefined ? undefined : networks.get(belonging.network);
    if (network?.metadata.deletionTimestamp === undefined || !network.parsed.ok)
      return node.spec.deletionPolicy;
    return network.parsed.value.spec.deletionPolicy;
  }

  /** Why the machine may not be ended yet; undefined when it may. */
  function drains({ belonging, seen }: Pass, machine: Machine): string | undefined {
    if (belonging.network === undefined) return undefined;
    const network = networks.get(belonging.network);
    if (network === undefined || network.metadata.deletionTimestamp !== undefined || !network.parsed.ok)
      return undefined;
    const { balancer } = network.parsed.value.spec;
    if (balancer === undefined) return undefined;
    const leavingForMs = clock.now() - Date.parse(seen.metadata.deletionTimestamp ?? '');
    if (leavingForMs > balancer.drainSeconds * 1000 + drainMarginMs) return undefined;
    const member = fabrics.lastView(belonging.scopeKey)?.members.get(machine.id);
    if (member === undefined)
      return fabrics.lastView(belonging.scopeKey) === undefined
        ? 'its balancer has not been read yet'
        : undefined;
    return `${member.health} in its balancer; open connections have ${balancer.drainSeconds} s`;
  }

  async function finish(seen: Seen<Node>, signal: AbortSignal, pass?: Pass): Promise<Verdict | 'gone'> {
    if (pass !== undefined && pass.belonging.network === undefined) {
      const { node, belonging, open } = pass;
      const goal = node.spec.deletionPolicy === 'Orphan' ? 'released' : 'nothing';
      const { steps } = await fabricOfNode({
        node,
        belonging,
        open,
        fabrics,
        goal,
        anew: false,
        signal,
      });
      const [step] = steps;
      if (step !== undefined)
        return {
          ...terminating(`${step.verb} ${step.kind} ${step.name}: ${step.waits ?? 'next'}`),
          next: again(3_000, 'fabric'),
        };
      fabrics.forget(belonging.scopeKey);
    }
    const key = keyOf(seen.metadata);
    pass?.region.unwatch(key);
    await leave(seen, signal);
    return 'gone';
  }

  return { takeDown, finish };
}
