/**
 * How a container's answers find back to its monitor, which connects to it as its clients (shim/proxy_source.zig): what has the mark is
 * local, whatever address it is for. In the container's network namespace, and gone with it; other packets do not meet it.
 */
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import type { IpFamily } from "./expressions.ts";
import { MessageWriter, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL } from "./netlink.ts";

/** "mdk", also as the number of the routing table. The monitor marks what it sends with it (shim/proxy_source.zig, mark). */
const PROXY_MARK = 0x6d646b;

/** By ip-sysctl: what is accepted takes the mark of its connection, and so does the kernel's own refusal. */
export const PROXY_SETTINGS: Readonly<Record<IpFamily, readonly { readonly sysctl: string; readonly value: string }[]>> = {
  ipv4: [{ sysctl: "net.ipv4.tcp_fwmark_accept", value: "1" }, { sysctl: "net.ipv4.fwmark_reflect", value: "1" }],
  ipv6: [{ sysctl: "net.ipv4.tcp_fwmark_accept", value: "1" }, { sysctl: "net.ipv6.fwmark_reflect", value: "1" }],
};

// include/uapi/linux/rtnetlink.h, fib_rules.h
const RTM_NEWROUTE = 24;
const RTM_NEWRULE = 32;
const RTA_OIF = 4;
const RTA_TABLE = 15;
const RTPROT_BOOT = 3;
const RT_SCOPE_HOST = 254;
const RTN_LOCAL = 2;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_TABLE = 15;
const FR_ACT_TO_TBL = 1;
const FAMILY: Readonly<Record<IpFamily, number>> = { ipv4: 2, ipv6: 10 };
/** Before table main. */
const PRIORITY = 100;
/** LOOPBACK_IFINDEX. */
const LOOPBACK = 1;

/** In the namespace of the NETLINK_ROUTE socket, whose loopback device is up. False: the kernel has no policy routing (CONFIG_IP_MULTIPLE_TABLES), and nothing is changed. Throws SysError. */
export function routeMarked(container: NetlinkSocket, families: readonly IpFamily[]): boolean {
  try {
    container.request(families.map(localRoute));
    container.request(families.map(markRule));
    return true;
  } catch (error) {
    if (error instanceof SysError && (error.errno === E.EOPNOTSUPP || error.errno === E.EAFNOSUPPORT || error.errno === E.EINVAL)) return false;
    throw error;
  }
}

function localRoute(family: IpFamily): NetlinkMessage {
  return new MessageWriter(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE)
    .raw(Uint8Array.of(FAMILY[family], 0, 0, 0, 0, RTPROT_BOOT, family === "ipv4" ? RT_SCOPE_HOST : 0, RTN_LOCAL, 0, 0, 0, 0))
    .u32(RTA_OIF, LOOPBACK)
    .u32(RTA_TABLE, PROXY_MARK)
    .finish("RTM_NEWROUTE", "local default");
}

function markRule(family: IpFamily): NetlinkMessage {
  return new MessageWriter(RTM_NEWRULE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
    .raw(Uint8Array.of(FAMILY[family], 0, 0, 0, 0, 0, 0, FR_ACT_TO_TBL, 0, 0, 0, 0))
    .u32(FRA_PRIORITY, PRIORITY)
    .u32(FRA_FWMARK, PROXY_MARK)
    .u32(FRA_TABLE, PROXY_MARK)
    .finish("RTM_NEWRULE", "fwmark");
}
