/** What a name stands for: an image alone, or one for each of several platforms. */
import { MdkError } from "../../error.ts";
import type { Digest } from "../../image/digest.ts";
import { hostPlatform, normalizePlatform, parsePlatform, platformName } from "../../image/platform.ts";
import { DEFAULT_TAG, familiarRepository, repositoryOf, type Reference } from "../../image/reference.ts";
import type { Database } from "../../store/database.ts";
import { anonymousImages, findImageRow, listIndexed, listTags, type FoundImage, type ImageRow } from "../../store/images.ts";
import { findIndex, listMembers } from "../../store/indexes.ts";

/** The index that was made for a tag; null: there is none, or it is no tag (an id, a digest). */
export function indexNamed(database: Database, reference: Reference | null): Digest | null {
  if (reference === null || reference.tag === null || reference.digest !== null) return null;
  return findIndex(database, { repository: repositoryOf(reference), tag: reference.tag });
}

/** All images that the name stands for, its own first. */
export function allNamed(database: Database, { image, reference }: FoundImage): ImageRow[] {
  const index = indexNamed(database, reference);
  const others = index === null ? (reference === null ? [] : listIndexed(database, image.id, repositoryOf(reference))) : listMembers(database, index).map(({ id }) => findImageRow(database, id)!.image);
  return [image, ...others.filter(({ id }) => id !== image.id)];
}

/** The image of the platform, of all that the name stands for; null: it has none for it. Throws "platform-invalid". */
export function imageNamed(database: Database, found: FoundImage, platform: string): ImageRow | null {
  const wanted = platformName(parsePlatform(platform, hostPlatform(process.arch)));
  return allNamed(database, found).find((one) => platformName(normalizePlatform(one)) === wanted) ?? null;
}

/** The same, refused in Docker's words. */
export function imageOfPlatform(database: Database, found: FoundImage, { word, platform }: { readonly word: string; readonly platform: string }): ImageRow {
  const image = imageNamed(database, found, platform);
  if (image === null) throw new MdkError("not-found", "other-platform", `image with reference ${word} was found but does not provide the specified platform (${platformName(parsePlatform(platform, hostPlatform(process.arch)))})`);
  return image;
}

/** Whether what a container's user called its image still leads to it. An image that came for containers only has no other name. */
export function leadsTo(database: Database, word: string, imageId: string): boolean {
  // Nearly all: a tag of the image as people write it, without a look at the grammar.
  if (listTags(database, imageId).some(({ repository, tag }) => [word, `${word}:${DEFAULT_TAG}`].includes(`${familiarRepository(repository)}:${tag}`))) return true;
  const found = findOrNull(database, word);
  if (found?.image.id === imageId) return true;
  return anonymousImages(database).has(imageId) || (found !== null && allNamed(database, found).some(({ id }) => id === imageId));
}

function findOrNull(database: Database, word: string): FoundImage | null {
  try {
    return findImageRow(database, word);
  } catch (error) {
    if (error instanceof MdkError) return null;
    throw error;
  }
}
