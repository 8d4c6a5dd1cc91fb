/**
 * Unpacked layers: found by content key, made once however many pulls want them, shared by images. Who makes a layer holds
 * tmp/<key>.lock and fills tmp/<key>-<random>; a finished one is renamed to layers/<id> and synced before its row is there.
 *
 * The lock's key is the chain id: who holds it may wait for the layers below, whose chains are shorter, and two pulls never
 * wait for one another in a circle.
 */
import { closeSync, constants, mkdirSync, openSync, readdirSync, renameSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../image/digest.ts";
import { hexOf } from "../image/digest.ts";
import type { Descriptor } from "../image/manifest.ts";
import { syncFileSystem } from "../sys/at.ts";
import { tryLockFile } from "../sys/lock.ts";
import { removeTree } from "../sys/remove-tree.ts";
import { transaction, type Database } from "./database.ts";
import type { StorePaths } from "./paths.ts";

export interface LayerRow {
  /** Short: the directory's name. */
  readonly id: string;
  readonly contentKey: string;
  readonly diffId: string;
  /** Bytes of file data. */
  readonly size: number;
}

/** What an image says of one of its layers. */
export interface LayerName {
  readonly diffId: Digest;
  readonly chainId: Digest;
  /** Digest of the compressed blob. */
  readonly blob: Digest;
}

/**
 * A layer is there under its diff id, or, where it depends on those below it, under its chain id; and only for who names the blob
 * that was seen to hold it: an image gets no other image's files by claiming their diff id. Null: it is not.
 */
export function findLayer(database: Database, { diffId, chainId, blob }: LayerName): LayerRow | null {
  return database
    .query("SELECT id, content_key AS contentKey, diff_id AS diffId, layers.size FROM layers JOIN layer_blobs ON layer_id = id WHERE content_key IN (?, ?) AND blob = ?")
    .get(diffId, chainKey(chainId), blob) as LayerRow | null;
}

/** The lowest layer's chain id is its diff id: what it became above nothing must not be found where something is below it. */
function chainKey(chainId: Digest): string {
  return `chain:${hexOf(chainId)}`;
}

export interface FinishedLayer {
  readonly diffId: Digest;
  /** Verified: what it inflates to has the diff id. Of a layer that was made here, the diff id: its blob is the archive that packLayer makes of it again. */
  readonly blob: Digest;
  /** The same blob, which is under its name in blobs/; null: it is not kept. */
  readonly kept: Descriptor | null;
  /** It depends on the layers below it: null where it does not. */
  readonly chainId: Digest | null;
  readonly size: number;
}

/** A layer being made by this process. */
export interface LayerDraft {
  /** The empty directory to fill. */
  readonly tree: string;
  /** Makes it a layer: visible, durable, in the database; or returns the same one, if another chain has brought it meanwhile. */
  commit(layer: FinishedLayer): LayerRow;
  /** Removes what was made, if it was not committed, and lets others try. Must be called in the end. */
  release(): void;
}

/** Drafts of the layer whose lock is `<key>.lock` are called `<key>-` and eight random digits: ext4 places a directory by its name. */
export const DRAFT = /^([0-9a-f]{32})(?:-[0-9a-f]{8}|\.lock)$/;

/** The directories of a layer's drafts; under its lock, what killed makers left. */
export function draftsOf(paths: StorePaths, key: string): string[] {
  return readdirSync(paths.temporary).filter((name) => name.startsWith(`${key}-`)).map((name) => join(paths.temporary, name));
}

/**
 * Starts a layer, or returns null while somebody else makes it. What a killed maker left is removed. A null chain id: it is not known
 * before the layer is made, and nobody else makes it.
 */
export function draftLayer(paths: StorePaths, database: Database, chainId: Digest | null): LayerDraft | null {
  const key = chainId === null ? randomHex(16) : hexOf(chainId).slice(0, 32);
  const lockPath = join(paths.temporary, `${key}.lock`);
  const directory = join(paths.temporary, `${key}-${randomHex(4)}`);
  const lock = tryLockFile(lockPath);
  if (lock === null) return null;
  const release = (): void => {
    removeTree(directory);
    unlinkSync(lockPath);
    closeSync(lock);
  };
  try {
    for (const left of draftsOf(paths, key)) removeTree(left);
    mkdirSync(join(directory, "d"), { recursive: true, mode: 0o700 });
  } catch (error) {
    release();
    throw error;
  }
  return { tree: join(directory, "d"), release, commit: (layer) => commit(paths, database, directory, layer) };
}

function commit(paths: StorePaths, database: Database, directory: string, { diffId, blob, kept, chainId, size }: FinishedLayer): LayerRow {
  const row = { id: publish(paths, directory, chainId ?? diffId), contentKey: chainId === null ? diffId : chainKey(chainId), diffId, size };
  syncStore(paths);
  return transaction(database, () => {
    // What was renamed for nothing has no row: the end of the pull removes it.
    const there = database.query("SELECT id, content_key AS contentKey, diff_id AS diffId, size FROM layers WHERE content_key = ?").get(row.contentKey) as LayerRow | null;
    if (there === null) database.run("INSERT INTO layers (id, content_key, diff_id, size) VALUES (?, ?, ?, ?)", [row.id, row.contentKey, diffId, size]);
    noteBlob(database, there?.id ?? row.id, blob, kept);
    return there ?? row;
  });
}

function syncStore(paths: StorePaths): void {
  const fd = openSync(paths.layers, constants.O_RDONLY);
  try {
    syncFileSystem(fd);
  } finally {
    closeSync(fd);
  }
}

function noteBlob(database: Database, layer: string, blob: Digest, kept: Descriptor | null): void {
  database.run(
    "INSERT INTO layer_blobs (layer_id, blob, size, media_type) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET size = coalesce(excluded.size, size), media_type = coalesce(excluded.media_type, media_type)",
    [layer, blob, kept?.size ?? null, kept?.mediaType ?? null],
  );
}

/** Another blob of a layer, verified and under its name in blobs/, is kept from now on. */
export function keepBlob(paths: StorePaths, database: Database, layer: string, kept: Descriptor): void {
  syncStore(paths);
  transaction(database, () => noteBlob(database, layer, kept.digest, kept));
}

/** The blobs of a layer that are kept. */
export function keptBlobs(database: Database, layer: string): Descriptor[] {
  return database.query("SELECT blob AS digest, size, media_type AS mediaType FROM layer_blobs WHERE layer_id = ? AND size IS NOT NULL ORDER BY blob").all(layer) as Descriptor[];
}

/** Whether the store has this blob of any layer. */
export function isKept(database: Database, blob: Digest): boolean {
  return database.query("SELECT 1 FROM layer_blobs WHERE blob = ? AND size IS NOT NULL LIMIT 1").get(blob) !== null;
}

/** Bytes of the files of all layers, each once. */
export function layerBytes(database: Database): number {
  return (database.query("SELECT coalesce(sum(size), 0) AS bytes FROM layers").get() as { bytes: number }).bytes;
}

/** Bytes of all blobs of layers, each once. */
export function keptBytes(database: Database): number {
  return (database.query("SELECT coalesce(sum(size), 0) AS bytes FROM (SELECT DISTINCT blob, size FROM layer_blobs WHERE size IS NOT NULL)").get() as { bytes: number }).bytes;
}

/**
 * Gives the finished directory its final name and returns it: twelve hexadecimal digits, those of the key unless another
 * layer (one that is committed at this moment, or what a killed pull left) has them.
 */
function publish(paths: StorePaths, directory: string, key: Digest): string {
  for (let id = hexOf(key).slice(0, 12); ; id = randomHex(6)) {
    try {
      renameSync(directory, paths.layer(id));
      return id;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    }
  }
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
