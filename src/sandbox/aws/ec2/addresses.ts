import { refuse } from '../errors.ts';
import type { Subnet } from '../records.ts';
import type { Region } from '../region.ts';
import { stateOf } from './state.ts';

/** AWS keeps the first four addresses of a subnet and the last. */
const reserved = 5;

/** How many addresses a subnet can still give. */
export function freeAddresses(region: Region, subnet: Subnet): number {
  release(region, subnet);
  return sizeOf(subnet.cidr) - reserved - holders(region, subnet).length;
}

/** Gives `count` free addresses of a subnet to the holders whose ids are passed, and remembers who holds them. */
export function takeAddresses(region: Region, subnet: Subnet, holderIds: readonly string[]): string[] {
  if (freeAddresses(region, subnet) < holderIds.length) {
    throw refuse(
      'InsufficientFreeAddressesInSubnet',
      `There are not enough free addresses in subnet ${subnet.id}.`,
    );
  }
  const first = toNumber(subnet.cidr.split('/')[0] ?? '') + 4;
  let offset = 0;
  return holderIds.map((holder) => {
    while (region.addresses.has(`${subnet.id}/${toText(first + offset)}`)) offset += 1;
    const address = toText(first + offset);
    region.addresses.set(`${subnet.id}/${address}`, holder);
    return address;
  });
}

export function releaseAddress(region: Region, subnetId: string, address: string): void {
  region.addresses.delete(`${subnetId}/${address}`);
}

/** How many addresses a block has. */
export function sizeOf(cidr: string): number {
  return 2 ** (32 - Number(cidr.split('/')[1] ?? '32'));
}

/** Whether one IPv4 block lies inside another. */
export function contains(outer: string, inner: string): boolean {
  const from = toNumber(outer.split('/')[0] ?? '');
  const innerFrom = toNumber(inner.split('/')[0] ?? '');
  return innerFrom >= from && innerFrom + sizeOf(inner) <= from + sizeOf(outer);
}

export function overlap(a: string, b: string): boolean {
  return contains(a, `${b.split('/')[0]}/32`) || contains(b, `${a.split('/')[0]}/32`);
}

/** Machines that have ended give their addresses back. */
function release(region: Region, subnet: Subnet): void {
  const now = region.clock.now();
  for (const [key, holder] of region.addresses) {
    if (!key.startsWith(`${subnet.id}/`) || !holder.startsWith('i-')) continue;
    const instance = region.instances.get(holder);
    const state = instance === undefined ? undefined : stateOf(region, instance, now);
    if (state === undefined || state === 'terminated') region.addresses.delete(key);
  }
}

function holders(region: Region, subnet: Subnet): string[] {
  return Array.from(region.addresses.keys()).filter((key) => key.startsWith(`${subnet.id}/`));
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
