/** Flags of a file for its file system (ioctl_iflags(2)). */
import { closeSync, constants, openSync } from "node:fs";
import { libc } from "./ffi.ts";

const c = libc({ ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" } });

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
/** fs/ext4/ext4.h, EXT4_TOPDIR_FL: chattr +T. */
const TOPDIR = 0x20000;

/**
 * Tells ext4 that the directories made in this one have nothing to do with each other: each gets block groups of its own, so
 * that several can be filled at once, and so that one is not filled where another has just been deleted (without a journal
 * ext4 passes every inode over that was deleted a moment ago, one by one: fs/ext4/ialloc.c, recently_deleted). A file system
 * that knows no such flag goes on as it does.
 */
export function spreadSubdirectories(path: string): void {
  const directory = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const flags = new Uint32Array(2);
    if (c().ioctl(directory, FS_IOC_GETFLAGS, flags) !== 0) return;
    flags[0]! |= TOPDIR;
    c().ioctl(directory, FS_IOC_SETFLAGS, flags);
  } finally {
    closeSync(directory);
  }
}
