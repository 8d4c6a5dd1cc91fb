/**
 * The layers of one image, fetched and unpacked at once, three at a time. Each is made by one process however many want
 * it; a layer that depends on those below it is finished when they are there.
 */
import { closeSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { MdkError } from "../../error.ts";
import { chainIds, hexOf, type Digest } from "../../image/digest.ts";
import type { Descriptor } from "../../image/manifest.ts";
import { mountLayers } from "../../layer/overlay.ts";
import { dependsOnLower, finishLayer, unpackLayer } from "../../layer/unpack.ts";
import type { Remote } from "../../registry/remote.ts";
import type { Database } from "../../store/database.ts";
import { draftLayer, findLayer, type LayerDraft, type LayerRow } from "../../store/layers.ts";
import type { StorePaths } from "../../store/paths.ts";
import { SysError } from "../../sys/ffi.ts";

/** Docker's words, as far as there is something to tell apart. */
export type LayerStatus = "Pulling fs layer" | "Waiting" | "Downloading" | "Extracting" | "Pull complete" | "Already exists";

export interface LayerProgress {
  /** `id`: twelve digits of the blob's digest. `current`, `total`: compressed bytes. */
  layer(id: string, status: LayerStatus, current: number, total: number): void;
}

export interface PullLayers {
  readonly paths: StorePaths;
  readonly database: Database;
  readonly remote: Remote;
  /** Bottom first, one diff id a descriptor. */
  readonly descriptors: readonly Descriptor[];
  readonly diffIds: readonly Digest[];
  readonly progress: LayerProgress;
  /** Gives up the others when one fails. */
  readonly abort: AbortController;
}

/** As Docker's --max-concurrent-downloads. */
const CONCURRENT = 3;
/** How often a layer that another process makes is looked at. */
const POLL_MS = 50;

/** Returns when all layers are in the store, bottom first, or throws the first error when every part has stopped. */
export async function pullLayers(pull: PullLayers): Promise<LayerRow[]> {
  const slots = new Slots(CONCURRENT);
  const chain = chainIds(pull.diffIds);
  const rows: Promise<LayerRow>[] = [];
  for (const [index, descriptor] of pull.descriptors.entries()) {
    const layer = { index, descriptor, diffId: pull.diffIds[index] as Digest, chainId: chain[index] as Digest, below: [...rows] };
    const row = ensureLayer(pull, layer, slots);
    row.catch((error: unknown) => pull.abort.abort(error));
    rows.push(row);
  }
  const settled = await Promise.allSettled(rows);
  if (pull.abort.signal.aborted) throw pull.abort.signal.reason;
  return settled.map((result) => (result as PromiseFulfilledResult<LayerRow>).value);
}

interface Layer {
  readonly index: number;
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly chainId: Digest;
  readonly below: readonly Promise<LayerRow>[];
}

async function ensureLayer(pull: PullLayers, layer: Layer, slots: Slots): Promise<LayerRow> {
  const { descriptor, diffId, chainId } = layer;
  const id = hexOf(descriptor.digest).slice(0, 12);
  let told = false;
  for (;;) {
    pull.abort.signal.throwIfAborted();
    // Who waits for a layer holds no slot: two pulls that wait for one another's layers both go on.
    const draft = draftLayer(pull.paths, pull.database, chainId);
    if (draft === null) {
      if (!told) pull.progress.layer(id, "Waiting", 0, descriptor.size);
      told = true;
      await Bun.sleep(POLL_MS);
      continue;
    }
    try {
      const row = findLayer(pull.database, { diffId, chainId, blob: descriptor.digest });
      if (row !== null) {
        pull.progress.layer(id, "Already exists", descriptor.size, descriptor.size);
        return row;
      }
      pull.progress.layer(id, "Pulling fs layer", 0, descriptor.size);
      return await makeLayer(pull, layer, draft, slots);
    } finally {
      draft.release();
    }
  }
}

async function makeLayer(pull: PullLayers, layer: Layer, draft: LayerDraft, slots: Slots): Promise<LayerRow> {
  const { descriptor, diffId, chainId, below } = layer;
  const id = hexOf(descriptor.digest).slice(0, 12);
  await slots.take();
  let writer;
  try {
    pull.abort.signal.throwIfAborted();
    writer = await unpackLayer({ directory: draft.tree, diffId, source: counted(pull, descriptor, id) });
  } finally {
    slots.give();
  }
  try {
    pull.progress.layer(id, "Extracting", descriptor.size, descriptor.size);
    const depends = dependsOnLower(writer);
    if (depends && below.length > 0) {
      const lower = openView(pull.paths, await Promise.all(below));
      try {
        finishLayer(writer, lower);
      } finally {
        closeSync(lower);
      }
    } else finishLayer(writer, null);
    pull.abort.signal.throwIfAborted();
    const row = draft.commit({ diffId, blob: descriptor.digest, chainId: depends ? chainId : null, size: writer.size });
    pull.progress.layer(id, "Pull complete", descriptor.size, descriptor.size);
    return row;
  } finally {
    writer.release();
  }
}

async function* counted(pull: PullLayers, descriptor: Descriptor, id: string): AsyncGenerator<Uint8Array, void> {
  let current = 0;
  for await (const chunk of pull.remote.blob(descriptor)) {
    current += chunk.length;
    pull.progress.layer(id, "Downloading", current, descriptor.size);
    yield chunk;
  }
}

/** The merged view of finished layers (bottom first) as a detached read-only mount. */
function openView(paths: StorePaths, rows: readonly LayerRow[]): number {
  const empty = join(paths.temporary, "empty");
  mkdirSync(empty, { recursive: true, mode: 0o700 });
  try {
    return mountLayers(rows.map(({ id }) => paths.layerTree(id)).reverse(), empty);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new MdkError("unsupported", "overlay-unavailable", `the image's layers cannot be laid over one another: ${error.message}`, {
      cause: error, hint: "mdk needs root and the kernel's overlay file system (modprobe overlay)",
    });
  }
}

/** A counting semaphore: first come, first served. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async take(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
