/** A launch as the container to be made. Pure: the same launch record gives the same container. */
import { CloudError, type LaunchRequest, ROW, type Workload } from '../cloud.ts';
import type { ContainerBody } from './container-body.ts';
import { healthcheckOf } from './healthcheck.ts';
import { containerName, volumeName } from './names.ts';
import { parse } from './parse.ts';
import type { HostPort } from './ports.ts';
import { memoryBytes, nanoCpus } from './quantity.ts';
import { resolution } from './resolve.ts';
import { type DockerPlacement, dockerPlacement } from './schema.ts';
import { labelsFor } from './tags.ts';
import type { TarFile } from './tar.ts';

export interface WishedContainer {
  readonly name: string;
  readonly body: ContainerBody;
  /** Put in before it starts. */
  readonly files: readonly TarFile[];
  readonly hostPorts: readonly HostPort[];
}

interface Binding {
  /** `8545/tcp` */
  readonly key: string;
  readonly protocol: 'tcp' | 'udp';
  readonly hostIp: string;
  readonly hostPort?: number;
}

/** https://docs.docker.com/engine/reference/commandline/container_create/#restart */
const RESTART = {
  Always: 'always',
  UnlessStopped: 'unless-stopped',
  OnFailure: 'on-failure',
  Never: 'no',
} as const satisfies Record<DockerPlacement['restartPolicy'], string>;

export function containerOf(request: LaunchRequest): WishedContainer {
  const [row, ...others] = request.rows;
  if (row === undefined || others.length > 0)
    throw invalid('OneContainer', `a launch is one container, not ${request.rows.length}`);
  const { owner, uid, token, workload } = request;
  if (workload.init !== undefined) {
    throw new CloudError({
      api: 'ContainerCreate',
      code: 'unsupported',
      outcome: 'none',
      reason: 'InitUnsupported',
      message:
        'init prepares a machine, and a container has none of its own; put what it needs into the image',
    });
  }
  const spec = parse(dockerPlacement, request.spec, 'docker');
  const { network } = parse(resolution, request.resolved, 'resolved');
  const name = containerName(row.name, token);
  const labels = labelsFor({
    owner,
    ...(uid === undefined ? {} : { uid }),
    launch: { token, index: 0 },
    ...(spec.labels === undefined ? {} : { labels: spec.labels }),
  });
  const bindings = (spec.publish ?? []).map((published) => bindingOf(published, workload));
  const fill = (text: string) => text.replaceAll(ROW.name, row.name).replaceAll(ROW.index, String(row.index));
  return {
    name,
    body: {
      Image: workload.image,
      ...(workload.command === undefined ? {} : { Entrypoint: workload.command.map(fill) }),
      ...(workload.args === undefined ? {} : { Cmd: workload.args.map(fill) }),
      Env: environment(workload, row).map(fill),
      Hostname: hostname(row.name),
      Labels: labels,
      ...(workload.health === undefined ? {} : { Healthcheck: healthcheckOf(workload.health) }),
      ExposedPorts: Object.fromEntries(
        [
          ...workload.ports.map(({ port, protocol }) => `${port}/${protocol.toLowerCase()}`),
          ...bindings.map(({ key }) => key),
        ].map((key) => [key, {}]),
      ),
      HostConfig: {
        NetworkMode: network,
        RestartPolicy: { Name: RESTART[spec.restartPolicy] },
        PortBindings: portBindings(bindings),
        ...limitsOf(workload),
        ...(spec.volumes === undefined
          ? {}
          : {
              Mounts: spec.volumes.map((volume) => ({
                Type: 'volume' as const,
                Source: volumeName(name, volume.name),
                Target: volume.path,
                VolumeOptions: { Labels: labels },
              })),
            }),
      },
      // Its neighbours find it by its node's name.
      NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [row.name] } } },
    },
    files: [
      ...workload.files,
      ...workload.secretFiles.map(({ path, content }) => ({ path, content: content.reveal() })),
    ].map(({ path, content }) => ({ path, content: fill(content) })),
    hostPorts: bindings.flatMap(({ hostPort, protocol }) =>
      hostPort === undefined ? [] : [{ hostPort, protocol }],
    ),
  };
}

function environment({ env, secrets }: Workload, row: LaunchRequest['rows'][number]): string[] {
  return [
    `PEERAGE_NODE=${row.name}`,
    `PEERAGE_INDEX=${row.index}`,
    ...env.map(({ name, value }) => `${name}=${value}`),
    ...secrets.map(({ name, value }) => `${name}=${value.reveal()}`),
  ];
}

function bindingOf(
  { port, hostPort, hostIp }: NonNullable<DockerPlacement['publish']>[number],
  { ports }: Workload,
): Binding {
  const known = ports.find((one) => (typeof port === 'number' ? one.port : one.name) === port);
  if (known === undefined && typeof port === 'string')
    throw invalid('UnknownPort', `docker.publish names the port ${port}, which client.ports does not have`);
  const protocol = known?.protocol === 'UDP' ? 'udp' : 'tcp';
  return {
    key: `${known?.port ?? port}/${protocol}`,
    protocol,
    hostIp,
    ...(hostPort === undefined ? {} : { hostPort }),
  };
}

/** An empty host port is one that the engine assigns. */
function portBindings(bindings: readonly Binding[]) {
  const byPort: Record<string, { readonly HostIp: string; readonly HostPort: string }[]> = {};
  for (const { key, hostIp, hostPort } of bindings) {
    byPort[key] = [
      ...(byPort[key] ?? []),
      { HostIp: hostIp, HostPort: hostPort === undefined ? '' : `${hostPort}` },
    ];
  }
  return byPort;
}

/** No more swap than memory: none. As in a Pod, one that needs more is ended. */
function limitsOf({ resources }: Workload): ContainerBody['HostConfig'] {
  const { cpu, memory } = resources ?? {};
  return {
    ...(cpu === undefined ? {} : { NanoCpus: nanoCpus(cpu) }),
    ...(memory === undefined ? {} : { Memory: memoryBytes(memory), MemorySwap: memoryBytes(memory) }),
  };
}

/** https://www.rfc-editor.org/rfc/rfc1123#section-2.1 */
function hostname(name: string): string {
  return name.slice(0, 63).replace(/[^a-zA-Z0-9]+$/, '');
}

function invalid(reason: string, message: string): CloudError {
  return new CloudError({ api: 'ContainerCreate', code: 'invalid', outcome: 'none', reason, message });
}
