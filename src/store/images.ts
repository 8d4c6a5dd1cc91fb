/** Images and their names. An image's id is the digest of its config; a name points to one image, an image has many names. */
import { MdkError } from "../error.ts";
import type { Digest } from "../image/digest.ts";
import { familiarName, familiarRepository, parseReference, repositoryOf, withDefaultTag, type Reference } from "../image/reference.ts";
import { isForeignKeyViolation, transaction, type Database } from "./database.ts";
import { noteContainer, noteImage } from "./events.ts";

export interface ImageRow {
  /** "sha256:…" */
  readonly id: Digest;
  /** RFC 3339 as the config says it, "" when it does not. */
  readonly created: string;
  readonly architecture: string;
  readonly os: string;
  readonly variant: string;
  /** Bytes of file data in all layers. */
  readonly size: number;
  /** RFC 3339: when the store got it. */
  readonly pulled: string;
}

/** Where an image comes from. `digest`: of what its name was resolved to, an index or a manifest. */
export type ImageOrigin =
  | { readonly kind: "pulled"; readonly digest: string; readonly manifest: string }
  /** From an archive, or from files. */
  | { readonly kind: "loaded" | "imported" | "built" }
  /** `parent`: the image that the container was of. */
  | { readonly kind: "committed"; readonly container: string; readonly comment: string; readonly parent: string }
  /** Brought for a container that is made of it: it goes with the last one, unless it gets a name or comes in another way too. */
  | { readonly kind: "anonymous" };

export interface NewImage extends ImageRow {
  /** Bottom first. */
  readonly layers: readonly string[];
  /** Null: it has no name. */
  readonly repository: string | null;
  /** Null: pulled by digest, no tag moves. */
  readonly tag: string | null;
  readonly origin: ImageOrigin;
  /** Of its own, which is in blobs/ with all that it names; null: it has none yet. */
  readonly manifest: Digest | null;
}

/** A repository and a tag or digest. */
export interface ImageName {
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
  readonly imageId: Digest;
}

/**
 * Adds an image with its layers and names it, in one transaction; the tag is taken from another image if it had it.
 * Returns false when a layer's row is gone (removed meanwhile): nothing was changed then.
 */
