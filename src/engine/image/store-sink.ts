/**
 * The store as a sink of images. Layers are fetched and unpacked in one pass, and their blobs kept beside. Each is made by one process
 * however many want it; a layer that depends on those below it is finished when they are there. The image's row, with its name, is last.
 */
import { closeSync } from "node:fs";
import { MdkError } from "../../error.ts";
import type { LayerSettings } from "../../config/settings.ts";
import { algorithmOf, chainIds, type Digest } from "../../image/digest.ts";
import type { Descriptor } from "../../image/manifest.ts";
import { dependsOnLower, finishLayer, unpackLayer } from "../../layer/unpack.ts";
import { BlobDraft, draftBlob } from "../../store/blob-draft.ts";
import { streamBlob, writeBlob } from "../../store/blobs.ts";
import type { Database } from "../../store/database.ts";
import { addImage, type ImageOrigin } from "../../store/images.ts";
import { draftLayer, findLayer, isKept, keepBlob, type LayerDraft, type LayerRow } from "../../store/layers.ts";
import type { StorePaths } from "../../store/paths.ts";
import { roomGuard } from "../../store/room.ts";
import type { Kept, LayerTransfer, Sink } from "./copy.ts";
import { openLayerView } from "./layer-view.ts";
import type { SourceImage } from "./select.ts";

export interface StoreSinkOptions {
  readonly paths: StorePaths;
  readonly database: Database;
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
  /** Whether blobs of layers stay when they are unpacked: those that nobody else has do. */
  readonly keepBlobs: boolean;
  readonly limits: LayerSettings;
  /** Layers at once. */
  readonly concurrent: number;
}

/** How often a layer that another process makes is looked at. */
const POLL_MS = 50;

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
    const row = this.#ensure(transfer, [...this.#rows]);
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

  async #ensure(transfer: LayerTransfer, below: readonly Promise<LayerRow>[]): Promise<LayerRow> {
    const { paths, database } = this.#options;
    const { descriptor, diffId, index, signal } = transfer;
    const chainId = this.#chain[index] as Digest;
    let told = false;
    for (;;) {
      signal.throwIfAborted();
      // Who waits for a layer holds no slot: two pulls that wait for one another's layers both go on.
      const draft = draftLayer(paths, database, chainId);
      if (draft === null) {
        if (!told) transfer.report("Waiting", 0);
        told = true;
        await Bun.sleep(POLL_MS);
        continue;
      }
      try {
        const row = findLayer(database, { diffId, chainId, blob: descriptor.digest });
        if (row !== null && (!this.#options.keepBlobs || this.#isStored(descriptor) || !isKeepable(descriptor))) {
          transfer.report("Already exists", descriptor.size);
          return row;
        }
        transfer.report("Pulling fs layer", 0);
        const made = await this.#withBlob(transfer, (blob) => (row === null ? this.#make({ transfer, chainId, below, draft, blob }) : this.#fetch(transfer, row, blob)));
        if (made !== "again") return made;
      } finally {
        draft.release();
      }
    }
  }

  #isStored({ digest }: Descriptor): boolean {
    return isKept(this.#options.database, digest);
  }

  /** With where the blob's bytes come from and go to. "again": what an interrupted pull had left was wrong, and is gone. */
  async #withBlob(transfer: LayerTransfer, work: (blob: BlobDraft | StoredBlob | null) => Promise<LayerRow>): Promise<LayerRow | "again"> {
    const { paths } = this.#options;
    const { descriptor, signal } = transfer;
    if (!isKeepable(descriptor)) return await work(null);
    if (this.#isStored(descriptor)) return await work({ kept: descriptor.size, read: () => streamBlob(paths, descriptor.digest, 0) });
    const blob = draftBlob(paths, descriptor);
    try {
      return await work(blob);
    } catch (error) {
      if (!(error instanceof MdkError && error.kind === "unavailable")) blob.forget();
      // After a loss of power, say: from the beginning, then.
      if (blob.kept > 0 && !signal.aborted && error instanceof MdkError && error.kind === "corrupt") return "again";
      throw error;
    } finally {
      blob.release();
    }
  }

  async #make({ transfer, chainId, below, draft, blob }: Making): Promise<LayerRow> {
    const { paths, limits, keepBlobs } = this.#options;
    const { descriptor, diffId, signal, slots } = transfer;
    await slots.take();
    let writer;
    try {
      signal.throwIfAborted();
      writer = await unpackLayer({ directory: draft.tree, diffId, source: kept(transfer, blob), guard: roomGuard(paths, limits.freePercent), limits });
    } finally {
      slots.give();
    }
    try {
      transfer.report("Extracting", descriptor.size);
      const depends = dependsOnLower(writer);
      if (depends && below.length > 0) {
        const lower = openLayerView(paths, (await Promise.all(below)).map((row) => row.id));
        try {
          finishLayer(writer, lower);
        } finally {
          closeSync(lower);
        }
      } else finishLayer(writer, null);
      signal.throwIfAborted();
      if (blob instanceof BlobDraft) keepBlobs ? blob.publish(paths, descriptor) : blob.forget();
      const row = draft.commit({ diffId, blob: descriptor.digest, kept: blob === null || (blob instanceof BlobDraft && !keepBlobs) ? null : descriptor, chainId: depends ? chainId : null, size: writer.size });
      transfer.report("Pull complete", descriptor.size);
      return row;
    } finally {
      writer.release();
    }
  }

  /** The layer is there, but not this blob: it came with an mdk that did not keep it. */
  async #fetch(transfer: LayerTransfer, row: LayerRow, blob: BlobDraft | StoredBlob | null): Promise<LayerRow> {
    const { paths, database } = this.#options;
    const { descriptor, slots } = transfer;
    await slots.take();
    try {
      for await (const _ of kept(transfer, blob));
    } finally {
      slots.give();
    }
    if (blob instanceof BlobDraft) blob.publish(paths, descriptor);
    keepBlob(paths, database, row.id, descriptor);
    transfer.report("Pull complete", descriptor.size);
    return row;
  }
}

interface Making {
  readonly transfer: LayerTransfer;
  readonly chainId: Digest;
  readonly below: readonly Promise<LayerRow>[];
  readonly draft: LayerDraft;
  readonly blob: BlobDraft | StoredBlob | null;
}

/** Kept already, for another layer. */
type StoredBlob = Kept;

/** blobs/ has a place for sha256 only. */
function isKeepable({ digest }: Descriptor): boolean {
  return algorithmOf(digest) === "sha256";
}

/** The layer's bytes, which are written to the draft of its blob as they pass. */
async function* kept(transfer: LayerTransfer, blob: BlobDraft | StoredBlob | null): AsyncGenerator<Uint8Array, void> {
  let at = 0;
  for await (const chunk of transfer.open("Downloading", blob)) {
    if (blob instanceof BlobDraft && at >= blob.kept) blob.write(chunk);
    at += chunk.length;
    yield chunk;
  }
}
