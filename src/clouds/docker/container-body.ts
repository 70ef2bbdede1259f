/** What a container is made with, as far as it is used here. */
import type Docker from 'dockerode';

export type ContainerBody = Pick<
  Docker.ContainerCreateOptions,
  | 'Image'
  | 'Cmd'
  | 'Entrypoint'
  | 'Env'
  | 'Hostname'
  | 'Labels'
  | 'ExposedPorts'
  | 'Healthcheck'
  | 'NetworkingConfig'
> & {
  readonly HostConfig: Omit<Docker.HostConfig, 'Mounts'> & { readonly Mounts?: readonly MountBody[] };
};

interface MountBody {
  readonly Type: 'volume';
  readonly Source: string;
  readonly Target: string;
  readonly VolumeOptions: { readonly Labels: Record<string, string> };
}
