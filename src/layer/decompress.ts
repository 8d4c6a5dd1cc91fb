/**
 * Bytes of a layer blob to bytes of its archive: gzip, zstd or none, told by the bytes themselves (registries' media types
 * lie). Inflating runs on a pool thread beside the caller's; chunks of 1 MiB keep the number of hand-overs small.
 */
import { createGunzip, createZstdDecompress } from "node:zlib";
import type { Gunzip, ZstdDecompress } from "node:zlib";
import { NO_SETTINGS, type LayerSettings } from "../config/settings.ts";
import { MdkError, messageOf } from "../error.ts";
import { detectCompression } from "../image/media-types.ts";

const CHUNK = 1 << 20;
/** Up to so many bytes no bound is worth having; what grows to more, and by more than the ratio, is a bomb. */
export type InflateLimits = Pick<LayerSettings, "size" | "ratio">;

/**
 * Reads `source` to its end and hands the archive's bytes to `sink`, in order. A throw of the sink stops everything and
 * goes on to the caller. Errors: "layer-corrupt" for a broken stream, "layer-too-large" for one that inflates beyond
 * the limits, "compression-unsupported". `what` is that in errors.
 */
export async function decompress(source: AsyncIterable<Uint8Array>, sink: (bytes: Uint8Array) => void, { what = "a layer", limits = NO_SETTINGS.layers }: { readonly what?: string; readonly limits?: InflateLimits } = {}): Promise<void> {
  const chunks = gather(source);
  const first = await chunks.next();
  if (first.done === true) return;
  const compression = detectCompression(first.value, what);
  const count = { in: 0, out: 0 };
  const guarded = (bytes: Uint8Array): void => {
    count.out += bytes.length;
    if (compression !== "none" && count.out > limits.size && count.out > limits.ratio * count.in) {
      throw new MdkError("corrupt", "layer-too-large", `${what} of ${count.in} compressed bytes inflates to more than ${count.out - bytes.length}: refused`);
    }
    sink(bytes);
  };
  const all = (async function* () {
    count.in += first.value.length;
    yield first.value;
    for await (const chunk of chunks) {
      count.in += chunk.length;
      yield chunk;
    }
  })();
  if (compression === "none") {
    for await (const chunk of all) guarded(chunk);
    return;
  }
  const options = { chunkSize: CHUNK };
  await through(all, compression === "gzip" ? createGunzip(options) : createZstdDecompress(options), guarded);
}

/** Network chunks are small: joined to about 256 KiB, so that a pool thread is woken less often. */
async function* gather(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  const size = 1 << 18;
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    parts.push(chunk);
    length += chunk.length;
    if (length < size) continue;
    yield parts.length === 1 ? chunk : Buffer.concat(parts, length);
    parts = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(parts, length);
}

function through(source: AsyncIterable<Uint8Array>, inflate: Gunzip | ZstdDecompress, sink: (bytes: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let failed = false;
    let inflated = false;
    let read = false;
    const fail = (error: unknown): void => {
      if (failed) return;
      failed = true;
      inflate.destroy();
      reject(error);
    };
    /** Bytes that were inflated, or lie behind what was, and the last of them. */
    let given = 0;
    let last: Uint8Array = new Uint8Array();
    // The source is right or wrong (size, digest) at its end only, and zeros behind the compressed stream end the inflating before.
    const finish = (): void => {
      if (!inflated || !read || failed) return;
      const behind = given - inflate.bytesWritten;
      if (behind > 0 && last.subarray(Math.max(0, last.length - behind)).some((byte) => byte !== 0)) fail(garbage());
      else resolve();
    };
    inflate.on("data", (bytes: Uint8Array) => {
      if (failed) return;
      try {
        sink(bytes);
      } catch (error) {
        fail(error);
      }
    });
    inflate.on("end", () => {
      inflated = true;
      finish();
    });
    inflate.on("error", (error: Error) => fail(new MdkError("corrupt", "layer-corrupt", `a layer cannot be decompressed: ${messageOf(error)}`, { cause: error })));
    (async () => {
      for await (const chunk of source) {
        if (failed) return;
        if (inflated) {
          if (chunk.some((byte) => byte !== 0)) return fail(garbage());
          continue;
        }
        given += chunk.length;
        last = chunk;
        if (!inflate.write(chunk)) await drained(inflate, () => failed || inflated);
      }
      read = true;
      if (inflated) finish();
      else if (!failed) inflate.end();
    })().catch(fail);
  });
}

/** What one reader passes over another takes for more of the archive. */
function garbage(): MdkError {
  return new MdkError("corrupt", "layer-corrupt", "a layer cannot be decompressed: data after the end of the compressed stream");
}

function drained(inflate: Gunzip | ZstdDecompress, over: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (over()) return resolve();
    const events = ["drain", "end", "close"];
    const done = (): void => {
      for (const event of events) inflate.off(event, done);
      resolve();
    };
    for (const event of events) inflate.on(event, done);
  });
}
