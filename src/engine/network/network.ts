/**
 * A container on the network: its share of the default bridge (address, ports) reserved before it has a row, leased with it,
 * attached when its namespace is there, given back when it ends.
 */
import { closeSync, readFileSync } from "node:fs";
import { ensureBridge } from "../../network/bridge.ts";
import { attachContainer, isolateContainer } from "../../network/container.ts";
import { ensureFirewall, openFirewall } from "../../network/firewall.ts";
import { formatAddress, formatHardwareAddress, formatSubnet, gatewayOf, hardwareAddress, hostRange } from "../../network/ipam.ts";
import { networkNames, vethName } from "../../network/names.ts";
import { addElements, HELD_MAX, holdPorts, portTaken, publishPorts, releasePorts, removePublished, type HeldPorts } from "../../network/publish.ts";
import { openNetfilterIn } from "../../runtime/netlink.ts";
import { bridgedOf, parseMacAddress, type NetworkState } from "../../spec/network.ts";
import { parsePorts, type PortRequest } from "../../spec/ports.ts";
import { listContainers, type Container } from "../../store/containers.ts";
import { transaction } from "../../store/database.ts";
import { leaseAddress, leasePorts, rememberedSysctl, rememberSysctl, type NetworkRow } from "../../store/leases.ts";
import { MdkError } from "../../error.ts";
import { NETLINK_ROUTE, NetlinkSocket, openNetlink } from "../../sys/netlink.ts";
import type { Context } from "../context.ts";
import { networkNamespace, openNetworkNamespace } from "../host/facts.ts";
import { BRIDGE, bridgeNetwork, ensureNetwork, ownerOf } from "./subnet.ts";

/** What a container will have, before it is leased. */
export interface Reservation {
  /** The bound sockets of published ports; they belong to whoever reserved. */
  readonly holds: readonly number[];
  /** Null: not on a bridge. */
  readonly bridged: Bridged | null;
}

interface Bridged {
  readonly namespace: string;
  readonly network: NetworkRow;
  readonly requests: readonly PortRequest[];
  /** Of each request; another port of the same request may take its place until it is leased. */
  readonly held: HeldPorts[];
  readonly endpoint: string;
}

/** Fewer than this fit into any host's range of free ports: it is not asked for. */
const FREE_PORTS_FEW = 1000;

/** More free ports than the host has are not looked for one by one (ip(7), ip_local_port_range). */
function refuseTooMany(requests: readonly PortRequest[]): void {
  const free = requests.filter(({ host }) => host.first === 0).length;
  if (free < FREE_PORTS_FEW) return;
  const [low = 0, high = 0] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "latin1").split(/\s+/).map(Number);
  if (free <= high - low + 1) return;
  throw new MdkError("exhausted", "too-many-ports", `cannot publish ${free} ports on free ports of the host: it has ${high - low + 1} of them`, {
    hint: "name the host's ports with -p, or expose fewer",
  });
}

/** Sees to a bridge with a subnet and binds the published ports. Throws MdkError "port-taken" and others in Docker's words. */
export function reserveNetwork(context: Context, container: Pick<Container, "id" | "name" | "config" | "host">): Reservation {
  const requests = parsePorts(container);
  if (container.host.NetworkMode !== "bridge") return { holds: [], bridged: null };
  refuseTooMany(requests);
  const namespace = networkNamespace(context);
  const network = ensureNetwork(context, namespace);
  const endpoint = `${container.name} (${container.id})`;
  const held: HeldPorts[] = [];
  try {
    for (const request of requests) held.push(holdFirst(request, request.host.first, held, endpoint));
  } catch (error) {
    held.forEach(releasePorts);
    throw error;
  }
  return { get holds() { return held.flatMap(({ descriptors }) => descriptors); }, bridged: { namespace, network, requests, held, endpoint } };
}

/** The first of the request's candidates, from `from` on, that can be bound. */
function holdFirst({ host, ...port }: PortRequest, from: number, others: readonly HeldPorts[], endpoint: string): HeldPorts {
  const room = HELD_MAX - others.reduce((sum, { descriptors }) => sum + descriptors.length, 0);
  for (let hostPort = from; ; hostPort++) {
    // Two requests of one container: neither listens yet, and both could be bound.
    const isOwn = hostPort !== 0 && others.some(({ range }) => range.protocol === port.protocol && range.hostAddress === port.hostAddress
      && hostPort < range.hostPort + range.length && range.hostPort < hostPort + port.length);
    if (isOwn && hostPort < host.last) continue;
    try {
      return holdPorts({ ...port, hostPort }, room, endpoint);
    } catch (error) {
      if (!(error instanceof MdkError) || error.code !== "port-taken" || hostPort >= host.last) throw error;
    }
  }
}

/** The host's side, ready to be joined. */
export interface Raised {
  readonly route: NetlinkSocket;
  readonly firewall: NetlinkSocket;
  /** Index of the bridge. */
  readonly bridge: number;
  readonly warnings: readonly string[];
}

/**
 * Makes what is missing of bridge, table and sysctls: while the shim makes the container. Null without a bridge network. The
 * caller closes both sockets.
 */
export function raiseNetwork(context: Context, { bridged }: Reservation): Raised | null {
  if (bridged === null) return null;
  const { namespace, network } = bridged;
  const route = openNetlink(NETLINK_ROUTE);
  const firewall = openFirewall();
  try {
    const own = bridgeNetwork(network);
    const { tableIsNew, warnings } = ensureFirewall(firewall, {
      names: networkNames(network.tag), network: own, others: () => [],
      remember: ({ name, old }) => transaction(context.database(), (database) => rememberSysctl(database, namespace, name, old)),
      switchedOn: (name) => rememberedSysctl(context.database(), namespace, name) !== null,
    });
    if (tableIsNew) publishAgain(context, firewall, namespace);
    return { route, firewall, bridge: ensureBridge(route, own, () => ownerOf(context)), warnings };
  } catch (error) {
    closeSync(route.fd);
    closeSync(firewall.fd);
    throw error;
  }
}

