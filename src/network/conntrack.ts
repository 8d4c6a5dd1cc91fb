/**
 * Connection tracking entries (ctnetlink) of published UDP ports. A client that sends on keeps its entry alive for ever, and the
 * entry keeps the address that it was made with: that of no container, or of the one before. TCP connections end by themselves.
 */
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import type { NetlinkSocket } from "../sys/netlink.ts";
import type { PortRange } from "../spec/network.ts";
import { familyOf } from "./port-maps.ts";
import { be16, MessageWriter, NLM_F_ACK, NLM_F_DUMP, parseAttributes, toBytes, u32 } from "./netlink.ts";

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;
// include/uapi/linux/netfilter/nfnetlink_conntrack.h
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER = 25;
const CTA_FILTER_ORIG_FLAGS = 1;
/** net/netfilter/nf_internals.h: compare protocol, destination port only (Linux 5.8). */
const FILTER_PROTO_NUM = 1 << 3;
const FILTER_DST_PORT = 1 << 5;
const IPPROTO_UDP = 17;
const AF_INET = 2;
const AF_INET6 = 10;
const NLA_F_NESTED = 0x8000;

/** Forgets the connections to the UDP ports, whatever address of the host they went to, in the family of the one that is published. */
export function forgetUdpConnections(socket: NetlinkSocket, { hostAddress, hostPort: port, length }: Pick<PortRange, "hostAddress" | "hostPort" | "length">): void {
  const family = familyOf(hostAddress) === "ipv6" ? AF_INET6 : AF_INET;
  for (const tuple of findTuples(socket, { family, port, length })) {
    const message = new MessageWriter((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE, NLM_F_ACK)
      .raw(Uint8Array.of(family, 0, 0, 0))
      .attribute(CTA_TUPLE_ORIG | NLA_F_NESTED, tuple)
      .finish("IPCTNL_MSG_CT_DELETE", `udp port ${port}`);
    try {
      socket.request([message]);
    } catch (error) {
      // It has timed out meanwhile.
      if (!(error instanceof SysError) || error.errno !== E.ENOENT) throw error;
    }
  }
}

/** In one dump, of one port filtered by the kernel. */
function findTuples(socket: NetlinkSocket, { family, port, length }: { readonly family: number; readonly port: number; readonly length: number }): Uint8Array[] {
  const message = new MessageWriter((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET, NLM_F_DUMP)
    .raw(Uint8Array.of(family, 0, 0, 0))
    .nest(CTA_TUPLE_ORIG, (tuple) =>
      tuple.nest(CTA_TUPLE_PROTO, (proto) => proto.u8(CTA_PROTO_NUM, IPPROTO_UDP).attribute(CTA_PROTO_DST_PORT, be16(port))),
    )
    .nest(CTA_FILTER, (filter) => filter.attribute(CTA_FILTER_ORIG_FLAGS, u32(FILTER_PROTO_NUM | (length === 1 ? FILTER_DST_PORT : 0))))
    .finish("IPCTNL_MSG_CT_GET", `udp port ${port}`);
  const tuples: Uint8Array[] = [];
  for (const { payload } of socket.dump(message)) {
    const tuple = parseAttributes(payload, 4).get(CTA_TUPLE_ORIG);
    const proto = tuple === undefined ? undefined : parseAttributes(tuple, 0).get(CTA_TUPLE_PROTO);
    if (tuple === undefined || proto === undefined) continue;
    const attributes = parseAttributes(proto, 0);
    // A kernel that ignores the filter sends everything.
    if (attributes.get(CTA_PROTO_NUM)?.getUint8(0) !== IPPROTO_UDP) continue;
    const found = attributes.get(CTA_PROTO_DST_PORT)?.getUint16(0) ?? 0;
    if (found >= port && found < port + length) tuples.push(toBytes(tuple));
  }
  return tuples;
}
