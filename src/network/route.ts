/** IPv4 routes by rtnetlink: a container's default route, and the host's routes, which a new subnet must avoid. */
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import { formatSubnet, parseAddress } from "./ipam.ts";
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

/** Subnets that the host routes to, in every table ("10.0.0.0/8"), the default route and those through `except` left out. */
export function readRoutes(socket: NetlinkSocket, except: number | null): string[] {
  const message = new MessageWriter(RTM_GETROUTE, NLM_F_DUMP)
    .raw(Uint8Array.of(AF_INET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    .finish("RTM_GETROUTE", "");
  const subnets = new Set<string>();
  for (const { type, payload } of socket.dump(message)) {
    if (type !== RTM_NEWROUTE || payload.getUint8(0) !== AF_INET) continue;
    const kind = payload.getUint8(7);
    const attributes = parseAttributes(payload, 12);
    const destination = attributes.get(RTA_DST);
    if ((kind !== RTN_UNICAST && kind !== RTN_LOCAL) || destination === undefined) continue;
    if (except !== null && attributes.get(RTA_OIF)?.getUint32(0, true) === except) continue;
    subnets.add(formatSubnet({ address: destination.getUint32(0), prefix: payload.getUint8(1) }));
  }
  return [...subnets];
}
