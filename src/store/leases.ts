/** What containers lease of a network namespace of the host: addresses, ports; and the sysctls that mdk changed there. */
import type { Database } from "bun:sqlite";

export interface NetworkRow {
  readonly name: string;
  readonly bridge: string;
  /** "172.17.0.0/16". */
  readonly subnet: string;
  /** The address handed out last: the next search starts after it. */
  readonly last: string;
}

/** The network as this network namespace of the host knows it, or null before its first use. */
export function readNetwork(database: Database, namespace: string, name: string): NetworkRow | null {
  return database.query("SELECT name, bridge, subnet, last FROM networks WHERE namespace = ? AND name = ?").get(namespace, name) as NetworkRow | null;
}

/** Remembers a network, or the address that it handed out last. */
export function writeNetwork(database: Database, namespace: string, network: NetworkRow): void {
  database
    .query("INSERT OR REPLACE INTO networks (namespace, name, bridge, subnet, last) VALUES (?, ?, ?, ?, ?)")
    .run(namespace, network.name, network.bridge, network.subnet, network.last);
}

/** Addresses in use. */
export function leasedAddresses(database: Database, namespace: string, network: string): Set<string> {
  const rows = database.query("SELECT address FROM leases WHERE namespace = ? AND network = ?").all(namespace, network) as { address: string }[];
  return new Set(rows.map((row) => row.address));
}

/** Leases an address; a constraint error when it is taken. */
export function leaseAddress(database: Database, namespace: string, lease: { network: string; address: string; container: string }): void {
  database.query("INSERT INTO leases (namespace, network, address, container) VALUES (?, ?, ?, ?)").run(namespace, lease.network, lease.address, lease.container);
}

export interface PortLease {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  readonly container: string;
}

/** Leases a port; a constraint error when it is taken. */
export function leasePort(database: Database, namespace: string, lease: PortLease): void {
  database
    .query("INSERT INTO ports (namespace, protocol, host, port, container) VALUES (?, ?, ?, ?, ?)")
    .run(namespace, lease.protocol, lease.host, lease.port, lease.container);
}

/** Remembers a sysctl's value from before mdk changed it; a value that is known already stays. */
export function rememberSysctl(database: Database, namespace: string, name: string, value: string): void {
  database.query("INSERT OR IGNORE INTO sysctls (namespace, name, value) VALUES (?, ?, ?)").run(namespace, name, value);
}

/** Hands out what was remembered, in reverse, and forgets it together with the namespace's networks. */
export function takeSysctls(database: Database, namespace: string): { name: string; value: string }[] {
  const rows = database.query("SELECT name, value FROM sysctls WHERE namespace = ? ORDER BY rowid DESC").all(namespace) as { name: string; value: string }[];
  database.query("DELETE FROM sysctls WHERE namespace = ?").run(namespace);
  database.query("DELETE FROM networks WHERE namespace = ?").run(namespace);
  return rows;
}
