/**
 * A layer's blob on its way into the store. It grows in tmp/part-<hex>, locked by who fetches it; what an interrupted pull got of it
 * stays there, and the next one goes on from its end.
 */
import { closeSync, constants, existsSync, fstatSync, ftruncateSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { hexOf } from "../image/digest.ts";
import type { Descriptor } from "../image/manifest.ts";
import { startWriteback } from "../sys/at.ts";
import { tryLockFile } from "../sys/lock.ts";
import type { StorePaths } from "./paths.ts";

/** Less than this is fetched again sooner than it is looked after. */
const WORTH_BYTES = 1 << 20;
const CHUNK = 1 << 20;
/** The disk works while more is fetched. */
const WRITEBACK_BYTES = 32 << 20;
const NAME = /^part-[0-9a-f]{64}$/;

export class BlobDraft {
  /** Bytes that were there already. */
  readonly kept: number;
  readonly #path: string;
  readonly #fd: number;
  #size: number;
  #behind = 0;
  #over: "kept" | "published" | "forgotten" = "kept";

  constructor(path: string, fd: number, kept: number) {
    [this.#path, this.#fd, this.kept, this.#size] = [path, fd, kept, kept];
  }

  /** What was there already: not verified. */
  async *read(): AsyncGenerator<Uint8Array, void> {
    for (let at = 0; at < this.kept; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, this.kept - at));
      const count = readSync(this.#fd, chunk, 0, chunk.length, at);
      if (count === 0) return;
      at += count;
      yield chunk.subarray(0, count);
    }
  }

  /** The next bytes. Throws node's errors. */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at, bytes.length - at, this.#size + at);
    this.#size += bytes.length;
    this.#behind += bytes.length;
    if (this.#behind < WRITEBACK_BYTES) return;
    this.#behind = 0;
    startWriteback(this.#fd);
  }

  /** Gives the verified blob its final name. It is on the disk with the next sync of the file system. */
  publish(paths: StorePaths, { digest }: Descriptor): void {
    renameSync(this.#path, paths.blob(hexOf(digest)));
    this.#over = "published";
  }

  /** What is there is wrong, or in the way. */
  forget(): void {
    if (this.#over === "kept") this.#over = "forgotten";
  }

  /** Must be called in the end: what was neither published nor forgotten stays for the next pull. */
  release(): void {
    if (this.#over === "forgotten" || (this.#over === "kept" && this.#size < WORTH_BYTES)) rmSync(this.#path, { force: true });
    closeSync(this.#fd);
  }
}

/** Where somebody else fetches the same blob for another layer, in a file of its own. Throws node's errors. */
export function draftBlob(paths: StorePaths, { digest, size }: Descriptor): BlobDraft {
  const path = join(paths.temporary, `part-${hexOf(digest)}`);
  const fd = tryLockFile(path);
  if (fd === null) return draftNewBlob(paths);
  const there = fstatSync(fd).size;
  if (there > size) ftruncateSync(fd, 0);
  return new BlobDraft(path, fd, there > size ? 0 : there);
}

/** For a blob whose digest is known when it is there: nobody goes on with it. Throws node's errors. */
export function draftNewBlob(paths: StorePaths): BlobDraft {
  const path = join(paths.temporary, `blob-${crypto.randomUUID()}`);
  const draft = new BlobDraft(path, openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600), 0);
  draft.forget();
  return draft;
}

/** Removes what interrupted pulls left: all of it, or what is not worth keeping and what has come since. Nobody may be fetching. */
export function pruneDrafts(paths: StorePaths, all: boolean): void {
  for (const name of readdirSync(paths.temporary).filter((each) => NAME.test(each))) {
    const path = join(paths.temporary, name);
    if (all || statSync(path).size < WORTH_BYTES || existsSync(paths.blob(name.slice("part-".length)))) rmSync(path, { force: true });
  }
}
