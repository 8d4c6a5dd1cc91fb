/** `IPAM.Config` of a network: what of it may be, in Docker's words (moby api/types/network/ipam.go, libnetwork/network.go), and the pools that it makes. Pure. */
import { MdkError } from "../error.ts";
import { listOf } from "../image/json.ts";
import { Members, textsOf } from "./members.ts";
import type { NetworkDriver, Pool, Pool4, Pool6, Pools } from "./network-config.ts";
import { holdsAddress, lastAddress, masked, prefixesOverlap, prefixText, readAddress, readPrefix, WIDTH, type Address, type Prefix } from "./prefix.ts";

/** IPAMConfig of the API; "": nothing is asked for. */
interface Asked {
  readonly Subnet: string;
  readonly IPRange: string;
  readonly Gateway: string;
  readonly AuxiliaryAddresses: Readonly<Record<string, string>>;
}

export interface PoolsFor {
  readonly driver: NetworkDriver;
  readonly ipv6: boolean;
}

/** Of a request. Throws MdkError "json-invalid". */
export function decodePools(value: unknown, what: string): Asked[] {
  return listOf(value, what).map((item, index) => {
    const config = new Members(item, `${what}[${index}]`);
    return { Subnet: config.text("Subnet"), IPRange: config.text("IPRange"), Gateway: config.text("Gateway"), AuxiliaryAddresses: config.read("AuxiliaryAddresses", textsOf, {}) };
  });
}

/** Pools that their user asked for; null: none was. Throws MdkError "invalid-network". */
export function poolsOf(list: readonly Asked[], { driver, ipv6 }: PoolsFor): Pools {
  const reasons = list.flatMap((asked) => reasonsAgainst(asked, ipv6));
  if (reasons.length > 0) throw invalid(`invalid network config:\n${joined(reasons)}`);
  const subnets = list.map((asked) => ({ asked, subnet: masked(readPrefix(asked.Subnet)!) }));
  for (const [index, { subnet }] of subnets.entries()) {
    const others = subnets.slice(0, index).filter((other) => other.subnet.family === subnet.family);
    if (others.some((other) => prefixesOverlap(other.subnet, subnet))) throw invalid("invalid pool request: Pool overlaps with other one on this address space");
    if (others.length > 0) throw invalid(`${driver} driver doesn't support multiple subnets`);
  }
  const one = (family: 4 | 6): Pool<Prefix, Address> | null => subnets.filter(({ subnet }) => subnet.family === family).map(({ asked, subnet }) => poolOf(asked, subnet))[0] ?? null;
  return { v4: narrow(one(4)), v6: wide(one(6)) };
}

/** moby internal/multierror: one reason as it is, several as a list. */
function joined(reasons: readonly string[]): string {
  return reasons.length === 1 ? reasons[0]! : reasons.map((reason) => `* ${reason}`).join("\n");
}

/** What ValidateIPAM finds, and what would be in the host's way. */
function reasonsAgainst({ Subnet, IPRange, Gateway, AuxiliaryAddresses }: Asked, ipv6: boolean): string[] {
  const subnet = readPrefix(Subnet);
  if (subnet === null) return [`invalid subnet ${Subnet}: invalid CIDR block notation`];
  if (subnet.family === 6 && !ipv6) return [`invalid subnet ${Subnet}: IPv6 is not enabled for this network`];
  const addressReason = (what: string, text: string): string[] => {
    const reason = text === "" ? null : againstAddress(text, subnet);
    return reason === null ? [] : [`invalid ${what}: ${reason}`];
  };
  return [
    ...reservedReasons(subnet),
    ...(IPRange === "" ? [] : againstRange(IPRange, subnet)), ...addressReason(`gateway ${Gateway}`, Gateway),
    ...Object.entries(AuxiliaryAddresses).flatMap(([name, text]) => addressReason(`auxiliary address ${name}`, text)),
  ];
}

const block = (text: string): Prefix => readPrefix(text)!;
const LINK_LOCAL = block("fe80::/64");
const RESERVED: readonly (readonly [prefix: Prefix, what: string])[] = [
  [block("127.0.0.0/8"), "loopback"], [block("224.0.0.0/4"), "multicast"], [block("::1/128"), "loopback"], [block("ff00::/8"), "multicast"],
];

