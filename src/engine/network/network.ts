/**
 * A container on its networks: its share of each (addresses, ports) reserved before it has a row, leased with it, attached when its
 * namespace is there, given back when it ends. What each kind of network does is in drivers/.
 */
import { closeSync } from "node:fs";
import { asFirewall, openFirewall } from "../../network/firewall.ts";
import { isolateContainer } from "../../network/container.ts";
import { networkNames } from "../../network/names.ts";
import { HELD_MAX, isIpv6Listenable, publishPorts, removePublished, type HeldPorts } from "../../network/publish.ts";
import { ensureServedChain } from "../../network/served.ts";
import { enterNamespace, openNetfilterIn } from "../../runtime/netlink.ts";
import { parsePorts, type PortRequest } from "../../spec/ports.ts";
import type { Container } from "../../store/containers.ts";
import { connectEndpoint, listEndpoints, type Connection } from "../../store/endpoints.ts";
import { readTag } from "../../store/namespaces.ts";
import { listPorts } from "../../store/ports.ts";
import { NetlinkSocket } from "../../sys/netlink.ts";
import type { Context } from "../context.ts";
import { networkNamespace, openNetworkNamespace } from "../host/facts.ts";
import { newId } from "../host/ids.ts";
import { leaseAddresses } from "./addresses.ts";
import { boundPorts } from "./configured.ts";
import { driverOf } from "./drivers/choose.ts";
import { IPV6_SETTINGS } from "./drivers/endpoint.ts";
import type { Wish } from "./endpoints.ts";
import { addressTexts } from "./names.ts";
import { ensurePlace } from "./place.ts";
import { holdRequests, leaseRequests, type HeldRequest, type Published } from "./ports.ts";
import { raise, type Raised } from "./raise.ts";
import { gatewaysOf, publishedBy, type Gateways } from "./routes.ts";
import type { Seat } from "./seat.ts";
import { wayHere, type Way } from "./ways.ts";

/** What a container will have, before it is leased. */
export interface Reservation {
  readonly namespace: string;
  /** How ports of the host lead to it. */
  readonly way: Way;
  readonly seats: readonly Seat[];
  /** Whose default routes the container has. */
  readonly gateways: Gateways<Seat>;
  /** The seat that published ports lead to; null: none. */
  readonly target: Seat | null;
  readonly ports: readonly HeldRequest[];
  /** How they lead there; null: nowhere. */
  readonly published: Published | null;
  /** "NAME (ID)". */
  readonly endpoint: string;
  /** The bound sockets of published ports; they belong to whoever reserved. */
  readonly holds: readonly number[];
}

/** Sees to the networks and binds the published ports. Throws MdkError "port-taken" and others in Docker's words. */
export function reserveNetwork(context: Context, container: Pick<Container, "id" | "name" | "config" | "host">, wishes: readonly Wish[]): Reservation {
  const requests = parsePorts(container);
  const namespace = networkNamespace(context);
  const seats = wishes.map(({ network, settings }): Seat => ({ network, settings, place: driverOf(network).hasPlace ? ensurePlace(context, network) : null }));
  const gateways = gatewaysOf(seats);
  const target = publishedBy(gateways);
  const endpoint = endpointName(container);
  const placed = seats.find(({ place }) => place !== null)?.place;
  const way = placed == null ? "nf_tables" : wayHere(placed.tag);
  const bound = target === null ? [] : boundPorts(target.network, requests);
  const published = target === null ? null : publishedOn(target, way, endpoint, bound);
  const ports = published === null ? [] : holdRequests(bound, published);
  return { namespace, way, seats, gateways, target, ports, published, endpoint, get holds() { return descriptorsOf(ports); } };
}

const descriptorsOf = (ports: readonly HeldRequest[]): number[] => ports.flatMap(({ held }) => held.flatMap(({ descriptors }) => descriptors));

/** As Docker names it in errors. */
export const endpointName = ({ name, id }: Pick<Container, "name" | "id">): string => `${name} (${id})`;

/**
 * The kernel leads from each family to the container's address of it. Its monitor leads from either to whichever it has, and is asked where the kernel cannot do it:
 * all of the requests or, where they are more than it can hold, none of them.
 */
export function publishedOn({ place }: Seat, way: Way, endpoint: string, requests: readonly PortRequest[]): Published {
  const has = { ipv4: place !== null && place.v4 !== null, ipv6: place !== null && place.v6 !== null };
  const sockets = requests.reduce((sum, { length, hostAddresses }) => sum + length * hostAddresses.length, 0);
  const some = sockets > 0 && (has.ipv4 || has.ipv6);
  const isProxy = way === "proxy";
  const served = { ipv4: some && isProxy, ipv6: some && (isProxy || sockets <= HELD_MAX) && isIpv6Listenable() };
  return { endpoint, led: isProxy ? { ipv4: false, ipv6: false } : has, served };
}

