/** Takes names from images, and images from the store when their last name goes; Docker's rules and words. */
import { MdkError } from "../../error.ts";
import { chainIds, type Digest } from "../../image/digest.ts";
import { familiarName, familiarRepository, repositoryOf, type Reference } from "../../image/reference.ts";
import { readContainer, containersOfImage } from "../../store/containers.ts";
import { imageUsers } from "../../store/volumes.ts";
import { checkpoint, isForeignKeyViolation, transaction, type Database } from "../../store/database.ts";
import { deleteImage, deleteNames, findImageRow, layersOf, listByDigest, listDigests, listTags, noSuchImage, type ImageName, type ImageRow } from "../../store/images.ts";
import { indexedImages, indexesOf, listMembers, moveTags, type IndexMember } from "../../store/indexes.ts";
import { ensureStore } from "../../store/paths.ts";
import { prune } from "../../store/prune.ts";
import type { Context } from "../context.ts";
import { readStatus } from "../end/status.ts";
import { isUp } from "../end/words.ts";
import { giveBackSpace } from "../host/backing.ts";
import { allNamed, imageOfPlatform } from "./named.ts";

export interface Removed {
  readonly kind: "untagged" | "deleted";
  /** "ubuntu:latest", or "sha256:…". */
  readonly name: string;
}

/**
 * Removes what `word` names: by a name, that name, and the image with its last one; by id, all names and the image. Images of other platforms go with the
 * last tag that stood for them.
 * `force`: names go even when containers still need the image. Errors: "no-such-image", "image-conflict" and those of
 * findImageRow. Returns what went, in order.
 */
export function removeImage(context: Context, word: string, options: { readonly force: boolean }): Removed[] {
  const database = context.database();
  const found = findImageRow(database, word);
  if (found === null) throw noSuchImage(word);
  const { image, reference } = found;
  const members = indexesOf(database, image.id).flatMap((index) => listMembers(database, index));
  const removed = reference === null
    ? removeById(context, database, image, options.force)
    : removeByName(context, database, { image, reference, force: options.force });
  removed.push(...removeMembers(context, database, image, members));
  prune(ensureStore(context.root), database);
  checkpoint(database);
  if (removed.some(({ kind }) => kind === "deleted")) giveBackSpace(context.root);
  return onceEach(removed);
}

/** Images of several platforms share digests and layers. */
function onceEach(removed: readonly Removed[]): Removed[] {
  return [...new Map(removed.map((one) => [one.name, one])).values()];
}

/**
 * `rmi --platform`: of all that the name stands for the image of this platform. The name, when it was this one's, goes to another of them; where there is
 * no other, all goes as without a platform. Errors: those of removeImage, "other-platform", "platform-invalid".
 */
export function removeOfPlatform(context: Context, word: string, { force, platform }: { readonly force: boolean; readonly platform: string }): Removed[] {
  const database = context.database();
  const found = findImageRow(database, word);
  if (found === null) throw noSuchImage(word);
  const image = imageOfPlatform(database, found, { word, platform });
  const others = allNamed(database, found).filter(({ id }) => id !== image.id);
  if (others[0] === undefined) return removeImage(context, word, { force });
  refuseUsed(context, image, force);
  transaction(database, () => {
    moveTags(database, { from: image.id, to: others[0]!.id });
    if (!force && listTags(database, image.id).length > 0) throw conflict(`unable to delete ${short(image.id)} (must be forced) - image is referenced in multiple repositories`);
  });
  const removed = removeAll(database, image);
  prune(ensureStore(context.root), database);
  checkpoint(database);
  giveBackSpace(context.root);
  const left = new Set(others.flatMap(({ id }) => namesOf(database, id).map((name) => untagged(name).name)));
  return removed.filter(({ name }) => !left.has(name));
}

interface ByName {
  readonly image: ImageRow;
  readonly reference: Reference;
  readonly force: boolean;
}

/** Docker's rules (moby daemon/images/image_delete.go): a tag, and with its repository's last tag the digests there; of `repository@digest` that digest alone. */
function removeByName(context: Context, database: Database, { image, reference, force }: ByName): Removed[] {
  const user = !force && isSingle(namesOf(database, image.id)) ? holderOf(context, image) : null;
  if (user !== null) {
    throw conflict(`unable to remove repository reference "${familiarName(reference)}" (must force) - container ${short(user.id)} is using its referenced image ${short(image.id)}`);
  }
  if (reference.digest === null) return removeNames(context, database, image, tagAndDigests(database, image, reference));
  // Images of several platforms have the digest of the index that names them all.
  return listByDigest(database, { repository: repositoryOf(reference), digest: reference.digest }).flatMap((name) => removeNames(context, database, findImageRow(database, name.imageId)!.image, [name]));
}

