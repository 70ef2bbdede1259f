/** HAProxy in a container: made, started, told. */
import { CloudError } from '../../cloud.ts';
import { orIfGone, wasAnswered } from '../errors.ts';
import { type HostPort, portTaken } from '../ports.ts';
import { ownerOf } from '../tags.ts';
import { pack } from '../tar.ts';
import { checkCommand, FILES, RUN } from './config.ts';
import type { Hands } from './hands.ts';
import { scopeKey } from './names.ts';
import { isCode, nameTaken } from './refusals.ts';
import type { ActionOf } from './steps.ts';
import { toldAs } from './told.ts';

export async function createBalancer(hands: Hands, action: ActionOf<'create balancer'>): Promise<void> {
  const { sdk, images, asker } = hands;
  const { ports, config } = action;
  try {
    const id = await make(hands, action).catch(async (thrown: unknown) => {
      if (!isCode(thrown, 'notFound')) throw thrown;
      await images.fetched(await imageOf(hands, action), asker);
      return await make(hands, action);
    });
    await start(hands, { id, config }).catch(async (thrown: unknown) => {
      // Nobody would tell one that cannot start from one that waits to be.
      if (thrown instanceof CloudError && wasAnswered(thrown)) await orIfGone(sdk.deleteContainer(id, asker));
      throw await whyNotStarted(hands, ports, thrown);
    });
  } catch (thrown) {
    if (!isCode(thrown, 'alreadyExists') || thrown.reason !== 'NameTaken') throw thrown;
    await refuseForeign(hands, action);
  }
}

/** It may stand in a registry of its own, as the clients' image does: whoever may fetch that has the logins for both. */
async function imageOf(
  { logins, asker }: Hands,
  { image }: ActionOf<'create balancer'>,
): Promise<{ readonly image: string; readonly logins?: { reveal(): string } }> {
  return logins === undefined ? { image } : { image, logins: await logins(asker.signal) };
}

async function make(
  { sdk, asker }: Hands,
  { name, image, network, hostIp, ports, labels }: ActionOf<'create balancer'>,
): Promise<string> {
  return await sdk.createContainer(
    name,
    {
      Image: image,
      Entrypoint: [...RUN.Entrypoint],
      Cmd: [...RUN.Cmd],
      Labels: labels,
      ExposedPorts: Object.fromEntries(ports.map((port) => [`${port}/tcp`, {}])),
      HostConfig: {
        NetworkMode: network,
        RestartPolicy: { Name: 'always' },
        PortBindings: Object.fromEntries(
          ports.map((port) => [`${port}/tcp`, [{ HostIp: hostIp, HostPort: `${port}` }]]),
        ),
      },
    },
    asker,
  );
}

/** The reply to an earlier call was lost: it is there, and the next plan goes on with it. */
async function refuseForeign(
  { sdk, asker }: Hands,
  { name, owner }: ActionOf<'create balancer'>,
): Promise<void> {
  const { Config } = await sdk.inspectContainer(name, asker);
  const holder = ownerOf(Config.Labels);
  if (holder?.cluster !== owner.cluster || scopeKey(holder) !== scopeKey(owner))
    throw nameTaken('ContainerCreate', `container ${name}`);
}

/** One that was made and not started, or that somebody stopped. What it runs with is what it finds when it starts. */
export async function startBalancer(
  hands: Hands,
  { id, ports, config }: ActionOf<'start balancer'>,
): Promise<void> {
  await start(hands, { id, config }).catch(async (thrown: unknown) => {
    throw await whyNotStarted(hands, ports, thrown);
  });
}

async function start(
  { sdk, asker }: Hands,
  { id, config }: { readonly id: string; readonly config: string },
): Promise<void> {
  const told = toldAs({ config, leaving: [] });
  await sdk.writeArchive(id, pack([{ path: FILES.loaded, content: config }, ...told]), asker);
  await sdk.startContainer(id, asker);
}

async function whyNotStarted(
  { sdk, asker }: Hands,
  ports: readonly number[],
  thrown: unknown,
): Promise<unknown> {
  if (!(thrown instanceof CloudError) || thrown.reason !== 'StartFailed') return thrown;
  const wished = ports.map((hostPort): HostPort => ({ hostPort, protocol: 'tcp' }));
  return (await portTaken(sdk, wished, asker)) ?? thrown;
}

/**
 * Checked before it takes the place of the one that works. The master then starts a process with it, which takes over the
 * listening sockets, and lets the old one end its connections: none is dropped before its time.
 * https://docs.haproxy.org/2.6/management.html#4
 */
export async function configure(hands: Hands, action: ActionOf<'configure'>): Promise<void> {
  const { sdk, asker, now } = hands;
  const { id, config, leaving, draining, drainSeconds } = action;
  await sdk.writeArchive(id, pack([{ path: FILES.candidate, content: config }]), asker);
  const { exitCode, stdout, stderr } = await sdk.execute(id, checkCommand, asker);
  if (exitCode !== 0) throw refused(`${stdout}${stderr}`);
  await sdk.writeArchive(id, pack([{ path: FILES.loaded, content: config }]), asker);
  await sdk.killContainer(id, 'SIGUSR2', asker);
  const at = now();
  const left = leaving.map((member) => ({ id: member, at, until: at + drainSeconds * 1000 }));
  await sdk.writeArchive(id, pack(toldAs({ config, leaving: [...draining, ...left] })), asker);
}

function refused(said: string): CloudError {
  return new CloudError({
    api: 'haproxy -c',
    code: 'invalid',
    outcome: 'none',
    reason: 'ConfigurationRefused',
    message: said.trim().slice(0, 2_000),
  });
}
