/** `docker load`: images from an archive or a directory into the store. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { LayerSettings } from "../../config/settings.ts";
import { MdkError } from "../../error.ts";
import { digestOf, type Digest } from "../../image/digest.ts";
import { detectCompression } from "../../image/media-types.ts";
import { hostPlatform, normalizePlatform, parsePlatform, platformName, type Platform } from "../../image/platform.ts";
import { DEFAULT_TAG, familiarName, parseReference, repositoryOf, type Reference } from "../../image/reference.ts";
import { told } from "../../layer/apply.ts";
import { decompress } from "../../layer/decompress.ts";
import { openDirectoryFiles, openTarFiles, type ImageFiles } from "../../layer/image-files.ts";
import { tagImage, type ImageOrigin } from "../../store/images.ts";
import { roomGuard } from "../../store/room.ts";
import { appendTo, openSpool } from "../../store/spool.ts";
import { openStdin, readStream } from "../../sys/read-stream.ts";
import { Turns } from "../../sys/turns.ts";
import type { Context } from "../context.ts";
import { ArchiveSource, type ArchivedImage } from "./archive-source.ts";
import { writeContent, type ContentScope } from "./content.ts";
import { copyImage, type LayerProgress } from "./copy.ts";
import { readImage, selectManifest } from "./select.ts";
import { StoreSink } from "./store-sink.ts";

export interface LoadOptions {
  /** `--platform`: images of others are left out; null: the host's, where an index leads to several. */
  readonly platform?: string | null;
  readonly progress?: LayerProgress | null;
  readonly signal?: AbortSignal | null;
}

export interface LoadedImage {
  readonly id: Digest;
  /** "ubuntu:latest" */
  readonly names: readonly string[];
  /** Names that another image has lost to it, with that one's id. */
  readonly moved: readonly { readonly name: string; readonly from: Digest }[];
}

/**
 * Loads every image of the file, pipe or directory at `path`; `loaded` is called for each as soon as it is there. Errors: those of the
 * archive ("archive-unknown", "archive-invalid", "compression-unsupported" …), of its names, of what is in it; images before the bad one stay. "other-platform": it has
 * none for the platform that was asked for.
 */
export async function loadImages(context: Context, path: string | null, options: LoadOptions, loaded: (image: LoadedImage) => void): Promise<void> {
  const host = hostPlatform(process.arch);
  const asked = options.platform ? parsePlatform(options.platform, host) : null;
  await writeContent(context, options.signal ?? null, async (scope) => {
    const files = await openFiles(path, scope, context.settings.layers);
    try {
      const source = new ArchiveSource(files);
      const images = await source.images(scope.abort.signal);
      const named = images.map((image) => ({ image, references: image.names.map(parseName) }));
      const job = { ...scope, context, source, platform: asked ?? host, progress: options.progress ?? { layer() {} } };
      const turns = new Turns(scope.abort.signal);
      let count = 0;
      for (const { image, references } of named) {
        await turns.give();
        if (asked !== null && !(await isFor(job, image, asked))) continue;
        loaded(await loadOne(job, image, references));
        count++;
      }
      if (asked !== null && count === 0) throw new MdkError("not-found", "other-platform", `no images providing the requested platform ${platformName(asked)} found`);
    } finally {
      files.close();
    }
  });
}

function parseName(name: string): Reference {
  const reference = parseReference(name);
  if (reference.digest !== null) throw new MdkError("invalid", "reference-invalid", `the archive names an image ${JSON.stringify(name)}: only the registry can say digests`);
  return reference;
}

interface LoadJob extends ContentScope {
  readonly context: Context;
  readonly source: ArchiveSource;
  readonly platform: Platform;
  readonly progress: LayerProgress;
}

/** Whether the archive has the image for this very platform, as its config says. */
async function isFor({ source }: LoadJob, { target }: ArchivedImage, platform: Platform): Promise<boolean> {
  try {
    const { config } = await readImage(source, await selectManifest(source, await source.manifest(target), { name: target, platform }), target);
    return platformName(normalizePlatform(config)) === platformName(platform);
  } catch (error) {
    if (error instanceof MdkError && error.code === "no-matching-platform") return false;
    throw error;
  }
}

/** One image into the store, without a name. `name`: for errors. Returns its id. */
export async function loadUnnamed({ context, source, platform, progress, paths, database, abort }: LoadJob, { target, madeUp }: ArchivedImage, { name, origin }: { readonly name: string; readonly origin: ImageOrigin }): Promise<Digest> {
  const image = await readImage(source, await selectManifest(source, await source.manifest(target), { name, platform }), name);
  const sink = new StoreSink({
    paths, database, diffIds: image.config.diffIds, pulled: context.now().toISOString(), repository: null, tag: null, origin: () => origin, keepManifest: !madeUp,
    // Of what was loaded nobody else may have them; an archive that a container is made of lies where it lay.
    keepBlobs: origin.kind !== "anonymous" || context.settings.layers.keepBlobs, limits: context.settings.layers, concurrent: context.settings.registries.downloads,
  });
  await copyImage({ source, sink, image, progress, abort });
  return digestOf(image.configBytes);
}

async function loadOne(job: LoadJob, archived: ArchivedImage, references: readonly Reference[]): Promise<LoadedImage> {
  const { database } = job;
  const name = references[0] === undefined ? archived.target : familiarName(references[0]);
  const id = await loadUnnamed(job, archived, { name, origin: { kind: "loaded" } });
  const moved = references.flatMap((reference) => {
    const from = tagImage(database, id, { repository: repositoryOf(reference), tag: reference.tag ?? DEFAULT_TAG, index: null });
    return from === null ? [] : [{ name: familiarName({ ...reference, tag: reference.tag ?? DEFAULT_TAG }), from }];
  });
  return { id, names: references.map((reference) => familiarName({ ...reference, tag: reference.tag ?? DEFAULT_TAG })), moved };
}

/** `path`: null for standard input. What can be read at random is read where it is; a pipe, and what is compressed, from a file without a name in tmp/. */
export async function openFiles(path: string | null, scope: Pick<ContentScope, "paths" | "abort">, limits: LayerSettings): Promise<ImageFiles> {
  const fd = path === null ? openStdin() : openSync(path, constants.O_RDONLY);
  const stat = fstatSync(fd);
  if (stat.isDirectory()) return openDirectoryFiles(fd);
  const start = Buffer.alloc(6);
  const plain = stat.isFile() && detectCompression(start.subarray(0, readSync(fd, start, 0, start.length, 0)), "the archive") === "none";
  if (plain) return openTarFiles(fd);
  try {
    return openTarFiles(await spool(fd, scope, limits));
  } finally {
    closeSync(fd);
  }
}

async function spool(fd: number, { paths, abort }: Pick<ContentScope, "paths" | "abort">, limits: LayerSettings): Promise<number> {
  const file = openSpool(paths);
  try {
    const guard = roomGuard(paths, limits.freePercent);
    await decompress(readStream(fd, abort.signal), (bytes) => {
      guard(bytes.length);
      appendTo(file, bytes);
    }, { what: "the archive", limits });
    return file;
  } catch (error) {
    closeSync(file);
    throw told(error, "the archive");
  }
}
