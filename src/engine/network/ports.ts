/** Ports of the host for a container: bound before anything is started, leased with its row. */
import { readFileSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { familyOf, holdsLoopback6 } from "../../network/port-maps.ts";
import { closeHeldPorts, HELD_MAX, holdPorts, portTaken, type HeldPorts } from "../../network/publish.ts";
import type { PortRange } from "../../spec/network.ts";
import type { PortRequest } from "../../spec/ports.ts";
import type { Database } from "../../store/database.ts";
import { leasePorts, returnPorts, type PortLease } from "../../store/ports.ts";

/** A request and what was bound for it: the same ports of each of its addresses whose family the container has. Others may take their place until they are leased. */
export interface HeldRequest {
  readonly request: PortRequest;
  held: readonly HeldPorts[];
}

/** The kernel may choose a port once more that is bound and not listened on. */
const CHOICES_OF_KERNEL = 20;

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

/** For whom ports are held, and how ports of addresses of either family lead there. */
export interface Published {
  /** "NAME (ID)", for errors. */
  readonly endpoint: string;
  /** By the kernel. */
  readonly led: Families;
  /** By the container's monitor, where the kernel does not. */
  readonly served: Families;
}

export interface Families {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

const isPublished = (address: string, { led, served }: Published): boolean => led[familyOf(address)] || served[familyOf(address)];

/** The kernel leads nothing away from ::1. */
const isServed = (hostAddress: string, { led, served }: Published): boolean => served[familyOf(hostAddress)] && (!led[familyOf(hostAddress)] || holdsLoopback6({ hostAddress }));

/** Binds the ports of all requests. Throws MdkError "port-taken" in Docker's words and others, and then holds none. */
export function holdRequests(requests: readonly PortRequest[], published: Published): HeldRequest[] {
  refuseTooMany(requests);
  const holding: HeldRequest[] = [];
  try {
    for (const request of requests) holding.push({ request, held: holdFirst(request, request.host.first, published, holding) });
  } catch (error) {
    holding.flatMap(({ held }) => held).forEach(closeHeldPorts);
    throw error;
  }
  return holding;
}

/** The first of the request's candidates, from `from` on, that can be bound. */
function holdFirst(request: PortRequest, from: number, published: Published, others: readonly HeldRequest[]): HeldPorts[] {
  const { host, hostAddresses, ...port } = request;
  const addresses = hostAddresses.filter((address) => isPublished(address, published));
  if (addresses.length === 0) throw unreachable(hostAddresses[0] ?? "", published.endpoint);
  const held = others.flatMap((other) => other.held);
  const room = HELD_MAX - held.reduce((sum, { descriptors }) => sum + descriptors.length, 0);
  for (let hostPort = from, tries = 1; ; hostPort === 0 ? tries++ : hostPort++) {
    // Two requests of one container: neither listens yet, and both could be bound.
    const isOwn = hostPort !== 0 && held.some(({ range }) => range.protocol === port.protocol && addresses.includes(range.hostAddress)
      && hostPort < range.hostPort + range.length && range.hostPort < hostPort + port.length);
    if (isOwn && hostPort < host.last) continue;
    try {
      return holdAll({ ...port, hostPort }, addresses, published, room);
    } catch (error) {
      // What the kernel chose in one family may be taken in the other.
      const isLast = hostPort === 0 ? tries === CHOICES_OF_KERNEL : hostPort >= host.last;
      if (!(error instanceof MdkError) || error.code !== "port-taken" || isLast) throw error;
    }
  }
}

function holdAll(port: Omit<PortRange, "hostAddress">, addresses: readonly string[], published: Published, whole: number): HeldPorts[] {
  const held: HeldPorts[] = [];
  let { hostPort } = port;
  try {
    for (const hostAddress of addresses) {
      const room = whole - held.reduce((sum, { descriptors }) => sum + descriptors.length, 0);
      held.push(holdPorts({ ...port, hostAddress, hostPort }, { room, served: isServed(hostAddress, published), endpoint: published.endpoint }));
      // A port that the kernel has chosen is that of the other addresses, too.
      hostPort = held[0]!.range.hostPort;
    }
    return held;
  } catch (error) {
    held.forEach(closeHeldPorts);
    throw error;
  }
}

function unreachable(address: string, endpoint: string): MdkError {
  const family = address.includes(":") ? "IPv6" : "IPv4";
  return new MdkError("conflict", "no-such-family", `driver failed programming external connectivity on endpoint ${endpoint}: cannot publish on ${address}: the container has no ${family} address`, {
    hint: "mdk network create --ipv6 makes a network with both",
  });
}

/**
 * In the transaction that makes the row. Two that start at once can both bind a port, since neither listens yet: the row says whose it is, and the
 * other one takes the next of its candidates. Throws MdkError "port-taken".
 */
export function leaseRequests(database: Database, holding: readonly HeldRequest[], published: Published, owner: Pick<PortLease, "namespace" | "container" | "network">): void {
  for (const one of holding) leaseRequest(database, one, published, holding, owner);
}

function leaseRequest(database: Database, one: HeldRequest, published: Published, holding: readonly HeldRequest[], owner: Pick<PortLease, "namespace" | "container" | "network">): void {
  const { request } = one;
  for (let tries = 1; ; tries++) {
    const taken = leaseAll(database, one.held, owner);
    if (taken === null) return;
    const { hostPort, hostAddress } = one.held[0]!.range;
    const isLast = request.host.first === 0 ? tries === CHOICES_OF_KERNEL : hostPort >= request.host.last;
    if (isLast) throw portTaken({ hostAddress, hostPort: taken }, published.endpoint, null);
    const next = holdFirst(request, request.host.first === 0 ? 0 : hostPort + 1, published, holding.filter((other) => other !== one));
    one.held.forEach(closeHeldPorts);
    one.held = next;
  }
}

/** All or none. Returns a port that somebody has. */
function leaseAll(database: Database, held: readonly HeldPorts[], owner: Pick<PortLease, "namespace" | "container" | "network">): number | null {
  const leased: PortLease[] = [];
  for (const { range } of held) {
    const lease = { ...range, ...owner };
    const taken = leasePorts(database, lease);
    if (taken !== null) {
      leased.forEach((other) => returnPorts(database, other));
      return taken;
    }
    leased.push(lease);
  }
  return null;
}
