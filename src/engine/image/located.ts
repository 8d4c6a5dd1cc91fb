/**
 * Images that a container is made of straight away: from a layout or an archive, or none at all, for a root directory. They come without
 * a name, are no part of `images`, and go with the last container that is of them.
 */
import { statSync } from "node:fs";
import { MdkError } from "../../error.ts";
import type { Digest } from "../../image/digest.ts";
import type { Location } from "../../image/location.ts";
import { hostPlatform, parsePlatform, type Platform } from "../../image/platform.ts";
import { familiarName, parseReference, withDefaultTag } from "../../image/reference.ts";
import { writeBlob } from "../../store/blobs.ts";
import { addImage } from "../../store/images.ts";
import type { Context } from "../context.ts";
import { ArchiveSource, type ArchivedImage } from "./archive-source.ts";
import { writeContent, type ContentScope } from "./content.ts";
import type { LayerProgress } from "./copy.ts";
import { imageFacts, type ImageFacts } from "./layers.ts";
import { loadUnnamed, openFiles } from "./load.ts";

export interface LocatedOptions {
  /** `--platform`; null: the host's. */
  readonly platform: string | null;
  readonly progress: LayerProgress;
  readonly signal: AbortSignal;
}

/**
 * Brings the image and does the work that makes a container of it, before which nobody prunes it; what no container is of afterwards is gone.
 * Throws what `loadImages` throws, "image-not-found" and "image-ambiguous" with what there is, and what the work throws.
 */
export async function withLocatedImage<T>(context: Context, location: Location, { platform, progress, signal }: LocatedOptions, work: (image: ImageFacts) => Promise<T>): Promise<T> {
  const wanted = platform === null ? hostPlatform(process.arch) : parsePlatform(platform, hostPlatform(process.arch));
  return await writeContent(context, signal, async (scope) => await work(imageFacts(context, await bringLocated(context, scope, location, { platform: wanted, progress }))));
}

/** Within writeContent: the image's id, while that lasts. Throws what withLocatedImage throws. */
export async function bringLocated(context: Context, scope: ContentScope, location: Location, { platform, progress }: { readonly platform: Platform; readonly progress: LayerProgress }): Promise<Digest> {
  checkKind(location);
  const files = await openFiles(location.path, scope, context.settings.layers);
  try {
    const source = new ArchiveSource(files);
    return await loadUnnamed({ ...scope, context, source, platform, progress }, choose(await source.images(scope.abort.signal), location), { name: location.path, origin: { kind: "anonymous" } });
  } finally {
    files.close();
  }
}

/** The same for a container whose root is a directory of the host: an image without layers, which says nothing. */
export async function withEmptyImage<T>(context: Context, work: (image: ImageFacts) => Promise<T>): Promise<T> {
  return await writeContent(context, null, async (scope) => await work(imageFacts(context, addEmpty(context, scope))));
}

function addEmpty(context: Context, { paths, database }: ContentScope): Digest {
  const { architecture, os, variant } = hostPlatform(process.arch);
  const id = writeBlob(paths, Buffer.from(JSON.stringify({ architecture, os, config: {}, rootfs: { type: "layers", diff_ids: [] } })));
  addImage(database, { id, created: "", architecture, os, variant, size: 0, pulled: context.now().toISOString(), layers: [], repository: null, tag: null, origin: { kind: "anonymous" }, manifest: null });
  return id;
}

function checkKind({ transport, path }: Location): void {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  if (isDirectory === undefined) throw new MdkError("not-found", "archive-missing", `open ${path}: no such file or directory`);
  if (transport === "oci" && !isDirectory) throw new MdkError("invalid", "location-invalid", `${path} is no directory`, { hint: "a layout in a file is oci-archive:FILE" });
  if (transport !== "oci" && isDirectory) throw new MdkError("invalid", "location-invalid", `${path} is a directory`, { hint: "a layout in a directory is oci:DIR" });
}

function choose(images: readonly ArchivedImage[], { transport, path, name }: Location): ArchivedImage {
  const isMeant = ({ names, tags }: ArchivedImage): boolean =>
    name === null || names.some((other) => isSame(other, name)) || (transport !== "docker-archive" && tags.includes(name));
  const meant = images.filter(isMeant);
  const all = images.flatMap(({ names, tags }) => (transport === "docker-archive" ? names : [...new Set([...tags, ...names])]));
  const hint = all.length === 0 ? undefined : `it has: ${all.join(", ")}`;
  if (meant[0] === undefined) throw new MdkError("not-found", "image-not-found", `${path} has no image${name === null ? "" : ` ${JSON.stringify(name)}`}`, hint === undefined ? {} : { hint });
  if (meant.length > 1) throw new MdkError("invalid", "image-ambiguous", `${path} has ${meant.length} images${name === null ? "" : ` ${JSON.stringify(name)}`}: say which one`, hint === undefined ? {} : { hint });
  return meant[0];
}

/** "busybox" and "docker.io/library/busybox:latest" are one name. */
function isSame(one: string, other: string): boolean {
  const whole = (text: string): string => {
    try {
      return familiarName(withDefaultTag(parseReference(text)));
    } catch {
      return text;
    }
  };
  return whole(one) === whole(other);
}
