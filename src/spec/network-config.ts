/** A network as its user defines it: driver, pools of addresses, options. Rows hold pools as JSON of texts; here they are numbers. Pure. */
import { formatAddress, formatSubnet, parseAddress, parseSubnet } from "../network/ipam.ts";
import { formatAddress6, formatSubnet6, parseAddress6, parseSubnet6 } from "../network/ipam6.ts";
import { stringOf } from "../image/json.ts";
import { Members, textsOf } from "./members.ts";
import type { Subnet, Subnet6 } from "./network.ts";

/** `host` and `null` have one network each, which is there from the start. */
export const DRIVERS = ["bridge", "macvlan", "host", "null"] as const;
export type NetworkDriver = (typeof DRIVERS)[number];

/** Addresses of one family that a network has. */
export interface Pool<S, A> {
  readonly subnet: S;
  /** Null: containers have no default route by it. */
  readonly gateway: A | null;
  /** Where containers' addresses are taken from; null: the whole subnet. */
  readonly range: S | null;
  /** Addresses that somebody else has, by name. */
  readonly aux: Readonly<Record<string, A>>;
  /** Nobody asked for it: another one may take its place where it is used otherwise. */
  readonly auto: boolean;
}
export type Pool4 = Pool<Subnet, number>;
export type Pool6 = Pool<Subnet6, bigint>;

/** Both families of a network; null: it has none of it. */
export interface Pools {
  readonly v4: Pool4 | null;
  readonly v6: Pool6 | null;
}

export interface NetworkConfig {
  readonly name: string;
  readonly driver: NetworkDriver;
  readonly internal: boolean;
  readonly ipv6: boolean;
  /** Null: one is chosen where it is used, that nothing else there has. */
  readonly v4: Pool4 | null;
  readonly v6: Pool6 | null;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

interface Words<S, A> {
  readonly parseSubnet: (text: string) => S;
  readonly formatSubnet: (subnet: S) => string;
  readonly parseAddress: (text: string) => A;
  readonly formatAddress: (address: A) => string;
}
const V4: Words<Subnet, number> = { parseSubnet, formatSubnet, parseAddress, formatAddress };
const V6: Words<Subnet6, bigint> = { parseSubnet: parseSubnet6, formatSubnet: formatSubnet6, parseAddress: parseAddress6, formatAddress: formatAddress6 };

/** As a row has it; null for null. */
export const encodePool4 = (pool: Pool4 | null): string | null => (pool === null ? null : encode(pool, V4));
export const encodePool6 = (pool: Pool6 | null): string | null => (pool === null ? null : encode(pool, V6));
/** What the other two wrote. */
export const decodePool4 = (text: string | null): Pool4 | null => (text === null ? null : decode(text, V4));
export const decodePool6 = (text: string | null): Pool6 | null => (text === null ? null : decode(text, V6));

function encode<S, A>({ subnet, gateway, range, aux, auto }: Pool<S, A>, words: Words<S, A>): string {
  return JSON.stringify({
    subnet: words.formatSubnet(subnet), gateway: gateway === null ? null : words.formatAddress(gateway), range: range === null ? null : words.formatSubnet(range),
    aux: Object.fromEntries(Object.entries(aux).map(([name, address]) => [name, words.formatAddress(address)])), auto,
  });
}

function decode<S, A>(text: string, words: Words<S, A>): Pool<S, A> {
  const pool = new Members(JSON.parse(text), "pool");
  const address = (value: unknown, what: string): A => words.parseAddress(stringOf(value, what));
  const subnet = (value: unknown, what: string): S => words.parseSubnet(stringOf(value, what));
  return {
    subnet: words.parseSubnet(pool.text("subnet")), gateway: pool.read("gateway", address, null), range: pool.read("range", subnet, null),
    aux: Object.fromEntries(Object.entries(pool.read("aux", textsOf, {})).map(([name, value]) => [name, words.parseAddress(value)])),
    auto: pool.flag("auto"),
  };
}
