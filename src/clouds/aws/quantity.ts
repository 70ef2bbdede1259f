/**
 * Kubernetes quantities in Docker's words.
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

/** `500m` is `0.5`: for `docker run --cpus`, which takes hundredths. */
export function dockerCpus(quantity: string): string {
  return String(Math.max(0.01, Math.round(read(quantity) * 100) / 100));
}

/** `512Mi` is `536870912`: for `docker run --memory`, in bytes. */
export function dockerMemory(quantity: string): string {
  return String(Math.ceil(read(quantity)));
}

function read(quantity: string): number {
  const [, digits = '', suffix = ''] = /^([0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$/.exec(quantity) ?? [];
  const value = Number(digits) * (SUFFIXES[suffix] ?? Number.NaN);
  if (digits !== '' && Number.isFinite(value) && value > 0) return value;
  throw new CloudError({
    api: 'RunInstances',
    code: 'invalid',
    outcome: 'none',
    reason: 'InvalidQuantity',
    message: `'${quantity}' is not a quantity above zero`,
  });
}
