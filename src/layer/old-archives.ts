/**
 * xz and bzip2, in which people have archives, and which Docker takes for those (Dockerfile reference, ADD): no layer is packed so. By libraries, which are loaded when
 * one comes. Both check what they have inflated against the sums that are in the stream; xz's dictionary is at most 64 MiB.
 */
import { MdkError } from "../error.ts";
import { interruptible } from "../sys/interrupt.ts";

export type OldCompression = "xz" | "bzip2";

/** Hands what is inflated to `sink`, in order; a throw of the sink stops everything and goes on to the caller. Throws "layer-corrupt", and what the source throws. */
export async function inflateOld(compression: OldCompression, source: AsyncIterable<Uint8Array>, sink: (bytes: Uint8Array) => void): Promise<void> {
  await (compression === "xz" ? inflateXz(source, sink) : inflateBzip2(source, sink));
}

/** XZ Embedded's answers (xz.h, enum xz_ret). */
const XZ_ANSWERS: Readonly<Record<string, string>> = { 4: "its dictionary is larger than 64 MiB", 5: "it is no xz file", 6: "it uses what is not supported", 7: "its data is damaged", 8: "it is cut, or damaged" };

async function inflateXz(source: AsyncIterable<Uint8Array>, sink: (bytes: Uint8Array) => void): Promise<void> {
  const { XzReadableStream } = await import("xz-decompress");
  const chunks = source[Symbol.asyncIterator]();
  let failure: unknown = null;
  const input = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { value, done } = await chunks.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        failure = error;
        controller.error(error);
      }
    },
  });
  const reader = new XzReadableStream(input).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read().catch((error: unknown) => { throw failure ?? corrupt(xzSays(error), error); });
      if (done) return;
      sink(value);
    }
  } finally {
    reader.releaseLock();
    await chunks.return?.();
  }
}

function xzSays(error: unknown): string {
  return XZ_ANSWERS[/error code (\d+)/.exec(String(error))?.[1] ?? ""] ?? String(error);
}

async function inflateBzip2(source: AsyncIterable<Uint8Array>, sink: (bytes: Uint8Array) => void): Promise<void> {
  const { default: unbzip2 } = await import("unbzip2-stream");
  const inflate = unbzip2();
  let failure: { readonly error: unknown } | null = null;
  inflate.on("data", (bytes: Uint8Array) => {
    try {
      sink(bytes);
    } catch (error) {
      failure ??= { error };
      throw error; // it stops by that only
    }
  });
  const ended = new Promise<void>((resolve) => {
    inflate.on("error", (error: Error) => {
      failure ??= { error: corrupt(error.message, error) };
      resolve();
    });
    inflate.on("end", resolve);
  });
  // It works while it is written to, a tenth of a second for 900 kB; of a small bomb all at the end.
  for await (const chunk of source) {
    interruptible(() => inflate.write(Buffer.from(chunk)));
    throwIf(failure);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  interruptible(() => inflate.end());
  await ended;
  throwIf(failure);
}

function throwIf(failure: { readonly error: unknown } | null): void {
  if (failure !== null) throw failure.error;
}

function corrupt(why: string, cause: unknown): MdkError {
  return new MdkError("corrupt", "layer-corrupt", `an archive cannot be decompressed: ${why}`, { cause });
}
