/** --cache-from: the config of a cache, from a repository or a layout; none of its layers. */
import { statSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { parseCacheConfig, parseInlineCache, type CacheResults } from "../../image/cache-config.ts";
import type { Digest } from "../../image/digest.ts";
import { CONFIG_BYTES_MAX, isLayer, parseCacheManifest, type Descriptor } from "../../image/manifest.ts";
import { CACHE_CONFIG } from "../../image/media-types.ts";
import type { Platform } from "../../image/platform.ts";
import { DEFAULT_TAG, parseReference, withDefaultTag } from "../../image/reference.ts";
import { readSmall, type FetchedManifest, type Source } from "../../image/transfer.ts";
import { Remote } from "../../registry/remote.ts";
import type { Context } from "../context.ts";
import { ArchiveSource } from "../image/archive-source.ts";
import type { ContentScope } from "../image/content.ts";
import { openFiles } from "../image/load.ts";
import { remoteOptions } from "../image/registry-options.ts";
import { readImage, selectManifest } from "../image/select.ts";
import type { CacheSource } from "./request.ts";

/** A cache that was found: what it has, and where the blobs are. */
export interface OpenCache {
  /** For the user. */
  readonly name: string;
  /** What turns out to be wrong is taken out. */
  readonly results: CacheResults;
  readonly source: Source;
  close(): void;
}

interface Importing {
  readonly context: Context;
  readonly scope: ContentScope;
  readonly request: { readonly platforms: readonly Platform[] };
}

/** `name` is for errors. Throws what the registry or the directory throws, "cache-missing", and the errors of what is there but no cache. */
export async function openCache(importing: Importing, from: CacheSource, name: string): Promise<OpenCache> {
  const { context, scope, request: { platforms } } = importing;
  if (from.kind === "local") return await openLayout(importing, from, name);
  const reference = withDefaultTag(parseReference(from.reference));
  const options = { insecureRegistries: from.isInsecure ? [reference.domain] : [] };
  const source = new Remote(reference, remoteOptions(context, reference, options, scope.abort.signal));
  return { name, source, results: await readCache(source, await source.manifest(reference.digest ?? reference.tag!), { name, platforms }), close() {} };
}

async function openLayout({ context, scope, request: { platforms } }: Importing, { path, digest, tag }: CacheSource & { readonly kind: "local" }, name: string): Promise<OpenCache> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw new MdkError("not-found", "cache-missing", `${path}: no such directory`);
  const files = await openFiles(path, scope, context.settings.layers);
  try {
    const source = new ArchiveSource(files);
    const target = digest ?? (await chosen(source, tag, { name, signal: scope.abort.signal }));
    return { name, source, results: await readCache(source, await source.manifest(target), { name, platforms }), close: () => files.close() };
  } catch (error) {
    files.close();
    throw error;
  }
}

async function chosen(source: ArchiveSource, tag: string | null, { name, signal }: { readonly name: string; readonly signal: AbortSignal }): Promise<Digest> {
  const images = await source.images(signal);
  const meant = images.find(({ tags }) => tags.includes(tag ?? DEFAULT_TAG)) ?? (tag === null && images.length === 1 ? images[0] : undefined);
  if (meant === undefined) throw new MdkError("not-found", "cache-missing", `${name} has no cache ${JSON.stringify(tag ?? DEFAULT_TAG)}`);
  return meant.target;
}

interface Reading {
  readonly name: string;
  /** Of the images whose configs have the cache. */
  readonly platforms: readonly Platform[];
}

/** A cache of its own, as a manifest or as an index, or the one of an image. */
async function readCache(source: Source, top: FetchedManifest, { name, platforms }: Reading): Promise<CacheResults> {
  const document = parseCacheManifest(top.bytes, top.contentType, name);
  const all = document.kind === "index" ? document.manifests : [document.config, ...document.layers];
  const config = all.find(({ mediaType }) => mediaType === CACHE_CONFIG);
  if (config !== undefined) {
    const blobs = new Map<string, Descriptor>(all.filter(isLayer).map(({ mediaType, digest, size }) => [digest, { mediaType, digest, size }]));
    return parseCacheConfig(await readSmall(source, config, CONFIG_BYTES_MAX), blobs, name);
  }
  const inline = await Promise.all((document.kind === "index" ? platforms : platforms.slice(0, 1)).map(async (platform) => {
    const image = await readImage(source, await selectManifest(source, top, { name, platform }), name);
    const layers = image.manifest.layers.map((descriptor, at) => ({ descriptor, diffId: image.config.diffIds[at]! }));
    return parseInlineCache(image.config.document, layers, name);
  }));
  const found = inline.filter((results) => results !== null);
  if (found.length === 0) throw new MdkError("not-found", "cache-missing", `${name} is an image without a cache`, { hint: "build it with --cache-to type=inline" });
  return new Map(found.flatMap((results) => [...results]));
}
