/** What entries take as an archive, which is what Docker tells of a copy: headers, data in blocks, and the end. */
import type { TarEntry, TarHandler } from "../../layer/tar.ts";

const BLOCK = 512;

export class ArchiveSize implements TarHandler {
  bytes = 2 * BLOCK;
  readonly #handler: TarHandler;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  entry(entry: TarEntry): void {
    this.bytes += BLOCK + Math.ceil(entry.size / BLOCK) * BLOCK;
    this.#handler.entry(entry);
  }

  data(chunk: Uint8Array): void {
    this.#handler.data(chunk);
  }

  close(): void {
    this.#handler.close();
  }
}
