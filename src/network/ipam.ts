/**
 * IPv4 address management: pure. Which subnet a network gets so that it collides with nothing the host routes to, and which
 * address the next container gets.
 */
import { MdkError } from "../error.ts";
import type { Subnet } from "../spec/network.ts";

/** Docker's default address pools, in its order (moby libnetwork ipamutils): sixteen /16, then sixteen /20. */
const POOLS: readonly Subnet[] = [
  ...Array.from({ length: 15 }, (_, index) => `172.${17 + index}.0.0/16`),
  ...Array.from({ length: 16 }, (_, index) => `192.168.${index * 16}.0/20`),
].map(parseSubnet);

/** "172.17.0.1" as a number; throws MdkError "invalid-address" for anything that is not four decimal bytes. */
export function parseAddress(text: string): number {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const bytes = match?.slice(1).map(Number);
  if (bytes === undefined || bytes.some((byte) => byte > 255)) {
    throw new MdkError("invalid", "invalid-address", `${text} is not an IPv4 address`);
  }
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** "172.17.0.0/16"; bits behind the prefix are cut off. Throws MdkError "invalid-address". */
export function parseSubnet(text: string): Subnet {
  const slash = text.indexOf("/");
  const prefix = /^\d{1,2}$/.test(text.slice(slash + 1)) && slash > 0 ? Number(text.slice(slash + 1)) : 33;
  if (prefix > 32) throw new MdkError("invalid", "invalid-address", `${text} is not an IPv4 subnet`);
  return { address: first({ address: parseAddress(text.slice(0, slash)), prefix }), prefix };
}

export function formatSubnet({ address, prefix }: Subnet): string {
  return `${formatAddress(address)}/${prefix}`;
}

export function contains(subnet: Subnet, address: number): boolean {
  return address >= first(subnet) && address <= broadcastAddress(subnet);
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  return first(a) <= broadcastAddress(b) && first(b) <= broadcastAddress(a);
}

/**
 * The first pool that overlaps none of `taken` (subnets that the host routes to, addresses of its name servers, networks of
 * others). The default route, 0.0.0.0/0, takes nothing. Throws MdkError "no-free-pool".
 */
export function choosePool(taken: readonly Subnet[], pools: readonly AddressPool[] | null = null): Subnet {
  for (const pool of pools === null ? POOLS : subnetsOf(pools)) if (isFree(pool, taken)) return pool;
  throw new MdkError("exhausted", "no-free-pool", "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network");
}

/** Subnets of one size, side by side: "default-address-pools" of the configuration. */
export interface AddressPool {
  readonly base: Subnet;
  /** Bits of a subnet's prefix, at least those of the base. */
  readonly size: number;
}

function* subnetsOf(pools: readonly AddressPool[]): Generator<Subnet> {
  for (const { base, size: prefix } of pools) for (let address = first(base); address <= broadcastAddress(base); address += size(prefix)) yield { address, prefix };
}

/** Whether the subnet overlaps none of `taken`, the default route left out. */
export function isFree(subnet: Subnet, taken: readonly Subnet[]): boolean {
  return !taken.some((other) => other.prefix > 0 && overlaps(subnet, other));
}

/** The gateway: the first address. */
export function gatewayOf(subnet: Subnet): string {
  return formatAddress(subnet.address + 1);
}

/** The addresses that containers can have: not those of network, gateway and broadcast. Empty: `last` is below `first`. */
export function hostRange(subnet: Subnet): { readonly first: number; readonly last: number } {
  return { first: first(subnet) + 2, last: broadcastAddress(subnet) - 1 };
}

/**
 * The addresses of `range`, which lies in the subnet or is it, that somebody may have: not those of network and broadcast, which a
 * /31 and a /32 do not have (RFC 3021). Gateways are among them: who leases leaves them out.
 */
export function assignableRange(subnet: Subnet, range: Subnet = subnet): { readonly first: number; readonly last: number } {
  const edge = subnet.prefix >= 31 ? 0 : 1;
  return { first: Math.max(first(range), first(subnet) + edge), last: Math.min(broadcastAddress(range), broadcastAddress(subnet) - edge) };
}

/** Docker's rule: 02:42 and the address, so that neighbours' tables never see one address with two hardware addresses. */
export function hardwareAddress(address: string): Uint8Array {
  const number = parseAddress(address);
  return Uint8Array.of(0x02, 0x42, number >>> 24, number >>> 16, number >>> 8, number);
}

/** Of the form that formatHardwareAddress writes. */
export function parseHardwareAddress(text: string): Uint8Array {
  return Uint8Array.from(text.split(":"), (byte) => parseInt(byte, 16));
}

/** "02:42:ac:11:00:02". */
export function formatHardwareAddress(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function size(prefix: number): number {
  return 2 ** (32 - prefix);
}

function first({ address, prefix }: Subnet): number {
  return address - (address % size(prefix));
}

/** The last address of the subnet, that of its broadcasts. */
export function broadcastAddress(subnet: Subnet): number {
  return first(subnet) + size(subnet.prefix) - 1;
}
