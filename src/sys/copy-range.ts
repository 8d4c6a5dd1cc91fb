/** A file's content into another one by the kernel: shared where the file system can (btrfs, XFS), else never seen by this process. */
import { readSync, writeSync } from "node:fs";
import { E } from "./errno.ts";
import { errno, libc, SysError } from "./ffi.ts";

const c = libc({ copy_file_range: { args: ["i32", "ptr", "i32", "ptr", "u64", "u32"], returns: "i64" } });

/** Of one call: the kernel's own bound is 2 GiB, and a signal waits for the end of a call. */
const PART = 1 << 28;
const CHUNK = 1 << 20;
/** copy_file_range(2): not between these two, or not by this kernel. */
const ELSEWHERE: ReadonlySet<number> = new Set([E.EXDEV, E.EINVAL, E.ENOSYS, E.EOPNOTSUPP, E.EPERM]);

/** From where the descriptors stand to the end of `from`; returns how many bytes that was. Throws SysError, and node's errors of read and write. */
export function copyRange(from: number, to: number): number {
  for (let length = 0; ; ) {
    const count = Number(c().copy_file_range(from, null, to, null, BigInt(PART), 0));
    if (count > 0) length += count;
    else if (count === -1 && !ELSEWHERE.has(errno())) throw new SysError("copy_file_range", errno(), "");
    else if (count === 0 && length > 0) return length;
    // Some file systems say 0 where they cannot: what there is, if anything, is read.
    else return length + readOn(from, to);
  }
}

let lent: Buffer | null = null;

function readOn(from: number, to: number): number {
  const chunk = (lent ??= Buffer.allocUnsafe(CHUNK));
  for (let length = 0; ; ) {
    const count = readSync(from, chunk, 0, CHUNK, null);
    if (count === 0) return length;
    for (let at = 0; at < count; ) at += writeSync(to, chunk, at, count - at);
    length += count;
  }
}
