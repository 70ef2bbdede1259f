/**
 * Kubernetes quantities in the engine's units.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
import { CloudError } from '../cloud.ts';

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** `500m` is 500,000,000. The engine takes hundredths of a processor at least. */
export function nanoCpus(quantity: string): number {
  return Math.max(0.01, Math.round(read(quantity) * 100) / 100) * 1e9;
}

/** `512Mi` is 536,870,912. */
export function memoryBytes(quantity: string): number {
  return Math.ceil(read(quantity));
}

function read(quantity: string): number {
  const [, digits = '', suffix = ''] = /^([0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$/.exec(quantity) ?? [];
  const value = Number(digits) * (SUFFIXES[suffix] ?? Number.NaN);
  if (digits !== '' && Number.isFinite(value) && value > 0) return value;
  throw new CloudError({
    api: 'ContainerCreate',
    code: 'invalid',
    outcome: 'none',
    reason: 'InvalidQuantity',
    message: `'${quantity}' is not a quantity above zero`,
  });
}
