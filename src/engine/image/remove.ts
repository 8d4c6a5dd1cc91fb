/** Takes names from images, and images from the store when their last name goes; Docker's rules and words. */
import { MdkError } from "../../error.ts";
import { chainIds, type Digest } from "../../image/digest.ts";
import { familiarName, familiarRepository, repositoryOf, type Reference } from "../../image/reference.ts";
import { readContainer, containersOfImage } from "../../store/containers.ts";
import { imageUsers } from "../../store/volumes.ts";
import { checkpoint, isForeignKeyViolation, transaction, type Database } from "../../store/database.ts";
import { deleteDigests, deleteImage, deleteTags, findImage, layersOf, listDigests, listTags, noSuchImage, type ImageRow } from "../../store/images.ts";
import { indexedImages, indexesOf, listMembers, type IndexMember } from "../../store/indexes.ts";
import { ensureStore } from "../../store/paths.ts";
import { prune } from "../../store/prune.ts";
import type { Context } from "../context.ts";
import { readStatus } from "../end/status.ts";
import { isUp } from "../end/words.ts";
import { giveBackSpace } from "../host/backing.ts";

export interface Removed {
  readonly kind: "untagged" | "deleted";
  /** "ubuntu:latest", or "sha256:…". */
  readonly name: string;
}

/**
 * Removes what `word` names: by a name, that name, and the image with its last one; by id, all names and the image. Images of other platforms go with the
 * last tag that stood for them.
 * `force`: names go even when containers still need the image. Errors: "no-such-image", "image-conflict" and those of
 * findImage. Returns what went, in order.
 */
export function removeImage(context: Context, word: string, options: { readonly force: boolean }): Removed[] {
  const database = context.database();
  const found = findImage(database, word);
  if (found === null) throw noSuchImage(word);
  const { image, reference } = found;
  const members = indexesOf(database, image.id).flatMap((index) => listMembers(database, index));
  const removed = reference === null
    ? removeById(context, database, image, options.force)
    : removeByName(context, database, { image, reference, force: options.force });
  removed.push(...removeMembers(context, database, members));
  prune(ensureStore(context.root), database);
  checkpoint(database);
  if (removed.some(({ kind }) => kind === "deleted")) giveBackSpace(context.root);
  return removed;
}

interface ByName {
  readonly image: ImageRow;
  readonly reference: Reference;
  readonly force: boolean;
}

function removeByName(context: Context, database: Database, { image, reference, force }: ByName): Removed[] {
  const tags = listTags(database, image.id);
  const repository = repositoryOf(reference);
  const others = tags.filter((tag) => !(tag.repository === repository && (reference.digest !== null || tag.tag === reference.tag)));
  if (others.length > 0) return untag(database, { image, reference, keepDigests: others.some((tag) => tag.repository === repository) });
  const user = holderOf(context, image);
  if (user !== null && !force) {
    throw conflict(`unable to remove repository reference "${familiarName(reference)}" (must force) - container ${short(user.id)} is using its referenced image ${short(image.id)}`);
  }
  // With -f the names go and the image stays, nameless, as long as a container needs it.
  if (user !== null) return untag(database, { image, reference, keepDigests: false });
  return removeAll(database, image);
}

function removeById(context: Context, database: Database, image: ImageRow, force: boolean): Removed[] {
  const repositories = new Set([...listTags(database, image.id), ...listDigests(database, image.id)].map(({ repository }) => repository));
  if (repositories.size > 1 && !force) {
    throw conflict(`unable to delete ${short(image.id)} (must be forced) - image is referenced in multiple repositories`);
  }
  const user = holderOf(context, image);
  if (user !== null) {
    const way = user.running || force ? "cannot be forced" : "must be forced";
    throw conflict(`unable to delete ${short(image.id)} (${way}) - image is being used by ${user.running ? "running" : "stopped"} container ${short(user.id)}`);
  }
  return removeAll(database, image);
}

/** Images of other platforms that were there for a tag, when it is gone. One that a container needs stays, nameless. */
function removeMembers(context: Context, database: Database, members: readonly IndexMember[]): Removed[] {
  const needed = indexedImages(database);
  return members.flatMap(({ id }) => {
    const found = findImage(database, id);
    const isKept = found === null || needed.has(id) || listTags(database, id).length > 0 || holderOf(context, found.image) !== null;
    return isKept ? [] : removeAll(database, found.image);
  });
}

function untag(database: Database, { image, reference, keepDigests }: { image: ImageRow; reference: Reference; keepDigests: boolean }): Removed[] {
  const repository = repositoryOf(reference);
  return transaction(database, () => {
    const digests = keepDigests ? [] : listDigests(database, image.id).filter((name) => name.repository === repository);
    deleteTags(database, image.id, { repository, tag: reference.digest === null ? reference.tag : null });
    if (!keepDigests) deleteDigests(database, image.id, repository);
    return [
      { kind: "untagged" as const, name: familiarName(reference) },
      ...digests.filter(({ digest }) => digest !== reference.digest).map(({ digest }) => ({ kind: "untagged" as const, name: `${familiarRepository(repository)}@${digest}` })),
    ];
  });
}

function removeAll(database: Database, image: ImageRow): Removed[] {
  try {
    return transaction(database, () => {
      const names = [
        ...listTags(database, image.id).map(({ repository, tag }) => `${familiarRepository(repository)}:${tag}`),
        ...listDigests(database, image.id).map(({ repository, digest }) => `${familiarRepository(repository)}@${digest}`),
      ];
      const layers = layersOf(database, image.id);
      const chain = chainIds(layers.map(({ diffId }) => diffId as Digest));
      // Containers refer to their image: the row itself refuses to go while one does (ON DELETE RESTRICT).
      const unused = new Set(deleteImage(database, image.id).map(({ id }) => id));
      const gone = layers.flatMap(({ id }, index) => (unused.has(id) ? [chain[index] as string] : [])).reverse();
      return [
        ...names.map((name) => ({ kind: "untagged" as const, name })),
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
