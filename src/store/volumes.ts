/** Volumes, and which containers use them: one that is used cannot go, by constraint. Their data lies in the store's volumes/ (paths.ts). */
import type { Database } from "bun:sqlite";
import { isForeignKeyViolation, releasing } from "./database.ts";
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

/**
 * False: it is used, and stays. `moveAway` is called before the change is committed: nobody makes a volume of that name meanwhile. On a full disk
 * the reserve is spent: it makes room.
 */
export function deleteVolume(database: Database, name: string, moveAway: () => void): boolean {
  try {
    return releasing(database, () => {
      const { changes } = database.query("DELETE FROM volumes WHERE name = ?").run(name);
      if (changes > 0) noteVolume(database, name, "destroy");
      moveAway();
      return true;
    });
  } catch (error) {
    if (isForeignKeyViolation(error)) return false;
    throw error;
  }
}

/** The same for one that a container had: it has it no more. */
export function leaveVolume(database: Database, { container, name, moveAway }: { readonly container: string; readonly name: string; readonly moveAway: () => void }): boolean {
  return releasing(database, () => {
    database.query("DELETE FROM container_volumes WHERE container = ? AND volume = ?").run(container, name);
    const { changes } = database.query("DELETE FROM volumes WHERE name = ?1 AND NOT EXISTS (SELECT 1 FROM container_volumes WHERE volume = ?1)").run(name);
    if (changes === 0) return false;
    noteVolume(database, name, "destroy");
    moveAway();
    return true;
  });
}
