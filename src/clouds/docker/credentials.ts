/** From a CloudCredential's `docker` member to a connection. */
import { createSecureContext } from 'node:tls';
import { CloudError, type SecretData } from '../cloud.ts';
import type { DockerCredential } from './schema.ts';

export type Connection =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number; readonly tls?: Tls };

/** Texts in PEM. */
export interface Tls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Throws `invalid` at once when the Secret lacks a key or one is no PEM. */
export function connectionOf(
  { host, tlsSecretRef }: DockerCredential,
  secret: SecretData | undefined,
): Connection {
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) };
  const { hostname, port } = new URL(host);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port),
    ...(tlsSecretRef === undefined ? {} : { tls: tlsOf(secret) }),
  };
}

/** Where others reach what the engine's host publishes. */
export function addressOf({ host, address }: DockerCredential): string {
  if (address !== undefined) return address;
  return host.startsWith('tcp://') ? new URL(host).hostname.replace(/^\[|\]$/g, '') : '127.0.0.1';
}

function tlsOf(secret: SecretData | undefined): Tls {
  const required = (key: string): string => {
    const value = secret?.get(key)?.reveal().trim();
    if (value !== undefined && value !== '') return value;
    throw refusal('SecretKeyMissing', `the Secret has no key ${key}`);
  };
  const tls = { ca: required('ca.crt'), cert: required('tls.crt'), key: required('tls.key') };
  try {
    createSecureContext(tls);
  } catch {
    // The cause could quote what it read.
    throw refusal('UnusableTls', 'ca.crt, tls.crt and tls.key of the Secret do not make a TLS identity');
  }
  return tls;
}

function refusal(reason: string, message: string): CloudError {
  return new CloudError({ api: 'credential', code: 'invalid', outcome: 'none', reason, message });
}
