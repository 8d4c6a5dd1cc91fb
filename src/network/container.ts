/**
 * A container's side of a network. Its namespace is only driven through descriptors that the shim sent (the namespace, and
 * a NETLINK_ROUTE socket of it): mdk itself never enters it. Everything made here dies with the namespace.
 */
import { MdkError } from "../error.ts";
import type { Subnet } from "../spec/network.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import type { NetlinkSocket } from "../sys/netlink.ts";
import { addAddress } from "./address.ts";
import { hasIpv6, MTU } from "./bridge.ts";
import { gatewayOf, parseHardwareAddress } from "./ipam.ts";
import { announceWhenUp, createVeth, findLink, setUp } from "./link.ts";
import { addDefaultRoute } from "./route.ts";
import { writeSysctl } from "./sysctl.ts";

const INTERFACE = "eth0";

export interface Attachment {
  /** Name of the host side: `vethName`. */
  readonly veth: string;
  /** Index of the bridge. */
  readonly bridge: number;
  /** "172.17.0.2", of `subnet`. */
  readonly address: string;
  /** "02:42:ac:11:00:02". */
  readonly mac: string;
  readonly subnet: Subnet;
  /** Descriptor of the container's network namespace. */
  readonly namespace: number;
}

/**
 * Connects the container to the bridge: veth pair, address, default route, loopback up. About 1 ms. Throws SysError, or MdkError "bridge-full"; the caller
 * ends the container then, and with it all of this. Nothing has to be deleted when a container ends: its namespace takes the
 * pair along, up to 0.1 s later, and deleting it explicitly would cost that time.
 */
export function attachContainer(host: NetlinkSocket, container: NetlinkSocket, { veth, bridge, address, mac, subnet, namespace }: Attachment): void {
  const ipv6 = hasIpv6();
  const peer = { name: INTERFACE, namespace, hardwareAddress: parseHardwareAddress(mac) };
  try {
    host.request([
      createVeth({ name: veth, master: bridge, mtu: MTU, peer }),
      // No IPv6 address on the host side: nobody speaks to it there.
      setUp(veth, { withoutLinkLocal: ipv6, hairpin: true }),
    ]);
  } catch (error) {
    throw error instanceof SysError && error.errno === E.EXFULL ? bridgeFull(error) : error;
  }
  // CVE-2020-13401, as on the bridge.
  if (ipv6) writeSysctl(`net.ipv6.conf.${veth}.accept_ra`, "0");
  const inside = findLink(container, INTERFACE);
  if (inside === null) throw new SysError("RTM_GETLINK", E.ENODEV, INTERFACE);
  container.request([
    setUp("lo"),
    addAddress({ address, prefix: subnet.prefix, index: inside.index }),
    announceWhenUp(INTERFACE),
    setUp(INTERFACE),
    addDefaultRoute(gatewayOf(subnet), inside.index),
  ]);
}

/** BR_MAX_PORTS of net/bridge/br_private.h is 1024, and port 0 is none. */
function bridgeFull(cause: SysError): MdkError {
  return new MdkError("exhausted", "bridge-full", "the bridge has its 1023 containers: Linux allows a bridge no more ports", {
    hint: "stop some, run it with --network host or none, or in another --root, which has a bridge of its own", cause,
  });
}

/** `--network none`: loopback only. False: it stays down, as for who has no CAP_NET_ADMIN; the container is as isolated. */
export function isolateContainer(container: NetlinkSocket): boolean {
  try {
    container.request([setUp("lo")]);
    return true;
  } catch (error) {
    if (error instanceof SysError && error.errno === E.EPERM) return false;
    throw error;
  }
}
