import {
  type Cloud,
  CloudError,
  type CloudErrorCode,
  type CloudSession,
  type FabricGoal,
  type FabricView,
  type Json,
  type LaunchRequest,
  type Machine,
  type Owner,
  type Step,
} from '../clouds/cloud.ts';
import { scopeKeyOf } from './belonging.ts';

/** What can be asked of the fake cloud, and refused by it. */
type Api =
  | 'open'
  | 'verify'
  | 'list'
  | 'pin'
  | 'resolve'
  | 'launch'
  | 'remove'
  | 'release'
  | 'observe'
  | 'owners'
  | 'run';

export interface FakeCloud {
  /** Takes the specs of a real cloud. */
  readonly open: Cloud['open'];
  /** The key of each session that was opened, in their order. */
  readonly keysUsed: string[];
  /** Every call, in its order: `launch 2 in z1`, `run create firewall`. */
  readonly calls: string[];
  /** What `launch` was asked for, the same again included. */
  readonly requests: readonly LaunchRequest[];
  readonly machines: ReadonlyMap<string, Machine>;
  /** What stands around machines, by scope: `firewall`, `balancer`. */
  readonly around: ReadonlyMap<string, ReadonlySet<string>>;
  /** Ids of those registered with the balancer of a scope. */
  membersOf(scope: string): readonly string[];
  /** Zones that have no room. */
  readonly fullZones: Set<string>;
  /** Ids of those that balancers see unhealthy. */
  readonly unwell: Set<string>;
  /** From now on the call is answered with an error of this code, or with this if any; without one it is carried out again. */
  refuse(api: Api, why?: CloudErrorCode | (() => Error | undefined)): void;
  /** The next launch is carried out, and its answer is lost. */
  loseNextLaunch(): void;
  /** As if somebody did it by hand. */
  end(id: string): void;
  /** It will not run again, and stays until it is removed. */
  fail(id: string, stateReason?: Machine['stateReason']): void;
  stop(id: string): void;
  /** It ended so long ago that the cloud does not know it any more. */
  vanish(id: string): void;
  /** A machine that runs, of whoever. */
  plant(machine: Pick<Machine, 'id' | 'owner' | 'launch'>): void;
  /** Whether lists show what was made. */
  setLag(lags: boolean): void;
  /** From now on the keys belong to this account. */
  become(account: string): void;
  calledTimes(api: string): number;
}

/**
 * A cloud in memory that keeps its word about tokens. A machine is made pending and runs by the next list; one that is
 * removed has ended by the next list. `m-1` is reached at 10.0.0.1 and 203.0.113.1 as soon as it runs. What is registered with a balancer is healthy at once.
 */
