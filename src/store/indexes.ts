/** Indexes that were made here: images of several platforms under one tag. A tag's own image is the one of this host. */
import type { Digest } from "../image/digest.ts";
import { transaction, type Database } from "./database.ts";

export interface IndexMember {
  readonly id: Digest;
  /** By which the index has it. */
  readonly manifest: Digest;
}

/** In the order of the index, which is in blobs/ with the manifests. A constraint error for an image that is gone. */
export function addIndex(database: Database, digest: Digest, members: readonly IndexMember[]): void {
  transaction(database, () => {
    database.run("DELETE FROM image_indexes WHERE digest = ?", [digest]);
    for (const [position, { id, manifest }] of members.entries()) database.run("INSERT INTO image_indexes (digest, position, manifest, image_id) VALUES (?, ?, ?, ?)", [digest, position, manifest, id]);
  });
}

/** The index that a tag stands for; null: an image alone, or there is no such tag. */
export function findIndex(database: Database, { repository, tag }: { readonly repository: string; readonly tag: string }): Digest | null {
  const row = database.query("SELECT index_digest AS digest FROM image_tags WHERE repository = ? AND tag = ?").get(repository, tag) as { digest: Digest | null } | null;
  return row?.digest ?? null;
}

/** In the order of the index; an image that was removed is missing. */
export function listMembers(database: Database, digest: Digest): IndexMember[] {
  return database.query("SELECT image_id AS id, manifest FROM image_indexes WHERE digest = ? ORDER BY position").all(digest) as IndexMember[];
}

/** Indexes that tags stand for and that have this image. */
export function indexesOf(database: Database, imageId: string): Digest[] {
  const rows = database.query("SELECT DISTINCT digest FROM image_indexes WHERE image_id = ? AND digest IN (SELECT index_digest FROM image_tags)").all(imageId) as { digest: Digest }[];
  return rows.map(({ digest }) => digest);
}

/** Tags of the one image that stand for the other too, by an index that was made here or one of their registry's, are that one's from now on. */
export function moveTags(database: Database, { from, to }: { readonly from: string; readonly to: string }): void {
  database.run(
    `UPDATE image_tags SET image_id = ?2 WHERE image_id = ?1 AND (index_digest IN (SELECT digest FROM image_indexes WHERE image_id = ?2)
      OR repository IN (SELECT a.repository FROM image_digests a JOIN image_digests b ON b.repository = a.repository AND b.digest = a.digest WHERE a.image_id = ?1 AND b.image_id = ?2))`,
    [from, to],
  );
}

/** Ids of the images that are there for the tag of another one. */
export function indexedImages(database: Database): Set<string> {
  const rows = database.query("SELECT image_id AS id FROM image_indexes WHERE digest IN (SELECT index_digest FROM image_tags) AND image_id NOT IN (SELECT image_id FROM image_tags)").all() as { id: string }[];
  return new Set(rows.map(({ id }) => id));
}
