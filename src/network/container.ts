/**
 * A container's side of a network. Its namespace is only driven through descriptors that the shim sent (the namespace, and
 * a NETLINK_ROUTE socket of it): mdk itself never enters it. Everything made here dies with the namespace.
 */
import { writeFileSync } from "node:fs";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import type { NetlinkSocket } from "../sys/netlink.ts";
import { addAddress } from "./address.ts";
import { hasIpv6, MTU } from "./bridge.ts";
import { gatewayOf, hardwareAddress, parseSubnet } from "./ipam.ts";
import { createVeth, deleteLink, findLink, setUp } from "./link.ts";
import { addDefaultRoute } from "./route.ts";

const INTERFACE = "eth0";

export interface Attachment {
  /** Name of the host side: `vethName`. */
  readonly veth: string;
  /** Index of the bridge. */
  readonly bridge: number;
  /** "172.17.0.2", of `subnet`. */
  readonly address: string;
  readonly subnet: string;
  /** Descriptor of the container's network namespace. */
  readonly namespace: number;
}

/**
 * Connects the container to the bridge: veth pair, address, default route, loopback up. About 1 ms. Returns the index of the
 * host side, by which the lease knows whether it is still there. Throws SysError; the caller ends the container then, and with
 * it all of this.
 */
export function attachContainer(host: NetlinkSocket, container: NetlinkSocket, { veth, bridge, address, subnet, namespace }: Attachment): number {
  const ipv6 = hasIpv6();
  const peer = { name: INTERFACE, namespace, hardwareAddress: hardwareAddress(address) };
  host.request([
    createVeth({ name: veth, master: bridge, mtu: MTU, peer }),
    // No IPv6 address on the host side: nobody speaks to it there.
    setUp(veth, { withoutLinkLocal: ipv6, hairpin: true }),
  ]);
  // CVE-2020-13401, as on the bridge.
  if (ipv6) writeFileSync(`/proc/sys/net/ipv6/conf/${veth}/accept_ra`, "0", { flag: "r+" });
  const inside = findLink(container, INTERFACE);
  if (inside === null) throw new SysError("RTM_GETLINK", E.ENODEV, INTERFACE);
  container.request([
    setUp("lo"),
    addAddress({ address, prefix: parseSubnet(subnet).prefix, index: inside.index }),
    setUp(INTERFACE),
    addDefaultRoute(gatewayOf(subnet), inside.index),
  ]);
  const outside = findLink(host, veth);
  if (outside === null) throw new SysError("RTM_GETLINK", E.ENODEV, veth);
  return outside.index;
}

/** `--network none`: loopback only. */
export function isolateContainer(container: NetlinkSocket): void {
  container.request([setUp("lo")]);
}

/** Is the host side of an ended container still there? Its address is free again only when it is not. */
export function isAttached(host: NetlinkSocket, veth: string, index: number): boolean {
  return findLink(host, veth)?.index === index;
}

/** For an address that is needed again at once: deletes the link explicitly (50 to 90 ms); one that is missing is fine. */
export function detachContainer(host: NetlinkSocket, veth: string): void {
  try {
    host.request([deleteLink(veth)]);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== E.ENODEV) throw error;
  }
}

/** A sysctl of the container's namespace that init writes (through /proc, before it has a root of its own). */
export interface ContainerSysctl {
  readonly path: string;
  readonly value: string;
  /** True: written before `created` is reported, since links that come later must find it. */
  readonly beforeLinks: boolean;
}

/** What Docker sets in every network namespace that it makes; `ipv6`: whether the kernel has IPv6 (`hasIpv6`). */
export function containerSysctls(ipv6: boolean): ContainerSysctl[] {
  const sysctls: ContainerSysctl[] = [
    { path: "/proc/sys/net/ipv4/ip_unprivileged_port_start", value: "0", beforeLinks: false },
    { path: "/proc/sys/net/ipv4/ping_group_range", value: "0 2147483647", beforeLinks: false },
  ];
  // A network of IPv4 only; lo is there already and keeps ::1.
  if (ipv6) sysctls.unshift({ path: "/proc/sys/net/ipv6/conf/default/disable_ipv6", value: "1", beforeLinks: true });
  return sysctls;
}
