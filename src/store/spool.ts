/** Files without a name in tmp/: what is needed at random, or twice, and gone with its descriptor. */
import { constants, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { StorePaths } from "./paths.ts";

const CHUNK = 1 << 20;

/** The caller's to close. */
export function openSpool(paths: StorePaths): number {
  const path = join(paths.temporary, `spool-${crypto.randomUUID()}`);
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  unlinkSync(path);
  return fd;
}

/** At the end of what was written by this descriptor. Throws node's errors. */
export function appendTo(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

/** From an offset to the end. */
export async function* readSpool(fd: number, from: number): AsyncGenerator<Uint8Array, void> {
  for (let at = from; ; ) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const count = readSync(fd, chunk, 0, CHUNK, at);
    if (count === 0) return;
    at += count;
    yield chunk.subarray(0, count);
  }
}
