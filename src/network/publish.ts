/**
 * Published ports: a socket that holds the port on the host, and an element in the table's maps that leads to the container.
 * The socket comes first (a port that is taken fails before anything is started) and listens last, when every packet is
 * already led past it.
 */
import { closeSync } from "node:fs";
import { MdkError } from "../error.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { bindPort, listenPort } from "../sys/inet.ts";
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import { forgetUdpConnections } from "./conntrack.ts";
import { parseAddress } from "./ipam.ts";
import type { NetworkNames } from "./names.ts";
import { be16, be32 } from "./netlink.ts";
import { changeElements, commit, readKeys, type Element } from "./nftables.ts";
import { PUBLISHED, PUBLISHED_AT } from "./ruleset.ts";

export interface PublishedPort {
  readonly protocol: "tcp" | "udp";
  /** "0.0.0.0": every address of the host. */
  readonly hostAddress: string;
  /** 0: any free one. */
  readonly hostPort: number;
  readonly containerPort: number;
}

export interface HeldPorts {
  /** As asked for, with the ports that the kernel chose. */
  readonly ports: readonly PublishedPort[];
  /** The bound sockets, for the monitor to keep: those of ranges longer than HELD_MAX are not among them. */
  readonly descriptors: readonly number[];
  /** Those among them that have to listen. */
  readonly listeners: readonly number[];
}

/** A range of more ports than this is checked when the container starts, and not held while it runs; nor are more in all. */
const HELD_MAX = 128;
const ANY = "0.0.0.0";
const PROTOCOL = { tcp: 6, udp: 17 } as const;

/**
 * Binds a socket for each port. Throws MdkError "port-taken" in Docker's words (`endpoint`: "NAME (ID)"), and then holds none.
 * The descriptors are the caller's: `releasePorts`.
 */
export function holdPorts(ports: readonly PublishedPort[], endpoint: string): HeldPorts {
  const descriptors: number[] = [];
  const listeners: number[] = [];
  const lengths = rangeLengths(ports);
  try {
    const bound = ports.map((wanted, index) => {
      const { fd, port } = bind(wanted, endpoint);
      if ((lengths[index] ?? 0) > HELD_MAX || descriptors.length === HELD_MAX) closeSync(fd);
      else {
        descriptors.push(fd);
        if (wanted.protocol === "tcp") listeners.push(fd);
      }
      return { ...wanted, hostPort: port };
    });
    return { ports: bound, descriptors, listeners };
  } catch (error) {
    for (const fd of descriptors) closeSync(fd);
    throw error;
  }
}

/** For each port the length of the range of neighbours that it came in. */
function rangeLengths(ports: readonly PublishedPort[]): number[] {
  const lengths: number[] = [];
  for (let start = 0, end = 1; start < ports.length; start = end, end++) {
    while (end < ports.length && follows(ports[end - 1], ports[end])) end++;
    for (let index = start; index < end; index++) lengths.push(end - start);
  }
  return lengths;
}

function follows(before: PublishedPort | undefined, port: PublishedPort | undefined): boolean {
  if (before === undefined || port === undefined || port.hostPort === 0) return false;
  return port.protocol === before.protocol && port.hostAddress === before.hostAddress && port.hostPort === before.hostPort + 1;
}

export function releasePorts({ descriptors }: HeldPorts): void {
  for (const fd of descriptors) closeSync(fd);
}

/** The container's address becomes reachable by the ports. Throws MdkError "port-taken" (nothing is published then) or SysError. */
export function publishPorts(
  socket: NetlinkSocket,
  names: NetworkNames,
  { held, address, endpoint }: { readonly held: HeldPorts; readonly address: string; readonly endpoint: string },
): void {
  if (held.ports.length === 0) return;
  addElements(socket, names, held.ports, address);
  try {
    for (const fd of held.listeners) listenPort(fd);
  } catch (error) {
    removePublished(socket, names, held.ports);
    const port = held.ports.filter(({ protocol }) => protocol === "tcp")[0];
    throw port !== undefined ? explain(error, port, endpoint) : error;
  }
  for (const { protocol, hostPort } of held.ports) if (protocol === "udp") forgetUdpConnections(socket, hostPort);
}

