/** How machines behave, whichever cloud they are in: written against the contract, and run on every referee. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type Attachment,
  CloudError,
  type CloudErrorCode,
  type CloudSession,
  type LaunchRequest,
  type Owner,
  TAGS,
  type Workload,
} from '../../src/clouds/cloud.ts';

/** What a cloud, or the referee that plays it, does. What it cannot is not tried on it. */
export interface Abilities {
  /** A token used again answers the first set. */
  readonly repeat: boolean;
  /** A token used again for something else is spent. */
  readonly compare: boolean;
  /** Machines stay to be seen for a while after their end, and so their tokens are spent. */
  readonly remember: boolean;
  /** What one launch may ask for: many machines, many of which it brings one, or just one. */
  readonly batches: 'many' | 'one of many' | 'one';
  /** A person can protect a machine against removal. */
  readonly protect: boolean;
  /** Our tags can be taken off a machine. */
  readonly untag: boolean;
}

/** A cloud to try machines in, and hands in it that are not ours. */
export interface MachinesStage {
  readonly can: Abilities;
  open(cluster: string): Promise<CloudSession>;
  /** A placement's cloud member with nothing in it that is not needed. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly attachment: Attachment;
  /** An image that the cloud's machines can run. */
  readonly image: string;
  /** Three ids as the cloud makes them, of machines that never were. */
  readonly unknownIds: readonly [string, string, string];
  /** What the cloud must refuse: a change of the spec, the attachment or the workload, and as what. */
  readonly refusals: readonly (Change & { readonly what: string; readonly code: CloudErrorCode })[];
  /** Starts a machine past the operator. */
  foreign(tags: Readonly<Record<string, string>>): Promise<string>;
  /** Protects a machine against removal, as a person with the right to might. */
  protect?(id: string): Promise<void>;
  /** Tags of a machine and of all that came with it. */
  tags(id: string): Promise<readonly Readonly<Record<string, string>>[]>;
  /** Lets time go by until nothing is on its way any more. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

/** How a launch differs from the stage's plainest. */
export interface Change {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly attachment?: Partial<Attachment>;
  readonly workload?: Partial<Workload>;
}

export const never = new AbortController().signal;
const workload: Omit<Workload, 'image'> = {
  env: [],
  secrets: [],
  files: [],
  secretFiles: [],
  pullPolicy: 'IfNotPresent',
  ports: [],
};

export async function refusalOf(act: Promise<unknown>): Promise<CloudError> {
  const thrown = await act.then(
    () => new Error('nothing was refused'),
    (error: unknown) => error,
  );
  if (thrown instanceof CloudError) return thrown;
  throw thrown;
}

let clusters = 0;

/** A cluster of its own, so that no test sees the machines of another. */
export async function createTenant(stage: MachinesStage) {
  clusters += 1;
  const cluster = `cluster-${clusters}`;
  const session = await stage.open(cluster);
  const { machines } = session;
  const owner: Owner = { cluster, network: 'chains/dev', placement: 'east' };
  const zone = stage.attachment.zones[0]?.zone ?? '';

  const prepare = async (
    name: string,
    count: number,
    { spec = {}, attachment = {}, workload: program = {} }: Change = {},
  ): Promise<LaunchRequest> => {
    const pinned = await machines.pin({ ...stage.spec, ...spec }, never);
    const resolved = await machines.resolve(pinned, { ...stage.attachment, ...attachment }, zone, never);
    const rows = Array.from({ length: count }, (_, index) => ({ name: `dev-east-${index}`, index }));
    return {
      token: `${cluster}/${name}`,
      owner,
      spec: pinned,
      resolved,
      rows,
      workload: { ...workload, image: stage.image, ...program },
    };
  };
  return {
    ...session,
    cluster,
    owner,
    prepare,
    launch: async (name: string, count: number, change: Change = {}) => {
      const answer = await machines.launch(await prepare(name, count, change), never);
      return answer.machines.map(({ id }) => id);
    },
    listed: async () => (await machines.list(never)).map(({ id }) => id).sort(),
    living: async () => {
      const all = await machines.list(never);
      return all
        .filter(({ state }) => state === 'pending' || state === 'running')
        .map(({ id }) => id)
        .sort();
    },
  };
}
export type Tenant = Awaited<ReturnType<typeof createTenant>>;

export function describeMachines(start: () => Promise<MachinesStage>, can: Abilities): void {
  const few = can.batches === 'many' ? 2 : 1;
  let stage: MachinesStage;
  let tenant: Tenant;

  beforeAll(async () => {
    stage = await start();
  });
  afterAll(async () => {
    await stage.stop();
  });
  beforeEach(async () => {
    tenant = await createTenant(stage);
    return () => tenant.close();
  });

  describe('launching', () => {
    test('makes a machine that carries its owner and its launch from the first moment', async () => {
      const { machines } = await tenant.machines.launch(await tenant.prepare('token-a', 1), never);
      const told = { owner: tenant.owner, launch: { token: `${tenant.cluster}/token-a`, index: 0 } };
      expect(machines).toMatchObject([told]);
      expect(await tenant.machines.list(never)).toMatchObject([{ id: machines[0]?.id, ...told }]);
    });

    test.runIf(can.batches === 'many')('makes one machine for each row, numbered from 0', async () => {
      const { machines, shortage } = await tenant.machines.launch(await tenant.prepare('token-a', 5), never);
      expect(machines.map(({ launch }) => launch?.index).sort()).toEqual([0, 1, 2, 3, 4]);
      expect(new Set(machines.map(({ id }) => id)).size).toBe(5);
      expect(shortage).toBeUndefined();
    });

    test.runIf(can.batches === 'one of many')('says so when fewer came than were asked for', async () => {
      const answer = await tenant.machines.launch(await tenant.prepare('token-a', 3), never);
      expect(answer.machines).toHaveLength(1);
      expect(answer.shortage).toMatchObject({ code: 'outOfCapacity', outcome: 'none' });
    });

    test.runIf(can.repeat)(
      'again with the same token answers the first set and makes no second',
      async () => {
        const request = await tenant.prepare('token-a', few);
        const first = await tenant.machines.launch(request, never);
        // As it comes back from a launch record.
        const kept = {
          ...request,
          ...JSON.parse(JSON.stringify({ spec: request.spec, resolved: request.resolved })),
        };
        const second = await tenant.machines.launch(kept, never);
        const ids = first.machines.map(({ id }) => id).sort();
        expect(second.machines.map(({ id }) => id).sort()).toEqual(ids);
        expect(await tenant.listed()).toEqual(ids);
      },
    );

    test.runIf(can.repeat && !can.remember)(
      'again with the same token after its machine is gone makes one, and no more',
      async () => {
        const request = await tenant.prepare('token-a', 1);
        const first = await tenant.machines.launch(request, never);
        await tenant.machines.remove(
          first.machines.map(({ id }) => id),
          never,
        );
        await stage.settle();
        const second = await tenant.machines.launch(request, never);
        await tenant.machines.launch(request, never);
        expect(await tenant.listed()).toEqual(second.machines.map(({ id }) => id));
      },
    );

    test.runIf(can.compare)('with a token spent on something else makes nothing, and says so', async () => {
      await tenant.launch('token-a', 1);
      const other = await tenant.prepare('token-a', 2);
      expect(await tenant.machines.launch(other, never)).toMatchObject({ machines: [], spent: true });
      expect(await tenant.listed()).toHaveLength(1);
    });

    test.runIf(can.repeat && can.remember)(
      'with a token whose machines have ended makes nothing, and says so',
      async () => {
        const request = await tenant.prepare('token-a', 1);
        const { machines } = await tenant.machines.launch(request, never);
        await tenant.machines.remove(
          machines.map(({ id }) => id),
          never,
        );
        await stage.settle();
        expect(await tenant.machines.launch(request, never)).toMatchObject({ machines: [], spent: true });
        expect(await tenant.living()).toEqual([]);
      },
    );

    test('of one pinned spec always takes the same image', async () => {
      const pinned = await tenant.machines.pin(stage.spec, never);
      expect(await tenant.machines.pin(pinned, never)).toEqual(pinned);
    });

    test('marks with our tags everything that comes with a machine', async () => {
      const [id = ''] = await tenant.launch('token-a', 1);
      const tagged = await stage.tags(id);
      expect(tagged.length).toBeGreaterThan(0);
      for (const tags of tagged) {
        expect(tags).toMatchObject({
          [TAGS.cluster]: tenant.cluster,
          [TAGS.network]: 'chains/dev',
          [TAGS.placement]: 'east',
          [TAGS.launch]: `${tenant.cluster}/token-a`,
        });
      }
    });
  });

  describe('what a cloud refuses', () => {
    test('is told with the right code, and leaves nothing behind', async () => {
      const codes: Record<string, unknown> = {};
      const outcomes = new Set<unknown>();
      for (const { what, code, ...change } of stage.refusals) {
        const attempt = async () => tenant.machines.launch(await tenant.prepare(what, 1, change), never);
        const error = await refusalOf(attempt());
        codes[what] = error.code;
        outcomes.add(error.outcome);
      }
      expect(codes).toEqual(Object.fromEntries(stage.refusals.map(({ what, code }) => [what, code])));
      expect([...outcomes]).toEqual(['none']);
      expect(await tenant.listed()).toEqual([]);
    });

    test('a zone that is not attached to is refused before anything is asked for', async () => {
      const resolved = tenant.machines.resolve(stage.spec, stage.attachment, 'nowhere-1a', never);
      expect(await refusalOf(resolved)).toMatchObject({ code: 'invalid', outcome: 'none' });
    });
  });

  describe('looking', () => {
    test('lists the machines of this cluster and no others', async () => {
      const other = await createTenant(stage);
      await stage.foreign({ Name: 'dev-east', [TAGS.network]: 'chains/dev' });
      await other.launch('token-b', 1);
      const ours = await tenant.launch('token-a', 1);
      expect(await tenant.listed()).toEqual(ours);
      other.close();
    });

    test.runIf(can.remember)('lists machines that have ended, too', async () => {
      const ids = await tenant.launch('token-a', 1);
      await tenant.machines.remove(ids, never);
      await stage.settle();
      expect(await tenant.machines.list(never)).toMatchObject([{ id: ids[0], state: 'terminated' }]);
    });

    test('a machine comes to run, with an address and a zone', async () => {
      await tenant.launch('token-a', 1);
      await stage.settle();
      const [machine] = await tenant.machines.list(never);
      expect(machine?.state).toBe('running');
      expect(machine?.privateAddress).toMatch(/^[0-9.]+$/);
      expect(machine?.zone).toBe(stage.attachment.zones[0]?.zone);
      expect(machine?.createdAt).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    });

    test('reads single machines; those nobody knows are absent', async () => {
      const [id = ''] = await tenant.launch('token-a', 1);
      const read = await tenant.machines.read([stage.unknownIds[0], id], never);
      expect(read.map((machine) => machine.id)).toEqual([id]);
    });

    test('reads nothing of nothing', async () => {
      expect(await tenant.machines.read([], never)).toEqual([]);
    });
  });

  describe('removing', () => {
    test('ends all of them, and does no harm a second time', async () => {
      const ids = [...(await tenant.launch('token-a', 1)), ...(await tenant.launch('token-b', 1))];
      expect((await tenant.machines.remove(ids, never)).refused.size).toBe(0);
      expect((await tenant.machines.remove(ids, never)).refused.size).toBe(0);
      await stage.settle();
      expect(await tenant.living()).toEqual([]);
      expect((await tenant.machines.remove(ids, never)).refused.size).toBe(0);
    });

    test('is not held up by machines that are long gone', async () => {
      const ids = await tenant.launch('token-a', 1);
      expect((await tenant.machines.remove([...stage.unknownIds, ...ids], never)).refused.size).toBe(0);
      expect(await tenant.living()).toEqual([]);
    });

    test.runIf(can.protect)('is refused for a protected machine alone', async () => {
      const ids = await Promise.all(['a', 'b', 'c'].map((name) => tenant.launch(`token-${name}`, 1)));
      const [[kept = ''] = []] = ids;
      await stage.protect?.(kept);
      const { refused } = await tenant.machines.remove(ids.flat(), never);
      expect([...refused.keys()]).toEqual([kept]);
      expect(refused.get(kept)).toMatchObject({ code: 'unauthorized', outcome: 'none' });
      expect(await tenant.living()).toEqual([kept]);
    });

    test('never touches a machine that is not ours, whoever asks', async () => {
      const other = await createTenant(stage);
      const theirs = await other.launch('token-b', 1);
      const foreign = await stage.foreign({ Name: 'precious' });
      const ours = await tenant.launch('token-a', 1);
      const { refused } = await tenant.machines.remove([foreign, ...theirs, ...ours], never);
      expect([...refused.keys()].sort()).toEqual([foreign, ...theirs].sort());
      await stage.settle();
      expect(await other.living()).toEqual(theirs);
      expect(await tenant.machines.read([foreign], never)).toMatchObject([{ state: 'running' }]);
      expect(await tenant.living()).toEqual([]);
      other.close();
    });

    test('nothing asks for nothing', async () => {
      expect((await tenant.machines.remove([], never)).refused.size).toBe(0);
    });
  });

  describe('releasing', () => {
    test('leaves the machine running as somebody else’s', async () => {
      const ids = await tenant.launch('token-a', 1);
      await tenant.machines.release(ids, never);
      expect(await tenant.listed()).toEqual([]);
      await stage.settle();
      expect(await tenant.machines.read(ids, never)).toMatchObject([
        { state: 'running', owner: { cluster: '' } },
      ]);
    });

    test.runIf(can.untag)('takes our tag off everything that came with it', async () => {
      const ids = await tenant.launch('token-a', 1);
      await tenant.machines.release(ids, never);
      for (const tags of await stage.tags(ids[0] ?? '')) expect(tags).not.toHaveProperty([TAGS.cluster]);
    });

    test('what was released is removed by nobody', async () => {
      const ids = await tenant.launch('token-a', 1);
      await tenant.machines.release(ids, never);
      expect([...(await tenant.machines.remove(ids, never)).refused.keys()]).toEqual(ids);
      await stage.settle();
      expect(await tenant.machines.read(ids, never)).toMatchObject([{ state: 'running' }]);
    });

    test('does no harm a second time, nor to machines of others', async () => {
      const other = await createTenant(stage);
      const theirs = await other.launch('token-b', 1);
      const ours = await tenant.launch('token-a', 1);
      await tenant.machines.release([...ours, ...theirs], never);
      await tenant.machines.release([...ours, ...theirs, stage.unknownIds[0]], never);
      expect(await other.listed()).toEqual(theirs);
      other.close();
    });
  });
}