/** The tag first. */
function tagAndDigests(database: Database, image: ImageRow, reference: Reference): ImageName[] {
  const repository = repositoryOf(reference);
  const tags = listTags(database, image.id).filter((name) => name.repository === repository);
  const digests = tags.length > 1 ? [] : listDigests(database, image.id).filter((name) => name.repository === repository);
  return [...tags.filter(({ tag }) => tag === reference.tag), ...digests];
}

/** Names of one image; with its last ones the image, unless it is there for the tag of another one. What a container needs stays, nameless. */
function removeNames(context: Context, database: Database, image: ImageRow, names: readonly ImageName[]): Removed[] {
  const isNeeded = names.length < namesOf(database, image.id).length || holderOf(context, image) !== null || indexedImages(database).has(image.id);
  if (!isNeeded) return removeAll(database, image);
  deleteNames(database, image.id, names);
  return names.map(untagged);
}

function namesOf(database: Database, imageId: string): ImageName[] {
  return [...listTags(database, imageId), ...listDigests(database, imageId)];
}

/** Whether the names are one to Docker: a tag at most, and digests of one repository, the tag's. */
function isSingle(names: readonly ImageName[]): boolean {
  return names.filter(({ tag }) => tag !== null).length <= 1 && new Set(names.map(({ repository }) => repository)).size <= 1;
}

function untagged({ repository, tag, digest }: ImageName): Removed {
  return { kind: "untagged", name: `${familiarRepository(repository)}${tag === null ? `@${digest}` : `:${tag}`}` };
}

function removeById(context: Context, database: Database, image: ImageRow, force: boolean): Removed[] {
  if (!force && !isSingle(namesOf(database, image.id))) {
    throw conflict(`unable to delete ${short(image.id)} (must be forced) - image is referenced in multiple repositories`);
  }
  refuseUsed(context, image, force);
  return removeAll(database, image);
}

function refuseUsed(context: Context, image: ImageRow, force: boolean): void {
  const user = holderOf(context, image);
  if (user === null) return;
  const way = user.running || force ? "cannot be forced" : "must be forced";
  throw conflict(`unable to delete ${short(image.id)} (${way}) - image is being used by ${user.running ? "running" : "stopped"} container ${short(user.id)}`);
}

/** Images of other platforms that were there for a tag, when it is gone. One that a container needs stays, nameless, and one that shares another name with the tag's image. */
function removeMembers(context: Context, database: Database, image: ImageRow, members: readonly IndexMember[]): Removed[] {
  const needed = indexedImages(database);
  const left = new Set(listDigests(database, image.id).map((name) => untagged(name).name));
  return members.flatMap(({ id }) => {
    const found = findImageRow(database, id);
    if (found === null || needed.has(id) || listTags(database, id).length > 0 || holderOf(context, found.image) !== null) return [];
    return listDigests(database, id).some((name) => left.has(untagged(name).name)) ? [] : removeAll(database, found.image);
  });
}

function removeAll(database: Database, image: ImageRow): Removed[] {
  try {
    return transaction(database, () => {
      const names = namesOf(database, image.id);
      const layers = layersOf(database, image.id);
      const chain = chainIds(layers.map(({ diffId }) => diffId as Digest));
      // Containers refer to their image: the row itself refuses to go while one does (ON DELETE RESTRICT).
      const unused = new Set(deleteImage(database, image.id).map(({ id }) => id));
      const gone = layers.flatMap(({ id }, index) => (unused.has(id) ? [chain[index] as string] : [])).reverse();
      return [
        ...names.map(untagged),
        { kind: "deleted" as const, name: image.id as string },
        ...gone.map((name) => ({ kind: "deleted" as const, name })),
      ];
    });
  } catch (error) {
    if (!isForeignKeyViolation(error)) throw error;
    throw conflict(`unable to delete ${short(image.id)} (must be forced) - image is being used by a container that was just made`);
  }
}

/** A container of the image, a running one first. */
function holderOf(context: Context, image: ImageRow): { readonly id: string; readonly running: boolean } | null {
  const mounting = imageUsers(context.database(), image.id).flatMap((id) => readContainer(context.database(), id) ?? []);
  const users = [...containersOfImage(context.database(), image.id), ...mounting]
    .map((container) => ({ id: container.id, running: isUp(readStatus(context, container).word) }));
  return users.find(({ running }) => running) ?? users[0] ?? null;
}

function short(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

function conflict(detail: string): MdkError {
  return new MdkError("conflict", "image-conflict", `conflict: ${detail}`);
}
