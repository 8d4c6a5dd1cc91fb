/** What earlier builds have read of the host's files: of a directory whose files are as they were then nothing is read again. */
import { findFiles, forgetFiles, keepFiles } from "../../store/build-cache.ts";
import type { Context } from "../context.ts";
import type { FileDigests } from "./files/source.ts";

const KEPT_MS = 60 * 24 * 3_600_000;

export class KnownFiles implements FileDigests {
  readonly begun: number;
  readonly #context: Context;
  readonly #seen = new Map<string, string>();

  constructor(context: Context) {
    this.#context = context;
    this.begun = context.now().getTime();
  }

  find(key: string): string | null {
    const digest = this.#seen.get(key) ?? findFiles(this.#context.database(), key);
    if (digest !== null) this.#seen.set(key, digest);
    return digest;
  }

  keep(key: string, digest: string): void {
    this.#seen.set(key, digest);
  }

  /** For the next build, whether this one succeeds or not. */
  store(): void {
    keepFiles(this.#context.database(), this.#seen, this.begun);
    forgetFiles(this.#context.database(), this.begun - KEPT_MS);
  }
}
