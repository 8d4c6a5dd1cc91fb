/**
 * The journal: what happened to containers and images, in Docker's words. An event is a row in the very transaction that makes it
 * true, so that none is told that did not happen, and none is missing. Old ones go by number and age.
 */
import type { Database } from "bun:sqlite";
import type { UserMount } from "../spec/mount-types.ts";

export interface Event {
  /** Counts up, never reused. */
  readonly id: number;
  readonly timeMs: number;
  readonly type: "container" | "image" | "volume" | "network";
  /** "create", "start", "die" … */
  readonly action: string;
  /** A container's id, an image's reference or id, a volume's name, a network's id. */
  readonly actor: string;
  /** As Docker's Actor.Attributes: labels, image, name and what belongs to the action. */
  readonly attributes: Readonly<Record<string, string>>;
}

const KEPT = 16_384;
const KEPT_MS = 30 * 24 * 3600 * 1000;
/** Old ones are looked for once in so many. */
const PRUNE_EVERY = 256;

const NOW = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/** Of a container that has a row: its labels, image and name are told as they are at this moment. */
export function noteContainer(database: Database, id: string, action: string, more: Readonly<Record<string, string>> = {}): void {
  const { lastInsertRowid } = database
    .query(`INSERT INTO events (time, type, action, actor, attributes)
      SELECT ${NOW}, 'container', ?2, id, json_patch(json_patch(coalesce(config ->> '$.Labels', '{}'), json_object('image', image_name, 'name', name)), ?3) FROM containers WHERE id = ?1`)
    .run(id, action, JSON.stringify(more));
  prune(database, Number(lastInsertRowid));
}

export function noteImage(database: Database, actor: string, action: string, attributes: Readonly<Record<string, string>>): void {
  const { lastInsertRowid } = database
    .query(`INSERT INTO events (time, type, action, actor, attributes) VALUES (${NOW}, 'image', ?, ?, ?)`)
    .run(action, actor, JSON.stringify(attributes));
  prune(database, Number(lastInsertRowid));
}

export function noteVolume(database: Database, name: string, action: string, more: Readonly<Record<string, string>> = {}): void {
  const { lastInsertRowid } = database
    .query(`INSERT INTO events (time, type, action, actor, attributes) VALUES (${NOW}, 'volume', ?, ?, ?)`)
    .run(action, name, JSON.stringify({ ...more, driver: "local" }));
  prune(database, Number(lastInsertRowid));
}

/** Of a network that has a row. */
export function noteNetwork(database: Database, id: string, action: "create" | "destroy" | "connect" | "disconnect", more: Readonly<Record<string, string>> = {}): void {
  const { changes, lastInsertRowid } = database
    .query(`INSERT INTO events (time, type, action, actor, attributes)
      SELECT ${NOW}, 'network', ?2, id, json_patch(json_object('name', name, 'type', driver), ?3) FROM networks WHERE id = ?1`)
    .run(id, action, JSON.stringify(more));
  if (changes > 0) prune(database, Number(lastInsertRowid));
}

/** Of all networks that a container is on. */
export function noteEndpoints(database: Database, container: string, action: "connect" | "disconnect"): void {
  const { changes, lastInsertRowid } = database
    .query(`INSERT INTO events (time, type, action, actor, attributes)
      SELECT ${NOW}, 'network', ?2, networks.id, json_object('name', name, 'type', driver, 'container', container) FROM endpoints JOIN networks ON networks.id = network
      WHERE container = ?1 ORDER BY position`)
    .run(container, action);
  if (changes > 0) prune(database, Number(lastInsertRowid));
}

/** Of all volumes of a container that has a row. */
export function noteMounts(database: Database, id: string, action: "mount" | "unmount"): void {
  const row = database.query(`SELECT mounts FROM containers WHERE id = ? AND mounts LIKE '%"volume"%'`).get(id) as { mounts: string } | null;
  for (const mount of row === null ? [] : (JSON.parse(row.mounts) as UserMount[])) {
    if (mount.type !== "volume") continue;
    noteVolume(database, mount.name!, action, action === "unmount" ? { container: id } : { container: id, destination: mount.target, propagation: "", "read/write": String(!mount.readonly) });
  }
}

function prune(database: Database, last: number): void {
  if (last % PRUNE_EVERY === 0) database.query(`DELETE FROM events WHERE id <= ? OR time < ${NOW} - ${KEPT_MS}`).run(last - KEPT);
}

/** Id of the last one; 0: there is none. */
export function lastEvent(database: Database): number {
  return (database.query("SELECT coalesce(max(id), 0) AS last FROM events").get() as { last: number }).last;
}

/** Those after that id, and not before that time (milliseconds of the epoch), in the order in which they happened. */
export function readEvents(database: Database, after: number, sinceMs: number): Event[] {
  const rows = database.query("SELECT id, time, type, action, actor, attributes FROM events WHERE id > ? AND time >= ? ORDER BY id").all(after, sinceMs) as
    { id: number; time: number; type: Event["type"]; action: string; actor: string; attributes: string }[];
  return rows.map(({ time, attributes, ...row }) => ({ ...row, timeMs: time, attributes: JSON.parse(attributes) as Record<string, string> }));
}

/** Changes whenever anybody else has written to the store: what a reader that waits for events looks at, at the price of one read of shared memory. */
export function dataVersion(database: Database): number {
  return (database.query("PRAGMA data_version").get() as { data_version: number }).data_version;
}
