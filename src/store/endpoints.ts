/**
 * Endpoints: containers' places on networks. What its user asked for is there as long as the container; addresses are leased while it
 * runs, unique in a network of a namespace by constraint. IPv4 addresses are unsigned 32-bit numbers, so that the next free one is a query.
 */
import type { Database } from "bun:sqlite";
import { formatAddress6, parseAddress6 } from "../network/ipam6.ts";
import { decodeEndpoint, type EndpointSettings } from "../spec/endpoint.ts";

/** An endpoint of a container that runs. */
export interface Connection {
  /** 64 hexadecimal digits, new at every start. */
  readonly id: string;
  /** The host's network namespace that it leads to (engine/host/facts.ts). */
  readonly namespace: string;
  /** Null: it has none of that family. */
  readonly address: number | null;
  readonly address6: bigint | null;
  /** "02:42:ac:11:00:02". */
  readonly mac: string;
  /** "eth0", in the container. */
  readonly interface: string;
}

export interface Endpoint {
  readonly container: string;
  /** The network's id. */
  readonly network: string;
  /** Its name; null: it was removed. */
  readonly networkName: string | null;
  readonly position: number;
  readonly settings: EndpointSettings;
  /** Null: the container does not run. */
  readonly connection: Connection | null;
}

interface Row {
  readonly container: string;
  readonly network: string;
  readonly networkName: string | null;
  readonly position: number;
  readonly settings: string;
  readonly id: string | null;
  readonly namespace: string | null;
  readonly address: number | null;
  readonly address6: string | null;
  readonly mac: string | null;
  readonly interface: string | null;
}

const SELECT = `SELECT container, network, networks.name AS networkName, position, settings, endpoints.id, namespace, address, address6, mac, interface
  FROM endpoints LEFT JOIN networks ON networks.id = network`;

function endpointOf({ container, network, networkName, position, settings, ...row }: Row): Endpoint {
  const { id, namespace, address, mac } = row;
  const connection = id === null || namespace === null ? null : {
    id, namespace, address, mac: mac ?? "", interface: row.interface ?? "", address6: row.address6 === null ? null : parseAddress6(row.address6),
  };
  return { container, network, networkName, position, settings: decodeEndpoint(JSON.parse(settings), "EndpointSettings"), connection };
}

/** SQLite's constraint error where the container has one there. In the caller's transaction. */
export function addEndpoint(database: Database, { container, network, position, settings }: Pick<Endpoint, "container" | "network" | "position" | "settings">): void {
  database.query("INSERT INTO endpoints (container, network, position, settings) VALUES (?, ?, ?, ?)").run(container, network, position, JSON.stringify(settings));
}

export function removeEndpoint(database: Database, container: string, network: string): void {
  database.query("DELETE FROM endpoints WHERE container = ? AND network = ?").run(container, network);
}

/** Of one container, the first asked for first. */
export function listEndpoints(database: Database, container: string): Endpoint[] {
  return (database.query(`${SELECT} WHERE container = ? ORDER BY position`).all(container) as Row[]).map(endpointOf);
}

/** Of all containers: names of the networks that each is to be on, by its id; of one that was removed its id. */
export function networkNamesOf(database: Database): Map<string, string[]> {
  const names = new Map<string, string[]>();
  const rows = database.query("SELECT container, coalesce(networks.name, network) AS name FROM endpoints LEFT JOIN networks ON networks.id = network ORDER BY container, position").all() as { container: string; name: string }[];
  for (const { container, name } of rows) names.set(container, [...(names.get(container) ?? []), name]);
  return names;
}

/** Of one network: those of containers that run, in the namespace. */
export function connectedEndpoints(database: Database, network: string, namespace: string): Endpoint[] {
  return (database.query(`${SELECT} WHERE network = ? AND namespace = ?`).all(network, namespace) as Row[]).map(endpointOf);
}

/** All of containers that run, in the namespace. */
export function allConnected(database: Database, namespace: string): Endpoint[] {
  return (database.query(`${SELECT} WHERE namespace = ? ORDER BY container, position`).all(namespace) as Row[]).map(endpointOf);
}

/** Of one network: containers that run, in whatever namespace. */
export function connectedContainers(database: Database, network: string): { readonly id: string; readonly name: string; readonly endpoint: string }[] {
  return database.query("SELECT containers.id, name, endpoints.id AS endpoint FROM endpoints JOIN containers ON containers.id = container WHERE network = ? AND namespace IS NOT NULL ORDER BY name")
    .all(network) as { id: string; name: string; endpoint: string }[];
}