export function createFakeCloud({
  zones = ['z1', 'z2', 'z3'],
  batchLimit = 100,
  now = () => Date.parse('2030-01-01T00:00:00Z'),
} = {}): FakeCloud {
  const calls: string[] = [];
  const requests: LaunchRequest[] = [];
  const keysUsed: string[] = [];
  const refusals = new Map<Api, () => Error | undefined>();
  const machines = new Map<string, Machine>();
  const launched = new Map<string, readonly string[]>();
  const around = new Map<string, Set<string>>();
  const registered = new Map<string, Set<string>>();
  const scopes = new Map<string, Owner>();
  const effects = new WeakMap<Step, () => void>();
  const fullZones = new Set<string>();
  const unwell = new Set<string>();
  let account = '1';
  let lagging = false;
  let made = 0;
  let losing = false;

  function call(api: Api, more = ''): void {
    calls.push(more === '' ? api : `${api} ${more}`);
    refuseIfTold(api);
  }

  function refuseIfTold(api: Api): void {
    const why = refusals.get(api)?.();
    if (why !== undefined) throw why;
  }

  function launch(request: LaunchRequest): readonly Machine[] {
    const { token, owner, rows, resolved } = request;
    const zone = typeof resolved === 'string' ? resolved : '';
    call('launch', `${rows.length} in ${zone}`);
    requests.push(request);
    const known = launched.get(token);
    if (known === undefined && fullZones.has(zone))
      throw refusal('launch', 'outOfCapacity', `no room in ${zone}`);
    const ids =
      known ??
      rows.map((_, index) => {
        made += 1;
        const id = `m-${made}`;
        const createdAt = new Date(now()).toISOString();
        machines.set(id, { id, owner, launch: { token, index }, state: 'pending', createdAt, zone });
        return id;
      });
    launched.set(token, ids);
    if (losing) {
      losing = false;
      throw refusal('launch', 'unavailable', 'the answer is lost', 'unknown');
    }
    return ids.flatMap((id) => machines.get(id) ?? []);
  }

  /** Time passes between two lists. */
  function moveOn(): void {
    for (const [id, machine] of machines) {
      const number = id.replace('m-', '');
      const addresses = { privateAddress: `10.0.0.${number}`, publicAddress: `203.0.113.${number}` };
      if (machine.state === 'pending') machines.set(id, { ...machine, ...addresses, state: 'running' });
      if (machine.state === 'terminating') machines.set(id, { ...machine, state: 'terminated' });
    }
  }

  function view(owner: Owner): FabricView {
    const here = around.get(scopeKeyOf(owner)) ?? new Set();
    const shared = owner.region === undefined ? '' : ' of the region';
    const members = [...(registered.get(scopeKeyOf(owner)) ?? [])];
    return {
      ageMs: 0,
      network: { id: 'net-1', found: 'the network of the fake cloud' },
      ...(here.has('firewall') && {
        attachment: { zones: zones.map((zone) => ({ zone, at: zone })), firewalls: ['firewall'] },
      }),
      ...(here.has('balancer') && {
        balancer: {
          id: `balancer ${scopeKeyOf(owner)}`,
          address: owner.region === undefined ? 'lb.invalid' : 'region.lb.invalid',
          active: true,
        },
      }),
      members: new Map(
        members.map((id) => [id, { health: unwell.has(id) ? 'unhealthy' : 'healthy', pools: 1 }]),
      ),
      pools: here.has('balancer') ? 1 : 0,
      resources: [...here].map((kind) => ({ kind, name: kind, id: `${kind}${shared}` })),
    };
  }

  function plan(goal: FabricGoal, { resources, members }: FabricView): readonly Step[] {
    const key = scopeKeyOf(goal.scope.owner);
    const here = around.get(key) ?? new Set<string>();
    const pool = registered.get(key) ?? new Set<string>();
    around.set(key, here);
    scopes.set(key, goal.scope.owner);
    registered.set(key, pool);
    const has = (kind: string) => resources.some((resource) => resource.kind === kind);
    const step = (verb: Step['verb'], kind: string, effect: () => void, name = kind): Step => {
      const made: Step = { verb, kind, name, because: 'the goal says so' };
      effects.set(made, effect);
      return made;
    };
    const removals = (kinds: readonly string[]) =>
      kinds.filter(has).map((kind) => step('delete', kind, () => here.delete(kind)));
    if ('goal' in goal) {
      return goal.goal === 'nothing'
        ? removals(['balancer', 'firewall'])
        : ['balancer', 'firewall'].filter(has).map((kind) => step('release', kind, () => here.delete(kind)));
    }
    const creates = [
      ...(goal.scope.owner.region === undefined ? ['firewall'] : []),
      ...(goal.balancer === undefined ? [] : ['balancer']),
    ]
      .filter((kind) => !has(kind))
      .map((kind) => step('create', kind, () => here.add(kind)));
    const wanted = goal.balancer?.members ?? [];
    return [
      ...creates,
      ...(goal.balancer === undefined ? removals(['balancer']) : []),
      ...wanted
        .filter((id) => !members.has(id))
        .map((id) => step('register', 'member', () => pool.add(id), id)),
      ...[...members.keys()]
        .filter((id) => !wanted.includes(id))
        .map((id) => step('deregister', 'member', () => pool.delete(id), id)),
    ];
  }

  const openIn = (region: string, cluster: string): CloudSession => ({
    region,
    machines: {
      batchLimit,
      list: async () => {
        call('list');
        if (lagging) return [];
        moveOn();
        return [...machines.values()].filter(({ owner }) => owner.cluster === cluster);
      },
      read: async (ids) => ids.flatMap((id) => machines.get(id) ?? []),
      pin: async (spec) => {
        call('pin');
        const pinned: Json = JSON.parse(JSON.stringify(spec));
        return pinned;
      },
      resolve: async (_spec, _attachment, zone) => {
        call('resolve');
        return zone;
      },
      launch: async (request) => ({ machines: launch(request), spent: false }),
      remove: async (ids) => {
        call('remove', ids.join(' '));
        for (const id of ids) {
          const machine = machines.get(id);
          if (machine !== undefined) machines.set(id, { ...machine, state: 'terminating' });
        }
        return { refused: new Map() };
      },
      release: async (ids) => {
        call('release', ids.join(' '));
        for (const id of ids) {
          const machine = machines.get(id);
          if (machine !== undefined) machines.set(id, { ...machine, owner: { cluster: '' } });
        }
      },
    },
    fabric: {
      observe: async ({ owner }) => {
        call('observe');
        return view(owner);
      },
      plan,
      run: async (step) => {
        call('run', `${step.verb} ${step.kind}`);
        effects.get(step)?.();
      },
      owners: async () => {
        refuseIfTold('owners');
        return [...scopes].flatMap(([key, owner]) => (around.get(key)?.size ? [owner] : []));
      },
    },
    verify: async () => {
      call('verify');
      return { account, principal: 'who we are' };
    },
    close() {},
  });

  const open: Cloud['open'] = async ({ region, secret, cluster }) => {
    const error = refusals.get('open')?.();
    if (error !== undefined) throw error;
    keysUsed.push(secret?.get('aws_access_key_id')?.reveal() ?? '');
    return openIn(region, cluster);
  };

  return {
    open,
    calls,
    requests,
    keysUsed,
    machines,
    around,
    membersOf: (scope) => [...(registered.get(scope) ?? [])],
    fullZones,
    unwell,
    refuse(api, why) {
      if (why === undefined) refusals.delete(api);
      else refusals.set(api, typeof why === 'string' ? () => refusal(api, why, 'told beforehand') : why);
    },
    loseNextLaunch() {
      losing = true;
    },
    fail(id, stateReason = { code: 'Exited', message: 'exit code 1' }) {
      const machine = machines.get(id);
      if (machine !== undefined) machines.set(id, { ...machine, state: 'failed', stateReason });
    },
    end(id) {
      const machine = machines.get(id);
      if (machine !== undefined) machines.set(id, { ...machine, state: 'terminated' });
    },
    stop(id) {
      const machine = machines.get(id);
      if (machine !== undefined) machines.set(id, { ...machine, state: 'stopped' });
    },
    vanish: (id) => void machines.delete(id),
    plant(machine) {
      machines.set(machine.id, { ...machine, state: 'running', createdAt: '2030-01-01T00:00:00Z' });
    },
    setLag(lags) {
      lagging = lags;
    },
    become(other) {
      account = other;
    },
    calledTimes: (api) => calls.filter((one) => one === api || one.startsWith(`${api} `)).length,
  };
}

function refusal(
  api: string,
  reason: CloudErrorCode,
  message: string,
  outcome: 'none' | 'unknown' = 'none',
): CloudError {
  return new CloudError({ code: reason, outcome, api, reason, message });
}