/** Somebody flushed the firewall while containers run: their ports lead to them again. */
function publishAgain(context: Context, firewall: NetlinkSocket, namespace: string): void {
  for (const { phase, network: state } of listContainers(context.database(), "active")) {
    const network = bridgedOf(state);
    if (phase !== "started" || network === null || network.namespace !== namespace || network.ports.length === 0) continue;
    addElements(firewall, networkNames(network.tag), network.ports, { ipv4: network.address, ipv6: null });
  }
}

/** Inside the transaction that makes the row: address and ports become the container's. Throws MdkError "no-free-address", "port-taken". */
export function leaseNetwork(context: Context, { id, config, host }: Pick<Container, "id" | "config" | "host">, { bridged }: Reservation): NetworkState {
  if (bridged === null) return { mode: host.NetworkMode === "host" ? "host" : "none" };
  const { namespace, network: { tag, subnet } } = bridged;
  const number = leaseAddress(context.database(), namespace, { network: BRIDGE, container: id, ...hostRange(subnet) });
  if (number === null) throw new MdkError("exhausted", "no-free-address", `no available IPv4 addresses on this network's address pool: ${formatSubnet(subnet)}`);
  bridged.requests.forEach((request, index) => leaseRequest(context, id, bridged, request, index));
  const address = formatAddress(number);
  return {
    mode: "bridge", namespace, tag, address, prefix: subnet.prefix, gateway: gatewayOf(subnet),
    mac: parseMacAddress(config.MacAddress ?? "") ?? formatHardwareAddress(hardwareAddress(address)), ports: bridged.held.map(({ range }) => range),
  };
}

/**
 * Two that start at once can both bind a port, since neither listens yet: the row says whose it is, and the other one takes the
 * next of its candidates.
 */
function leaseRequest(context: Context, id: string, { namespace, held, endpoint }: Bridged, request: PortRequest, index: number): void {
  for (let tries = 1; ; tries++) {
    const { range } = held[index]!;
    const { protocol, hostAddress, hostPort, length } = range;
    const taken = leasePorts(context.database(), namespace, { protocol, host: hostAddress, first: hostPort, last: hostPort + length - 1, container: id });
    if (taken === null) return;
    const isLast = request.host.first === 0 ? tries === CHOICES_OF_KERNEL : hostPort >= request.host.last;
    if (isLast) throw portTaken({ hostAddress, hostPort: taken }, endpoint, null);
    const next = holdFirst(request, request.host.first === 0 ? 0 : hostPort + 1, held, endpoint);
    releasePorts(held[index]!);
    held[index] = next;
  }
}

/** The kernel may choose a port once more that is bound and not listened on. */
const CHOICES_OF_KERNEL = 20;

/** Descriptors that init sent: its network namespace and a netlink socket of it. */
export interface NamespaceDescriptors {
  readonly namespace: number;
  readonly netlink: number;
}

/** Joins the new namespace to the bridge and publishes the ports; about 1 ms. `raised` is null without a bridge. Returns warnings. */
export function attachNetwork(begun: { readonly container: Container; readonly reservation: Reservation }, raised: Raised | null, { namespace, netlink }: NamespaceDescriptors): readonly string[] {
  const inside = new NetlinkSocket(netlink);
  const { bridged } = begun.reservation;
  const network = bridgedOf(begun.container.network);
  if (bridged === null || network === null || raised === null) return isolateContainer(inside) ? [] : [LOOPBACK_DOWN];
  const names = networkNames(network.tag);
  const { mtu } = bridgeNetwork(bridged.network);
  attachContainer(raised.route, inside, {
    veth: vethName(names), name: "eth0", bridge: raised.bridge, mac: network.mac, mtu, isolated: false, namespace,
    ipv4: { address: network.address, prefix: network.prefix, gateway: network.gateway }, ipv6: null,
  });
  publishPorts(raised.firewall, names, { held: bridged.held, addresses: { ipv4: network.address, ipv6: null }, endpoint: bridged.endpoint });
  return raised.warnings;
}

const LOOPBACK_DOWN = "the container's loopback interface stays down: bringing it up needs CAP_NET_ADMIN";

/**
 * The ports lead nowhere any more, in the network namespace that they were published in; where that is gone, so are they. The
 * veth died with the container's namespace; the lease is the row's. Returns the socket that the ports were taken away by, for
 * the caller to close, null without one: its last close waits until no packet looks at them (nft_rcv_nl_event), 10 ms.
 */
export function detachNetwork(context: Context, container: Container): number | null {
  const network = bridgedOf(container.network);
  if (network === null || network.ports.length === 0) return null;
  const firewall = network.namespace === networkNamespace(context) ? openFirewall() : openFirewallIn(context, network.namespace);
  if (firewall === null) return null;
  try {
    removePublished(firewall, networkNames(network.tag), network.ports, { ipv4: network.address, ipv6: null });
    return firewall.fd;
  } catch (error) {
    closeSync(firewall.fd);
    throw error;
  }
}

/** Null: the namespace is gone, nothing leads there, or it is another store's. */
function openFirewallIn(context: Context, identity: string): NetlinkSocket | null {
  const namespace = openNetworkNamespace(context, identity);
  if (namespace === null) return null;
  try {
    const socket = openNetfilterIn(context.runRoot, namespace);
    return socket === null ? null : new NetlinkSocket(socket);
  } finally {
    closeSync(namespace);
  }
}