export function addImage(database: Database, image: NewImage): boolean {
  try {
    transaction(database, () => {
      database.run(
        "INSERT INTO images (id, created, architecture, os, variant, size, pulled, anonymous) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET anonymous = MIN(anonymous, excluded.anonymous)",
        [image.id, image.created, image.architecture, image.os, image.variant, image.size, image.pulled, image.origin.kind === "anonymous" ? 1 : 0],
      );
      for (const [position, layer] of image.layers.entries()) {
        database.run("INSERT INTO image_layers (image_id, position, layer_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [image.id, position, layer]);
      }
      if (image.manifest !== null) noteManifest(database, image.id, image.manifest);
      nameImage(database, image);
      if (image.origin.kind === "loaded" || image.origin.kind === "imported") noteImage(database, image.id, image.origin.kind === "loaded" ? "load" : "import", { name: image.id });
      if (image.origin.kind === "committed") {
        database.run("INSERT OR REPLACE INTO image_parents (image_id, parent) VALUES (?, ?)", [image.id, image.origin.parent]);
        noteCommit(database, image, image.origin);
      }
    });
    return true;
  } catch (error) {
    if (isForeignKeyViolation(error)) return false;
    throw error;
  }
}

function nameImage(database: Database, { id, repository, tag, origin }: NewImage): void {
  if (repository === null) return;
  if (tag !== null) setTag(database, id, { repository, tag, index: null });
  if (origin.kind !== "pulled") {
    if (tag !== null) noteImage(database, id, "tag", { name: `${familiarRepository(repository)}:${tag}` });
    return;
  }
  database.run("INSERT INTO image_digests (repository, digest, manifest, image_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", [repository, origin.digest, origin.manifest, id]);
  const familiar = familiarRepository(repository);
  noteImage(database, tag === null ? `${familiar}@${origin.digest}` : `${familiar}:${tag}`, "pull", { name: familiar });
}

function noteManifest(database: Database, imageId: string, manifest: Digest): void {
  database.run("INSERT OR IGNORE INTO image_manifests (image_id, manifest) VALUES (?, ?)", [imageId, manifest]);
}

/** The image has this manifest too, which is in blobs/. */
export function addManifest(database: Database, imageId: string, manifest: Digest): void {
  transaction(database, () => noteManifest(database, imageId, manifest));
}

/** The manifests of an image, those by which a repository has it first. */
export function listManifests(database: Database, imageId: string, repository: string | null): Digest[] {
  const rows = database
    .query("SELECT manifest FROM image_manifests m WHERE image_id = ?1 ORDER BY NOT EXISTS (SELECT 1 FROM image_digests d WHERE d.image_id = ?1 AND d.manifest = m.manifest AND d.repository = ?2), manifest")
    .all(imageId, repository) as { manifest: Digest }[];
  return rows.map(({ manifest }) => manifest);
}

/** A name to give. */
export interface NewTag {
  readonly repository: string;
  readonly tag: string;
  /** That it stands for, with this image in it; null: for the image alone. */
  readonly index: Digest | null;
}

/** Names an image; the tag is taken from another one if it had it. Returns the id of that one, or null. Throws "no-such-image" for one that went. */
export function tagImage(database: Database, imageId: Digest, name: NewTag): Digest | null {
  const { repository, tag, index } = name;
  return transaction(database, () => {
    if (getImage(database, imageId) === null) throw noSuchImage(imageId);
    const before = database.query("SELECT image_id AS id, index_digest AS indexed FROM image_tags WHERE repository = ? AND tag = ?").get(repository, tag) as { id: Digest; indexed: Digest | null } | null;
    if (before?.id === imageId && before.indexed === index) return null;
    setTag(database, imageId, name);
    noteImage(database, imageId, "tag", { name: `${familiarRepository(repository)}:${tag}` });
    return before === null || before.id === imageId ? null : before.id;
  });
}

function setTag(database: Database, imageId: string, { repository, tag, index }: NewTag): void {
  database.run(
    "INSERT INTO image_tags (repository, tag, image_id, index_digest) VALUES (?, ?, ?, ?) ON CONFLICT (repository, tag) DO UPDATE SET image_id = excluded.image_id, index_digest = excluded.index_digest",
    [repository, tag, imageId, index],
  );
  database.run("UPDATE images SET anonymous = 0 WHERE id = ? AND anonymous = 1", [imageId]);
}

/** The image has this digest in the repository: it was pushed there. */
export function addDigest(database: Database, imageId: Digest, { repository, digest }: { readonly repository: string; readonly digest: Digest }): void {
  transaction(database, () => {
    database.run("INSERT INTO image_digests (repository, digest, manifest, image_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", [repository, digest, digest, imageId]);
    noteImage(database, imageId, "push", { name: familiarRepository(repository) });
  });
}

/** An index of these images, which is in blobs/ with their manifests, was pushed to the repository: they are known by it as if it had been pulled. */
export function addIndexed(database: Database, { repository, digest }: { readonly repository: string; readonly digest: Digest }, images: readonly { readonly id: Digest; readonly manifest: Digest }[]): void {
  transaction(database, () => {
    for (const { id, manifest } of images) database.run("INSERT INTO image_digests (repository, digest, manifest, image_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", [repository, digest, manifest, id]);
    for (const { id } of images) noteImage(database, id, "push", { name: familiarRepository(repository) });
  });
}

/** Images that an index of the repository names beside this one. */
export function listIndexed(database: Database, imageId: string, repository: string): ImageRow[] {
  return database
    .query(`SELECT ${COLUMNS} FROM images WHERE id <> ?1 AND id IN (SELECT b.image_id FROM image_digests a JOIN image_digests b ON b.repository = a.repository AND b.digest = a.digest WHERE a.image_id = ?1 AND a.repository = ?2) ORDER BY created DESC, id`)
    .all(imageId, repository) as ImageRow[];
}

/** Repositories by which an image that has this blob of a layer was pulled or pushed: there it is, too. */
export function repositoriesWith(database: Database, blob: Digest): string[] {
  const rows = database
    .query("SELECT DISTINCT d.repository AS repository FROM layer_blobs b JOIN image_layers i ON i.layer_id = b.layer_id JOIN image_digests d ON d.image_id = i.image_id WHERE b.blob = ? ORDER BY 1")
    .all(blob) as { repository: string }[];
  return rows.map(({ repository }) => repository);
}

function noteCommit(database: Database, { id, repository, tag }: NewImage, { container, comment }: Extract<ImageOrigin, { readonly kind: "committed" }>): void {
  noteContainer(database, container, "commit", { comment, imageID: id, imageRef: repository === null ? "" : `${repository}:${tag}` });
}

/** The image on which it was committed, if that is still here; null: there is none. */
export function readParent(database: Database, imageId: string): Digest | null {
  const row = database.query("SELECT parent FROM image_parents WHERE image_id = ? AND parent IN (SELECT id FROM images)").get(imageId) as { parent: Digest } | null;
  return row?.parent ?? null;
}

const COLUMNS = "id, created, architecture, os, variant, size, pulled";

function getImage(database: Database, id: string): ImageRow | null {
  return database.query(`SELECT ${COLUMNS} FROM images WHERE id = ?`).get(id) as ImageRow | null;
}

/** All images, the newest first. */
export function listImages(database: Database): ImageRow[] {
  return database.query(`SELECT ${COLUMNS} FROM images ORDER BY created DESC, id`).all() as ImageRow[];
}

/** Ids of those that belong to containers only. */
export function anonymousImages(database: Database): Set<string> {
  return new Set((database.query("SELECT id FROM images WHERE anonymous = 1").all() as { id: string }[]).map(({ id }) => id));
}

const FORSAKEN = "anonymous = 1 AND NOT EXISTS (SELECT 1 FROM containers WHERE image = images.id) AND NOT EXISTS (SELECT 1 FROM container_images WHERE image = images.id)";

/** Whether it is an anonymous one whose last container is gone. */
export function isForsaken(database: Database, imageId: string): boolean {
  return database.query(`SELECT 1 FROM images WHERE id = ? AND ${FORSAKEN}`).get(imageId) !== null;
}

/** Those whose last container is gone go too. Only while nobody writes content: an image may have come whose container is just being made. */
export function deleteForsaken(database: Database): void {
  if (database.query(`SELECT 1 FROM images WHERE ${FORSAKEN} LIMIT 1`).get() !== null) transaction(database, () => database.run(`DELETE FROM images WHERE ${FORSAKEN}`));
}

/** Tags of one image, or of all. */
export function listTags(database: Database, imageId: string | null = null): ImageName[] {
  return database
    .query("SELECT repository, tag, NULL AS digest, image_id AS imageId FROM image_tags WHERE ?1 IS NULL OR image_id = ?1 ORDER BY repository, tag")
    .all(imageId) as ImageName[];
}

export function listDigests(database: Database, imageId: string | null = null): ImageName[] {
  return database
    .query("SELECT repository, NULL AS tag, digest, image_id AS imageId FROM image_digests WHERE ?1 IS NULL OR image_id = ?1 ORDER BY repository, digest")
    .all(imageId) as ImageName[];
}

/** What images are called by this digest, or by a manifest's with which the repository has them. */
export function listByDigest(database: Database, { repository, digest }: { readonly repository: string; readonly digest: string }): ImageName[] {
  return database
    .query("SELECT repository, NULL AS tag, digest, image_id AS imageId FROM image_digests WHERE repository = ?1 AND (digest = ?2 OR manifest = ?2) ORDER BY image_id, digest")
    .all(repository, digest) as ImageName[];
}

/** Takes names from their image: one event for all, as Docker has it. */
export function deleteNames(database: Database, imageId: string, names: readonly ImageName[]): void {
  transaction(database, () => {
    for (const { repository, tag, digest } of names) {
      if (tag !== null) database.run("DELETE FROM image_tags WHERE image_id = ? AND repository = ? AND tag = ?", [imageId, repository, tag]);
      else database.run("DELETE FROM image_digests WHERE image_id = ? AND repository = ? AND digest = ?", [imageId, repository, digest]);
    }
    noteImage(database, imageId, "untag", { name: imageId });
  });
}

/** The image with all its names is gone; a constraint error while a container has it. Returns the layers that no other image has, bottom first. */
export function deleteImage(database: Database, imageId: string): { readonly id: string }[] {
  const layers = layersOf(database, imageId);
  for (const _ of listTags(database, imageId)) noteImage(database, imageId, "untag", { name: imageId });
  database.run("DELETE FROM images WHERE id = ?", [imageId]);
  noteImage(database, imageId, "delete", { name: imageId });
  return layers.filter(({ id }) => database.query("SELECT 1 FROM image_layers WHERE layer_id = ? LIMIT 1").get(id) === null);
}

/** Short ids of an image's layers, bottom first, with their sizes. */
export function layersOf(database: Database, imageId: string): { readonly id: string; readonly diffId: string; readonly size: number }[] {
  return database
    .query("SELECT l.id, l.diff_id AS diffId, l.size FROM image_layers i JOIN layers l ON l.id = i.layer_id WHERE i.image_id = ? ORDER BY i.position")
    .all(imageId) as { id: string; diffId: string; size: number }[];
}

/** The image that a normalised reference names: by digest if it has one, else by tag. */
export function findByReference(database: Database, reference: Reference): ImageRow | null {
  const { tag, digest } = withDefaultTag(reference);
  const repository = repositoryOf(reference);
  const row = digest === null
    ? database.query("SELECT image_id AS id FROM image_tags WHERE repository = ? AND tag = ?").get(repository, tag)
    : database.query("SELECT image_id AS id FROM image_digests WHERE repository = ?1 AND (digest = ?2 OR manifest = ?2) ORDER BY digest = ?2 DESC").get(repository, digest);
  return row === null ? null : getImage(database, (row as { id: string }).id);
}

/** The id of the image that was pulled by this manifest when the name stood for `digest`; null: not yet. */
export function findByManifest(database: Database, name: { readonly repository: string; readonly digest: string; readonly manifest: string }): Digest | null {
  const row = database
    .query("SELECT image_id AS id FROM image_digests WHERE repository = ? AND digest = ? AND manifest = ?")
    .get(name.repository, name.digest, name.manifest) as { id: Digest } | null;
  return row?.id ?? null;
}

/** How a user's word led to an image: by a name, or by (a prefix of) its id. */
export interface FoundImage {
  readonly image: ImageRow;
  /** Null: by id. */
  readonly reference: Reference | null;
}

/**
 * The image that a user's word means, in Docker's order: a whole id, a name, a prefix of an id (with or without
 * "sha256:"). Null: there is none. Errors: "reference-invalid", "image-ambiguous".
 */
export function findImageRow(database: Database, text: string): FoundImage | null {
  const hex = text.startsWith("sha256:") ? text.slice(7) : text;
  if (/^[0-9a-f]{64}$/.test(hex)) {
    const image = getImage(database, `sha256:${hex}`);
    return image === null ? null : { image, reference: null };
  }
  if (!text.startsWith("sha256:")) {
    const reference = parseReference(text);
    const image = findByReference(database, reference);
    if (image !== null) return { image, reference: withDefaultTag(reference) };
  }
  if (!/^[0-9a-f]{1,63}$/.test(hex)) return null;
  const rows = database.query(`SELECT ${COLUMNS} FROM images WHERE substr(id, 8, ?) = ? LIMIT 2`).all(hex.length, hex) as ImageRow[];
  if (rows.length > 1) throw new MdkError("invalid", "image-ambiguous", `multiple IDs found with provided prefix: ${text}`);
  return rows[0] === undefined ? null : { image: rows[0], reference: null };
}

/** "No such image: x", in Docker's words. */
export function noSuchImage(text: string): MdkError {
  return new MdkError("not-found", "no-such-image", `No such image: ${text.includes(":") || /^[0-9a-f]{12,64}$/.test(text) ? text : familiarOr(text)}`);
}

function familiarOr(text: string): string {
  try {
    return familiarName(withDefaultTag(parseReference(text)));
  } catch {
    return text;
  }
}
