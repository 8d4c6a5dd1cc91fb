/** FITRIM: what a file system has free is free for the device below it too (fstrim(8)). */
import { libc } from "./ffi.ts";

const c = libc({ ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" } });

/** include/uapi/linux/fs.h: _IOWR('X', 121, struct fstrim_range). */
const FITRIM = 0xc0185879;
/** Smaller free extents are left: 64 KiB. */
const LEAST_BYTES = 65536n;

/** `directory`: a descriptor of any directory of it. What cannot be trimmed (the device has no way to, it is read-only) stays as it is. */
export function trimFileSystem(directory: number): void {
  const range = Buffer.alloc(24);
  range.writeBigUInt64LE(2n ** 64n - 1n, 8);
  range.writeBigUInt64LE(LEAST_BYTES, 16);
  c().ioctl(directory, FITRIM, range);
}
