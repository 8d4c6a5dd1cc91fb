/**
 * A layout in a directory of the user as a sink (image-spec image-layout.md): what else it has stays, and another image of the same tag loses it. What is in the directory may
 * be anybody's, as of a cache that was restored: no link in it is followed, and nothing but a file is read.
 */
import { closeSync, constants, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { algorithmOf, digestOf, hexOf, type Digest } from "../../image/digest.ts";
import { listOf, objectOf, optional, parseObject } from "../../image/json.ts";
import { MANIFEST_BYTES_MAX } from "../../image/manifest.ts";
import { OCI_INDEX } from "../../image/media-types.ts";
import { descriptorOf } from "../../image/transfer.ts";
import { openDirectoryFiles, type ImageFiles } from "../../layer/image-files.ts";
import { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_WRONLY, openAt, openFolder, renameAt, tryUnlinkAt } from "../../sys/at.ts";
import type { Copied, LayerTransfer, Sink } from "./copy.ts";

const TAG = "org.opencontainers.image.ref.name";
const INDEX = "index.json";

export class LayoutSink implements Sink<Copied> {
  readonly concurrent = 1;
  readonly #path: string;
  readonly #tag: string;
  readonly #root: number;
  readonly #files: ImageFiles;

  /** The directory is made where it is missing. To be closed. Throws node's errors. */
  constructor(path: string, tag: string) {
    [this.#path, this.#tag] = [path, tag];
    mkdirSync(path, { recursive: true });
    this.#root = openSync(path, O_DIRECTORY | constants.O_RDONLY);
    this.#files = openDirectoryFiles(this.#root);
  }

  close(): void {
    this.#files.close();
  }

  async layer({ descriptor, slots, signal, open, report }: LayerTransfer): Promise<void> {
    await slots.take();
    try {
      signal.throwIfAborted();
      const { digest, size } = descriptor;
      if (this.#files.size(join("blobs", algorithmOf(digest), hexOf(digest))) !== size) await this.#blob(digest, open("Saving layer"));
      report("Saved", size);
    } finally {
      slots.give();
    }
  }

  /** Throws "archive-too-large", "json-invalid" for an index.json that is none, SysError for what is no directory or a link, and node's errors. */
  async finish({ fetched, configBytes }: Copied): Promise<void> {
    for (const bytes of [configBytes, fetched.bytes]) await this.#blob(digestOf(bytes), [bytes]);
    const what = join(this.#path, INDEX);
    const bytes = this.#files.small(INDEX, MANIFEST_BYTES_MAX);
    const index = bytes === null ? { schemaVersion: 2, mediaType: OCI_INDEX } : parseObject(bytes, what);
    const entry = { ...descriptorOf(fetched), annotations: { [TAG]: this.#tag } };
    const others = optional((index as { readonly manifests?: unknown }).manifests, (value) => listOf(value, what), []).filter((value) => tagOf(value, what) !== this.#tag);
    await this.#write(this.#root, "oci-layout", [Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" }))]);
    await this.#write(this.#root, INDEX, [Buffer.from(JSON.stringify({ ...index, manifests: [...others, entry] }))]);
  }

  async #blob(digest: Digest, chunks: Chunks): Promise<void> {
    const blobs = openFolder(this.#root, "blobs");
    let folder: number | null = null;
    try {
      folder = openFolder(blobs, algorithmOf(digest));
      await this.#write(folder, hexOf(digest), chunks);
    } finally {
      closeSync(blobs);
      if (folder !== null) closeSync(folder);
    }
  }

  /** Whole, or not at all. */
  async #write(folder: number, name: string, chunks: Chunks): Promise<void> {
    const temporary = `.ingest-${crypto.randomUUID()}`;
    const fd = openAt(this.#root, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
    try {
      for await (const chunk of chunks) for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
      renameAt(this.#root, temporary, folder, name);
    } catch (error) {
      tryUnlinkAt(this.#root, temporary, 0);
      throw error;
    } finally {
      closeSync(fd);
    }
  }
}

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

function tagOf(entry: unknown, what: string): unknown {
  return optional(objectOf(entry, what).annotations, (value) => objectOf(value, what)[TAG], null);
}
