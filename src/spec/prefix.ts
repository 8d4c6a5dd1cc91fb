/** Addresses and CIDR blocks of both families as a text names them, before anybody has judged them: host bits and all. Pure. */
import { formatAddress, parseAddress } from "../network/ipam.ts";
import { formatAddress6, parseAddress6 } from "../network/ipam6.ts";

export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** "192.168.10.1/24" with its host bits. */
export interface Prefix extends Address {
  /** Prefix length: 0…32 or 0…128. */
  readonly bits: number;
}

/** How long an address is. */
export const WIDTH = { 4: 32, 6: 128 } as const;

/** "10.0.0.1", "fd00::1"; null for what is neither. */
export function readAddress(text: string): Address | null {
  try {
    return text.includes(":") ? { family: 6, value: parseAddress6(text) } : { family: 4, value: BigInt(parseAddress(text)) };
  } catch {
    return null;
  }
}

/** "10.0.0.0/8", "fd00::/64"; null for what is neither. */
export function readPrefix(text: string): Prefix | null {
  const [head = "", bits = "", extra] = text.split("/");
  const address = readAddress(head);
  if (address === null || extra !== undefined || !/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > WIDTH[address.family]) return null;
  return { ...address, bits: Number(bits) };
}

/** In canonical form (RFC 5952). */
export function addressText({ family, value }: Address): string {
  return family === 4 ? formatAddress(Number(value)) : formatAddress6(value);
}

export const prefixText = (prefix: Prefix): string => `${addressText(prefix)}/${prefix.bits}`;

/** Without host bits: its first address. */
export function masked(prefix: Prefix): Prefix {
  const host = hostBits(prefix);
  return { ...prefix, value: (prefix.value >> host) << host };
}

/** Its last address. */
export function lastAddress(prefix: Prefix): bigint {
  return masked(prefix).value + (1n << hostBits(prefix)) - 1n;
}

/** False for an address of the other family. */
export function holdsAddress(prefix: Prefix, { family, value }: Address): boolean {
  return family === prefix.family && value >= masked(prefix).value && value <= lastAddress(prefix);
}

/** Whether one of them lies in the other. */
export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return holdsAddress(a, masked(b)) || holdsAddress(b, masked(a));
}

const hostBits = ({ family, bits }: Prefix): bigint => BigInt(WIDTH[family] - bits);
