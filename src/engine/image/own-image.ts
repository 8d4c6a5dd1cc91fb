/**
 * An image of the store as others want it: with a manifest and all blobs that it names. One that was pulled or loaded has them, byte for
 * byte. Of one that was made here, layers are packed, as they were when they were made; then it has them too.
 */
import { closeSync, constants, openSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { parseConfig } from "../../image/config.ts";
import { digestOf, type Digest } from "../../image/digest.ts";
import { parseManifest, type Descriptor, type Manifest } from "../../image/manifest.ts";
import { compressionOf, layerType, OCI_CONFIG, OCI_MANIFEST } from "../../image/media-types.ts";
import { USUAL_PACKING, type Packing } from "../../image/packing.ts";
import { verified, type FetchedManifest, type Source } from "../../image/transfer.ts";
import { told } from "../../layer/apply.ts";
import { decompress } from "../../layer/decompress.ts";
import { packLayer } from "../../layer/pack.ts";
import { draftNewBlob } from "../../store/blob-draft.ts";
import { readBlob, streamBlob, writeBlob } from "../../store/blobs.ts";
import { addManifest, layersOf, listManifests, type ImageRow } from "../../store/images.ts";
import { isKept, keepBlob, keptBlobs } from "../../store/layers.ts";
import type { StorePaths } from "../../store/paths.ts";
import { appendTo, openSpool, readSpool } from "../../store/spool.ts";
import type { ContentScope } from "./content.ts";
import type { Again } from "./fetched-again.ts";
import { openLayerView } from "./layer-view.ts";
import type { SourceImage } from "./select.ts";

/** A layer of the image, as a row. */
interface Layer {
  readonly id: string;
  readonly diffId: string;
}

export interface OwnOptions {
  /** The manifest that the image has there is preferred. */
  readonly repository: string | null;
  /** This one of its manifests, if it still can be had. */
  readonly manifest?: Digest;
  /** For errors. */
  readonly name: string;
  /** With any, the image gets a manifest that has them, whatever others it has. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Told when an image that was pulled gets another digest. */
  readonly warn: (text: string) => void;
  /** Null: nobody else is asked for blobs. */
  readonly again: Again | null;
  /** Default: USUAL_PACKING. Of an image with a manifest only one that is forced counts. */
  readonly packing?: Packing;
}

/** An image and where its blobs are; close() when it was copied. */
export interface OwnImage {
  readonly image: SourceImage;
  readonly source: Source;
  /** The image is not the store's own: layers could not be packed as they were. */
  readonly anew: boolean;
  close(): void;
}

/** Call it within writeContent. Throws the errors of packLayer, of the disk, and "blob-missing". */
export async function ownImage(scope: ContentScope, row: ImageRow, { repository, manifest: wanted, name, annotations, warn, again, packing = USUAL_PACKING }: OwnOptions): Promise<OwnImage> {
  const { paths, database } = scope;
  const configBytes = readBlob(paths, row.id);
  const config = parseConfig(configBytes, name);
  const layers = layersOf(database, row.id);
  const { pack, ...own } = openLayerBlobs(scope, again, packing);
  const isAnnotated = Object.keys(annotations).length > 0;
  const manifests = listManifests(database, row.id, repository).toSorted((a, b) => Number(b === wanted) - Number(a === wanted));
  for (const digest of isAnnotated ? [] : manifests) {
    const bytes = readBlob(paths, digest);
    const manifest = parseManifest(bytes, "", name) as Manifest;
    if (packing.isForced && manifest.layers.some(({ mediaType }) => compressionOf(mediaType) !== packing.compression)) continue;
    const whole = manifest.layers.every(({ digest }, at) => keptBlobs(database, layers[at]?.id ?? "").some((kept) => kept.digest === digest) || again?.knows(digest) === true);
    if (whole) return { ...own, anew: false, image: imageOf({ bytes, contentType: "", digest }, { manifest, configBytes, config }) };
  }
  if (again !== null && manifests.length > 0 && !isAnnotated && !packing.isForced) throw new MdkError("unavailable", "blob-not-kept", `the layers of ${name} are not kept as they were ("keep-blobs": false), and no registry is known that has them`, { hint: "pull it again" });
  try {
    const packed: Packed[] = [];
    for (const at of layers.keys()) packed.push(await pack(layers.slice(0, at + 1)));
    const anew = packed.some(({ diffId }, at) => diffId !== layers[at]!.diffId);
    const document = anew ? { ...config.document, rootfs: { type: "layers", diff_ids: packed.map(({ diffId }) => diffId) } } : null;
    const image = describe(packed, document === null ? configBytes : Buffer.from(JSON.stringify(document)), { name, annotations });
    if (!anew) addManifest(database, row.id, writeBlob(paths, image.fetched.bytes));
    const how = again === null ? "came with an mdk that kept no blobs" : 'are kept without their blobs ("keep-blobs": false)';
    if (anew) warn(`the layers of ${name} ${how}, and are packed anew: what is written is the image ${image.manifest.config.digest}; pull it again to have it as it was`);
    else if (manifests.length > 0 && !isAnnotated && !packing.isForced) warn(`the layers of ${name} ${how}: they are packed anew, and its digest is another one now`);
    return { ...own, anew, image };
  } catch (error) {
    own.close();
    throw error;
  }
}

/** Layers of the store as blobs, within writeContent; close() when they were copied. */
export interface LayerBlobs {
  readonly source: Source;
  /** Of the uppermost of these layers, bottom first. Throws the errors of packLayer and of the disk. */
  pack(layers: readonly Layer[]): Promise<Packed>;
  close(): void;
}

export function openLayerBlobs(scope: ContentScope, again: Again | null, packing: Packing): LayerBlobs {
  const spools = new Map<string, number>();
  return { source: storeSource(scope, spools, again), pack: async (layers) => await ensureBlob(scope, layers, { spools, packing }), close: () => spools.forEach((fd) => closeSync(fd)) };
}

/** The store as a source: what its rows name is there, what was packed only for this copy, and what is to be had again. */
function storeSource({ paths, database }: ContentScope, spools: ReadonlyMap<string, number>, again: Again | null): Source {
  return {
    manifest: async (target) => ({ bytes: readBlob(paths, target as Digest), contentType: "", digest: target as Digest }),
    blob: (descriptor, from) => {
      const { digest } = descriptor;
      const spool = spools.get(digest);
      if (again !== null && spool === undefined && !isKept(database, digest)) return again.blob(descriptor, from);
      return spool === undefined ? streamBlob(paths, digest, from) : readSpool(spool, from);
    },
  };
}

function imageOf(fetched: FetchedManifest, rest: Omit<SourceImage, "top" | "fetched">): SourceImage {
  return { ...rest, top: fetched, fetched };
}

function describe(packed: readonly Packed[], configBytes: Uint8Array, { name, annotations }: Pick<OwnOptions, "name" | "annotations">): SourceImage {
  const config = { mediaType: OCI_CONFIG, digest: digestOf(configBytes), size: configBytes.length };
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: packed.map(({ descriptor }) => descriptor), ...(Object.keys(annotations).length === 0 ? {} : { annotations }) }));
  return imageOf({ bytes, contentType: OCI_MANIFEST, digest: digestOf(bytes) }, { manifest: parseManifest(bytes, "", name) as Manifest, configBytes, config: parseConfig(configBytes, name) });
}

