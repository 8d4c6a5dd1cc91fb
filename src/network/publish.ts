/**
 * Published ports: a socket that holds the port on the host, and an element in the table's maps that leads to the container.
 * The socket comes first (a port that is taken fails before anything is started) and listens last, when every packet is
 * already led past it.
 */
import { closeSync } from "node:fs";
import { MdkError } from "../error.ts";
import type { PortRange } from "../spec/network.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { bindPort, checkPort, listenPort } from "../sys/inet.ts";
import type { NetlinkSocket } from "../sys/netlink.ts";
import { forgetUdpConnections } from "./conntrack.ts";
import { parseAddress } from "./ipam.ts";
import type { NetworkNames } from "./names.ts";
import { be32 } from "./netlink.ts";
import { changeElements, commit, findElements, readElements, toHex, type Element, type MapName } from "./nftables.ts";
import { PUBLISHED, PUBLISHED_AT } from "./ruleset.ts";

/** Neighbouring ports, held as far as they can be. */
export interface HeldPorts {
  /** As asked for, with the port that the kernel chose. */
  readonly range: PortRange;
  /** The bound sockets, for the monitor to keep: none of a range that is longer than `room`. */
  readonly descriptors: readonly number[];
}

/** So many ports of a container are held while it runs; of the others it is checked when it starts that they are free. */
export const HELD_MAX = 128;
const ANY = "0.0.0.0";
const PROTOCOL = { tcp: 6, udp: 17 } as const;

/**
 * Binds a socket for each port of the range; where they are more than `room`, it only looks whether they could be bound. Host
 * port 0: any free one, told in the result. Throws MdkError "port-taken" in Docker's words (`endpoint`: "NAME (ID)"), and then
 * holds none. The descriptors are the caller's.
 */
export function holdPorts(range: PortRange, room: number, endpoint: string): HeldPorts {
  const { protocol, hostAddress, length } = range;
  const address = be32(parseAddress(hostAddress));
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
        const { fd, port } = bindPort(wanted);
        descriptors.push(fd);
        if (hostPort === 0) hostPort = port;
      } catch (error) {
        throw explain(error, { ...range, hostPort: wanted.port }, endpoint);
      }
    }
  } catch (error) {
    releasePorts({ descriptors });
    throw error;
  }
  if (descriptors.length > room) releasePorts({ descriptors: descriptors.splice(0) });
  return { range: { ...range, hostPort }, descriptors };
}

export function releasePorts({ descriptors }: Pick<HeldPorts, "descriptors">): void {
  for (const fd of descriptors) closeSync(fd);
}

/** The container's address becomes reachable by the ports. Throws MdkError "port-taken" (nothing is published then) or SysError. */
export function publishPorts(
  socket: NetlinkSocket,
  names: NetworkNames,
  { held, address, endpoint }: { readonly held: readonly HeldPorts[]; readonly address: string; readonly endpoint: string },
): void {
  if (held.length === 0) return;
  const ranges = held.map(({ range }) => range);
  addElements(socket, names, ranges, address);
  for (const { range, descriptors } of held) {
    for (const [index, fd] of range.protocol === "tcp" ? descriptors.entries() : []) {
      try {
        listenPort(fd);
      } catch (error) {
        removePublished(socket, names, ranges, address);
        throw explain(error, { ...range, hostPort: range.hostPort + index }, endpoint);
      }
    }
  }
  for (const range of ranges) if (range.protocol === "udp") forgetUdpConnections(socket, range.hostPort, range.length);
}

/** The maps' elements again, where the table was lost while the container ran: nothing is bound. */
export function addElements(socket: NetlinkSocket, names: NetworkNames, ports: readonly PortRange[], address: string): void {
  const elements = toElements(names, ports, address);
  const add = elements.flatMap((map) => changeElements("add", map, map.elements()));
  try {
    commit(socket, add);
  } catch (error) {
    if (!(error instanceof SysError) || (error.errno !== E.EBUSY && error.errno !== E.EEXIST)) throw error;
    // Left over from a container whose end nobody saw: the ports are leased to this one now.
    const stale = elements.flatMap((map) => {
      const there = readElements(socket, map);
      return changeElements("delete", map, keep(map.elements(), ({ key }) => there.has(toHex(key))));
    });
    commit(socket, [...stale, ...add]);
  }
}

