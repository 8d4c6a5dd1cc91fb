/** A layout in a directory of the user as a sink (image-spec image-layout.md): what else it has stays, and another image of the same tag loses it. */
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MdkError } from "../../error.ts";
import { algorithmOf, digestOf, hexOf, type Digest } from "../../image/digest.ts";
import { listOf, objectOf, optional, parseObject } from "../../image/json.ts";
import { MANIFEST_BYTES_MAX, mediaTypeOf } from "../../image/manifest.ts";
import { OCI_INDEX } from "../../image/media-types.ts";
import type { Copied, LayerTransfer, Sink } from "./copy.ts";

const TAG = "org.opencontainers.image.ref.name";

export class LayoutSink implements Sink<Copied> {
  readonly concurrent = 1;
  readonly #directory: string;
  readonly #tag: string;

  /** The directory is made where it is missing. */
  constructor(directory: string, tag: string) {
    [this.#directory, this.#tag] = [directory, tag];
  }

  async layer({ descriptor, slots, signal, open, report }: LayerTransfer): Promise<void> {
    await slots.take();
    try {
      signal.throwIfAborted();
      if (statSync(this.#place(descriptor.digest), { throwIfNoEntry: false })?.size !== descriptor.size) await this.#write(this.#place(descriptor.digest), open("Saving layer"));
      report("Saved", descriptor.size);
    } finally {
      slots.give();
    }
  }

  /** Throws "layout-invalid" for an index.json that is none, and node's errors. */
  async finish({ fetched, configBytes }: Copied): Promise<void> {
    for (const bytes of [configBytes, fetched.bytes]) await this.#write(this.#place(digestOf(bytes)), [bytes]);
    const index = this.#index();
    const entry = { mediaType: mediaTypeOf(fetched), digest: digestOf(fetched.bytes), size: fetched.bytes.length, annotations: { [TAG]: this.#tag } };
    const others = optional(index.manifests, (value) => listOf(value, this.#indexPath), []).filter((value) => tagOf(value, this.#indexPath) !== this.#tag);
    await this.#write(join(this.#directory, "oci-layout"), [Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" }))]);
    await this.#write(this.#indexPath, [Buffer.from(JSON.stringify({ ...index, manifests: [...others, entry] }))]);
  }

  get #indexPath(): string {
    return join(this.#directory, "index.json");
  }

  #index(): Readonly<Record<string, unknown>> {
    const size = statSync(this.#indexPath, { throwIfNoEntry: false })?.size;
    if (size === undefined) return { schemaVersion: 2, mediaType: OCI_INDEX };
    if (size > MANIFEST_BYTES_MAX) throw new MdkError("invalid", "layout-invalid", `${this.#indexPath} is larger than ${MANIFEST_BYTES_MAX} bytes`);
    return parseObject(readFileSync(this.#indexPath), this.#indexPath);
  }

  #place(digest: Digest): string {
    return join(this.#directory, "blobs", algorithmOf(digest), hexOf(digest));
  }

  /** Whole, or not at all. */
  async #write(path: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const temporary = join(this.#directory, `.ingest-${crypto.randomUUID()}`);
    mkdirSync(join(path, ".."), { recursive: true });
    const fd = openSync(temporary, "wx", 0o644);
    try {
      for await (const chunk of chunks) for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
  }
}

function tagOf(entry: unknown, what: string): unknown {
  return optional(objectOf(entry, what).annotations, (value) => objectOf(value, what)[TAG], null);
}
