/** Containers that an engine made and could not start: whoever hears of it first, the reason is the same. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CloudSession, LaunchRequest } from '../../src/clouds/cloud.ts';
import { freePort } from '../../src/sandbox/kubernetes/free-port.ts';
import { dockerdPath } from '../support/engine.ts';
import { type Line, startLine } from './docker-line.ts';
import { createDockerStage, type DockerStage } from './machines-docker.ts';
import { type Change, createTenant, never, refusalOf, type Tenant } from './machines-suite.ts';

describe.skipIf(!dockerdPath())('on a Docker engine', () => {
  let stage: DockerStage;
  let tenant: Tenant;
  let line: Line;
  /** The tenant's cluster, over a line that can be cut. */
  let session: CloudSession;

  beforeAll(async () => {
    stage = await createDockerStage();
  });
  afterAll(async () => {
    await stage.stop();
  });
  beforeEach(async () => {
    tenant = await createTenant(stage);
    line = await startLine(stage.ground.engine.socketPath);
    session = await stage.ground.open(tenant.cluster, { host: `unix://${line.socketPath}` });
  });
  afterEach(async () => {
    await tenant.machines.remove(
      (await tenant.machines.list(never)).map(({ id }) => id),
      never,
    );
    session.close();
    tenant.close();
    await line.stop();
  });

  const launch = (request: LaunchRequest) => session.machines.launch(request, never);

  /** A port that the first of the tenant's machines has. */
  async function takenPort(): Promise<Change> {
    const hostPort = await freePort();
    const change = { spec: { publish: [{ port: 8080, hostPort }] } };
    await tenant.launch('first', 1, change);
    return change;
  }

  const troubles: readonly [what: string, reason: string, change: () => Promise<Change>][] = [
    ['a port of the host that another has', 'HostPortTaken', takenPort],
    [
      'a program that is not there',
      'CommandNotRunnable',
      async () => ({ workload: { command: ['nosuchprogram'] } }),
    ],
    ['a program that is none', 'CommandNotRunnable', async () => ({ workload: { command: ['/etc'] } })],
  ];

  test.each(troubles)(
    '%s is %s in the reply, and in a look by who never got it',
    async (_, reason, change) => {
      const changed = await change();
      const refusal = await refusalOf(launch(await tenant.prepare('a', 1, changed)));
      expect(refusal).toMatchObject({ reason, outcome: 'none' });
      line.cut(/POST .*\/start/, 'after');
      const request = await tenant.prepare('b', 1, changed);
      expect(await refusalOf(launch(request))).toMatchObject({ outcome: 'unknown' });
      const left = (await session.machines.list(never)).find(({ launch: of }) => of?.token === request.token);
      expect(left).toMatchObject({ state: 'failed', stateReason: { code: reason, means: refusal.code } });
    },
  );

  test('until the reply is there the container is on its way, whoever looks', async () => {
    const request = await tenant.prepare('b', 1, await takenPort());
    const removal = line.hold(/DELETE .*\/containers\//);
    const refused = refusalOf(launch(request));
    await removal.came;
    const seen = (await session.machines.list(never)).find(({ launch: of }) => of?.token === request.token);
    expect(seen).toMatchObject({ state: 'pending' });
    expect(seen?.stateReason).toBeUndefined();
    removal.letGo();
    expect(await refused).toMatchObject({ reason: 'HostPortTaken' });
    expect(await session.machines.list(never)).toHaveLength(1);
  });
});