/** A layer with a blob. */
interface Packed {
  readonly descriptor: Descriptor;
  readonly diffId: string;
}

interface Ensuring {
  /** Of what was packed, and is not the archive that the layer came from. */
  readonly spools: Map<string, number>;
  readonly packing: Packing;
}

/** A blob of the uppermost of these layers, in OCI's words: one that is kept, or the archive of it, packed. */
async function ensureBlob({ paths, database, abort }: ContentScope, layers: readonly Layer[], { spools, packing }: Ensuring): Promise<Packed> {
  const { id, diffId } = layers.at(-1)!;
  const kept = keptBlobs(database, id);
  const found = kept.find(({ mediaType }) => compressionOf(mediaType) === packing.compression) ?? (packing.isForced ? undefined : kept.find(({ mediaType }) => compressionOf(mediaType) !== "none"));
  if (found !== undefined) return { diffId, descriptor: { ...found, mediaType: layerType(compressionOf(found.mediaType)) } };
  try {
    const archive = await openArchive(paths, layers, kept);
    try {
      if (archive.diffId === diffId) {
        const descriptor = await keepPacked(archive.source, paths, packing, abort.signal);
        keepBlob(paths, database, id, descriptor);
        return { diffId, descriptor };
      }
      const spool = openSpool(paths);
      const made = await pack(archive.source, packing, abort.signal, (bytes) => appendTo(spool, bytes)).catch((error: unknown) => {
        closeSync(spool);
        throw error;
      });
      spools.set(made.digest, spool);
      return { diffId: archive.diffId, descriptor: made };
    } finally {
      archive.close();
    }
  } catch (error) {
    throw told(error, `the archive of layer ${diffId}`);
  }
}

