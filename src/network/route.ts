/** Routes by rtnetlink: a container's default routes, and the host's routes, which a new subnet must avoid. */
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import type { Subnet, Subnet6 } from "../spec/network.ts";
import { parseAddress } from "./ipam.ts";
import { addressBytes6, parseAddress6, readAddress6 } from "./ipam6.ts";
import { be32, MessageWriter, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, parseAttributes } from "./netlink.ts";

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const AF_INET = 2;
const AF_INET6 = 10;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;
/** Routes to addresses of the host itself and broadcasts live in table local: only unicast routes lead somewhere. */
const RTN_LOCAL = 2;

/** A way out of a namespace: a router on one of its links. */
export interface Gateway {
  /** "172.17.0.1", "fd00::1"; it must be reachable on the link. */
  readonly gateway: string;
  /** Index of the link. */
  readonly index: number;
}

/** The default route of IPv4, in place of the one that is there. */
export function setDefaultRoute({ gateway, index }: Gateway): NetlinkMessage {
  return defaultRoute(AF_INET, be32(parseAddress(gateway)), gateway, index);
}

/** The default route of IPv6, in place of the one that is there. */
export function setDefaultRoute6({ gateway, index }: Gateway): NetlinkMessage {
  return defaultRoute(AF_INET6, addressBytes6(parseAddress6(gateway)), gateway, index);
}

function defaultRoute(family: number, address: Uint8Array, gateway: string, index: number): NetlinkMessage {
  return new MessageWriter(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE)
    .raw(routeHeader(family, RTN_UNICAST))
    .attribute(RTA_GATEWAY, address)
    .u32(RTA_OIF, index)
    .finish("RTM_NEWROUTE", `default via ${gateway}`);
}

/** Takes the default route of the family away; false where there is none. */
export function removeDefaultRoute(socket: NetlinkSocket, family: "ipv4" | "ipv6"): boolean {
  const message = new MessageWriter(RTM_DELROUTE, NLM_F_ACK).raw(routeHeader(family === "ipv4" ? AF_INET : AF_INET6, 0)).finish("RTM_DELROUTE", `${family} default`);
  try {
    socket.request([message]);
    return true;
  } catch (error) {
    // IPv6 comes upon its own placeholder (fib6_null_entry).
    if (error instanceof SysError && (error.errno === E.ESRCH || error.errno === E.ENOENT)) return false;
    throw error;
  }
}

/** IPv4 subnets that the host routes to, in every table, addresses of the host itself among them. */
export function readRoutes(socket: NetlinkSocket): Subnet[] {
  return readFamily(socket, AF_INET).map(({ destination, prefix }) => ({ address: destination.getUint32(0), prefix }));
}

/** The same for IPv6, link-local subnets among them. */
export function readRoutes6(socket: NetlinkSocket): Subnet6[] {
  return readFamily(socket, AF_INET6).map(({ destination, prefix }) => ({ address: readAddress6(destination), prefix }));
}

function readFamily(socket: NetlinkSocket, family: number): { destination: DataView; prefix: number }[] {
  const message = new MessageWriter(RTM_GETROUTE, NLM_F_DUMP).raw(Uint8Array.of(family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)).finish("RTM_GETROUTE", "");
  return socket.dump(message).flatMap(({ type, payload }) => {
    if (type !== RTM_NEWROUTE || payload.getUint8(0) !== family) return [];
    const kind = payload.getUint8(7);
    const destination = parseAttributes(payload, 12).get(RTA_DST);
    return (kind !== RTN_UNICAST && kind !== RTN_LOCAL) || destination === undefined ? [] : [{ destination, prefix: payload.getUint8(1) }];
  });
}

/** struct rtmsg of a default route in the table main. */
function routeHeader(family: number, kind: number): Uint8Array {
  return Uint8Array.of(family, 0, 0, 0, RT_TABLE_MAIN, kind === RTN_UNICAST ? RTPROT_BOOT : 0, 0, kind, 0, 0, 0, 0);
}
