/** What of an engine's answers is used here. Engines write `null` where a list or a map is empty. */
import { z } from 'zod';

const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((found) => found ?? {});

const endpoint = z.looseObject({ IPAddress: z.string().nullish(), GlobalIPv6Address: z.string().nullish() });
const networks = z
  .looseObject({ Networks: z.record(z.string(), endpoint).nullish() })
  .nullish()
  .transform((found) => found?.Networks ?? {});

/** https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerList */
export const listedContainer = z.object({
  Id: z.string(),
  Names: z
    .array(z.string())
    .nullish()
    .transform((names) => (names?.[0] ?? '').replace(/^\//, '')),
  Image: z.string(),
  /** Seconds since the epoch. */
  Created: z.number(),
  State: z.string(),
  Labels: labels,
  Ports: z
    .array(
      z.object({
        IP: z.string().exactOptional(),
        PrivatePort: z.number(),
        PublicPort: z.number().exactOptional(),
        Type: z.string(),
      }),
    )
    .nullish()
    .transform((ports) => ports ?? []),
  NetworkSettings: networks,
  Mounts: z
    .array(z.object({ Type: z.string().exactOptional(), Name: z.string().exactOptional() }))
    .nullish()
    .transform((mounts) => mounts ?? []),
});
export type ListedContainer = z.output<typeof listedContainer>;

/** By `8545/tcp`. */
const bindings = z
  .record(z.string(), z.array(z.object({ HostIp: z.string(), HostPort: z.string() })).nullable())
  .nullish()
  .transform((ports) => ports ?? {});

/** https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerInspect */
export const inspectedContainer = z.object({
  Id: z.string(),
  Name: z.string().transform((name) => name.replace(/^\//, '')),
  Created: z.string(),
  RestartCount: z.number().default(0),
  State: z.object({
    Status: z.string(),
    OOMKilled: z.boolean().default(false),
    ExitCode: z.number().default(0),
    Error: z.string().default(''),
  }),
  Config: z.object({ Labels: labels, Image: z.string().default('') }),
  /** As asked for; a host port is empty where the engine assigns one. */
  HostConfig: z
    .object({ PortBindings: bindings })
    .nullish()
    .transform((found) => found?.PortBindings ?? {}),
  NetworkSettings: z.object({
    Networks: z
      .record(z.string(), endpoint)
      .nullish()
      .transform((found) => found ?? {}),
    Ports: bindings,
  }),
});
export type InspectedContainer = z.output<typeof inspectedContainer>;

export const network = z.object({
  Id: z.string(),
  Name: z.string(),
  Driver: z.string(),
  Created: z.string(),
  Labels: labels,
});
export type Network = z.output<typeof network>;

export const volume = z.object({ Name: z.string(), Labels: labels });
export type Volume = z.output<typeof volume>;

export const volumes = z
  .object({ Volumes: z.array(volume).nullish() })
  .transform(({ Volumes }) => Volumes ?? []);

export const image = z.object({ Id: z.string() });

export const version = z.object({ ApiVersion: z.string(), MinAPIVersion: z.string().exactOptional() });

export const info = z.object({
  ID: z.string(),
  Name: z.string().default(''),
  ServerVersion: z.string().default(''),
  /** How logins for images without a registry of their own are called. */
  IndexServerAddress: z.string().default(''),
});

export const top = z.object({
  Processes: z
    .array(z.array(z.string()))
    .nullish()
    .transform((processes) => processes ?? []),
});

export const execution = z.object({ ExitCode: z.number().nullable() });
