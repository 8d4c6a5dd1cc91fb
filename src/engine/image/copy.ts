/**
 * The one copier of images: pull, push, save and load are each a source, a sink and this between them. Every blob goes through
 * `verified`, several at once as the sink can take them, and the manifest goes last, when everything that it names is there.
 */
import type { ImageConfig } from "../../image/config.ts";
import { hexOf, type Digest } from "../../image/digest.ts";
import type { Descriptor } from "../../image/manifest.ts";
import { verified, type Source } from "../../image/transfer.ts";
import type { SourceImage } from "./select.ts";

/** Docker's words, as far as there is something to tell apart. */
export type LayerStatus =
  | "Pulling fs layer" | "Waiting" | "Downloading" | "Extracting" | "Pull complete" | "Already exists"
  | "Preparing" | "Pushing" | "Pushed" | "Layer already exists" | `Mounted from ${string}`
  | "Loading layer" | "Loaded" | "Saving layer" | "Saved";

export interface LayerProgress {
  /** `id`: twelve digits of the blob's digest. `current`, `total`: bytes of the blob. */
  layer(id: string, status: LayerStatus, current: number, total: number): void;
}

/** The beginning of a blob that the sink has already. */
export interface KeptPart {
  /** Bytes. */
  readonly kept: number;
  read(): AsyncIterable<Uint8Array>;
}

/** One layer as a sink gets it. */
export interface LayerTransfer {
  /** From the bottom. */
  readonly index: number;
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly signal: AbortSignal;
  readonly slots: Slots;
  /** The verified bytes, of those kept first; anew with each call. */
  open(status: LayerStatus, kept?: KeptPart | null): AsyncIterable<Uint8Array>;
  report(status: LayerStatus, current: number): void;
}

/** What copying knows of an image, or of what is stored like one. */
export type Copied = Pick<SourceImage, "fetched" | "manifest" | "configBytes"> & { readonly config: Pick<ImageConfig, "diffIds"> };

export interface Sink<T extends Copied = SourceImage> {
  /** As Docker's --max-concurrent-downloads. */
  readonly concurrent: number;
  /** All layers are offered at once, bottom first; the sink takes a slot for each while it works. */
  layer(transfer: LayerTransfer): Promise<void>;
  /** Config and manifest: when all layers are there. */
  finish(image: T): Promise<void>;
}

export interface ImageCopy<T extends Copied = SourceImage> {
  readonly source: Source;
  readonly sink: Sink<T>;
  readonly image: T;
  readonly progress: LayerProgress;
  /** Gives up the other layers when one fails. */
  readonly abort: AbortController;
}

/** Returns when the sink has the image, or throws the first error when every part has stopped. */
export async function copyImage<T extends Copied>({ source, sink, image, progress, abort }: ImageCopy<T>): Promise<void> {
  const { signal } = abort;
  const way = { source, progress, signal, slots: new Slots(sink.concurrent) };
  const layers = image.manifest.layers.map(async (descriptor, index) => {
    await sink.layer(transferOf(way, { index, descriptor, diffId: image.config.diffIds[index] as Digest })).catch((error: unknown) => {
      abort.abort(error);
      throw error;
    });
  });
  await Promise.allSettled(layers);
  if (signal.aborted) throw signal.reason;
  await sink.finish(image);
}

/** What the layers of one source have in common on their way. */
export interface SharedTransfer extends Pick<LayerTransfer, "signal" | "slots"> {
  readonly source: Source;
  readonly progress: LayerProgress;
}

export function transferOf({ source, progress, signal, slots }: SharedTransfer, layer: Pick<LayerTransfer, "index" | "descriptor" | "diffId">): LayerTransfer {
  const { descriptor } = layer;
  const id = hexOf(descriptor.digest).slice(0, 12);
  const report = (status: LayerStatus, current: number): void => progress.layer(id, status, current, descriptor.size);
  const open = (status: LayerStatus, kept: KeptPart | null = null): AsyncIterable<Uint8Array> => counted(verified(descriptor, joined(source, descriptor, kept)), signal, (current) => report(status, current));
  return { ...layer, signal, slots, open, report };
}

async function* joined(source: Source, descriptor: Descriptor, kept: KeptPart | null): AsyncGenerator<Uint8Array, void> {
  if (kept !== null && kept.kept > 0) yield* kept.read();
  const from = kept?.kept ?? 0;
  if (from === 0 || from < descriptor.size) yield* source.blob(descriptor, from);
}

async function* counted(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal, report: (current: number) => void): AsyncGenerator<Uint8Array, void> {
  let current = 0;
  report(0);
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    yield chunk;
    current += chunk.length;
    report(current);
  }
}

/** A counting semaphore: first come, first served. */
export class Slots {
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
