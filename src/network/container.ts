/**
 * A container's side of its networks. Its namespace is only driven through descriptors that the shim sent (the namespace, and
 * a NETLINK_ROUTE socket of it): mdk itself never enters it. Everything made here dies with the namespace.
 */
import { MdkError } from "../error.ts";
import type { MacvlanMode } from "../spec/network-options.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import { addAddress, addAddress6 } from "./address.ts";
import { hasIpv6 } from "./forwarding.ts";
import { parseHardwareAddress } from "./ipam.ts";
import { announceNow, announceWhenUp, awaitCarrier, createMacvlan, createVeth, deleteLink, findLink, setUp } from "./link.ts";
import { removeDefaultRoute, setDefaultRoute, setDefaultRoute6 } from "./route.ts";
import { writeSysctl } from "./sysctl.ts";

/** An address of a container. */
interface EndpointAddress {
  /** "172.17.0.2", "fd00::2". */
  readonly address: string;
  readonly prefix: number;
  /** Through which the default route leads; null: none by this endpoint. */
  readonly gateway: string | null;
}

/** A container on a network: an interface of its own. */
interface Endpoint {
  /** Name of the interface in the container: "eth0". */
  readonly name: string;
  /** "02:42:ac:11:00:02". */
  readonly mac: string;
  readonly ipv4: EndpointAddress | null;
  /** The container's namespace has IPv6 then (its spec switches it on, and router advertisements off). */
  readonly ipv6: EndpointAddress | null;
  /** Descriptor of the container's network namespace. */
  readonly namespace: number;
}

export interface BridgeEndpoint extends Endpoint {
  /** Name of the host side: `vethName`. */
  readonly veth: string;
  /** Index of the bridge. */
  readonly bridge: number;
  readonly mtu: number;
  /** It reaches the bridge and what is behind it, and no other such endpoint of the bridge: `mustIsolate` of network/bridge.ts. */
  readonly isolated: boolean;
}

/**
 * Connects the container to a bridge: veth pair, addresses, default routes, loopback up. About 1 ms. Throws SysError, or MdkError
 * "bridge-full"; where the container was about to start, the caller ends it then, and with it all of this. Nothing has to be deleted when
 * a container ends: its namespace takes the pair along, up to 0.1 s later, and deleting it explicitly would cost that time.
 */
export function attachContainer(host: NetlinkSocket, container: NetlinkSocket, endpoint: BridgeEndpoint): void {
  const { veth, bridge, mtu, name, mac, namespace, isolated } = endpoint;
  const ipv6 = hasIpv6(mtu);
  const peer = { name, namespace, hardwareAddress: parseHardwareAddress(mac) };
  try {
    host.request([
      createVeth({ name: veth, master: bridge, mtu, peer }),
      // No IPv6 address on the host side: nobody speaks to it there.
      setUp(veth, { withoutLinkLocal: ipv6, hairpin: true, isolated }),
    ]);
  } catch (error) {
    throw error instanceof SysError && error.errno === E.EXFULL ? bridgeFull(error) : error;
  }
  // CVE-2020-13401, as on the bridge.
  if (ipv6) writeSysctl(`net.ipv6.conf.${veth}.accept_ra`, "0");
  configure(container, endpoint);
  awaitCarrier(host, veth);
  // What it said when it came up the bridge may have dropped, whose port was not in use yet.
  container.request([announceNow(name, peer.hardwareAddress)]);
}

export interface MacvlanEndpoint extends Endpoint {
  /** Index of the host's link that it is on (network/macvlan.ts). */
  readonly parent: number;
  readonly mode: MacvlanMode;
  /** Null: the parent's. */
  readonly mtu: number | null;
}

/** Puts the container on the network of a link of the host's, under a hardware address of its own. Throws MdkError "parent-busy", "no-macvlan" or SysError. */
export function attachMacvlan(host: NetlinkSocket, container: NetlinkSocket, endpoint: MacvlanEndpoint): void {
  const { name, mac, namespace, parent, mode, mtu } = endpoint;
  try {
    host.request([createMacvlan({ name, namespace, parent, mode, mtu, hardwareAddress: parseHardwareAddress(mac) })]);
  } catch (error) {
    throw error instanceof SysError ? explainMacvlan(error) : error;
  }
  configure(container, endpoint);
}

/** In one datagram: what a packet needs to go out. */
function configure(container: NetlinkSocket, { name, ipv4, ipv6 }: Endpoint): void {
  const inside = findLink(container, name);
  if (inside === null) throw new SysError("RTM_GETLINK", E.ENODEV, name);
  const { index } = inside;
  container.request([
    setUp("lo"),
    ...(ipv4 === null ? [] : [addAddress({ ...ipv4, index })]),
    ...(ipv6 === null ? [] : [addAddress6({ ...ipv6, index })]),
    announceWhenUp(name),
    setUp(name),
    ...routesBy(index, { ipv4: ipv4?.gateway ?? null, ipv6: ipv6?.gateway ?? null }),
  ]);
}

function routesBy(index: number, { ipv4, ipv6 }: { readonly ipv4: string | null; readonly ipv6: string | null }): NetlinkMessage[] {
  return [
    ...(ipv4 === null ? [] : [setDefaultRoute({ gateway: ipv4, index })]),
    ...(ipv6 === null ? [] : [setDefaultRoute6({ gateway: ipv6, index })]),
  ];
}

/** Where the default route of a family goes: by the interface of that name, through the gateway. */
export interface DefaultRoute {
  readonly name: string;
  readonly gateway: string;
}

/** By which interfaces the container goes out from now on; null: that family does not, and loses its default route. */
export function moveDefaultRoutes(container: NetlinkSocket, routes: { readonly ipv4: DefaultRoute | null; readonly ipv6: DefaultRoute | null }): void {
  for (const family of ["ipv4", "ipv6"] as const) {
    const route = routes[family];
    if (route === null) {
      removeDefaultRoute(container, family);
      continue;
    }
    const link = findLink(container, route.name);
    if (link === null) throw new SysError("RTM_GETLINK", E.ENODEV, route.name);
    container.request(routesBy(link.index, { ipv4: null, ipv6: null, [family]: route.gateway }));
  }
}

/** Takes an interface out of a running container, a veth's host side along; one that is missing is fine. 50 to 90 ms in the kernel. */
export function detachEndpoint(container: NetlinkSocket, name: string): void {
  try {
    container.request([deleteLink(name)]);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== E.ENODEV) throw error;
  }
}

/** BR_MAX_PORTS of net/bridge/br_private.h is 1024, and port 0 is none. */
function bridgeFull(cause: SysError): MdkError {
  return new MdkError("exhausted", "bridge-full", "the bridge has its 1023 containers: Linux allows a bridge no more ports", {
    hint: "stop some, run it with --network host or none, or in another --root, which has a bridge of its own", cause,
  });
}

function explainMacvlan(cause: SysError): unknown {
  if (cause.errno === E.EBUSY) {
    return new MdkError("conflict", "parent-busy", `join the macvlan network: ${cause.message}`, { hint: "its parent is a port of a bridge, or passed through to one container alone", cause });
  }
  if (cause.errno !== E.EOPNOTSUPP) return cause;
  return new MdkError("unsupported", "no-macvlan", `join the macvlan network: ${cause.message}`, { hint: "the kernel needs macvlan (modprobe macvlan)", cause });
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
