/** Volumes, and which containers use them: one that is used cannot go, by constraint. Their data lies in the store's volumes/ (paths.ts). */
import type { Database } from "bun:sqlite";
import { isForeignKeyViolation, transaction } from "./database.ts";
import { noteVolume } from "./events.ts";

export interface Volume {
  readonly name: string;
  readonly createdMs: number;
  /** Of the local driver: type, device, o. */
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Made with a container, without a name of its user's. */
  readonly anonymous: boolean;
}

interface Row {
  readonly name: string;
  readonly created: number;
  readonly options: string;
  readonly labels: string;
  readonly anonymous: number;
}

const COLUMNS = "name, created, options, labels, anonymous";

function volumeOf({ name, created, options, labels, anonymous }: Row): Volume {
  return { name, createdMs: created, options: JSON.parse(options) as Volume["options"], labels: JSON.parse(labels) as Volume["labels"], anonymous: anonymous === 1 };
}

/** False: there is one of that name, which stays as it is. In the caller's transaction. */
export function addVolume(database: Database, volume: Volume): boolean {
  const { changes } = database
    .query("INSERT INTO volumes (name, created, options, labels, anonymous) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
    .run(volume.name, volume.createdMs, JSON.stringify(volume.options), JSON.stringify(volume.labels), volume.anonymous ? 1 : 0);
  if (changes > 0) noteVolume(database, volume.name, "create");
  return changes > 0;
}

/** In the transaction that makes the container. */
export function useVolume(database: Database, container: string, volume: string): void {
  database.query("INSERT INTO container_volumes (container, volume) VALUES (?, ?) ON CONFLICT DO NOTHING").run(container, volume);
}

/** A container that has this image mounted keeps it. SQLite's foreign key error for one that is gone. */
export function useImage(database: Database, container: string, image: string): void {
  database.query("INSERT INTO container_images (container, image) VALUES (?, ?) ON CONFLICT DO NOTHING").run(container, image);
}

export function readVolume(database: Database, name: string): Volume | null {
  const row = database.query(`SELECT ${COLUMNS} FROM volumes WHERE name = ?`).get(name) as Row | null;
  return row === null ? null : volumeOf(row);
}

/** In the order of their names. */
export function listVolumes(database: Database): Volume[] {
  return (database.query(`SELECT ${COLUMNS} FROM volumes ORDER BY name`).all() as Row[]).map(volumeOf);
}

/** Ids of the containers that have it. */
export function volumeUsers(database: Database, name: string): string[] {
  return (database.query("SELECT container FROM container_volumes WHERE volume = ? ORDER BY container").all(name) as { container: string }[]).map(({ container }) => container);
}

/** Ids of the containers that have this image mounted. */
export function imageUsers(database: Database, image: string): string[] {
  return (database.query("SELECT container FROM container_images WHERE image = ? ORDER BY container").all(image) as { container: string }[]).map(({ container }) => container);
}

/** Whether a container other than that one was started with it and has not ended. */
export function isVolumeMounted(database: Database, name: string, but: string): boolean {
  return database.query("SELECT 1 FROM container_volumes JOIN containers ON id = container WHERE volume = ? AND container != ? AND phase = 'started' LIMIT 1").get(name, but) !== null;
}

/** Names of the container's own, which nobody else has. */
export function anonymousVolumesOf(database: Database, container: string): string[] {
  const rows = database.query(`SELECT name FROM volumes JOIN container_volumes ON volume = name WHERE container = ?1 AND anonymous = 1
    AND NOT EXISTS (SELECT 1 FROM container_volumes AS other WHERE other.volume = name AND other.container != ?1)`).all(container) as { name: string }[];
  return rows.map(({ name }) => name);
}

/** False: it is used, and stays. */
export function deleteVolume(database: Database, name: string): boolean {
  try {
    return transaction(database, () => {
      const { changes } = database.query("DELETE FROM volumes WHERE name = ?").run(name);
      if (changes > 0) noteVolume(database, name, "destroy");
      return true;
    });
  } catch (error) {
    if (isForeignKeyViolation(error)) return false;
    throw error;
  }
}