/** Whether its monitor serves any of them. */
export function servesPorts({ ports }: Pick<Reservation, "ports">): boolean {
  return ports.some(({ held }) => held.some(({ served }) => served));
}

/** Inside the transaction that makes the row: addresses and ports become the container's. Throws MdkError "no-free-address", "address-taken", "port-taken". */
export function leaseNetwork(context: Context, { id }: Pick<Container, "id">, { namespace, seats, target, ports, published }: Reservation): Connection[] {
  const database = context.database();
  const connections = seats.map((seat, index): Connection => {
    const connection = { id: newId(), namespace, interface: seat.place === null ? "" : `${driverOf(seat.network).interfacePrefix(seat.network)}${index}`, ...leaseAddresses(database, seat) };
    connectEndpoint(database, id, seat.network.id, connection);
    return connection;
  });
  if (target !== null && published !== null) leaseRequests(database, ports, published, { namespace, container: id, network: target.network.id });
  return connections;
}

/** Makes what is missing on the host's side: while the shim makes the container. Null without a network. The caller closes it. */
export function raiseNetwork(context: Context, { namespace, way, seats }: Reservation): Raised | null {
  return seats.some(({ place }) => place !== null) ? raise(context, namespace, seats, way) : null;
}

/** Descriptors that init sent: its network namespace and a netlink socket of it. */
export interface NamespaceDescriptors {
  readonly namespace: number;
  readonly netlink: number;
}

/** Joins the new namespace to its networks and publishes the ports; about 1 ms. `raised` is null without a network. Returns warnings. */
export function attachNetwork(context: Context, { reservation, connections }: { readonly reservation: Reservation; readonly connections: readonly Connection[] }, raised: Raised | null, { namespace, netlink }: NamespaceDescriptors): readonly string[] {
  const inside = new NetlinkSocket(netlink);
  if (raised === null) return isolateContainer(inside) ? [] : [LOOPBACK_DOWN];
  const { seats, gateways, target, ports, endpoint } = reservation;
  if (connections.some(({ address6 }) => address6 !== null)) enterNamespace(context.runRoot, namespace, IPV6_SETTINGS);
  seats.forEach((seat, index) => {
    const { network, place } = seat;
    if (place === null) return;
    driverOf(network).attach({ context, route: raised.route, side: raised.sides.get(network.id)!, inside, namespace, network, place, connection: connections[index]!, leads: { v4: seat === gateways.v4, v6: seat === gateways.v6 } });
  });
  const reached = target === null ? undefined : connections[seats.indexOf(target)];
  if (reached !== undefined && raised.firewall !== null) {
    const names = networkNames(raised.tag);
    if (servesPorts(reservation)) ensureServedChain(raised.firewall, names);
    publishPorts(raised.firewall, names, { held: heldOf(ports), addresses: addressTexts(reached), endpoint });
  }
  return raised.warnings;
}

const heldOf = (ports: readonly HeldRequest[]): HeldPorts[] => ports.flatMap(({ held }) => held);

const LOOPBACK_DOWN = "the container's loopback interface stays down: bringing it up needs CAP_NET_ADMIN";

/**
 * The ports lead nowhere any more, in the network namespace that they were published in; where that is gone, so are they. The
 * veths died with the container's namespace; the addresses are the row's. Ports that its monitor served went with that. Returns the socket that the ports were taken away by, for
 * the caller to close, null without one: its last close waits until no packet looks at them (nft_rcv_nl_event), 10 ms.
 */
export function detachNetwork(context: Context, { id, host }: Pick<Container, "id" | "host">): number | null {
  if (Object.keys(host.PortBindings).length === 0 && !host.PublishAllPorts) return null;
  const database = context.database();
  const ports = listPorts(database, id);
  const [lease] = ports;
  if (lease === undefined) return null;
  const target = listEndpoints(database, id).find(({ network }) => network === lease.network)?.connection;
  const tag = readTag(database, lease.namespace);
  if (target == null || tag === null) return null;
  const firewall = lease.namespace === networkNamespace(context) ? openFirewall() : openFirewallIn(context, lease.namespace);
  if (firewall === null) return null;
  try {
    removePublished(firewall, networkNames(tag), ports, addressTexts(target));
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
    return socket === null ? null : asFirewall(new NetlinkSocket(socket));
  } finally {
    closeSync(namespace);
  }
}