/** To be read once. */
interface Archive {
  readonly diffId: string;
  readonly source: AsyncIterable<Uint8Array>;
  close(): void;
}

/** Of the uppermost layer: as it is kept, or inflated, or of its files. */
async function openArchive(paths: StorePaths, layers: readonly Layer[], kept: readonly Descriptor[]): Promise<Archive> {
  const { diffId } = layers.at(-1)!;
  const plain = kept.find(({ mediaType }) => compressionOf(mediaType) === "none");
  if (plain !== undefined) return { diffId, source: verified(plain, streamBlob(paths, plain.digest, 0)), close() {} };
  const { fd, ...archive } = kept[0] === undefined ? archiveOf(paths, layers) : { fd: await inflated(paths, kept[0]), diffId };
  return { ...archive, source: readSpool(fd, 0), close: () => closeSync(fd) };
}

/** A file without a name that holds the archive that a kept blob is of. */
async function inflated(paths: StorePaths, blob: Descriptor): Promise<number> {
  const fd = openSpool(paths);
  try {
    await decompress(verified(blob, streamBlob(paths, blob.digest, 0)), (bytes) => appendTo(fd, bytes), { what: `the blob ${blob.digest}` });
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** A file without a name that holds the archive of the uppermost layer, and its diff id: the layer's, for one that was made here. */
function archiveOf(paths: StorePaths, layers: readonly Layer[]): { readonly fd: number; readonly diffId: Digest } {
  const { id, diffId } = layers.at(-1)!;
  const below = layers.slice(0, -1).map((layer) => layer.id);
  const upper = openSync(paths.layerTree(id), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  let lower: number | null = null;
  const fd = openSpool(paths);
  const hash = new Bun.CryptoHasher("sha256");
  try {
    lower = below.length === 0 ? null : openLayerView(paths, below);
    packLayer(upper, lower, (bytes) => {
      hash.update(bytes);
      appendTo(fd, bytes);
    });
    return { fd, diffId: `sha256:${hash.digest("hex")}` as Digest };
  } catch (error) {
    closeSync(fd);
    throw told(error, `the archive of layer ${diffId}`);
  } finally {
    closeSync(upper);
    if (lower !== null) closeSync(lower);
  }
}

/** Into blobs/. */
async function keepPacked(archive: AsyncIterable<Uint8Array>, paths: StorePaths, packing: Packing, signal: AbortSignal): Promise<Descriptor> {
  const draft = draftNewBlob(paths);
  try {
    const made = await pack(archive, packing, signal, (bytes) => draft.write(bytes));
    draft.publish(paths, made);
    return made;
  } finally {
    draft.release();
  }
}

/** The same bytes give the same blob: gzip's header has neither time nor name. */
async function pack(source: AsyncIterable<Uint8Array>, packing: Packing, signal: AbortSignal, write: (bytes: Uint8Array) => void): Promise<Descriptor> {
  const hash = new Bun.CryptoHasher("sha256");
  let size = 0;
  for await (const bytes of await packed(source, packing)) {
    signal.throwIfAborted();
    hash.update(bytes);
    write(bytes);
    size += bytes.length;
  }
  return { mediaType: layerType(packing.compression), digest: `sha256:${hash.digest("hex")}` as Digest, size };
}

async function packed(source: AsyncIterable<Uint8Array>, { compression, level }: Packing): Promise<AsyncIterable<Uint8Array>> {
  if (compression === "none") return source;
  const { constants: { ZSTD_c_compressionLevel: LEVEL }, createGzip, createZstdCompress } = await import("node:zlib");
  const { Readable } = await import("node:stream");
  const packer = compression === "gzip"
    ? createGzip({ chunkSize: 1 << 20, ...(level === null ? {} : { level }) })
    : createZstdCompress({ chunkSize: 1 << 20, ...(level === null ? {} : { params: { [LEVEL]: level } }) });
  return Readable.from(source).compose(packer) as AsyncIterable<Uint8Array>;
}
