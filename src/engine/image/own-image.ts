/**
 * An image of the store as others want it: with a manifest and all blobs that it names. One that was pulled or loaded has them, byte for
 * byte. Of one that was made here, layers are packed, as they were when they were made; then it has them too.
 */
import { closeSync, constants, openSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { parseConfig } from "../../image/config.ts";
import type { Digest } from "../../image/digest.ts";
import { parseManifest, type Descriptor, type Manifest } from "../../image/manifest.ts";
import { compressionOf, layerType, OCI_CONFIG, OCI_MANIFEST } from "../../image/media-types.ts";
import { verified, type FetchedManifest, type Source } from "../../image/transfer.ts";
import { told } from "../../layer/apply.ts";
import { packLayer } from "../../layer/pack.ts";
import { draftNewBlob } from "../../store/blob-draft.ts";
import { readBlob, streamBlob, writeBlob } from "../../store/blobs.ts";
import { addManifest, layersOf, listManifests, type ImageRow } from "../../store/images.ts";
import { keepBlob, keptBlobs } from "../../store/layers.ts";
import type { StorePaths } from "../../store/paths.ts";
import { appendTo, openSpool, readSpool } from "../../store/spool.ts";
import type { ContentScope } from "./content.ts";
import { openLayerView } from "./layer-view.ts";
import type { SourceImage } from "./select.ts";

/** The store as a source: what its rows name is there. */
export function storeSource(paths: StorePaths): Source {
  return {
    manifest: async (target) => {
      const bytes = readBlob(paths, target as Digest);
      return { bytes, contentType: "", digest: target as Digest };
    },
    blob: ({ digest }, from) => streamBlob(paths, digest, from),
  };
}

/** A layer of the image, as a row. */
interface Layer {
  readonly id: string;
  readonly diffId: string;
}

export interface OwnOptions {
  /** The manifest that the image has there is preferred. */
  readonly repository: string | null;
  /** For errors. */
  readonly name: string;
  /** Told when an image that was pulled gets another digest. */
  readonly warn: (text: string) => void;
}

/**
 * Throws "layer-not-kept" for a layer that came with
 * an mdk that kept no blobs, and that cannot be packed as it was. Call it within writeContent.
 */
export async function ownImage(scope: ContentScope, row: ImageRow, { repository, name, warn }: OwnOptions): Promise<SourceImage> {
  const { paths, database } = scope;
  const configBytes = readBlob(paths, row.id);
  const config = parseConfig(configBytes, name);
  const layers = layersOf(database, row.id);
  const manifests = listManifests(database, row.id, repository);
  for (const digest of manifests) {
    const bytes = readBlob(paths, digest);
    const manifest = parseManifest(bytes, "", name) as Manifest;
    const whole = manifest.layers.every((descriptor, at) => keptBlobs(database, layers[at]?.id ?? "").some((kept) => kept.digest === descriptor.digest));
    if (whole) return imageOf({ bytes, contentType: "", digest }, { manifest, configBytes, config });
  }
  const descriptors: Descriptor[] = [];
  for (const at of layers.keys()) descriptors.push(await ensureBlob(scope, layers.slice(0, at + 1), name));
  const document = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: { mediaType: OCI_CONFIG, digest: row.id, size: configBytes.length }, layers: descriptors };
  if (manifests.length > 0) warn(`the layers of ${name} came with an mdk that kept no blobs: they are packed anew, and its digest is another one now`);
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = writeBlob(paths, bytes);
  addManifest(database, row.id, digest);
  return imageOf({ bytes, contentType: OCI_MANIFEST, digest }, { manifest: parseManifest(bytes, "", name) as Manifest, configBytes, config });
}

function imageOf(fetched: FetchedManifest, rest: Omit<SourceImage, "top" | "fetched">): SourceImage {
  return { ...rest, top: fetched, fetched };
}

/** A compressed blob of the uppermost of these layers, in OCI's words: one that is kept, or the archive of it, packed. */
async function ensureBlob({ paths, database, abort }: ContentScope, layers: readonly Layer[], name: string): Promise<Descriptor> {
  const { id, diffId } = layers.at(-1)!;
  const kept = keptBlobs(database, id);
  const compressed = kept.find(({ mediaType }) => compressionOf(mediaType) !== "none");
  if (compressed !== undefined) return { ...compressed, mediaType: layerType(compressionOf(compressed.mediaType)) };
  const plain = kept[0];
  const archive = plain === undefined ? pack(paths, layers, name) : null;
  try {
    const source = archive === null ? verified(plain!, streamBlob(paths, plain!.digest, 0)) : readSpool(archive);
    const made = await gzip(source, paths, abort.signal);
    keepBlob(paths, database, id, made);
    return made;
  } catch (error) {
    throw told(error, `the archive of layer ${diffId}`);
  } finally {
    if (archive !== null) closeSync(archive);
  }
}

/** A file without a name that holds the layer's archive: the one whose diff id it has. */
function pack(paths: StorePaths, layers: readonly Layer[], name: string): number {
  const { id, diffId } = layers.at(-1)!;
  const below = layers.slice(0, -1).map((layer) => layer.id);
  const upper = openSync(paths.layerTree(id), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const lower = below.length === 0 ? null : openLayerView(paths, below);
  const spool = openSpool(paths);
  const hash = new Bun.CryptoHasher("sha256");
  try {
    packLayer(upper, lower, (bytes) => {
      hash.update(bytes);
      appendTo(spool, bytes);
    });
    if (`sha256:${hash.digest("hex")}` === diffId) return spool;
  } catch (error) {
    closeSync(spool);
    throw told(error, `the archive of layer ${diffId}`);
  } finally {
    closeSync(upper);
    if (lower !== null) closeSync(lower);
  }
  closeSync(spool);
  throw new MdkError("unavailable", "layer-not-kept", `the store has the files of layer ${diffId} of ${name}, but not its archive: it came with an mdk that kept none`, {
    hint: "pull or load the image again: that brings it, and leaves everything else as it is",
  });
}

/** Compressed into blobs/, in whatever name it gets. The same bytes give the same blob: the header has neither time nor name. */
async function gzip(source: AsyncIterable<Uint8Array>, paths: StorePaths, signal: AbortSignal): Promise<Descriptor> {
  const { createGzip } = await import("node:zlib");
  const { Readable } = await import("node:stream");
  const draft = draftNewBlob(paths);
  const hash = new Bun.CryptoHasher("sha256");
  let size = 0;
  try {
    for await (const bytes of Readable.from(source).compose(createGzip({ chunkSize: 1 << 20 })) as AsyncIterable<Uint8Array>) {
      signal.throwIfAborted();
      hash.update(bytes);
      draft.write(bytes);
      size += bytes.length;
    }
    const made = { mediaType: layerType("gzip"), digest: `sha256:${hash.digest("hex")}` as Digest, size };
    draft.publish(paths, made);
    return made;
  } finally {
    draft.release();
  }
}
