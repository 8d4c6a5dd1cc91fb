/**
 * Published ports: a socket that holds the port on the host, and an element in the table's maps that leads to the container.
 * The socket comes first (a port that is taken fails before anything is started) and listens last, when every packet is
 * already led past it. What no table can lead the container's monitor serves: ::1, what comes by IPv6 to a container without it, and everything
 * where there is no such table.
 */
import { closeSync } from "node:fs";
import { MdkError } from "../error.ts";
import type { PortRange } from "../spec/network.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { bindPort, checkPort, keepPort, listenPort } from "../sys/inet.ts";
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import { forgetUdpConnections } from "./conntrack.ts";
import type { NetworkNames } from "./names.ts";
import { commit } from "./nftables.ts";
import { addressBytes, familyOf, holdsLoopback6, LOOPBACK_6, meets, nameOf, PORT_MAPS, portElements, type Addresses, type MapElements } from "./port-maps.ts";
import { changeElements, findElements, readElements, toHex, type Element } from "./sets.ts";

/** Neighbouring ports, held as far as they can be. */
export interface HeldPorts {
  /** As asked for, with the port that the kernel chose. */
  readonly range: PortRange;
  /** The bound sockets, for the monitor to keep: none of a range that is longer than `room`. */
  readonly descriptors: readonly number[];
  /** The monitor serves them. */
  readonly served: boolean;
}

/** So many ports of a container are held while it runs; of the others it is checked when it starts that they are free. */
export const HELD_MAX = 128;

/** How ports are held. */
export interface Holding {
  /** So many sockets are still to be had: HELD_MAX less those that the container has. */
  readonly room: number;
  /** The monitor serves them: each port needs its socket. Else what comes to them is dropped. */
  readonly served: boolean;
  /** "NAME (ID)", for errors. */
  readonly endpoint: string;
}

/**
 * Binds a socket for each port of the range; where they are more than there is room for, it only looks whether they could be bound. Host
 * port 0: any free one, told in the result. Throws MdkError "port-taken" in Docker's words, or "too-many-ports" of ports to be served, and then
 * holds none. The descriptors are the caller's.
 */
export function holdPorts(range: PortRange, { room, served, endpoint }: Holding): HeldPorts {
  const { protocol, hostAddress, length } = range;
  if (served && length > room) throw tooMany(endpoint);
  const address = addressBytes(hostAddress);
  const descriptors: number[] = [];
  let { hostPort } = range;
  try {
    for (let index = 0; index < length; index++) {
      const wanted = { protocol, address, port: hostPort + index };
      try {
        if (length > room && hostPort !== 0) {
          checkPort(wanted);
          continue;
        }
        const { fd, port } = bindPort(wanted, served);
        descriptors.push(fd);
        if (hostPort === 0) hostPort = port;
      } catch (error) {
        throw explain(error, { ...range, hostPort: wanted.port }, endpoint);
      }
    }
  } catch (error) {
    closeHeldPorts({ descriptors });
    throw error;
  }
  if (descriptors.length > room) closeHeldPorts({ descriptors: descriptors.splice(0) });
  return { range: { ...range, hostPort }, descriptors, served };
}

/** Whether anybody can come by IPv6, the host itself at least (moby libnetwork/portmapper, IsV6Listenable). */
export function isIpv6Listenable(): boolean {
  try {
    checkPort({ protocol: "tcp", address: addressBytes(LOOPBACK_6), port: 0 });
    return true;
  } catch (error) {
    if (error instanceof SysError) return false;
    throw error;
  }
}

export function closeHeldPorts({ descriptors }: Pick<HeldPorts, "descriptors">): void {
  for (const fd of descriptors) closeSync(fd);
}

/** Who is published, in which table. */
export interface Publication {
  readonly held: readonly HeldPorts[];
  /** The container's. */
  readonly addresses: Addresses;
  /** "NAME (ID)", for errors. */
  readonly endpoint: string;
}

/**
 * The container's addresses become reachable by the ports, those of a port's own family. A port of a family in which it has no address is
 * held and leads nowhere. Throws MdkError "port-taken" (nothing is published then) or SysError.
 */
export function publishPorts(socket: NetlinkSocket, names: NetworkNames, { held, addresses, endpoint }: Publication): void {
  if (held.length === 0) return;
  const ranges = held.map(({ range }) => range);
  addElements(socket, names, ranges, addresses);
  for (const { range, descriptors, served } of held) {
    for (const [index, fd] of range.protocol === "tcp" && !served ? descriptors.entries() : []) {
      try {
        // Who connects to ::1 is not led past the socket: a listener that drops everything would let him wait.
        if (holdsLoopback6(range)) keepPort(fd);
        else listenPort(fd, 0);
      } catch (error) {
        removePublished(socket, names, ranges, addresses);
        throw explain(error, { ...range, hostPort: range.hostPort + index }, endpoint);
      }
    }
  }
  for (const range of ranges) if (range.protocol === "udp") forgetUdpConnections(socket, range);
}

