/** `docker import`: the files of an archive become an image of one layer. */
import { closeSync, constants, openSync } from "node:fs";
import type { LayerSettings } from "../../config/settings.ts";
import { withoutPasswords } from "../../build/context/remote.ts";
import { MdkError } from "../../error.ts";
import { configDocument } from "../../image/config-document.ts";
import { parseConfig, type ContainerDefaults } from "../../image/config.ts";
import type { Digest } from "../../image/digest.ts";
import type { Descriptor } from "../../image/manifest.ts";
import { detectCompression, layerType, type Compression } from "../../image/media-types.ts";
import { hostPlatform, parsePlatform } from "../../image/platform.ts";
import { DEFAULT_TAG, parseReference, repositoryOf, type Reference } from "../../image/reference.ts";
import { LayerWriter, told } from "../../layer/apply.ts";
import { decompress } from "../../layer/decompress.ts";
import { finishLayer } from "../../layer/finish.ts";
import { TarReader } from "../../layer/tar.ts";
import { download } from "../../registry/download.ts";
import { draftNewBlob } from "../../store/blob-draft.ts";
import { writeBlob } from "../../store/blobs.ts";
import { addImage } from "../../store/images.ts";
import { draftLayer, findLayer, keepBlob, type LayerDraft, type LayerRow } from "../../store/layers.ts";
import { roomGuard } from "../../store/room.ts";
import { O_DIRECTORY, O_NOFOLLOW, openAt } from "../../sys/at.ts";
import { openStdin, readStream } from "../../sys/read-stream.ts";
import { AT_FDCWD } from "../../sys/mount.ts";
import type { Context } from "../context.ts";
import { applyChanges } from "./changes.ts";
import { writeContent, type ContentScope } from "./content.ts";

export interface ImportRequest {
  /** A path, "-" or "http://…" or "https://…". */
  readonly source: string;
  /** "repository[:tag]"; null: the image has no name. */
  readonly name: string | null;
  /** "": where it came from. */
  readonly message: string;
  /** Dockerfile instructions. */
  readonly changes: readonly string[];
  /** Null: the host's. */
  readonly platform: string | null;
  readonly signal?: AbortSignal | null;
}

const NOTHING = parseConfig(Buffer.from('{"rootfs":{"type":"layers"}}'), "nothing").config;

/** Returns the image's id. Errors: "reference-invalid", "invalid-change", "platform-invalid", those of the archive and of its source; nothing is left then. */
export async function importImage(context: Context, request: ImportRequest): Promise<Digest> {
  const name = request.name === null ? null : parseReference(request.name);
  if (name?.digest) throw new MdkError("invalid", "reference-invalid", "cannot import digest reference");
  const config = applyChanges(NOTHING, request.changes);
  return await writeContent(context, request.signal ?? null, async (scope) => {
    const layer = await unpacked(scope, openSource(context, request.source, scope.abort.signal), context.settings.layers);
    return addImported(context, scope, { request, name, config, layer });
  });
}

interface Imported {
  readonly request: ImportRequest;
  readonly name: Reference | null;
  readonly config: ContainerDefaults;
  readonly layer: LayerRow;
}

/** moby daemon/images/image_import.go. */
function addImported(context: Context, { paths, database }: ContentScope, { request, name, config, layer }: Imported): Digest {
  const created = context.now().toISOString();
  const host = hostPlatform(process.arch);
  const { os, architecture, variant } = request.platform === null ? host : parsePlatform(request.platform, host);
  const comment = request.message || `Imported from ${withoutPasswords(request.source)}`;
  const document = {
    architecture, ...(variant === "" ? {} : { variant }), os, created, comment, config: configDocument(config),
    history: [{ created, comment }], rootfs: { type: "layers", diff_ids: [layer.diffId] },
  };
  const id = writeBlob(paths, Buffer.from(JSON.stringify(document)));
  const image = {
    id, created, architecture, os, variant, size: layer.size, pulled: created, layers: [layer.id], repository: name === null ? null : repositoryOf(name), tag: name === null ? null : (name.tag ?? DEFAULT_TAG),
    origin: { kind: "imported" as const }, manifest: null,
  };
  if (!addImage(database, image)) throw new MdkError("conflict", "import-raced", `the layer of ${request.source} was removed while it was imported`);
  return id;
}

/** In one pass: kept as it came, inflated, hashed, and unpacked into the new layer. */
async function unpacked({ paths, database, abort }: ContentScope, source: AsyncIterable<Uint8Array>, limits: LayerSettings): Promise<LayerRow> {
  const draft = draftLayer(paths, database, null) as LayerDraft;
  const blob = draftNewBlob(paths);
  const writer = new LayerWriter(openAt(AT_FDCWD, draft.tree, O_DIRECTORY | O_NOFOLLOW));
  const hashes = { blob: new Bun.CryptoHasher("sha256"), archive: new Bun.CryptoHasher("sha256") };
  const reader = new TarReader(writer);
  let size = 0;
  let compression: Compression | null = null;
  const teed = async function* (): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of source) {
      abort.signal.throwIfAborted();
      compression ??= detectCompression(chunk, "the archive");
      hashes.blob.update(chunk);
      blob.write(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  try {
    const guard = roomGuard(paths, limits.freePercent);
    await decompress(teed(), (bytes) => {
      guard(bytes.length);
      hashes.archive.update(bytes);
      reader.push(bytes);
    }, { what: "the archive", limits });
    reader.end();
    const diffId = `sha256:${hashes.archive.digest("hex")}` as Digest;
    const kept: Descriptor = { mediaType: layerType(compression ?? "none"), digest: `sha256:${hashes.blob.digest("hex")}` as Digest, size };
    blob.publish(paths, kept);
    const there = findLayer(database, { diffId, chainId: diffId, blob: kept.digest });
    if (there !== null) {
      keepBlob(paths, database, there.id, kept);
      return there;
    }
    finishLayer(writer, null);
    return draft.commit({ diffId, blob: kept.digest, kept, chainId: null, size: writer.size });
  } catch (error) {
    throw told(error, "the archive");
  } finally {
    writer.release();
    blob.release();
    draft.release();
  }
}

function openSource(context: Context, source: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  if (/^https?:\/\//.test(source)) return download(source, `Get "${withoutPasswords(source)}"`, { environment: context.environment, signal });
  return fromFile(source, signal);
}

async function* fromFile(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const fd = path === "-" ? openStdin() : openSync(path, constants.O_RDONLY);
  try {
    yield* readStream(fd, signal);
  } finally {
    closeSync(fd);
  }
}
