/** What cannot change on a balancer's container. It stands in a label, so that what was wished can be told from what is. */

export interface Shape {
  readonly image: string;
  readonly hostIp: string;
  readonly ports: readonly number[];
  readonly network: string;
}

export function shapeOf({ image, hostIp, ports, network }: Shape): string {
  return `${image} at ${hostIp} ports ${ports.join(',')} in ${network}`;
}

export const EVERYWHERE = '0.0.0.0';
export const HERE = '127.0.0.1';

export function isInternal(shape: string): boolean {
  return shape.includes(` at ${HERE} ports `);
}
