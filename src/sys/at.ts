/**
 * File system calls relative to directory descriptors: the only way mdk touches a tree that somebody else filled.
 * A path is text (UTF-8) or, where names may be any bytes, a Buffer that ends in NUL. Errors are SysError with the call
 * and the name. Every descriptor made is close-on-exec.
 */
import { closeSync } from "node:fs";
import { check, cstr, errno, libc, ptr, SysError } from "./ffi.ts";
import { E } from "./errno.ts";
import { AT_SYMLINK_NOFOLLOW, RESOLVE } from "./linux.ts";

/** What every start and end of a container needs; the rest is opened when a layer is written. */
const c = libc({
  openat: { args: ["i32", "ptr", "i32", "u32"], returns: "i32" },
  mkdirat: { args: ["i32", "ptr", "u32"], returns: "i32" },
  fchown: { args: ["i32", "u32", "u32"], returns: "i32" },
  unlinkat: { args: ["i32", "ptr", "i32"], returns: "i32" },
  syscall: { args: ["i64", "i64", "ptr", "i64", "i64", "ptr"], returns: "i64" },
});
const more = libc({
  mknodat: { args: ["i32", "ptr", "u32", "u64"], returns: "i32" },
  symlinkat: { args: ["ptr", "i32", "ptr"], returns: "i32" },
  linkat: { args: ["i32", "ptr", "i32", "ptr", "i32"], returns: "i32" },
  renameat: { args: ["i32", "ptr", "i32", "ptr"], returns: "i32" },
  readlinkat: { args: ["i32", "ptr", "ptr", "u64"], returns: "i64" },
  fchownat: { args: ["i32", "ptr", "u32", "u32", "i32"], returns: "i32" },
  fchmod: { args: ["i32", "u32"], returns: "i32" },
  fchmodat: { args: ["i32", "ptr", "u32", "i32"], returns: "i32" },
  utimensat: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  futimens: { args: ["i32", "ptr"], returns: "i32" },
  syncfs: { args: ["i32"], returns: "i32" },
  sync_file_range: { args: ["i32", "i64", "i64", "u32"], returns: "i32" },
});

export type SysPath = string | Buffer;

export const AT_REMOVEDIR = 0x200;
const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
/** O_DIRECTORY and O_NOFOLLOW differ between x86_64 and aarch64. */
const ARM = process.arch === "arm64";
export const O_DIRECTORY = ARM ? 0o40000 : 0o200000;
export const O_NOFOLLOW = ARM ? 0o100000 : 0o400000;
export const O_WRONLY = 1;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NONBLOCK = 0o4000;

const SYS_OPENAT2 = 437;
const SYS_STATX = ARM ? 291 : 332;

function bytes(path: SysPath): Buffer {
  return typeof path === "string" ? cstr(path) : path;
}

/** The name for a message; a Buffer's NUL is not part of it. */
function shown(path: SysPath): string {
  return typeof path === "string" ? path : path.toString("utf8", 0, path.length - 1);
}

export function openAt(directory: number, path: SysPath, flags: number, mode = 0): number {
  return check(c().openat(directory, bytes(path), flags | O_CLOEXEC, mode), "open", shown(path));
}

/** Like openAt, but null instead of an error when errno is one of `expected`. */
export function openAtUnless(directory: number, path: SysPath, flags: number, expected: readonly number[]): number | null {
  const fd = c().openat(directory, bytes(path), flags | O_CLOEXEC, 0);
  if (fd !== -1) return fd;
  const code = errno();
  if (expected.includes(code)) return null;
  throw new SysError("open", code, shown(path));
}

/**
 * openat2(2) with `root` as the root directory: no component, link or `..` leads out of it, whoever changes the tree
 * meanwhile. Retries EAGAIN (a rename raced with `..`). `resolve`: further RESOLVE bits.
 */
export function openInRoot(root: number, path: SysPath, flags: number, mode = 0, resolve = 0): number {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS | resolve), 16);
  for (let attempt = 0; ; attempt++) {
    const fd = Number(c().syscall(SYS_OPENAT2, root, bytes(path), Number(ptr(how)), how.length, null));
    if (fd !== -1) return fd;
    const code = errno();
    if (code !== E.EAGAIN || attempt === 128) throw new SysError("openat2", code, shown(path));
  }
}

