/**
 * The maps of published ports, and what a container's ports are in them: pure. Each exists for IPv4 and, with a 6 in its name, for IPv6.
 *
 *   published_at  protocol . address . port   : address . port   published on one address of the host
 *   ranges_at     protocol . address . ports  : address          the same for neighbouring ports that keep their numbers
 *   published     protocol . port             : address . port   published on all of its addresses
 *   ranges        protocol . ports            : address
 *
 * A range is one element however long. Single ports are kept out of the maps of ranges, which are copied whenever they change.
 */
import type { PortRange } from "../spec/network.ts";
import type { IpFamily } from "./expressions.ts";
import { parseAddress } from "./ipam.ts";
import { addressBytes6, parseAddress6 } from "./ipam6.ts";
import { be32 } from "./netlink.ts";
import type { NetworkNames } from "./names.ts";
import type { Element, SetName, SetShape } from "./sets.ts";

export interface PortMap {
  readonly set: string;
  readonly family: IpFamily;
  /** Of ports of one address of the host. */
  readonly at: boolean;
  readonly ranges: boolean;
  readonly shape: SetShape;
}

/** In the order in which they are looked at: who is more particular comes first. */
export const PORT_MAPS: readonly PortMap[] = [
  ...(["ipv4", "ipv6"] as const).flatMap((family) => [true, false].flatMap((at) => [false, true].map((ranges) => portMap(family, at, ranges)))),
];

function portMap(family: IpFamily, at: boolean, ranges: boolean): PortMap {
  const address = family === "ipv4" ? "ipv4_addr" : "ipv6_addr";
  return {
    set: `${ranges ? "ranges" : "published"}${family === "ipv4" ? "" : "6"}${at ? "_at" : ""}`, family, at, ranges,
    shape: { key: at ? ["inet_proto", address, "inet_service"] : ["inet_proto", "inet_service"], value: ranges ? [address] : [address, "inet_service"], ranges },
  };
}

/** Where a container is reached: "172.17.0.2", "fd00::2"; null: not by that family. */
export interface Addresses {
  readonly ipv4: string | null;
  readonly ipv6: string | null;
}

const ANY: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
const PROTOCOL = { tcp: 6, udp: 17 } as const;

/** The bytes of an address of either family. Throws MdkError "invalid-address". */
export function addressBytes(address: string): Uint8Array {
  return address.includes(":") ? addressBytes6(parseAddress6(address)) : be32(parseAddress(address));
}

export function familyOf(address: string): IpFamily {
  return address.includes(":") ? "ipv6" : "ipv4";
}

/** What a container's ports are in one of the maps. */
export interface MapElements {
  readonly map: PortMap;
  readonly name: SetName;
  readonly count: number;
  /** Made as they are needed: ranges may be long. */
  readonly elements: () => Iterable<Element>;
}

export function nameOf({ table }: NetworkNames, { set }: PortMap): SetName {
  return { family: "inet", table, set };
}

/** No route leads away from it, whatever its packets' destination becomes. */
export const LOOPBACK_6 = "::1";

/** Whether ::1 is among what the port is published on. */
export function holdsLoopback6({ hostAddress }: Pick<PortRange, "hostAddress">): boolean {
  return hostAddress === "::" || hostAddress === LOOPBACK_6;
}

/** What of each map leads from the ports to the container: ports of a family by which it is not reached, and of ::1, are left out. */
export function portElements(names: NetworkNames, ports: readonly PortRange[], addresses: Addresses): MapElements[] {
  const groups = new Map<PortMap, PortRange[]>();
  for (const port of ports) {
    const map = mapOf(port);
    if (addresses[map.family] === null || port.hostAddress === LOOPBACK_6) continue;
    const group = groups.get(map);
    if (group === undefined) groups.set(map, [port]);
    else group.push(port);
  }
  return Array.from(groups, ([map, own]) => {
    const target = addressBytes(addresses[map.family]!);
    const count = map.ranges ? own.length : own.reduce((sum, { length }) => sum + length, 0);
    return { map, name: nameOf(names, map), count, *elements() { for (const port of own) yield* elementsOf(map, port, target); } };
  });
}

function mapOf({ hostAddress, hostPort, containerPort, length }: PortRange): PortMap {
  const [inFamily, isAt, isRange] = [familyOf(hostAddress), !ANY.has(hostAddress), length > 1 && hostPort === containerPort];
  return PORT_MAPS.find(({ family, at, ranges }) => family === inFamily && at === isAt && ranges === isRange)!;
}

function* elementsOf(map: PortMap, { protocol, hostAddress, hostPort, containerPort, length }: PortRange, target: Uint8Array): Generator<Element> {
  const at = map.at ? [...addressBytes(hostAddress)] : [];
  const keyOf = (port: number): Uint8Array => Uint8Array.of(PROTOCOL[protocol], 0, 0, 0, ...at, port >>> 8, port, 0, 0);
  if (map.ranges) {
    yield { key: keyOf(hostPort), end: keyOf(hostPort + length - 1), value: target };
    return;
  }
  for (let index = 0; index < length; index++) {
    const to = containerPort + index;
    yield { key: keyOf(hostPort + index), value: Uint8Array.of(...target, to >>> 8, to, 0, 0) };
  }
}

/** Whether the two, elements of one map or of two with the same parts in their keys, have a port in common. */
export function meets(one: Element, other: Element): boolean {
  const split = ({ key, end = key }: Element): { place: string; first: number; last: number } => ({
    place: Buffer.from(key.subarray(0, -PORT_BYTES)).toString("hex"), first: portOf(key), last: portOf(end),
  });
  const [a, b] = [split(one), split(other)];
  return a.place === b.place && a.first <= b.last && b.first <= a.last;
}

/** Of a port, padded. */
const PORT_BYTES = 4;

function portOf(key: Uint8Array): number {
  return (key[key.length - PORT_BYTES]! << 8) | key[key.length - PORT_BYTES + 1]!;
}