/**
 * Takes away what leads from the ports to the address: an element that leads to another container is that one's and stays.
 * Elements that are missing, or whose table is, are fine.
 */
export function removePublished(socket: NetlinkSocket, names: NetworkNames, ports: readonly PortRange[], address: string): void {
  try {
    const messages = toElements(names, ports, address).flatMap((map) => {
      const there = presentElements(socket, map);
      return changeElements("delete", map, keep(map.elements(), ({ key, value }) => there.get(toHex(key)) === toHex(value)));
    });
    if (messages.length > 0) commit(socket, messages);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== E.ENOENT) throw error;
  }
}

/** So many keys are asked for one by one; of more the whole map is read. */
const ASKED_MAX = 16;

/** What the map holds, of the elements at least. */
function presentElements(socket: NetlinkSocket, map: MapElements): ReadonlyMap<string, string> {
  if (map.count <= ASKED_MAX) {
    try {
      return findElements(socket, map, Array.from(map.elements(), ({ key }) => key));
    } catch (error) {
      // One that is missing hides the others.
      if (!(error instanceof SysError) || error.errno !== E.ENOENT) throw error;
    }
  }
  return readElements(socket, map);
}

/** What a map is to hold: made one by one when it is asked for, since a container may publish every port that there is. */
interface MapElements extends MapName {
  readonly count: number;
  elements(): Iterable<Element>;
}

function toElements({ table }: NetworkNames, ports: readonly PortRange[], address: string): MapElements[] {
  const host = be32(parseAddress(address));
  function* elementsOf({ protocol, hostAddress, hostPort, containerPort, length }: PortRange): Generator<Element> {
    const at = hostAddress === ANY ? [] : [...be32(parseAddress(hostAddress))];
    for (let index = 0; index < length; index++) {
      const [from, to] = [hostPort + index, containerPort + index];
      yield {
        key: Uint8Array.of(PROTOCOL[protocol], 0, 0, 0, ...at, from >>> 8, from, 0, 0),
        value: Uint8Array.of(host[0]!, host[1]!, host[2]!, host[3]!, to >>> 8, to, 0, 0),
      };
    }
  }
  return [PUBLISHED, PUBLISHED_AT].flatMap((map) => {
    const ranges = ports.filter(({ hostAddress }) => (hostAddress === ANY) === (map === PUBLISHED));
    if (ranges.length === 0) return [];
    const count = ranges.reduce((sum, { length }) => sum + length, 0);
    return [{ family: "inet" as const, table, map, count, *elements() { for (const range of ranges) yield* elementsOf(range); } }];
  });
}

function* keep(elements: Iterable<Element>, wanted: (element: Element) => boolean): Generator<Element> {
  for (const element of elements) if (wanted(element)) yield element;
}

type HostPort = Pick<PortRange, "protocol" | "hostAddress" | "hostPort">;

function explain(error: unknown, port: HostPort, endpoint: string): unknown {
  if (!(error instanceof SysError)) return error;
  if (error.errno === E.EADDRINUSE) return portTaken(port, endpoint, error);
  const reason = `listen ${port.protocol}4 ${port.hostAddress}:${port.hostPort}: bind: ${error.message.slice(error.message.lastIndexOf(": ") + 2)}`;
  return notProgrammed("port-not-bound", endpoint, reason, error);
}

/** Docker's words for a port that somebody has. */
export function portTaken({ hostAddress, hostPort }: Pick<HostPort, "hostAddress" | "hostPort">, endpoint: string, cause: unknown): MdkError {
  return notProgrammed("port-taken", endpoint, `Bind for ${hostAddress}:${hostPort} failed: port is already allocated`, cause);
}

function notProgrammed(code: string, endpoint: string, reason: string, cause: unknown): MdkError {
  return new MdkError("conflict", code, `driver failed programming external connectivity on endpoint ${endpoint}: ${reason}`, { cause });
}
