/** A registry behind its mirrors: each is asked in turn, and what one does not have or cannot give, the next does. */
import type { Descriptor } from "../../image/manifest.ts";
import type { FetchedManifest, Source } from "../../image/transfer.ts";

export class Mirrored implements Source {
  /** The registry itself is the last. */
  readonly #sources: readonly Source[];
  readonly #signal: AbortSignal;
  /** Who had the manifest is asked first for what it names. */
  #first = 0;

  constructor(sources: readonly Source[], signal: AbortSignal) {
    [this.#sources, this.#signal] = [sources, signal];
  }

  /** Throws what the registry itself throws. */
  async manifest(target: string): Promise<FetchedManifest> {
    for (let index = this.#first; ; index++) {
      try {
        const fetched = await this.#sources[index]!.manifest(target);
        this.#first = index;
        return fetched;
      } catch (error) {
        if (this.#isLast(index)) throw error;
      }
    }
  }

  /** Whoever comes after one that failed goes on where it ended; the whole is verified by who reads it. */
  async *blob(descriptor: Descriptor, from: number): AsyncGenerator<Uint8Array, void> {
    let at = from;
    for (let index = this.#first; ; index++) {
      try {
        for await (const chunk of this.#sources[index]!.blob(descriptor, at)) {
          at += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        if (this.#isLast(index)) throw error;
        // All of it came, and then it broke.
        if (at >= descriptor.size && descriptor.size > 0) return;
      }
    }
  }

  #isLast(index: number): boolean {
    return this.#signal.aborted || index === this.#sources.length - 1;
  }
}
