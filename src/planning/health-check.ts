import type { Client } from '../api/client.ts';
import type { HealthCheck } from '../clouds/cloud.ts';

/** What `client.health` says. Undefined: nothing. */
export function healthCheckOf({ health, ports = [] }: Client): HealthCheck | undefined {
  if (health === undefined) return undefined;
  const { tcp, http, jsonRpc, intervalSeconds } = health;
  const named = (tcp ?? http ?? jsonRpc)?.port;
  const port = ports.find(({ name }) => name === named)?.port;
  if (port === undefined) return undefined;
  if (jsonRpc !== undefined) {
    const { port: _, ...call } = jsonRpc;
    return { protocol: 'TCP', port, call, intervalSeconds };
  }
  if (http === undefined) return { protocol: 'TCP', port, intervalSeconds };
  return { protocol: 'HTTP', port, path: http.path, status: http.status, intervalSeconds };
}
