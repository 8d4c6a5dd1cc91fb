/**
 * Which sets of the table a network is in. A network that comes or goes changes elements, and no rule: what they mean is in
 * ruleset.ts. Pure, but for join and leave.
 *
 *   bridges      bridge                     every network; the comment says what it was joined as
 *   within       bridge . bridge            whose containers reach one another
 *   internal     bridge                     shut to everything but itself
 *   masqueraded  bridge                     who leaves it takes the host's address
 *   hairpin      bridge . its subnet        IPv4; hairpin6: IPv6
 */
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import type { BridgeNetwork } from "./bridge-network.ts";
import { linkName } from "./expressions.ts";
import { broadcastAddress, formatSubnet } from "./ipam.ts";
import { addressBytes6, formatSubnet6, lastAddress6 } from "./ipam6.ts";
import type { NetworkNames } from "./names.ts";
import { be32, toText } from "./netlink.ts";
import { commit } from "./nftables.ts";
import { changeElements, getElements, parseElements, readElements, toHex, type Element, type SetName, type SetShape } from "./sets.ts";

export const MEMBER_SETS = {
  bridges: { key: ["ifname"] },
  within: { key: ["ifname", "ifname"] },
  internal: { key: ["ifname"] },
  masqueraded: { key: ["ifname"] },
  hairpin: { key: ["ifname", "ipv4_addr"], ranges: true },
  hairpin6: { key: ["ifname", "ipv6_addr"], ranges: true },
} as const satisfies Record<string, SetShape>;

export type MemberSet = keyof typeof MEMBER_SETS;

const NAMES = Object.keys(MEMBER_SETS) as MemberSet[];
/** Others change the same network at the same time: fewer than this many times. */
const TRIES = 5;

const setOf = ({ table }: NetworkNames, set: MemberSet): SetName => ({ family: "inet", table, set });

/** What makes the network a member, for a transaction of its own or that of the whole table. */
export function addMember(names: NetworkNames, network: BridgeNetwork): NetlinkMessage[] {
  const elements = memberElements(network);
  return NAMES.flatMap((set) => changeElements("add", setOf(names, set), elements[set]));
}

/** Asks whether the network is a member; the answer is for `isMember`. */
export function getMember(names: NetworkNames, { bridge }: BridgeNetwork): NetlinkMessage {
  return getElements(setOf(names, "bridges"), [linkName(bridge)]);
}

/** Whether it is, as what it is now: a bridge may have come back with another subnet. */
export function isMember(network: BridgeNetwork, answer: Parameters<typeof parseElements>[0][number] | null): boolean {
  return answer !== null && parseElements([answer])[0]?.comment === describe(network);
}

/** In place of what the bridge was before; nothing else is touched. ENOENT where the table, or a set of it, is missing. */
export function joinNetwork(firewall: NetlinkSocket, names: NetworkNames, network: BridgeNetwork): void {
  replaceElements(firewall, names, network.bridge, addMember(names, network));
}

/** The bridge is in no set any more; it, its set or the table may be missing. */
export function leaveNetwork(firewall: NetlinkSocket, names: NetworkNames, bridge: string): void {
  try {
    replaceElements(firewall, names, bridge, []);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== E.ENOENT) throw error;
  }
}

/** The names of the bridges of all networks; empty where there is no table. */
export function listBridges(firewall: NetlinkSocket, names: NetworkNames): string[] {
  try {
    return readElements(firewall, setOf(names, "bridges")).map(({ key }) => toText(new DataView(key.buffer, key.byteOffset, key.length)));
  } catch (error) {
    if (error instanceof SysError && error.errno === E.ENOENT) return [];
    throw error;
  }
}

function replaceElements(firewall: NetlinkSocket, names: NetworkNames, bridge: string, add: readonly NetlinkMessage[]): void {
  const own = toHex(linkName(bridge));
  for (let tries = 1; ; tries++) {
    const remove = NAMES.flatMap((set) => {
      const there = readElements(firewall, setOf(names, set)).filter(({ key }) => toHex(key).startsWith(own));
      return changeElements("delete", setOf(names, set), there);
    });
    if (remove.length + add.length === 0) return;
    try {
      return commit(firewall, [...remove, ...add]);
    } catch (error) {
      if (!(error instanceof SysError) || tries === TRIES || (error.errno !== E.ENOENT && error.errno !== E.EBUSY)) throw error;
    }
  }
}

function memberElements(network: BridgeNetwork): Readonly<Record<MemberSet, readonly Element[]>> {
  const { bridge, ipv4, ipv6, internal, icc, masquerade } = network;
  const key = linkName(bridge);
  const inSubnet = (first: Uint8Array, last: Uint8Array): Element => ({ key: Buffer.concat([key, first]), end: Buffer.concat([key, last]) });
  return {
    bridges: [{ key, comment: describe(network) }],
    within: icc ? [{ key: Buffer.concat([key, key]) }] : [],
    internal: internal ? [{ key }] : [],
    masqueraded: masquerade && !internal ? [{ key }] : [],
    hairpin: ipv4 === null ? [] : [inSubnet(be32(ipv4.subnet.address), be32(broadcastAddress(ipv4.subnet)))],
    hairpin6: ipv6 === null ? [] : [inSubnet(addressBytes6(ipv6.subnet.address), addressBytes6(lastAddress6(ipv6.subnet)))],
  };
}

/** "172.18.0.0/16 fd12:3456:789a::/64 internal": at most 100 characters, all that `memberElements` depends on. */
function describe({ ipv4, ipv6, internal, icc, masquerade }: BridgeNetwork): string {
  const words = [
    ipv4 === null ? null : formatSubnet(ipv4.subnet), ipv6 === null ? null : formatSubnet6(ipv6.subnet),
    internal ? "internal" : null, icc ? null : "no-icc", masquerade ? null : "no-masquerade",
  ];
  return words.filter((word) => word !== null).join(" ");
}