/** The maps' elements again, where the table was lost while the container ran: nothing is bound. */
export function addElements(socket: NetlinkSocket, names: NetworkNames, ports: readonly PortRange[], addresses: Addresses): void {
  const elements = portElements(names, ports, addresses);
  const add = elements.flatMap(({ name, elements: own }) => changeElements("add", name, own()));
  if (add.length === 0) return;
  const overlapping = elements.flatMap((own) => (own.map.ranges ? removeOverlapping(socket, names, own) : []));
  try {
    commit(socket, [...overlapping, ...add]);
  } catch (error) {
    if (!(error instanceof SysError) || (error.errno !== E.EBUSY && error.errno !== E.EEXIST)) throw error;
    commit(socket, [...elements.flatMap((own) => (own.map.ranges ? [] : removeSame(socket, own))), ...overlapping, ...add]);
  }
}

/** Left over from a container whose end nobody saw: the ports are leased to this one now. */
function removeSame(socket: NetlinkSocket, { name, elements }: MapElements): NetlinkMessage[] {
  const there = new Set(readElements(socket, name).map(({ key }) => toHex(key)));
  return changeElements("delete", name, keep(elements(), ({ key }) => there.has(toHex(key))));
}

/**
 * The same of what has a port in common with a range. It is looked for beforehand: the kernel takes a range that encloses another without a
 * word (nft_pipapo_insert looks at its ends only), and single ports are found before ranges.
 */
function removeOverlapping(socket: NetlinkSocket, names: NetworkNames, { map, elements }: MapElements): NetlinkMessage[] {
  const own = [...elements()];
  return PORT_MAPS.filter(({ family, at }) => family === map.family && at === map.at).flatMap((other) => {
    const name = nameOf(names, other);
    return changeElements("delete", name, readElements(socket, name).filter((element) => own.some((range) => meets(element, range))));
  });
}

/**
 * Takes away what leads from the ports to the addresses: an element that leads to another container is that one's and stays.
 * Elements that are missing, or whose table is, are fine.
 */
export function removePublished(socket: NetlinkSocket, names: NetworkNames, ports: readonly PortRange[], addresses: Addresses): void {
  try {
    const messages = portElements(names, ports, addresses).flatMap((own) => {
      const there = presentElements(socket, own);
      return changeElements("delete", own.name, keep(own.elements(), (element) => there.has(identity(element))));
    });
    if (messages.length > 0) commit(socket, messages);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== E.ENOENT) throw error;
  }
}

/** So many keys are asked for one by one; of more the whole map is read. */
const ASKED_MAX = 16;

/** What the map holds, of the elements at least. */
function presentElements(socket: NetlinkSocket, { map, name, count, elements }: MapElements): ReadonlySet<string> {
  const identities = (found: readonly Element[]): Set<string> => new Set(found.map(identity));
  if (count <= ASKED_MAX && !map.ranges) {
    try {
      return identities(findElements(socket, name, Array.from(elements(), ({ key }) => key)));
    } catch (error) {
      // One that is missing hides the others.
      if (!(error instanceof SysError) || error.errno !== E.ENOENT) throw error;
    }
  }
  return identities(readElements(socket, name));
}

/** From where it leads whereto. */
function identity({ key, end, value }: Element): string {
  return `${toHex(key)} ${end === undefined ? "" : toHex(end)} ${value === undefined ? "" : toHex(value)}`;
}

function* keep(elements: Iterable<Element>, wanted: (element: Element) => boolean): Generator<Element> {
  for (const element of elements) if (wanted(element)) yield element;
}

/** As many as may wait to be accepted: net.core.somaxconn bounds it. */
const BACKLOG = 4096;

/** The TCP ports of all these that a monitor is about to serve. Throws MdkError "port-taken". */
export function listenServed(held: readonly HeldPorts[], endpoint: string): void {
  for (const { range, descriptors, served } of held) {
    for (const [index, fd] of served && range.protocol === "tcp" ? descriptors.entries() : []) {
      try {
        listenPort(fd, BACKLOG);
      } catch (error) {
        throw explain(error, { ...range, hostPort: range.hostPort + index }, endpoint);
      }
    }
  }
}

function tooMany(endpoint: string): MdkError {
  return new MdkError("exhausted", "too-many-ports", `driver failed programming external connectivity on endpoint ${endpoint}: more than ${HELD_MAX} published ports, counted for each address of the host`, {
    hint: "this kernel has no nf_tables with NAT: without it each port is served by itself; publish fewer, or load nf_tables",
  });
}

type HostPort = Pick<PortRange, "protocol" | "hostAddress" | "hostPort">;

function explain(error: unknown, port: HostPort, endpoint: string): unknown {
  if (!(error instanceof SysError)) return error;
  if (error.errno === E.EADDRINUSE) return portTaken(port, endpoint, error);
  const [family, address] = familyOf(port.hostAddress) === "ipv6" ? ["6", `[${port.hostAddress}]`] : ["4", port.hostAddress];
  const reason = `listen ${port.protocol}${family} ${address}:${port.hostPort}: bind: ${error.message.slice(error.message.lastIndexOf(": ") + 2)}`;
  return notProgrammed("port-not-bound", endpoint, reason, error);
}

/** Docker's words for a port that somebody has. */
export function portTaken({ hostAddress, hostPort }: Pick<HostPort, "hostAddress" | "hostPort">, endpoint: string, cause: unknown): MdkError {
  return notProgrammed("port-taken", endpoint, `Bind for ${hostAddress}:${hostPort} failed: port is already allocated`, cause);
}

function notProgrammed(code: string, endpoint: string, reason: string, cause: unknown): MdkError {
  return new MdkError("conflict", code, `driver failed programming external connectivity on endpoint ${endpoint}: ${reason}`, { cause });
}