export function mkdirAt(directory: number, path: SysPath, mode: number): void {
  check(c().mkdirat(directory, bytes(path), mode), "mkdir", shown(path));
}

/** Opens a directory by its name in another one, made where it is missing; a link is none. Throws SysError. */
export function openFolder(directory: number, name: SysPath): number {
  try {
    mkdirAt(directory, name, 0o755);
  } catch (error) {
    if (!(error instanceof SysError) || error.code !== "EEXIST") throw error;
  }
  return openAt(directory, name, O_DIRECTORY | O_NOFOLLOW);
}

/** `mode` with its S_IF bits; `device` as makeDevice has it. */
export function mknodAt(directory: number, path: SysPath, mode: number, device: bigint): void {
  check(more().mknodat(directory, bytes(path), mode, device), "mknod", shown(path));
}

/** gnu_dev_makedev(3). */
export function makeDevice(major: number, minor: number): bigint {
  const [a, i] = [BigInt(major), BigInt(minor)];
  return (i & 0xffn) | ((a & 0xfffn) << 8n) | ((i & 0xffffff00n) << 12n) | ((a & 0xfffff000n) << 32n);
}

export function symlinkAt(target: SysPath, directory: number, path: SysPath): void {
  check(more().symlinkat(bytes(target), directory, bytes(path)), "symlink", shown(path));
}

/** A hard link; a symbolic link is linked itself. */
export function linkAt(from: number, old: SysPath, to: number, path: SysPath): void {
  check(more().linkat(from, bytes(old), to, bytes(path), 0), "link", shown(path));
}

export function unlinkAt(directory: number, path: SysPath, flags = 0): void {
  check(c().unlinkat(directory, bytes(path), flags), "unlink", shown(path));
}

/** unlinkat(2) for who expects refusals: 0, or its errno. */
export function tryUnlinkAt(directory: number, path: SysPath, flags: number): number {
  return c().unlinkat(directory, bytes(path), flags) === 0 ? 0 : errno();
}

export function renameAt(from: number, old: SysPath, to: number, path: SysPath): void {
  check(more().renameat(from, bytes(old), to, bytes(path)), "rename", shown(path));
}

const LINK_BYTES_MAX = 4096;

/** The target of a symbolic link, as the bytes it is. */
export function readlinkAt(directory: number, path: SysPath): Buffer {
  const target = Buffer.alloc(LINK_BYTES_MAX);
  const length = check(more().readlinkat(directory, bytes(path), target, target.length), "readlink", shown(path));
  return target.subarray(0, length);
}

export function chown(fd: number, uid: number, gid: number): void {
  check(c().fchown(fd, uid, gid), "chown");
}

/** Changes the owner of the name itself, never of what a link points to. */
export function chownAt(directory: number, path: SysPath, uid: number, gid: number): void {
  check(more().fchownat(directory, bytes(path), uid, gid, AT_SYMLINK_NOFOLLOW), "chown", shown(path));
}

export function chmod(fd: number, mode: number): void {
  check(more().fchmod(fd, mode), "chmod");
}

/** Follows a link: only for names that were just made as something else, in a directory nobody else writes. */
export function chmodAt(directory: number, path: SysPath, mode: number): void {
  check(more().fchmodat(directory, bytes(path), mode, 0), "chmod", shown(path));
}

/** A point in time as stat has it; seconds may be negative. */
export interface Time {
  readonly seconds: number;
  /** 0 to 999 999 999. */
  readonly nanoseconds: number;
}

const times = Buffer.alloc(32);

function bothTimes(time: Time): Buffer {
  for (const offset of [0, 16]) {
    times.writeBigInt64LE(BigInt(time.seconds), offset);
    times.writeBigInt64LE(BigInt(time.nanoseconds), offset + 8);
  }
  return times;
}

/** Sets access and modification time. */
export function setTimes(fd: number, time: Time): void {
  check(more().futimens(fd, bothTimes(time)), "utimens");
}

