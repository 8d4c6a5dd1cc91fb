/** A container that runs comes to a network, or leaves it: under its op lock. */
import { closeSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { detachEndpoint, moveDefaultRoutes } from "../../network/container.ts";
import { formatAddress } from "../../network/ipam.ts";
import { formatAddress6 } from "../../network/ipam6.ts";
import { enterNamespace } from "../../runtime/netlink.ts";
import type { EndpointSettings } from "../../spec/endpoint.ts";
import type { Container } from "../../store/containers.ts";
import { transaction } from "../../store/database.ts";
import { addEndpoint, connectEndpoint, removeEndpoint } from "../../store/endpoints.ts";
import { noteNetwork } from "../../store/events.ts";
import { readPlace, type Network } from "../../store/networks.ts";
import { listPorts } from "../../store/ports.ts";
import { NetlinkSocket } from "../../sys/netlink.ts";
import type { Context } from "../context.ts";
import { networkNamespace } from "../host/facts.ts";
import { newId } from "../host/ids.ts";
import { leaseAddresses } from "../network/addresses.ts";
import { IPV6_SETTINGS } from "../network/drivers/endpoint.ts";
import { driverOf } from "../network/drivers/choose.ts";
import { addLines, removeLines } from "../network/files.ts";
import { addressesOf, announce, connectionsOf, withdraw } from "../network/names.ts";
import { leadPorts } from "../network/leading.ts";
import type { LiveSeat, Seat } from "../network/seat.ts";
import { ensurePlace } from "../network/place.ts";
import { closeRaised, raise, type Raised } from "../network/raise.ts";
import { wayHere, type Way } from "../network/ways.ts";
import { gatewaysOf } from "../network/routes.ts";
import { renewResolver } from "../start/resolver.ts";
import { turnServed } from "./served-ports.ts";

/** A container that runs. */
export interface RunningContainer {
  readonly container: Container;
  /** Its network namespace, for the caller to close. */
  readonly openNamespace: () => number;
}

export interface JoiningNetwork {
  readonly network: Network;
  readonly settings: EndpointSettings;
  readonly position: number;
}

/** On failure the container is as it was. Throws MdkError in Docker's words. */
export function joinRunning(context: Context, running: RunningContainer, { network, settings, position }: JoiningNetwork): void {
  const { container } = running;
  const driver = driverOf(network);
  const namespace = networkNamespace(context);
  const before = liveSeats(context, container.id);
  refuseElsewhere(before, namespace);
  const seat: Seat = { network, settings, place: driver.hasPlace ? ensurePlace(context, network) : null };
  const way = seat.place === null ? "nf_tables" : wayHere(seat.place.tag);
  const raised = seat.place === null ? null : raise(context, namespace, [seat], way);
  try {
    const connection = transaction(context.database(), (database) => {
      addEndpoint(database, { container: container.id, network: network.id, position, settings });
      // Its interface has a name once it is there: without one, whoever comes next knows that this was cut off.
      const made = { id: newId(), namespace, interface: "", ...leaseAddresses(database, seat) };
      connectEndpoint(database, container.id, network.id, made);
      noteNetwork(database, network.id, "connect", { container: container.id });
      return made;
    });
    try {
      const whole = { ...connection, interface: nextInterface(before, seat) };
      attach(context, running, { raised, way, seat: { ...seat, connection: whole }, before });
      transaction(context.database(), (database) => connectEndpoint(database, container.id, network.id, whole));
    } catch (error) {
      leaveRunning(context, running, network);
      throw error;
    }
  } finally {
    if (raised !== null) closeRaised(raised);
  }
}

/** What is missing of it already is no error: of one that was cut off, too. */
export function leaveRunning(context: Context, running: RunningContainer, network: Network): void {
  const { container } = running;
  const seats = liveSeats(context, container.id);
  const own = seats.find((seat) => seat.network.id === network.id);
  const others = seats.filter((seat) => seat !== own);
  if (own !== undefined) {
    const way = own.place === null ? "nf_tables" : wayHere(own.place.tag);
    if (way === "proxy") refuseServed(context, container, own);
    withdraw(context, container, network.id);
    leadPorts(context, container, { before: seats, after: others });
    if (way === "nf_tables") turnServed(context, container, others);
    inside(context, running, [], (socket) => {
      if (own.place !== null) detachEndpoint(socket, own.connection.interface === "" ? nextInterface(others, own) : own.connection.interface);
      moveRoutes(socket, others);
    });
    removeLines(context, container, addressesOf(own.connection));
    renewResolver(context, running.container, running.openNamespace, { way, seats: others, before: seats });
  }
  transaction(context.database(), (database) => {
    removeEndpoint(database, container.id, network.id);
    noteNetwork(database, network.id, "disconnect", { container: container.id });
  });
}

interface Attaching {
  readonly raised: Raised | null;
  readonly way: Way;
  readonly seat: LiveSeat;
  readonly before: readonly LiveSeat[];
}

function attach(context: Context, running: RunningContainer, { raised, way, seat, before }: Attaching): void {
  const { network, place, connection, settings } = seat;
  const after = [...before, seat];
  inside(context, running, connection.address6 === null ? [] : IPV6_SETTINGS, (socket, namespace) => {
    if (raised === null || place === null) return;
    driverOf(network).attach({ context, route: raised.route, side: raised.sides.get(network.id)!, inside: socket, namespace, network, place, connection, leads: { v4: false, v6: false } });
    moveRoutes(socket, after);
  });
  addLines(context, running.container, addressesOf(connection));
  renewResolver(context, running.container, running.openNamespace, { way, seats: after, before });
  leadPorts(context, running.container, { before, after });
  if (way === "nf_tables") turnServed(context, running.container, after);
  announce(context, running.container, network, settings, connection);
}

/** With a NETLINK_ROUTE socket of the container's namespace. Throws MdkError "container-ended" where it is gone. */
function inside(context: Context, running: RunningContainer, settings: typeof IPV6_SETTINGS | readonly never[], work: (socket: NetlinkSocket, namespace: number) => void): void {
  const namespace = running.openNamespace();
  try {
    const [fd] = enterNamespace(context.runRoot, namespace, ["route", ...settings]) ?? [];
    if (fd === undefined) throw new MdkError("unavailable", "container-ended", `container ${running.container.id} has ended meanwhile`);
    try {
      work(new NetlinkSocket(fd), namespace);
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(namespace);
  }
}

function moveRoutes(socket: NetlinkSocket, seats: readonly LiveSeat[]): void {
  const { v4, v6 } = gatewaysOf(seats);
  moveDefaultRoutes(socket, {
    ipv4: v4?.place?.v4?.gateway == null ? null : { name: v4.connection.interface, gateway: formatAddress(v4.place.v4.gateway) },
    ipv6: v6?.place?.v6?.gateway == null ? null : { name: v6.connection.interface, gateway: formatAddress6(v6.place.v6.gateway) },
  });
}

/** Its monitor leads them to the address that the plan said. */
function refuseServed(context: Context, { id, name }: Container, { network }: LiveSeat): void {
  if (!listPorts(context.database(), id).some((port) => port.network === network.id)) return;
  throw new MdkError("unsupported", "ports-served", `container ${name} publishes ports by network ${network.name}, and without nf_tables they cannot lead elsewhere while it runs`, { hint: "stop it first" });
}

/** Its networks, in the order in which it came to them. */
function liveSeats(context: Context, id: string): LiveSeat[] {
  return connectionsOf(context, id).map((known) => ({ ...known, place: readPlace(context.database(), known.connection.namespace, known.network.id) }));
}

/** Bridges here lead to no container there. */
function refuseElsewhere(seats: readonly LiveSeat[], namespace: string): void {
  if (seats.some(({ connection }) => connection.namespace !== namespace)) {
    throw new MdkError("conflict", "container-elsewhere", "the container's networks are in another network namespace of the host", { hint: "call mdk there" });
  }
}

/** "eth1": the first that is free. */
function nextInterface(seats: readonly LiveSeat[], { network, place }: Seat): string {
  if (place === null) return "";
  const taken = new Set(seats.map(({ connection }) => connection.interface));
  const prefix = driverOf(network).interfacePrefix(network);
  let number = 0;
  while (taken.has(`${prefix}${number}`)) number++;
  return `${prefix}${number}`;
}
