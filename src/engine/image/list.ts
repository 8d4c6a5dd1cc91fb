/** The images of the store as a list: one line a tag, as Docker counts them. */
import { parseConfig } from "../../image/config.ts";
import type { Digest } from "../../image/digest.ts";
import { familiarRepository } from "../../image/reference.ts";
import { MdkError } from "../../error.ts";
import { readBlob } from "../../store/blobs.ts";
import { anonymousImages, findImageRow, listDigests, listImages, listTags, noSuchImage, type ImageName, type ImageRow } from "../../store/images.ts";
import { indexedImages } from "../../store/indexes.ts";
import { storePaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";

export interface ImageSummary {
  /** "sha256:…" */
  readonly id: Digest;
  /** "ubuntu"; null: "<none>". */
  readonly repository: string | null;
  readonly tag: string | null;
  /** "sha256:…" of the name in its registry. */
  readonly digest: string | null;
  /** RFC 3339 as the config has it; "" when it does not say. */
  readonly created: string;
  /** Bytes. */
  readonly size: number;
}

/** The newest first; `all`: those too that only came with a container, and those of other platforms that are there for a tag. */
export function summarizeImages(context: Context, { all = false } = {}): ImageSummary[] {
  const database = context.database();
  const tags = groupById(listTags(database));
  const digests = groupById(listDigests(database));
  const hidden = all ? new Set() : anonymousImages(database).union(indexedImages(database));
  return listImages(database).filter(({ id }) => !hidden.has(id)).flatMap((image) => summarize(image, { tags: tags.get(image.id) ?? [], digests: digests.get(image.id) ?? [] }));
}

/** Labels of the image of this id, from its config. */
export function readLabels(context: Context, id: Digest): Readonly<Record<string, string>> {
  return parseConfig(readBlob(storePaths(context.root), id), id).config.Labels;
}

/** When the image that a word means was made, in milliseconds since 1970. Throws "no-such-image". */
export function readCreated(context: Context, word: string): number {
  const found = findImageRow(context.database(), word);
  if (found === null) throw noSuchImage(word);
  return Date.parse(found.image.created) || 0;
}

/** The id that a word means; null: it means no image here. */
export function findImageId(context: Context, word: string): string | null {
  try {
    return findImageRow(context.database(), word)?.image.id ?? null;
  } catch (error) {
    if (error instanceof MdkError) return null;
    throw error;
  }
}

interface Names {
  readonly tags: readonly ImageName[];
  readonly digests: readonly ImageName[];
}

function summarize(image: ImageRow, { tags, digests }: Names): ImageSummary[] {
  const { id, created, size } = image;
  const common = { id, created, size };
  const rows = tags.map(({ repository, tag }): ImageSummary => ({
    ...common, repository: familiarRepository(repository), tag, digest: digests.find((name) => name.repository === repository)?.digest ?? null,
  }));
  // Pulled by digest, or its tag went to a newer image: the repository is still known.
  for (const { repository, digest } of digests) {
    if (!tags.some((tag) => tag.repository === repository)) rows.push({ ...common, repository: familiarRepository(repository), tag: null, digest });
  }
  return rows.length > 0 ? rows : [{ ...common, repository: null, tag: null, digest: null }];
}

function groupById(names: readonly ImageName[]): Map<string, ImageName[]> {
  const groups = new Map<string, ImageName[]>();
  for (const name of names) groups.set(name.imageId, [...(groups.get(name.imageId) ?? []), name]);
  return groups;
}
