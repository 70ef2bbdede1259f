/** One container, made and started. Two calls, and a crash may come between them: the repetition goes on from there. */
import { CloudError, type LaunchAnswer, type LaunchRequest, type Machines } from '../cloud.ts';
import { machineInspected, type Surroundings } from './describe.ts';
import { orIfGone, wasAnswered, withOutcome } from './errors.ts';
import type { Images } from './images.ts';
import { portTaken } from './ports.ts';
import { containerOf, type WishedContainer } from './request.ts';
import type { CallOptions, Sdk } from './sdk.ts';
import type { Shells } from './shells.ts';
import { launchOf, ownerOf } from './tags.ts';
import { pack } from './tar.ts';
import type { Turns } from './turns.ts';

export interface LaunchOptions {
  readonly sdk: Sdk;
  readonly images: Images;
  readonly shells: Shells;
  readonly surroundings: Surroundings;
  /** So many containers at a time. */
  readonly turns: Turns;
  /** The network that was to be attached to is gone. */
  readonly onNetworkGone: () => void;
}

interface Made {
  readonly id: string;
  /** By this call, and not by an earlier one. */
  readonly isNew: boolean;
  /** It has been started before. */
  readonly started: boolean;
}

export function createLaunch({
  sdk,
  images,
  shells,
  surroundings,
  turns,
  onNetworkGone,
}: LaunchOptions): Machines['launch'] {
  return async (request, signal): Promise<LaunchAnswer> => {
    const flow = request.owner.network ?? request.owner.node;
    const options = { signal, ...(flow === undefined ? {} : { flow }) };
    const wished = containerOf(request);
    const { image, pullPolicy, registryLogins } = request.workload;
    const wanted = { image, ...(registryLogins === undefined ? {} : { logins: registryLogins }) };
    if (pullPolicy === 'Always' && (await find(request, wished, options)) === undefined)
      await images.fetched(wanted, options);

    // An image is waited for outside of the turn: others have theirs.
    const first = await turns(signal, () => carryOut(request, wished, options));
    if (first !== 'something is not there') return first;
    // It says 404 for an image and, in newer versions, for a network.
    if (await isPresent(image, options)) {
      onNetworkGone();
      throw again('NetworkGone', 'the network to attach to is not there');
    }
    if (pullPolicy === 'Never') throw notPresent(image);
    await images.fetched(wanted, options);
    const second = await turns(signal, () => carryOut(request, wished, options));
    if (second !== 'something is not there') return second;
    images.forget(image);
    throw again('ImageGone', `image ${image} was fetched and is gone again`);
  };

  /** The container of this launch, running: a new one, or the one that an earlier call made. */
  async function carryOut(
    request: LaunchRequest,
    wished: WishedContainer,
    options: CallOptions,
  ): Promise<LaunchAnswer | 'something is not there'> {
    await refuseForeignVolumes(request, wished, options);
    const made = await createFitting(request, wished, options);
    if (made === undefined) return 'something is not there';
    const { id, started } = made;
    // From here on there is a container: an error that is not a refusal leaves open what becomes of it.
    const refusal = started ? undefined : await orUnknown(start(id, wished, options));
    if (refusal !== undefined) throw refusal;
    const found = await orUnknown(sdk.inspectContainer(id, options));
    const { owner, token } = request;
    const launch = { token, index: 0 };
    return { machines: [{ ...machineInspected(found, surroundings), owner, launch }], spent: false };
  }

  /** Undefined when something it needs is not there. Where no shell is, it is made without a health check, which would fail. */
  async function createFitting(
    request: LaunchRequest,
    wished: WishedContainer,
    options: CallOptions,
  ): Promise<Made | undefined> {
    const { Healthcheck, ...unchecked } = wished.body;
    if (Healthcheck === undefined) return await create(request, wished, options);
    const { image } = request.workload;
    const known = shells.known(image);
    const made = await create(request, known === false ? { ...wished, body: unchecked } : wished, options);
    if (made === undefined || made.started || (made.isNew && known !== undefined)) return made;
    if (await orUnknown(shells.look(made.id, image, options))) return made;
    await orUnknown(orIfGone(sdk.deleteContainer(made.id, options)));
    return await orUnknown(create(request, { ...wished, body: unchecked }, options));
  }

  /** Undefined when something it needs is not there. */
  async function create(
    request: LaunchRequest,
    { name, body }: WishedContainer,
    options: CallOptions,
  ): Promise<Made | undefined> {
    try {
      return { id: await sdk.createContainer(name, body, options), isNew: true, started: false };
    } catch (thrown) {
      if (!(thrown instanceof CloudError)) throw thrown;
      if (thrown.code === 'notFound') return undefined;
      if (thrown.code !== 'alreadyExists') throw thrown;
      const earlier = await find(request, { name }, options);
      if (earlier !== undefined) return earlier;
      throw again('Conflict', `container ${name} has just been removed`);
    }
  }

  /** Throws when the name is taken by a container of somebody else. */
  async function find(
    { token, owner }: LaunchRequest,
    { name }: Pick<WishedContainer, 'name'>,
    options: CallOptions,
  ): Promise<Made | undefined> {
    const found = await sdk.inspectContainer(name, options).catch(unlessNotFound);
    if (found === undefined) return undefined;
    const { Labels } = found.Config;
    if (launchOf(Labels)?.token !== token || ownerOf(Labels)?.cluster !== owner.cluster)
      throw nameTaken('ContainerCreate', `container ${name}`);
    return { id: found.Id, isNew: false, started: found.State.Status !== 'created' };
  }

  /** An engine mounts a volume that is there already, whoever made it. */
  async function refuseForeignVolumes(
    { token }: LaunchRequest,
    { body }: WishedContainer,
    options: CallOptions,
  ): Promise<void> {
    for (const { Source } of body.HostConfig.Mounts ?? []) {
      const found = await sdk.inspectVolume(Source, options).catch(unlessNotFound);
      if (found !== undefined && launchOf(found.Labels)?.token !== token)
        throw nameTaken('VolumeCreate', `volume ${Source}`);
    }
  }

  /** Answers the refusal when the engine will not start it; then the container is gone again. */
  async function start(
    id: string,
    { files, hostPorts }: WishedContainer,
    options: CallOptions,
  ): Promise<CloudError | undefined> {
    try {
      if (files.length > 0) await sdk.writeArchive(id, pack(files), options);
      await sdk.startContainer(id, options);
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof CloudError) || !wasAnswered(thrown)) throw thrown;
      if (thrown.reason === 'NetworkGone') onNetworkGone();
      const taken = thrown.reason === 'StartFailed' ? await portTaken(sdk, hostPorts, options) : undefined;
      await orIfGone(sdk.deleteContainer(id, options));
      return taken ?? withOutcome(thrown, 'none');
    }
  }

  async function isPresent(image: string, options: CallOptions): Promise<boolean> {
    return (await sdk.inspectImage(image, options).catch(unlessNotFound)) !== undefined;
  }
}

async function orUnknown<Answer>(call: Promise<Answer>): Promise<Answer> {
  try {
    return await call;
  } catch (thrown) {
    throw thrown instanceof CloudError ? withOutcome(thrown, 'unknown') : thrown;
  }
}

function unlessNotFound(thrown: unknown): undefined {
  if (!(thrown instanceof CloudError) || thrown.code !== 'notFound') throw thrown;
}

/** Nothing was done, and the same launch will do. */
function again(reason: string, message: string): CloudError {
  return new CloudError({ api: 'ContainerCreate', code: 'unavailable', outcome: 'none', reason, message });
}

function notPresent(image: string): CloudError {
  return new CloudError({
    api: 'ContainerCreate',
    code: 'notFound',
    outcome: 'none',
    reason: 'ImageNotPresent',
    message: `image ${image} is not on the engine, and pullPolicy is Never`,
    finding: true,
  });
}

function nameTaken(api: string, what: string): CloudError {
  return new CloudError({
    api,
    code: 'alreadyExists',
    outcome: 'none',
    reason: 'NameTaken',
    message: `there is a ${what} that is not of this launch; it is left alone`,
  });
}
