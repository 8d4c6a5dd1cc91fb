/** Links by rtnetlink (rtnetlink(7)): bridges, veth pairs, macvlans, up, lookup. Messages are pure; `findLink` asks the kernel. */
import type { MacvlanMode } from "../spec/network-options.ts";
import { E } from "../sys/errno.ts";
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import { fixedPart, MessageWriter, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, parseAttributes, toBytes, toText } from "./netlink.ts";

/** IFNAMSIZ without the NUL. */
export const LINK_NAME_MAX = 15;

/** IFALIASZ without the NUL. */
export const ALIAS_BYTES_MAX = 255;

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
// include/uapi/linux/if_link.h, veth.h
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_AF_SPEC = 26;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BR_NF_CALL_IPTABLES = 36;
const IFLA_BR_NF_CALL_IP6TABLES = 37;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;
const RTEXT_FILTER_SKIP_STATS = 8;
const VETH_INFO_PEER = 1;
const IFLA_MACVLAN_MODE = 1;
const IFLA_VLAN_ID = 1;
/** enum macvlan_mode */
const MACVLAN_MODE: Readonly<Record<MacvlanMode, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8 };
const IFLA_INET_CONF = 1;
/** include/uapi/linux/ip.h */
const IPV4_DEVCONF_ARP_NOTIFY = 22;
const AF_INET = 2;
const AF_INET6 = 10;
const IFF_UP = 1;
/** RFC 2863 */
const IF_OPER_UP = 6;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /** Its carrier was seen: it sends what it is given. */
  readonly running: boolean;
  /** "bridge", "veth" …; empty for a physical link. */
  readonly kind: string;
  readonly hardwareAddress: Uint8Array;
  /** Index of the bridge it belongs to; 0: none. */
  readonly master: number;
  /** What its maker noted; empty: nothing. */
  readonly alias: string;
}

/** The link of that name in the socket's namespace, or null. */
export function findLink(socket: NetlinkSocket, name: string): Link | null {
  const message = new MessageWriter(RTM_GETLINK, 0)
    .raw(linkHeader())
    .string(IFLA_IFNAME, name)
    .u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
    .finish("RTM_GETLINK", name);
  const [reply = null] = socket.ask([message], E.ENODEV);
  return reply === null ? null : parseLink(reply.payload);
}

/** So often it is looked, a millisecond apart. */
const LOOKS_MAX = 50;

/**
 * Waits until the link sends what it is given. When the other end of a pair comes up, a worker of the kernel's has yet to see the carrier and to start the
 * queue (net/core/link_watch.c), behind whoever holds the RTNL: until then all is dropped, such as the answer to a container's first question, which is asked
 * again after a second. Since Linux 6.8 asking has it done at once; before, it is waited for, and in the end gone on without.
 */
export function awaitCarrier(socket: NetlinkSocket, name: string): void {
  for (let looks = 1; !(findLink(socket, name)?.running ?? true) && looks < LOOKS_MAX; looks++) Bun.sleepSync(1);
}

/** Every link of the socket's namespace. */
export function listLinks(socket: NetlinkSocket): Link[] {
  const message = new MessageWriter(RTM_GETLINK, NLM_F_DUMP).raw(linkHeader()).u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS).finish("RTM_GETLINK", "");
  return socket.dump(message).filter(({ type }) => type === RTM_NEWLINK).map(({ payload }) => parseLink(payload));
}

function parseLink(payload: DataView): Link {
  const attributes = parseAttributes(payload, 16);
  const info = attributes.get(IFLA_LINKINFO);
  const address = attributes.get(IFLA_ADDRESS);
  return {
    index: payload.getInt32(4, true),
    name: toText(attributes.get(IFLA_IFNAME)),
    up: (payload.getUint32(8, true) & IFF_UP) !== 0,
    running: attributes.get(IFLA_OPERSTATE)?.getUint8(0) === IF_OPER_UP,
    kind: info === undefined ? "" : toText(parseAttributes(info, 0).get(IFLA_INFO_KIND)),
    hardwareAddress: address === undefined ? new Uint8Array() : toBytes(address).slice(),
    master: attributes.get(IFLA_MASTER)?.getUint32(0, true) ?? 0,
    alias: toText(attributes.get(IFLA_IFALIAS)),
  };
}