/** The maps' elements again, where the table was lost while the container ran: nothing is bound. */
export function addElements(socket: NetlinkSocket, names: NetworkNames, ports: readonly PublishedPort[], address: string): void {
  const elements = toElements(names, ports, address);
  const add = elements.flatMap((map) => changeElements("add", map, map.elements));
  try {
    commit(socket, add);
  } catch (error) {
    if (!(error instanceof SysError) || (error.errno !== E.EBUSY && error.errno !== E.EEXIST)) throw error;
    // Left over from a container whose end nobody saw: the ports are leased to this one now.
    commit(socket, [...removal(socket, elements), ...add]);
  }
}

/** Elements that are missing, or whose table is, are fine. */
export function removePublished(socket: NetlinkSocket, names: NetworkNames, ports: readonly PublishedPort[]): void {
  if (ports.length === 0) return;
  const elements = toElements(names, ports, ANY);
  try {
    commit(socket, elements.flatMap((map) => changeElements("delete", map, map.elements)));
    return;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  // One missing element undoes the transaction for all: only those that are there.
  try {
    commit(socket, removal(socket, elements));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

interface MapElements {
  readonly family: "inet";
  readonly table: string;
  readonly map: string;
  readonly elements: readonly Element[];
}

/** Deletes what the maps hold of the elements, whatever their values. */
function removal(socket: NetlinkSocket, elements: readonly MapElements[]): NetlinkMessage[] {
  return elements.flatMap((map) => {
    const there = readKeys(socket, map);
    return changeElements("delete", map, map.elements.filter(({ key }) => there.has(Buffer.from(key).toString("hex"))));
  });
}

function toElements({ table }: NetworkNames, ports: readonly PublishedPort[], address: string): MapElements[] {
  const host = be32(parseAddress(address));
  const toElement = (port: PublishedPort): Element => {
    const at = port.hostAddress === ANY ? [] : be32(parseAddress(port.hostAddress));
    return {
      key: Uint8Array.of(PROTOCOL[port.protocol], 0, 0, 0, ...at, ...be16(port.hostPort), 0, 0),
      value: Uint8Array.of(...host, ...be16(port.containerPort), 0, 0),
    };
  };
  const all = ports.filter(({ hostAddress }) => hostAddress === ANY).map(toElement);
  const some = ports.filter(({ hostAddress }) => hostAddress !== ANY).map(toElement);
  return [
    { family: "inet" as const, table, map: PUBLISHED, elements: all },
    { family: "inet" as const, table, map: PUBLISHED_AT, elements: some },
  ].filter((map) => map.elements.length > 0);
}

function isMissing(error: unknown): boolean {
  return error instanceof SysError && error.errno === E.ENOENT;
}

function bind(wanted: PublishedPort, endpoint: string): { fd: number; port: number } {
  try {
    return bindPort({ protocol: wanted.protocol, address: be32(parseAddress(wanted.hostAddress)), port: wanted.hostPort });
  } catch (error) {
    throw explain(error, wanted, endpoint);
  }
}

function explain(error: unknown, port: PublishedPort, endpoint: string): unknown {
  if (!(error instanceof SysError)) return error;
  if (error.errno === E.EADDRINUSE) return portTaken(port, endpoint, error);
  const reason = `listen ${port.protocol}4 ${port.hostAddress}:${port.hostPort}: bind: ${error.message.slice(error.message.lastIndexOf(": ") + 2)}`;
  return notProgrammed("port-not-bound", endpoint, reason, error);
}

/** Docker's words for a port that somebody has. */
export function portTaken({ hostAddress, hostPort }: Pick<PublishedPort, "hostAddress" | "hostPort">, endpoint: string, cause: unknown): MdkError {
  return notProgrammed("port-taken", endpoint, `Bind for ${hostAddress}:${hostPort} failed: port is already allocated`, cause);
}

function notProgrammed(code: string, endpoint: string, reason: string, cause: unknown): MdkError {
  return new MdkError(code, `driver failed programming external connectivity on endpoint ${endpoint}: ${reason}`, { cause });
}
