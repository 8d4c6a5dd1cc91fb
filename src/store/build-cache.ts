/** What steps of builds made, kept by what they read: the layer of a step stays as long as its row does, whether an image has it or not. */
import type { Digest } from "../image/digest.ts";
import { transaction, type Database } from "./database.ts";
import type { LayerRow } from "./layers.ts";

export interface CachedStep {
  readonly key: Digest;
  /** The layer's id; null: the step changed nothing. */
  readonly layer: string | null;
  /** As the progress of the build called it. */
  readonly description: string;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  readonly usedMs: number;
  readonly uses: number;
  /** Bytes of the layer's file data. */
  readonly size: number;
  /** Images have its layer. */
  readonly shared: boolean;
}

/** What the step made when it last ran, noted as used; null: it did not, or that is gone. */
export function useCached(database: Database, key: Digest, nowMs: number): { readonly layer: LayerRow | null; readonly createdMs: number } | null {
  const row = database
    .query("SELECT layer, created AS createdMs, id, content_key AS contentKey, diff_id AS diffId, size FROM build_cache LEFT JOIN layers ON id = layer WHERE key = ?")
    .get(key) as (LayerRow & { readonly layer: string | null; readonly createdMs: number }) | null;
  if (row === null) return null;
  transaction(database, () => database.run("UPDATE build_cache SET used = ?, uses = uses + 1 WHERE key = ?", [nowMs, key]));
  const { layer, createdMs, ...there } = row;
  return { layer: layer === null ? null : there, createdMs };
}

export interface KeptStep extends Pick<CachedStep, "key" | "layer" | "description" | "createdMs"> {
  readonly nowMs: number;
}

/** In the place of what the step made before. */
export function keepCached(database: Database, { key, layer, description, createdMs, nowMs }: KeptStep): void {
  transaction(database, () =>
    database.run("INSERT INTO build_cache (key, layer, description, created, used, uses) VALUES (?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT DO UPDATE SET layer = ?2, description = ?3, created = ?4, used = ?5", [key, layer, description, createdMs, nowMs]));
}

/** All, what was used longest ago first. */
export function listCached(database: Database): CachedStep[] {
  const rows = database
    .query("SELECT key, layer, description, created AS createdMs, used AS usedMs, uses, coalesce(size, 0) AS size, EXISTS (SELECT 1 FROM image_layers WHERE layer_id = layer) AS shared FROM build_cache LEFT JOIN layers ON id = layer ORDER BY used, key")
    .all() as (Omit<CachedStep, "shared"> & { readonly shared: number })[];
  return rows.map((row) => ({ ...row, shared: row.shared === 1 }));
}

/** Their layers go with the next prune, where nobody else has them. */
export function forgetCached(database: Database, keys: readonly Digest[]): void {
  if (keys.length === 0) return;
  transaction(database, () => keys.forEach((key) => database.run("DELETE FROM build_cache WHERE key = ?", [key])));
}

/** Digest of the contents of a directory's files, by a digest of what stat(2) says of them; null: they were not read yet. */
export function findFiles(database: Database, key: string): string | null {
  return (database.query("SELECT digest FROM build_files WHERE key = ?").get(key) as { digest: string } | null)?.digest ?? null;
}

/** What was read, and what was found, of one build. */
export function keepFiles(database: Database, digests: ReadonlyMap<string, string>, nowMs: number): void {
  if (digests.size === 0) return;
  transaction(database, () => {
    const insert = database.query("INSERT INTO build_files (key, digest, used) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET digest = ?2, used = ?3");
    for (const [key, digest] of digests) insert.run(key, digest, nowMs);
  });
}

/** What no build has found since. */
export function forgetFiles(database: Database, beforeMs: number): void {
  transaction(database, () => database.run("DELETE FROM build_files WHERE used < ?", [beforeMs]));
}