/** EEXIST where the name is taken. An own hardware address keeps the bridge's from following that of its lowest port. */
export function createBridge(name: string, hardwareAddress: Uint8Array, mtu: number): NetlinkMessage {
  return new MessageWriter(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
    .raw(linkHeader())
    .string(IFLA_IFNAME, name)
    .u32(IFLA_MTU, mtu)
    .attribute(IFLA_ADDRESS, hardwareAddress)
    .nest(IFLA_LINKINFO, (info) => info.string(IFLA_INFO_KIND, "bridge"))
    .finish("RTM_NEWLINK", name);
}

/** What a bridge forwards between its ports passes the firewall as if it were routed, where the kernel has br_netfilter, whatever its sysctls say. */
export function filterWithin(bridge: string): NetlinkMessage {
  return new MessageWriter(RTM_NEWLINK, NLM_F_ACK)
    .raw(linkHeader())
    .string(IFLA_IFNAME, bridge)
    .nest(IFLA_LINKINFO, (info) =>
      info.string(IFLA_INFO_KIND, "bridge").nest(IFLA_INFO_DATA, (data) => data.u8(IFLA_BR_NF_CALL_IPTABLES, 1).u8(IFLA_BR_NF_CALL_IP6TABLES, 1)),
    )
    .finish("RTM_NEWLINK", bridge);
}

export interface VethOptions {
  /** Host side. */
  readonly name: string;
  /** Index of the bridge that the host side joins. */
  readonly master: number;
  readonly mtu: number;
  readonly peer: {
    readonly name: string;
    /** Descriptor of the network namespace in which it is born. */
    readonly namespace: number;
    readonly hardwareAddress: Uint8Array;
  };
}

/** A veth pair, its host side in the bridge, its peer in the namespace; both are down (up at birth is ENOTCONN: veth_open). */
export function createVeth({ name, master, mtu, peer }: VethOptions): NetlinkMessage {
  return new MessageWriter(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
    .raw(linkHeader())
    .string(IFLA_IFNAME, name)
    .u32(IFLA_MTU, mtu)
    .u32(IFLA_MASTER, master)
    .nest(IFLA_LINKINFO, (info) =>
      info.string(IFLA_INFO_KIND, "veth").nest(IFLA_INFO_DATA, (data) =>
        data.nest(VETH_INFO_PEER, (end) =>
          end
            .raw(linkHeader())
            .string(IFLA_IFNAME, peer.name)
            .u32(IFLA_MTU, mtu)
            .attribute(IFLA_ADDRESS, peer.hardwareAddress)
            .u32(IFLA_NET_NS_FD, peer.namespace),
        ),
      ),
    )
    .finish("RTM_NEWLINK", name);
}

export interface MacvlanLink {
  /** Its final name, in the namespace that it is born in. */
  readonly name: string;
  /** Descriptor of that namespace. */
  readonly namespace: number;
  /** Index of the host's link that it is on. */
  readonly parent: number;
  readonly mode: MacvlanMode;
  readonly hardwareAddress: Uint8Array;
  /** At most the parent's. Null: that. */
  readonly mtu: number | null;
}

/** A further hardware address of the parent, as a link of its own; down. EBUSY: the parent is a port of a bridge, or passed through. */
export function createMacvlan({ name, namespace, parent, mode, hardwareAddress, mtu }: MacvlanLink): NetlinkMessage {
  const writer = new MessageWriter(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL).raw(linkHeader()).string(IFLA_IFNAME, name);
  if (mtu !== null) writer.u32(IFLA_MTU, mtu);
  return writer
    .attribute(IFLA_ADDRESS, hardwareAddress)
    .u32(IFLA_LINK, parent)
    .u32(IFLA_NET_NS_FD, namespace)
    .nest(IFLA_LINKINFO, (info) => info.string(IFLA_INFO_KIND, "macvlan").nest(IFLA_INFO_DATA, (data) => data.u32(IFLA_MACVLAN_MODE, MACVLAN_MODE[mode])))
    .finish("RTM_NEWLINK", name);
}

/** A tagged part of the parent (IEEE 802.1Q), down; EEXIST where name or tag is taken. */
export function createVlan({ name, parent, tag }: { readonly name: string; readonly parent: number; readonly tag: number }): NetlinkMessage {
  return new MessageWriter(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
    .raw(linkHeader())
    .string(IFLA_IFNAME, name)
    .u32(IFLA_LINK, parent)
    .nest(IFLA_LINKINFO, (info) => info.string(IFLA_INFO_KIND, "vlan").nest(IFLA_INFO_DATA, (data) => data.u16(IFLA_VLAN_ID, tag)))
    .finish("RTM_NEWLINK", name);
}

export interface UpOptions {
  /** No IPv6 link-local address; only where the kernel has IPv6. */
  readonly withoutLinkLocal?: boolean;
  /**
   * The link is a port of a bridge that may send a frame back to where it came from: a container that uses its own published
   * port. Needed where br_netfilter translates the address within the bridge.
   */
  readonly hairpin?: boolean;
  /** The link is a port of a bridge that sends nothing to other such ports, only to the bridge itself (Linux 4.18). */
  readonly isolated?: boolean;
  /** Note on the link, at most ALIAS_BYTES_MAX bytes: what only a link that exists takes (rtnl_create_link). */
  readonly alias?: string;
}

/** By name, so that it can travel in one datagram with the message that creates the link. */
export function setUp(name: string, { withoutLinkLocal = false, hairpin = false, isolated = false, alias }: UpOptions = {}): NetlinkMessage {
  // Not RTM_SETLINK, which leaves what belongs to a bridge port out without a word.
  const writer = new MessageWriter(RTM_NEWLINK, NLM_F_ACK)
    .raw(linkHeader(IFF_UP))
    .string(IFLA_IFNAME, name);
  if (alias !== undefined) writer.string(IFLA_IFALIAS, alias);
  if (withoutLinkLocal) {
    writer.nest(IFLA_AF_SPEC, (spec) =>
      spec.nest(AF_INET6, (inet6) => inet6.u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)),
    );
  }
  if (hairpin || isolated) {
    writer.nest(IFLA_LINKINFO, (info) =>
      info.string(IFLA_INFO_SLAVE_KIND, "bridge").nest(IFLA_INFO_SLAVE_DATA, (port) => {
        if (hairpin) port.u8(IFLA_BRPORT_MODE, 1);
        if (isolated) port.u8(IFLA_BRPORT_ISOLATED, 1);
      }),
    );
  }
  return writer.finish("RTM_NEWLINK", name);
}

/**
 * The link tells its neighbours where it is when it comes up (arp_notify): the bridge may still lead to the link of a dying
 * namespace that had the same address.
 */
export function announceWhenUp(name: string): NetlinkMessage {
  return new MessageWriter(RTM_NEWLINK, NLM_F_ACK)
    .raw(linkHeader())
    .string(IFLA_IFNAME, name)
    .nest(IFLA_AF_SPEC, (spec) =>
      spec.nest(AF_INET, (inet) => inet.nest(IFLA_INET_CONF, (settings) => settings.u32(IPV4_DEVCONF_ARP_NOTIFY, 1))),
    )
    .finish("RTM_NEWLINK", name);
}

/** The same of a link that is up, whose arp_notify is set: it gets the address that it has (inetdev_event, NETDEV_CHANGEADDR). */
export function announceNow(name: string, hardwareAddress: Uint8Array): NetlinkMessage {
  return new MessageWriter(RTM_NEWLINK, NLM_F_ACK).raw(linkHeader()).string(IFLA_IFNAME, name).attribute(IFLA_ADDRESS, hardwareAddress).finish("RTM_NEWLINK", name);
}

/** By name or index; ENODEV where it is missing. 50 to 90 ms in the kernel: never while somebody waits. */
export function deleteLink(link: string | number): NetlinkMessage {
  const writer = new MessageWriter(RTM_DELLINK, NLM_F_ACK);
  if (typeof link === "number") return writer.raw(linkHeader(0, link)).finish("RTM_DELLINK", `link ${link}`);
  return writer.raw(linkHeader()).string(IFLA_IFNAME, link).finish("RTM_DELLINK", link);
}

/** struct ifinfomsg: which link it is says its index, where that is 0 its name; `flags` are to be set. */
function linkHeader(flags = 0, index = 0): Uint8Array {
  return fixedPart([0, 0, 0, 0], index, flags, flags);
}
