/** --iidfile and --metadata-file: what a build came to, for programs. */
import { writeFileSync } from "node:fs";
import type { Built } from "../../engine/build/build.ts";
import type { Digest } from "../../image/digest.ts";
import { mediaTypeOf } from "../../image/manifest.ts";
import { canonicalName, parseReference, withDefaultTag } from "../../image/reference.ts";
import type { Values } from "../grammar/flags.ts";

/** Of an image its config's digest, of several the index's. */
export function idOf({ images, index }: Built): Digest {
  return index?.fetched.digest ?? images[0]!.id;
}

/** By the keys of buildx. Throws node's errors. */
export function writeResult(flags: Values, built: Built, tags: readonly string[]): void {
  const [iidFile, metadataFile] = [flags.string("iidfile"), flags.string("metadata-file")];
  if (iidFile !== null) writeFileSync(iidFile, idOf(built));
  if (metadataFile === null) return;
  const names = tags.length === 0 && built.index !== null ? {} : { "image.name": tags.map((tag) => canonicalName(withDefaultTag(parseReference(tag)))).join(",") };
  writeFileSync(metadataFile, `${JSON.stringify({ ...digestsOf(built), ...names }, null, 2)}\n`);
}

function digestsOf({ images, index }: Built): object {
  if (index === null) return images.length === 1 ? { "containerimage.config.digest": images[0]!.id } : {};
  const { bytes, digest } = index.fetched;
  return { "containerimage.descriptor": { mediaType: mediaTypeOf(index.fetched), digest, size: bytes.length }, "containerimage.digest": digest };
}
