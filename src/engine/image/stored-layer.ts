/**
 * One layer on its way into the store: fetched and unpacked in one pass, and its blob kept beside. It is made by one process however many
 * want it; one that depends on those below it is finished when they are there.
 */
import { closeSync } from "node:fs";
import { MdkError } from "../../error.ts";
import type { LayerSettings } from "../../config/settings.ts";
import { algorithmOf, type Digest } from "../../image/digest.ts";
import type { Descriptor } from "../../image/manifest.ts";
import { dependsOnLower, finishLayer } from "../../layer/finish.ts";
import { unpackLayer } from "../../layer/unpack.ts";
import { BlobDraft, draftBlob } from "../../store/blob-draft.ts";
import { streamBlob } from "../../store/blobs.ts";
import type { Database } from "../../store/database.ts";
import { draftLayer, findLayer, isKept, keepBlob, type LayerDraft, type LayerRow } from "../../store/layers.ts";
import type { StorePaths } from "../../store/paths.ts";
import { roomGuard } from "../../store/room.ts";
import type { KeptPart, LayerTransfer } from "./copy.ts";
import { openLayerView } from "./layer-view.ts";

export interface LayerStore {
  readonly paths: StorePaths;
  readonly database: Database;
  /** Whether blobs of layers stay when they are unpacked: those that nobody else has do. */
  readonly keepBlobs: boolean;
  readonly limits: LayerSettings;
}

export interface LayerWanted {
  readonly transfer: LayerTransfer;
  /** Of the layer and all that is below it. */
  readonly chainId: Digest;
  /** Bottom first. */
  readonly below: readonly Promise<Pick<LayerRow, "id">>[];
}

/** How often a layer that another process makes is looked at. */
const POLL_MS = 50;

/** The layer's row, as it is or when it was fetched. Within writeContent. Throws the errors of unpackLayer, of the transfer and of the disk; nothing but a draft of the blob is left then. */
export async function ensureLayer(store: LayerStore, wanted: LayerWanted): Promise<LayerRow> {
  const { paths, database } = store;
  const { transfer, chainId } = wanted;
  const { descriptor, diffId, signal } = transfer;
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
      if (row !== null && (!store.keepBlobs || isStored(store, descriptor) || !isKeepable(descriptor))) {
        transfer.report("Already exists", descriptor.size);
        return row;
      }
      transfer.report("Pulling fs layer", 0);
      const made = await withBlob(store, transfer, (blob) => (row === null ? make(store, { ...wanted, draft, blob }) : fetchBlob(store, { transfer, row, blob })));
      if (made !== "again") return made;
    } finally {
      draft.release();
    }
  }
}

/** Kept already, for another layer. */
type StoredBlob = KeptPart;

type Blob = BlobDraft | StoredBlob | null;

function isStored({ database }: LayerStore, { digest }: Descriptor): boolean {
  return isKept(database, digest);
}

/** blobs/ has a place for sha256 only. */
function isKeepable({ digest }: Descriptor): boolean {
  return algorithmOf(digest) === "sha256";
}

/** With where the blob's bytes come from and go to. "again": what an interrupted pull had left was wrong, and is gone. */
async function withBlob(store: LayerStore, { descriptor, signal }: LayerTransfer, work: (blob: Blob) => Promise<LayerRow>): Promise<LayerRow | "again"> {
  const { paths } = store;
  if (!isKeepable(descriptor)) return await work(null);
  if (isStored(store, descriptor)) return await work({ kept: descriptor.size, read: () => streamBlob(paths, descriptor.digest, 0) });
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

interface Making extends LayerWanted {
  readonly draft: LayerDraft;
  readonly blob: Blob;
}

async function make({ paths, limits, keepBlobs }: LayerStore, { transfer, chainId, below, draft, blob }: Making): Promise<LayerRow> {
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

interface Fetching {
  readonly transfer: LayerTransfer;
  readonly row: LayerRow;
  readonly blob: Blob;
}

/** The layer is there, but not this blob: it came with an mdk that did not keep it. */
async function fetchBlob({ paths, database }: LayerStore, { transfer, row, blob }: Fetching): Promise<LayerRow> {
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

/** The layer's bytes, which are written to the draft of its blob as they pass. */
async function* kept(transfer: LayerTransfer, blob: Blob): AsyncGenerator<Uint8Array, void> {
  let at = 0;
  for await (const chunk of transfer.open("Downloading", blob)) {
    if (blob instanceof BlobDraft && at >= blob.kept) blob.write(chunk);
    at += chunk.length;
    yield chunk;
  }
}
