/** What entries take as an archive, which is what Docker tells of a copy: headers, data in blocks, and the end. */
import type { TarEntry, TarHandler } from "../../layer/tar.ts";

const BLOCK = 512;

export class ArchiveSize implements TarHandler {
  bytes = 2 * BLOCK;
  readonly #handler: TarHandler;
  readonly #told: (bytes: number) => void;
  #data = 0;

  /** `told` is called often, with what has gone through so far. */
  constructor(handler: TarHandler, told: (bytes: number) => void) {
    this.#handler = handler;
    this.#told = told;
  }

  entry(entry: TarEntry): void {
    this.bytes += BLOCK + Math.ceil(entry.size / BLOCK) * BLOCK;
    this.#data = Math.ceil(entry.size / BLOCK) * BLOCK;
    this.#handler.entry(entry);
    this.#told(this.bytes - this.#data);
  }

  data(chunk: Uint8Array): void {
    this.#handler.data(chunk);
    this.#data -= chunk.length;
    this.#told(this.bytes - this.#data);
  }

  close(): void {
    this.#handler.close();
  }
}
