/** The store as a sink of images: layers as they come, those that depend on others when these are there; the image's row, with its name, last. */
import { MdkError } from "../../error.ts";
import { algorithmOf, chainIds, type Digest } from "../../image/digest.ts";
import { writeBlob } from "../../store/blobs.ts";
import { addImage, type ImageOrigin } from "../../store/images.ts";
import type { LayerRow } from "../../store/layers.ts";
import type { LayerTransfer, Sink } from "./copy.ts";
import type { SourceImage } from "./select.ts";
import { ensureLayer, type LayerStore } from "./stored-layer.ts";

export interface StoreSinkOptions extends LayerStore {
  readonly diffIds: readonly Digest[];
  /** RFC 3339: now. */
  readonly pulled: string;
  /** Null: it gets no name. */
  readonly repository: string | null;
  readonly tag: string | null;
  /** Of the image, whose manifest and index are in blobs/ then. */
  readonly origin: (stored: { readonly top: Digest; readonly manifest: Digest }) => ImageOrigin;
  /** Whether the manifest is the image's own, or only made up for this copy. */
  readonly keepManifest: boolean;
  /** Layers at once. */
  readonly concurrent: number;
}

export class StoreSink implements Sink {
  readonly concurrent: number;
  readonly #options: StoreSinkOptions;
  readonly #chain: readonly Digest[];
  readonly #rows: Promise<LayerRow>[] = [];

  constructor(options: StoreSinkOptions) {
    [this.#options, this.concurrent] = [options, options.concurrent];
    this.#chain = chainIds(options.diffIds);
  }

  async layer(transfer: LayerTransfer): Promise<void> {
    const row = ensureLayer(this.#options, { transfer, chainId: this.#chain[transfer.index] as Digest, below: [...this.#rows] });
    row.catch(() => {});
    this.#rows.push(row);
    await row;
  }

  /** Throws "pull-raced" when a layer went meanwhile. */
  async finish({ top, fetched, configBytes, config }: SourceImage): Promise<void> {
    const { paths, database, pulled, repository, tag, origin, keepManifest } = this.#options;
    const layers = await Promise.all(this.#rows);
    const id = writeBlob(paths, configBytes);
    const stored = { manifest: keepManifest ? writeBlob(paths, fetched.bytes) : fetched.digest, top: top.digest };
    if (top.digest !== fetched.digest && algorithmOf(top.digest) === "sha256") writeBlob(paths, top.bytes);
    const { created, architecture, os, variant } = config;
    const size = layers.reduce((sum, layer) => sum + layer.size, 0);
    const image = { id, created, architecture, os, variant, size, pulled, layers: layers.map((layer) => layer.id), repository, tag, origin: origin(stored), manifest: keepManifest ? stored.manifest : null };
    if (!addImage(database, image)) throw new MdkError("conflict", "pull-raced", `the layers of ${repository ?? id} were removed while it was written`);
  }
}
