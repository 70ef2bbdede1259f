/** A JSON-RPC 2.0 call over HTTP, as health checks and peer addresses have it. https://www.jsonrpc.org/specification */
import { z } from 'zod';
import { portName } from './common.ts';

/** Any JSON. The API server checks nothing of it. */
export const json = z.unknown().pipe(z.json());

export const jsonRpcCall = {
  port: portName.describe('Name of the port to ask.'),
  path: z
    .string()
    .regex(/^\/\S*$/)
    .max(1024)
    .default('/')
    .describe('Path to post to.'),
  method: z.string().min(1).max(256).describe('Method to call: `eth_blockNumber`.'),
  params: z
    .array(json)
    .max(32)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .exactOptional()
    .describe('Parameters, by position. Absent: none.'),
};