/** Subnets that no link can have: validateIPv6Subnet of moby's bridge driver, and their like of IPv4, which would take the host's own loopback. */
function reservedReasons(subnet: Prefix): string[] {
  const text = prefixText(subnet);
  if (subnet.bits === 0) return [`ipv${subnet.family} pool is empty`];
  const reserved = RESERVED.find(([prefix]) => prefixesOverlap(prefix, subnet));
  if (reserved !== undefined) return [`${reserved[1]} subnet '${text}' is not allowed`];
  const clashes = prefixesOverlap(LINK_LOCAL, subnet) && subnet.bits !== LINK_LOCAL.bits;
  return clashes ? [`'${text}' clashes with the Link-Local prefix 'fe80::/64'`] : [];
}

function againstRange(text: string, subnet: Prefix): string[] {
  const range = readPrefix(text);
  if (range === null) return [`invalid ip-range ${text}: invalid CIDR block notation`];
  if (range.family !== subnet.family) return [`invalid ip-range ${text}: parent subnet is an IPv${subnet.family} block`];
  return [
    ...(range.bits < subnet.bits ? [`invalid ip-range ${text}: CIDR block is bigger than its parent subnet ${prefixText(subnet)}`] : []),
    ...(prefixesOverlap(subnet, range) ? [] : [`invalid ip-range ${text}: parent subnet ${prefixText(subnet)} doesn't contain ip-range`]),
  ];
}

function againstAddress(text: string, subnet: Prefix): string | null {
  const address = readAddress(text);
  if (address === null) return "invalid address";
  if (address.family !== subnet.family) return `parent subnet is an IPv${subnet.family} block`;
  return holdsAddress(subnet, address) ? null : `parent subnet ${prefixText(subnet)} doesn't contain this address`;
}

/** Of words that passed. Gateway and auxiliary addresses are taken one after the other, as libnetwork allocates them. */
function poolOf({ IPRange, Gateway, AuxiliaryAddresses }: Asked, subnet: Prefix): Pool<Prefix, Address> {
  const range = IPRange === "" ? null : masked(readPrefix(IPRange)!);
  if (WIDTH[subnet.family] - subnet.bits < 2) throw invalid(`failed to allocate gateway (${Gateway}): no available addresses on this pool`);
  const taken = new Set([subnet.value, ...(subnet.family === 4 ? [lastAddress(subnet)] : [])]);
  const take = (address: Address, what: string): Address => {
    if (taken.has(address.value)) throw invalid(`failed to allocate ${what}: Address already in use`);
    taken.add(address.value);
    return address;
  };
  const gateway = take(Gateway === "" ? firstOf(range ?? subnet, taken) : readAddress(Gateway)!, `gateway (${Gateway})`);
  const aux = Object.fromEntries(Object.entries(AuxiliaryAddresses).map(([name, text]) => [name, take(readAddress(text)!, `secondary ip address (${name}:${text})`)]));
  return { subnet, gateway, range, aux, auto: false };
}

/** The lowest that is free: where only a range may be used, the gateway is in it as well. */
function firstOf(place: Prefix, taken: ReadonlySet<bigint>): Address {
  const first = masked(place).value;
  return { family: place.family, value: taken.has(first) ? first + 1n : first };
}

function narrow(pool: Pool<Prefix, Address> | null): Pool4 | null {
  return pool === null ? null : mapped(pool, ({ value, bits }) => ({ address: Number(value), prefix: bits }), ({ value }) => Number(value));
}

function wide(pool: Pool<Prefix, Address> | null): Pool6 | null {
  return pool === null ? null : mapped(pool, ({ value, bits }) => ({ address: value, prefix: bits }), ({ value }) => value);
}

function mapped<S, A>({ subnet, gateway, range, aux, auto }: Pool<Prefix, Address>, subnetOf: (prefix: Prefix) => S, addressOf: (address: Address) => A): Pool<S, A> {
  return {
    subnet: subnetOf(subnet), gateway: gateway === null ? null : addressOf(gateway), range: range === null ? null : subnetOf(range),
    aux: Object.fromEntries(Object.entries(aux).map(([name, address]) => [name, addressOf(address)])), auto,
  };
}

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-network", message);