/** The container runs, and is there. SQLite's constraint error for an address that another one has. */
export function connectEndpoint(database: Database, container: string, network: string, { id, namespace, address, address6, mac, interface: name }: Connection): void {
  database.query("UPDATE endpoints SET id = ?, namespace = ?, address = ?, address6 = ?, mac = ?, interface = ? WHERE container = ? AND network = ?")
    .run(id, namespace, address, address6 === null ? null : formatAddress6(address6), mac, name, container, network);
}

/** Addresses of a container that has ended are free again. */
export function releaseEndpoints(database: Database, container: string): void {
  database.query("UPDATE endpoints SET id = NULL, namespace = NULL, address = NULL, address6 = NULL, mac = NULL, interface = NULL WHERE container = ?").run(container);
}

/** Who has the address: a container's id, or null. */
export function addressHolder(database: Database, namespace: string, network: string, address: number | bigint): string | null {
  const column = typeof address === "number" ? "address" : "address6";
  const value = typeof address === "number" ? address : formatAddress6(address);
  const row = database.query(`SELECT container FROM endpoints WHERE namespace = ? AND network = ? AND ${column} = ?`).get(namespace, network, value) as { container: string } | null;
  return row?.container ?? null;
}

export interface Leasing<A> {
  readonly namespace: string;
  readonly network: string;
  /** The addresses that may be leased, ends included, and those among them that may not. */
  readonly first: A;
  readonly last: A;
  readonly reserved: ReadonlySet<A>;
}

/**
 * The next free address after the one leased last, round robin, so that an address rests as long as possible: its old owner's namespace
 * may still be dying. A look at one row as a rule, however many there are. Null: all are taken. Whoever asks leases it in the same transaction.
 */
export function nextFreeAddress(database: Database, { namespace, network, first, last, reserved }: Leasing<number>): number | null {
  const { last: latest } = database.query("SELECT last FROM places WHERE namespace = ? AND network = ?").get(namespace, network) as { last: number };
  const start = latest >= first && latest < last ? latest + 1 : first;
  const search = (from: number, to: number): number | null => {
    let address = nextFree(database, namespace, network, from, to);
    while (address !== null && reserved.has(address)) address = nextFree(database, namespace, network, address + 1, to);
    return address;
  };
  const address = search(start, last) ?? search(first, start - 1);
  if (address !== null) database.query("UPDATE places SET last = ? WHERE namespace = ? AND network = ?").run(address, namespace, network);
  return address;
}

/** The lowest address from `first` to `last` that is not leased: `first`, or one behind a leased one. */
function nextFree(database: Database, namespace: string, network: string, first: number, last: number): number | null {
  if (first > last) return null;
  const own = "namespace = ?1 AND network = ?2";
  if (database.query(`SELECT 1 FROM endpoints WHERE ${own} AND address = ?3`).get(namespace, network, first) === null) return first;
  const row = database
    .query(`SELECT address + 1 AS address FROM endpoints AS lease WHERE ${own} AND address >= ?3 AND address < ?4
      AND NOT EXISTS (SELECT 1 FROM endpoints WHERE ${own} AND address = lease.address + 1) ORDER BY lease.address LIMIT 1`)
    .get(namespace, network, first, last) as { address: number } | null;
  return row?.address ?? null;
}

/** As nextFreeAddress: one after the other from the last one on, since of so many the next one is free as a rule. */
export function nextFreeAddress6(database: Database, { namespace, network, first, last, reserved }: Leasing<bigint>): bigint | null {
  const { last6 } = database.query("SELECT last6 FROM places WHERE namespace = ? AND network = ?").get(namespace, network) as { last6: string };
  const latest = last6 === "" ? first - 1n : parseAddress6(last6);
  const start = latest >= first && latest < last ? latest + 1n : first;
  const isTaken = (address: bigint): boolean => reserved.has(address) || addressHolder(database, namespace, network, address) !== null;
  const search = (from: bigint, to: bigint): bigint | null => {
    for (let address = from; address <= to; address++) if (!isTaken(address)) return address;
    return null;
  };
  const address = search(start, last) ?? search(first, start - 1n);
  if (address !== null) database.query("UPDATE places SET last6 = ? WHERE namespace = ? AND network = ?").run(formatAddress6(address), namespace, network);
  return address;
}
