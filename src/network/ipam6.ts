/**
 * IPv6 address management: pure. Addresses are unsigned 128-bit numbers; their text is canonical (RFC 5952). Zones ("%eth0") are
 * no part of an address here.
 */
import { MdkError } from "../error.ts";
import type { Subnet6 } from "../spec/network.ts";
import { formatAddress, parseAddress } from "./ipam.ts";

const BITS = 128;
const GROUPS = 8;
const BYTES = 16;
const GROUP_MASK = 0xffffn;
/** ::ffff:0:0/96, whose text ends as an IPv4 address (RFC 5952 section 5). */
const MAPPED = 0xffffn;

/** Any text of RFC 4291 section 2.2; throws MdkError "invalid-address". */
export function parseAddress6(text: string): bigint {
  const halves = text.split("::");
  const [head = [], tail = []] = halves.map((half) => parseGroups(half, text));
  const missing = GROUPS - head.length - tail.length;
  if (halves.length > 2 || (halves.length === 2 ? missing < 1 : missing !== 0)) throw invalid(text, "address");
  const groups = [...head, ...Array<number>(missing).fill(0), ...tail];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
}

/** Groups between colons; the last may be an IPv4 address, which makes two. */
function parseGroups(half: string, whole: string): number[] {
  if (half === "") return [];
  const words = half.split(":");
  return words.flatMap((word, index) => {
    // Only at the very end of the address: the half is its last one.
    if (word.includes(".") && index === words.length - 1 && whole.endsWith(half)) return parseDotted(word, whole);
    if (!/^[0-9a-f]{1,4}$/i.test(word)) throw invalid(whole, "address");
    return [parseInt(word, 16)];
  });
}

function parseDotted(word: string, whole: string): number[] {
  try {
    const number = parseAddress(word);
    return [number >>> 16, number & 0xffff];
  } catch {
    throw invalid(whole, "address");
  }
}

/** RFC 5952: lower case, no leading zeros, the first of the longest runs of two and more zero groups as "::". */
export function formatAddress6(address: bigint): string {
  if (address >> 32n === MAPPED) return `::ffff:${formatAddress(Number(address & 0xffffffffn))}`;
  const groups = Array.from({ length: GROUPS }, (_, index) => Number((address >> BigInt(16 * (GROUPS - 1 - index))) & GROUP_MASK));
  const run = longestZeros(groups);
  const join = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  if (run.length < 2) return join(groups);
  return `${join(groups.slice(0, run.start))}::${join(groups.slice(run.start + run.length))}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** In network order. */
export function addressBytes6(address: bigint): Uint8Array {
  return Uint8Array.from({ length: BYTES }, (_, index) => Number((address >> BigInt(8 * (BYTES - 1 - index))) & 0xffn));
}

/** Of 16 bytes in network order. */
export function readAddress6(bytes: DataView): bigint {
  return (bytes.getBigUint64(0) << 64n) | bytes.getBigUint64(8);
}

/** "fd00::/64"; bits behind the prefix are cut off. Throws MdkError "invalid-address". */
export function parseSubnet6(text: string): Subnet6 {
  const slash = text.indexOf("/");
  const prefix = /^\d{1,3}$/.test(text.slice(slash + 1)) && slash > 0 ? Number(text.slice(slash + 1)) : BITS + 1;
  if (prefix > BITS) throw invalid(text, "subnet");
  return { address: firstOf({ address: parseAddress6(text.slice(0, slash)), prefix }), prefix };
}

export function formatSubnet6({ address, prefix }: Subnet6): string {
  return `${formatAddress6(address)}/${prefix}`;
}

export function contains6(subnet: Subnet6, address: bigint): boolean {
  return address >= firstOf(subnet) && address <= lastAddress6(subnet);
}

export function overlaps6(a: Subnet6, b: Subnet6): boolean {
  return firstOf(a) <= lastAddress6(b) && firstOf(b) <= lastAddress6(a);
}

/** Whether the subnet overlaps none of `taken`, the default route left out. */
export function isFree6(subnet: Subnet6, taken: readonly Subnet6[]): boolean {
  return !taken.some((other) => other.prefix > 0 && overlaps6(subnet, other));
}

/** The gateway where none is asked for: the first address behind the subnet's own, which is that of all its routers (RFC 4291 section 2.6.1). */
export function gatewayOf6(subnet: Subnet6): string {
  return formatAddress6(firstOf(subnet) + 1n);
}

/**
 * The addresses of `range`, which lies in the subnet or is it, that somebody may have: not the routers' anycast address, which a
 * /127 and a /128 do not have (RFC 6164). Gateways are among them: who leases leaves them out.
 */
export function assignableRange6(subnet: Subnet6, range: Subnet6 = subnet): { readonly first: bigint; readonly last: bigint } {
  const least = firstOf(subnet) + (subnet.prefix >= BITS - 1 ? 0n : 1n);
  return { first: firstOf(range) > least ? firstOf(range) : least, last: lastAddress6(range) };
}

/** The address behind `previous` in the range, round robin; its first where `previous` is null or outside. */
export function nextAddress6({ first, last }: { readonly first: bigint; readonly last: bigint }, previous: bigint | null): bigint {
  return previous === null || previous < first || previous >= last ? first : previous + 1n;
}

const ULA = 0xfdn << 120n;
const GLOBAL_ID_BITS = 40;
const NETWORK_PREFIX = 64;

/** Subnets of one size, side by side: "default-address-pools" of the configuration. */
export interface AddressPool6 {
  readonly base: Subnet6;
  /** Bits of a subnet's prefix, at least those of the base. */
  readonly size: number;
}

/** The store's own fd…::/48 (RFC 4193), in /64s. `seed`: the global id, 5 random bytes that are the store's for ever. */
export function ownPool6(seed: Uint8Array): AddressPool6 {
  const globalId = seed.subarray(0, GLOBAL_ID_BITS / 8).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { base: { address: ULA | (globalId << 80n), prefix: 8 + GLOBAL_ID_BITS }, size: NETWORK_PREFIX };
}

/** The first subnet of the pools that overlaps none of `taken`; the default route takes nothing. Throws MdkError "no-free-pool". */
export function choosePool6(taken: readonly Subnet6[], pools: readonly AddressPool6[]): Subnet6 {
  for (const { base, size } of pools) {
    const near = taken.filter((other) => other.prefix > 0 && overlaps6(base, other));
    const step = 1n << BigInt(BITS - size);
    for (let address = firstOf(base); address <= lastAddress6(base); ) {
      const subnet = { address, prefix: size };
      const inTheWay = near.filter((other) => overlaps6(subnet, other));
      if (inTheWay.length === 0) return subnet;
      // Behind the widest of them: a base has more subnets than can be tried one by one.
      const end = inTheWay.map(lastAddress6).reduce((a, b) => (a > b ? a : b));
      address = end < address + step ? address + step : firstOf({ address: end, prefix: size }) + step;
    }
  }
  throw new MdkError("exhausted", "no-free-pool", "could not find an available, non-overlapping IPv6 address pool among the defaults to assign to the network");
}

function firstOf({ address, prefix }: Subnet6): bigint {
  const hostBits = BigInt(BITS - prefix);
  return (address >> hostBits) << hostBits;
}

/** The last address of the subnet. */
export function lastAddress6(subnet: Subnet6): bigint {
  return firstOf(subnet) + (1n << BigInt(BITS - subnet.prefix)) - 1n;
}

function invalid(text: string, what: "address" | "subnet"): MdkError {
  return new MdkError("invalid", "invalid-address", `${text} is not an IPv6 ${what}`);
}
