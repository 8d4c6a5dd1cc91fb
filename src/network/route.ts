/** IPv4 routes by rtnetlink: a container's default route, and the host's routes, which a new subnet must avoid. */
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import type { Subnet } from "../spec/network.ts";
import { parseAddress } from "./ipam.ts";
import { be32, MessageWriter, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, parseAttributes } from "./netlink.ts";

const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const AF_INET = 2;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;
/** Routes to addresses of the host itself and broadcasts live in table local: only unicast routes lead somewhere. */
const RTN_LOCAL = 2;

/** The default route through the gateway, which must be reachable on the link. */
export function addDefaultRoute(gateway: string, index: number): NetlinkMessage {
  return new MessageWriter(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
    .raw(Uint8Array.of(AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST, 0, 0, 0, 0))
    .attribute(RTA_GATEWAY, be32(parseAddress(gateway)))
    .u32(RTA_OIF, index)
    .finish("RTM_NEWROUTE", `default via ${gateway}`);
}

/** Subnets that the host routes to, in every table, addresses of the host itself among them. */
export function readRoutes(socket: NetlinkSocket): Subnet[] {
  const message = new MessageWriter(RTM_GETROUTE, NLM_F_DUMP)
    .raw(Uint8Array.of(AF_INET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    .finish("RTM_GETROUTE", "");
  const subnets: Subnet[] = [];
  for (const { type, payload } of socket.dump(message)) {
    if (type !== RTM_NEWROUTE || payload.getUint8(0) !== AF_INET) continue;
    const kind = payload.getUint8(7);
    const destination = parseAttributes(payload, 12).get(RTA_DST);
    if ((kind !== RTN_UNICAST && kind !== RTN_LOCAL) || destination === undefined) continue;
    subnets.push({ address: destination.getUint32(0), prefix: payload.getUint8(1) });
  }
  return subnets;
}
