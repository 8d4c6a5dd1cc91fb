/** Content by digest, verified by whoever writes it, and on the disk before any row names it. Layers' blobs come by blob-draft.ts. */
import { closeSync, constants, fsyncSync, openSync, readdirSync, readFileSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MdkError } from "../error.ts";
import { digestOf, hexOf, isDigest, type Digest } from "../image/digest.ts";
import type { StorePaths } from "./paths.ts";

/** Stores the bytes under their sha256; idempotent. Synced, and never visible half-written. Throws node's errors. */
export function writeBlob(paths: StorePaths, bytes: Uint8Array): Digest {
  const digest = digestOf(bytes);
  // Not by pid: another pid namespace with the same store may have the same.
  const temporary = join(paths.temporary, `blob-${crypto.randomUUID()}`);
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
    renameSync(temporary, paths.blob(hexOf(digest)));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  const directory = openSync(paths.blobs, constants.O_RDONLY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
  return digest;
}

/** The bytes of a blob, checked again: a disk may have changed them. Errors: "blob-missing", "blob-corrupt". */
export function readBlob(paths: StorePaths, digest: Digest): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(paths.blob(hexOf(digest)));
  } catch (error) {
    throw missing(digest, error);
  }
  if (digestOf(bytes) !== digest) {
    throw new MdkError("corrupt", "blob-corrupt", `the store's copy of ${digest} has changed`, { hint: "remove the image and pull it again" });
  }
  return bytes;
}

const CHUNK = 1 << 20;

/** The bytes of a large blob from an offset; not verified. Throws "blob-missing". */
export async function* streamBlob(paths: StorePaths, digest: Digest, from: number): AsyncGenerator<Uint8Array, void> {
  let fd: number;
  try {
    fd = openSync(paths.blob(hexOf(digest)), constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    throw missing(digest, error);
  }
  try {
    for (let at = from; ; ) {
      const chunk = Buffer.allocUnsafe(CHUNK);
      const count = readSync(fd, chunk, 0, CHUNK, at);
      if (count === 0) return;
      at += count;
      yield chunk.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}

function missing(digest: Digest, cause: unknown): MdkError {
  return new MdkError("corrupt", "blob-missing", `the store has lost ${digest}`, { cause, hint: "remove the image and pull it again" });
}

/** Removes every blob that is not in `used`. */
export function pruneBlobs(paths: StorePaths, used: ReadonlySet<string>): void {
  for (const hex of readdirSync(paths.blobs)) {
    if (isDigest(`sha256:${hex}`) && !used.has(`sha256:${hex}`)) rmSync(paths.blob(hex), { force: true });
  }
}
