/** Ports of the host that lead to containers, as ranges: leased while the container runs. */
import type { Database } from "bun:sqlite";
import type { PortRange } from "../spec/network.ts";

export interface PortLease extends PortRange {
  readonly namespace: string;
  readonly container: string;
  /** Id of the network on which the container has the address that they lead to. */
  readonly network: string;
}

interface Row {
  readonly namespace: string;
  readonly protocol: PortRange["protocol"];
  readonly host: string;
  readonly first: number;
  readonly last: number;
  readonly inside: number;
  readonly container: string;
  readonly network: string;
}

const leaseOf = ({ namespace, protocol, host, first, last, inside, container, network }: Row): PortLease =>
  ({ namespace, container, network, protocol, hostAddress: host, hostPort: first, containerPort: inside, length: last - first + 1 });

/**
 * Leases neighbouring ports, all or none, in one row. Returns the highest of them that is leased already; null: they are the container's now. Ranges
 * of one protocol and host address never overlap.
 */
export function leasePorts(database: Database, { namespace, protocol, hostAddress, hostPort, containerPort, length, container, network }: PortLease): number | null {
  const last = hostPort + length - 1;
  // Of those that begin no later, the last one ends last.
  const before = database
    .query("SELECT last FROM ports WHERE namespace = ? AND protocol = ? AND host = ? AND first <= ? ORDER BY first DESC LIMIT 1")
    .get(namespace, protocol, hostAddress, last) as { last: number } | null;
  if (before !== null && before.last >= hostPort) return Math.min(before.last, last);
  database
    .query("INSERT INTO ports (namespace, protocol, host, first, last, inside, container, network) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
    .run(namespace, protocol, hostAddress, hostPort, last, containerPort, container, network);
  return null;
}

/** One lease is given back. */
export function returnPorts(database: Database, { namespace, protocol, hostAddress, hostPort }: PortLease): void {
  database.query("DELETE FROM ports WHERE namespace = ? AND protocol = ? AND host = ? AND first = ?").run(namespace, protocol, hostAddress, hostPort);
}

/** Of one container, those too that lead nowhere, since it has left the network. */
export function heldPorts(database: Database, container: string): PortLease[] {
  return (database.query("SELECT * FROM ports WHERE container = ? ORDER BY inside, protocol, host, first").all(container) as Row[]).map(leaseOf);
}

const LEADING = "SELECT * FROM ports WHERE EXISTS (SELECT 1 FROM endpoints WHERE endpoints.container = ports.container AND endpoints.network = ports.network)";

/** Of one container, those that lead to it. */
export function listPorts(database: Database, container: string): PortLease[] {
  return (database.query(`${LEADING} AND container = ? ORDER BY inside, protocol, host, first`).all(container) as Row[]).map(leaseOf);
}

/** Those that lead to containers, by their ids. */
export function allPorts(database: Database): Map<string, PortLease[]> {
  const ports = new Map<string, PortLease[]>();
  for (const lease of (database.query(`${LEADING} ORDER BY container, inside, protocol, host, first`).all() as Row[]).map(leaseOf)) {
    const own = ports.get(lease.container);
    if (own === undefined) ports.set(lease.container, [lease]);
    else own.push(lease);
  }
  return ports;
}

/** The container's ports lead to its endpoint on another network. */
export function movePorts(database: Database, container: string, network: string): void {
  database.query("UPDATE ports SET network = ? WHERE container = ?").run(network, container);
}

/** Others may have them. */
export function releasePorts(database: Database, container: string): void {
  database.query("DELETE FROM ports WHERE container = ?").run(container);
}
