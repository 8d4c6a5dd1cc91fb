/** Removing images that nobody needs. */
import { imageUsers } from "../../store/volumes.ts";
import { containersOfImage } from "../../store/containers.ts";
import { listImages, listTags, type ImageRow } from "../../store/images.ts";
import { indexedImages, indexesOf, listMembers } from "../../store/indexes.ts";
import { keptBytes, layerBytes } from "../../store/layers.ts";
import { ensureStore } from "../../store/paths.ts";
import { prune } from "../../store/prune.ts";
import type { Context } from "../context.ts";
import { removeImage, type Removed } from "./remove.ts";

export interface PrunedImages {
  /** In the order in which they went. */
  readonly removed: readonly Removed[];
  /** Of the layers that no other image has, and their blobs. */
  readonly bytes: number;
}

/** Those without a tag; with `all` all that no container is of; and what interrupted pulls left. Who comes to be used meanwhile stays. */
export function pruneImages(context: Context, all: boolean, isMeant: (image: ImageRow) => boolean): PrunedImages {
  const database = context.database();
  const before = storedBytes(context);
  const removed: Removed[] = [];
  const indexed = indexedImages(database);
  const isUsed = (id: string): boolean => containersOfImage(database, id).length > 0 || imageUsers(database, id).length > 0;
  for (const image of listImages(database)) {
    if (indexed.has(image.id)) continue; // they go with the image that has the tag
    const members = indexesOf(database, image.id).flatMap((index) => listMembers(database, index));
    if ([image, ...members].some(({ id }) => isUsed(id)) || (!all && listTags(database, image.id).length > 0) || !isMeant(image)) continue;
    removed.push(...removeImage(context, image.id, { force: true }));
  }
  prune(ensureStore(context.root), database, { drafts: true });
  return { removed, bytes: before - storedBytes(context) };
}

/** Of layers and of their blobs, each once; those too that builds keep. */
function storedBytes(context: Context): number {
  return layerBytes(context.database()) + keptBytes(context.database());
}
