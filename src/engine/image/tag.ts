/** `docker tag`: one more name for an image. */
import { MdkError } from "../../error.ts";
import { DEFAULT_TAG, parseReference, repositoryOf } from "../../image/reference.ts";
import { checkpoint } from "../../store/database.ts";
import { findImageRow, noSuchImage, tagImage } from "../../store/images.ts";
import type { Context } from "../context.ts";
import { indexNamed } from "./named.ts";

/** `word`: a name, an id or its prefix. An image that had the name loses it. Throws "reference-invalid", "no-such-image", "image-ambiguous". */
export function tagAs(context: Context, word: string, name: string): void {
  const target = parseReference(name);
  if (target.digest !== null) throw new MdkError("invalid", "reference-invalid", "refusing to create a tag with a digest reference");
  const database = context.database();
  const found = findImageRow(database, word);
  if (found === null) throw noSuchImage(word);
  tagImage(database, found.image.id, { repository: repositoryOf(target), tag: target.tag ?? DEFAULT_TAG, index: indexNamed(database, found.reference) });
  checkpoint(database);
}
