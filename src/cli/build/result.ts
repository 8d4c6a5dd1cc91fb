/** --iidfile and --metadata-file: what a build came to, for programs. */
import { writeFileSync } from "node:fs";
import type { Built } from "../../engine/build/build.ts";
import type { Digest } from "../../image/digest.ts";
import type { Descriptor } from "../../image/manifest.ts";
import { canonicalName, parseReference, withDefaultTag } from "../../image/reference.ts";
import { descriptorOf } from "../../image/transfer.ts";
import type { Values } from "../grammar/flags.ts";

/** Of an image its config's digest, of several the index's. */
export function idOf({ images, index }: Built): Digest {
  return index?.fetched.digest ?? images[0]!.id;
}

/** By the keys of buildx. `delivered`: what others got; null: the image is for the store, and its id is its digest, as in Docker's. Throws node's errors. */
export function writeResult(flags: Values, built: Built, delivered: Descriptor | null, tags: readonly string[]): void {
  const [iidFile, metadataFile] = [flags.string("iidfile"), flags.string("metadata-file")];
  if (iidFile !== null) writeFileSync(iidFile, idOf(built));
  if (metadataFile === null) return;
  const names = tags.length === 0 ? {} : { "image.name": tags.map((tag) => canonicalName(withDefaultTag(parseReference(tag)))).join(",") };
  writeFileSync(metadataFile, `${JSON.stringify({ ...digestsOf(built, delivered), ...names }, null, 2)}\n`);
}

function digestsOf({ images, index }: Built, delivered: Descriptor | null): object {
  const descriptor = index === null ? delivered : descriptorOf(index.fetched);
  const [only] = images.length === 1 ? images : [];
  const own = only === undefined ? {} : { "containerimage.config.digest": only.id };
  if (descriptor === null) return only === undefined ? own : { ...own, "containerimage.digest": only.id };
  const { mediaType, digest, size } = descriptor;
  return { ...own, "containerimage.descriptor": { mediaType, digest, size }, "containerimage.digest": digest };
}
