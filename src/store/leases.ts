/**
 * What containers lease of a network namespace of the host: addresses, ports; and the sysctls that mdk changed there. Namespaces
 * are named by their identity (engine/host/facts.ts); addresses are unsigned 32-bit numbers.
 */
import type { Database } from "bun:sqlite";
import type { Subnet } from "../spec/network.ts";

/** 32 hexadecimal digits, made at random with the database: whose things are whose, wherever the root lies. */
export function storeId(database: Database): string {
  return (database.query("SELECT id FROM store").get() as { id: string }).id;
}

export interface NetworkRow {
  /** What names its bridge and table (network/names.ts). */
  readonly tag: string;
  readonly subnet: Subnet;
}

/** The network as this network namespace of the host knows it, or null before its first use. */
export function readNetwork(database: Database, namespace: string, name: string): NetworkRow | null {
  const row = database.query("SELECT tag, address, prefix FROM networks WHERE namespace = ? AND name = ?").get(namespace, name) as ({ tag: string } & Subnet) | null;
  return row === null ? null : { tag: row.tag, subnet: { address: row.address, prefix: row.prefix } };
}

/** Remembers a network, in place of what was known of it there. */
export function writeNetwork(database: Database, namespace: string, name: string, { tag, subnet }: NetworkRow): void {
  database
    .query("INSERT OR REPLACE INTO networks (namespace, name, tag, address, prefix, last) VALUES (?, ?, ?, ?, ?, 0)")
    .run(namespace, name, tag, subnet.address, subnet.prefix);
}

/** Forgets networks and sysctls of earlier boots and of the store that this one is a copy of: whose identity ends otherwise. */
export function forgetElsewhere(database: Database, end: string): void {
  for (const table of ["networks", "sysctls"]) database.query(`DELETE FROM ${table} WHERE substr(namespace, -length(?1)) <> ?1`).run(end);
}

export interface AddressLease {
  readonly network: string;
  readonly container: string;
  /** The addresses that may be leased, ends included. */
  readonly first: number;
  readonly last: number;
}

/**
 * Leases the next free address after the one leased last, round robin, so that an address rests as long as possible: its old
 * owner's namespace may still be dying. A look at one row as a rule, however many there are. Null: all are taken.
 */
export function leaseAddress(database: Database, namespace: string, { network, container, first, last }: AddressLease): number | null {
  const known = database.query("SELECT last FROM networks WHERE namespace = ? AND name = ?").get(namespace, network) as { last: number } | null;
  const start = known !== null && known.last >= first && known.last < last ? known.last + 1 : first;
  const address = nextFree(database, namespace, network, start, last) ?? nextFree(database, namespace, network, first, start - 1);
  if (address === null) return null;
  database.query("INSERT INTO leases (namespace, network, address, container) VALUES (?, ?, ?, ?)").run(namespace, network, address, container);
  database.query("UPDATE networks SET last = ? WHERE namespace = ? AND name = ?").run(address, namespace, network);
  return address;
}

/** The lowest address from `first` to `last` that is not leased: `first`, or one behind a leased one. */
function nextFree(database: Database, namespace: string, network: string, first: number, last: number): number | null {
  if (first > last) return null;
  const own = "namespace = ?1 AND network = ?2";
  if (database.query(`SELECT 1 FROM leases WHERE ${own} AND address = ?3`).get(namespace, network, first) === null) return first;
  const row = database
    .query(`SELECT address + 1 AS address FROM leases AS lease WHERE ${own} AND address >= ?3 AND address < ?4
      AND NOT EXISTS (SELECT 1 FROM leases WHERE ${own} AND address = lease.address + 1) ORDER BY lease.address LIMIT 1`)
    .get(namespace, network, first, last) as { address: number } | null;
  return row?.address ?? null;
}

export interface PortLease {
  readonly protocol: string;
  readonly host: string;
  /** Neighbours: the first and the last of them. */
  readonly first: number;
  readonly last: number;
  readonly container: string;
}

/** Leases neighbouring ports, all or none, in one row. Returns the highest of them that is leased already; null: they are the container's now. */
export function leasePorts(database: Database, namespace: string, lease: PortLease): number | null {
  // Leased ranges are disjoint: of those that begin no later, the last one ends last.
  const before = database
    .query("SELECT last FROM ports WHERE namespace = ? AND protocol = ? AND host = ? AND first <= ? ORDER BY first DESC LIMIT 1")
    .get(namespace, lease.protocol, lease.host, lease.last) as { last: number } | null;
  if (before !== null && before.last >= lease.first) return Math.min(before.last, lease.last);
  database
    .query("INSERT INTO ports (namespace, protocol, host, first, last, container) VALUES (?, ?, ?, ?, ?, ?)")
    .run(namespace, lease.protocol, lease.host, lease.first, lease.last, lease.container);
  return null;
}

/** Remembers a sysctl's value from before mdk changed it; a value that is known already stays. */
export function rememberSysctl(database: Database, namespace: string, name: string, value: string): void {
  database.query("INSERT OR IGNORE INTO sysctls (namespace, name, value) VALUES (?, ?, ?)").run(namespace, name, value);
}

/** A sysctl's value from before mdk changed it; null: it did not. */
export function rememberedSysctl(database: Database, namespace: string, name: string): string | null {
  return (database.query("SELECT value FROM sysctls WHERE namespace = ? AND name = ?").get(namespace, name) as { value: string } | null)?.value ?? null;
}

/** Hands out what was remembered, in reverse, and forgets it together with the namespace's networks. */
export function takeSysctls(database: Database, namespace: string): { name: string; value: string }[] {
  const rows = database.query("SELECT name, value FROM sysctls WHERE namespace = ? ORDER BY rowid DESC").all(namespace) as { name: string; value: string }[];
  database.query("DELETE FROM sysctls WHERE namespace = ?").run(namespace);
  database.query("DELETE FROM networks WHERE namespace = ?").run(namespace);
  return rows;
}
