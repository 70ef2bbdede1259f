import { refuse } from '../errors.ts';
import type { Subnet } from '../records.ts';
import type { Region } from '../region.ts';
import { isAlive } from './state.ts';

/** AWS keeps the first four addresses of a subnet and the last. */
const reserved = 5;

/** How many addresses a subnet can still give. */
export function freeAddresses(region: Region, subnet: Subnet): number {
  return sizeOf(subnet.cidr) - reserved - heldIn(region, subnet.id).size;
}

/** Gives each holder, by its id, a free address of a subnet, and remembers who holds it. */
export function takeAddresses(region: Region, subnet: Subnet, holderIds: readonly string[]): string[] {
  if (freeAddresses(region, subnet) < holderIds.length) {
    throw refuse(
      'InsufficientFreeAddressesInSubnet',
      `There are not enough free addresses in subnet ${subnet.id}.`,
    );
  }
  const held = heldIn(region, subnet.id);
  const first = toNumber(subnet.cidr.split('/')[0] ?? '') + 4;
  let offset = 0;
  return holderIds.map((holder) => {
    while (held.has(toText(first + offset))) offset += 1;
    const address = toText(first + offset);
    held.set(address, holder);
    return address;
  });
}

export function releaseAddress(region: Region, subnetId: string, address: string): void {
  region.addresses.get(subnetId)?.delete(address);
}

/** Who holds which address of a subnet; machines that have ended have given theirs back. */
function heldIn(region: Region, subnetId: string): Map<string, string> {
  const held = region.addresses.get(subnetId) ?? new Map<string, string>();
  region.addresses.set(subnetId, held);
  const now = region.clock.now();
  for (const [address, holder] of held) {
    if (!holder.startsWith('i-')) continue;
    const instance = region.instances.get(holder);
    // One that is just being launched holds its address before it has a record.
    if (instance !== undefined && !isAlive(region, instance, now)) held.delete(address);
  }
  return held;
}

/** How many addresses a block has. */
function sizeOf(cidr: string): number {
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

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