export function setTimesAt(directory: number, path: SysPath, time: Time): void {
  check(more().utimensat(directory, bytes(path), bothTimes(time), AT_SYMLINK_NOFOLLOW), "utimens", shown(path));
}

/** Writes everything of the file system that holds `fd` to the disk: cheaper than an fsync for each file. */
export function syncFileSystem(fd: number): void {
  check(more().syncfs(fd), "syncfs");
}

const SYNC_FILE_RANGE_WRITE = 2;

/** Starts writing a file's content to the disk and does not wait: what syncFileSystem would wait for later. A hint: errors do not count. */
export function startWriteback(fd: number): void {
  more().sync_file_range(fd, 0n, 0n, SYNC_FILE_RANGE_WRITE);
}

const SYS_GETDENTS64 = ARM ? 61 : 217;

/** Whether the file system of a directory says what its entries are: d_type of getdents(2) is not DT_UNKNOWN. */
export function tellsTypes(directory: string): boolean {
  const fd = openAt(-100, directory, O_DIRECTORY);
  try {
    const entries = Buffer.alloc(4096);
    check(c().syscall(SYS_GETDENTS64, fd, entries, entries.length, 0, null), "getdents64", directory);
    return entries[18] !== 0;
  } finally {
    closeSync(fd);
  }
}

export interface Status {
  /** S_IFMT and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly size: number;
  /** What it takes on the disk, in units of 512 bytes. */
  readonly blocks: number;
  readonly inode: bigint;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** "major:minor" of the file system: with the inode the identity of a file. */
  readonly fileSystem: string;
  readonly modified: Time;
  readonly accessed: Time;
  /** Of the inode, whatever it was that changed: contents, attributes, mode, owner, links. Nobody sets it. */
  readonly changed: Time;
  /** Something is mounted here (since Linux 5.8). */
  readonly mountRoot: boolean;
}

const STATX_BASIC_STATS = 0x7ff;
const STATX_ATTR_MOUNT_ROOT = 0x2000n;
const AT_EMPTY_PATH = 0x1000;

/** statx(2) of a name, never through a link; null when it is not there. An empty path: the descriptor itself. */
export function statAt(directory: number, path: SysPath): Status | null {
  const name = bytes(path);
  const flags = AT_SYMLINK_NOFOLLOW | (name.length === 1 ? AT_EMPTY_PATH : 0);
  const struct = Buffer.alloc(256);
  if (Number(c().syscall(SYS_STATX, directory, name, flags, STATX_BASIC_STATS, struct)) === -1) {
    const code = errno();
    if (code === E.ENOENT) return null;
    throw new SysError("stat", code, shown(path));
  }
  const time = (offset: number): Time => ({ seconds: Number(struct.readBigInt64LE(offset)), nanoseconds: struct.readUInt32LE(offset + 8) });
  return {
    links: struct.readUInt32LE(0x10), uid: struct.readUInt32LE(0x14), gid: struct.readUInt32LE(0x18), mode: struct.readUInt16LE(0x1c),
    inode: struct.readBigUInt64LE(0x20), size: Number(struct.readBigUInt64LE(0x28)), blocks: Number(struct.readBigUInt64LE(0x30)),
    accessed: time(0x40), changed: time(0x60), modified: time(0x70),
    deviceMajor: struct.readUInt32LE(0x80), deviceMinor: struct.readUInt32LE(0x84),
    fileSystem: `${struct.readUInt32LE(0x88)}:${struct.readUInt32LE(0x8c)}`,
    mountRoot: (struct.readBigUInt64LE(8) & STATX_ATTR_MOUNT_ROOT) !== 0n,
  };
}

/** Whether something is mounted at the path (statx(2), since Linux 5.8). */
export function isMountPoint(path: string): boolean {
  const struct = Buffer.alloc(256);
  check(c().syscall(SYS_STATX, -100, bytes(path), AT_SYMLINK_NOFOLLOW, 0, struct), "statx", path);
  return (struct.readBigUInt64LE(8) & STATX_ATTR_MOUNT_ROOT) !== 0n;
}
