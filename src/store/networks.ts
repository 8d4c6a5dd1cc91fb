/**
 * Networks: what users define, and the three that every store has (bridge, host, none); and where each of them is in a network namespace
 * of the host (its place): the same store may be used in several, and none of them outlives a boot.
 */
import type { Database } from "bun:sqlite";
import { decodePool4, decodePool6, encodePool4, encodePool6, type NetworkConfig, type NetworkDriver, type Pools } from "../spec/network-config.ts";
import { noteNetwork } from "./events.ts";

export interface Network extends NetworkConfig {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly createdMs: number;
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly driver: NetworkDriver;
  readonly created: number;
  readonly internal: number;
  readonly ipv6: number;
  readonly pool4: string | null;
  readonly pool6: string | null;
  readonly options: string;
  readonly labels: string;
}

const COLUMNS = "id, name, driver, created, internal, ipv6, pool4, pool6, options, labels";

const networkOf = ({ id, name, driver, created, internal, ipv6, pool4, pool6, options, labels }: Row): Network => ({
  id, name, driver, createdMs: created, internal: internal === 1, ipv6: ipv6 === 1, v4: decodePool4(pool4), v6: decodePool6(pool6),
  options: JSON.parse(options) as Record<string, string>, labels: JSON.parse(labels) as Record<string, string>,
});

/** Its event with it. SQLite's constraint error for a name that is taken. In the caller's transaction. */
export function addNetwork(database: Database, network: Network): void {
  database.query(`INSERT INTO networks (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`).run(
    network.id, network.name, network.driver, network.createdMs, network.internal ? 1 : 0, network.ipv6 ? 1 : 0, encodePool4(network.v4), encodePool6(network.v6),
    JSON.stringify(network.options), JSON.stringify(network.labels),
  );
  noteNetwork(database, network.id, "create");
}

/** By full id, or null. */
export const readNetwork = (database: Database, id: string): Network | null => one(database, "id = ?", id);

/** Those that a user's word can mean: full id, then name, then the start of an id. More than one: ambiguous. */
export function findNetworks(database: Database, word: string): Network[] {
  const exact = (/^[0-9a-f]{64}$/.test(word) ? readNetwork(database, word) : null) ?? one(database, "name = ?", word);
  if (exact !== null) return [exact];
  if (!/^[0-9a-f]+$/.test(word)) return [];
  return (database.query(`SELECT ${COLUMNS} FROM networks WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2`).all(word) as Row[]).map(networkOf);
}

function one(database: Database, condition: string, value: string): Network | null {
  const row = database.query(`SELECT ${COLUMNS} FROM networks WHERE ${condition}`).get(value) as Row | null;
  return row === null ? null : networkOf(row);
}

/** In the order of their names. */
export function listNetworks(database: Database): Network[] {
  return (database.query(`SELECT ${COLUMNS} FROM networks ORDER BY name`).all() as Row[]).map(networkOf);
}

/** False: a container that runs is on it, and it stays. Containers at rest keep their wish. In the caller's transaction. */
export function deleteNetwork(database: Database, id: string): boolean {
  if (database.query("SELECT 1 FROM endpoints WHERE network = ? AND namespace IS NOT NULL").get(id) !== null) return false;
  noteNetwork(database, id, "destroy");
  database.query("DELETE FROM networks WHERE id = ?").run(id);
  return true;
}

/** Where a network is in one namespace of the host: its addresses there, which it may have chosen, and the name of the link that was made for it, a bridge as a rule ("": none). */
export interface Place extends Pools {
  readonly bridge: string;
}

/** A place that is known. */
export interface Placed extends Place {
  readonly namespace: string;
  /** What names the store's table and links there (network/names.ts). */
  readonly tag: string;
}

/** Null before the network's first use there. */
export function readPlace(database: Database, namespace: string, network: string): Placed | null {
  const row = database.query("SELECT bridge, pool4, pool6, tag FROM places JOIN namespaces USING (namespace) WHERE namespace = ? AND network = ?").get(namespace, network) as PlaceRow & { readonly tag: string } | null;
  return row === null ? null : { bridge: row.bridge, v4: decodePool4(row.pool4), v6: decodePool6(row.pool6), namespace, tag: row.tag };
}

/** Remembers it, in place of what was known of the network there. */
export function writePlace(database: Database, namespace: string, network: string, { bridge, v4, v6 }: Place): void {
  database.query("INSERT OR REPLACE INTO places (namespace, network, bridge, pool4, pool6) VALUES (?, ?, ?, ?, ?)").run(namespace, network, bridge, encodePool4(v4), encodePool6(v6));
}

interface PlaceRow extends Pick<Row, "pool4" | "pool6"> {
  readonly namespace: string;
  readonly network: string;
  readonly bridge: string;
}

/** A place, and whose it is. */
export interface KnownPlace extends Place {
  readonly namespace: string;
  /** The network's id. */
  readonly network: string;
}

const placeOf = ({ pool4, pool6, ...row }: PlaceRow): KnownPlace => ({ ...row, v4: decodePool4(pool4), v6: decodePool6(pool6) });

/** All places in the namespace. */
export function listPlaces(database: Database, namespace: string): KnownPlace[] {
  return (database.query("SELECT namespace, network, bridge, pool4, pool6 FROM places WHERE namespace = ?").all(namespace) as PlaceRow[]).map(placeOf);
}

/** All places of the network. */
export function listPlacesOf(database: Database, network: string): KnownPlace[] {
  return (database.query("SELECT namespace, network, bridge, pool4, pool6 FROM places WHERE network = ?").all(network) as PlaceRow[]).map(placeOf);
}
