/** What there is to say of an image: its row, config, names and layers. */
import { parseConfig, type ImageConfig } from "../../image/config.ts";
import type { Digest } from "../../image/digest.ts";
import { readBlob } from "../../store/blobs.ts";
import { findImageRow, listDigests, listTags, noSuchImage, readParent, type ImageName, type ImageRow } from "../../store/images.ts";
import { storePaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";
import { layerDirectories } from "./layers.ts";
import { imageOfPlatform } from "./named.ts";

export interface InspectedImage {
  readonly image: ImageRow;
  readonly config: ImageConfig;
  readonly tags: readonly ImageName[];
  readonly digests: readonly ImageName[];
  /** On which it was committed; null: it was not, or that is gone. */
  readonly parent: Digest | null;
  /** Directories of the layers, the uppermost first. */
  readonly layers: readonly string[];
}

/** `word`: a name, an id or its prefix. `platform`: which one of all that it stands for; null: its own. Throws "no-such-image", "image-ambiguous", "reference-invalid", "other-platform". */
export function inspectImage(context: Context, word: string, platform: string | null): InspectedImage {
  const database = context.database();
  const found = findImageRow(database, word);
  if (found === null) throw noSuchImage(word);
  const image = platform === null ? found.image : imageOfPlatform(database, found, { word, platform });
  return {
    image, config: parseConfig(readBlob(storePaths(context.root), image.id), word), tags: listTags(database, image.id),
    digests: listDigests(database, image.id), parent: readParent(database, image.id), layers: layerDirectories(context, image.id),
  };
}
