/** Two more uses of open-file-description locks (lock.ts): a lock file that its holder unlinks, and a reader's byte range. */
import { closeSync, fstatSync, statSync } from "node:fs";
import { E } from "./errno.ts";
import { libc, SysError } from "./ffi.ts";
import { openLock, tryLock } from "./lock.ts";

const c = libc({ fcntl: { args: ["i32", "i32", "ptr"], returns: "i32" } });

const F_OFD_SETLK = 37;

/** Takes a shared lock on a range of bytes; false when somebody holds it exclusively. `fd` must be open for reading. */
export function tryLockShared(fd: number, start: number, length: number): boolean {
  const flock = Buffer.alloc(32); // struct flock of 64-bit Linux; type 0 is F_RDLCK
  flock.writeBigInt64LE(BigInt(start), 8);
  flock.writeBigInt64LE(BigInt(length), 16);
  return c().fcntl(fd, F_OFD_SETLK, flock) === 0;
}

/**
 * Opens and locks the file at `path`, which its holders unlink when they are done; null when somebody holds it. Who gets
 * the lock looks whether the name still leads to its file: the holder before may have unlinked it in between.
 */
export function tryLockFile(path: string): number | null {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const fd = openLock(path);
    if (!tryLock(fd)) {
      closeSync(fd);
      return null;
    }
    const mine = fstatSync(fd);
    const there = statSync(path, { throwIfNoEntry: false });
    if (there !== undefined && there.ino === mine.ino && there.dev === mine.dev) return fd;
    closeSync(fd);
  }
  throw new SysError("lock", E.EAGAIN, path);
}
