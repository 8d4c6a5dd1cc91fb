/** Numbers of the kernel's interface, for the calls of sys/ and for plans that carry them (include/uapi/linux; x86_64 and aarch64 agree on all of them). Pure. */

/** sched.h. */
export const CLONE = {
  NEWTIME: 0x80, NEWNS: 0x20000, NEWCGROUP: 0x2000000, NEWUTS: 0x4000000, NEWIPC: 0x8000000, NEWUSER: 0x10000000,
  NEWPID: 0x20000000, NEWNET: 0x40000000,
} as const;

/** mount.h, mount(2). */
export const MS = { REC: 0x4000, PRIVATE: 1 << 18, SLAVE: 1 << 19, SHARED: 1 << 20 } as const;

/** mount.h, mount_setattr(2). */
export const MOUNT_ATTR = {
  RDONLY: 0x1, NOSUID: 0x2, NODEV: 0x4, NOEXEC: 0x8, ATIME_MASK: 0x70, NOATIME: 0x10, STRICTATIME: 0x20,
  NODIRATIME: 0x80, IDMAP: 0x100000, NOSYMFOLLOW: 0x200000,
} as const;

/** openat2.h, openat2(2); IN_ROOT: `..`, absolute links and everything else stay below the directory. */
export const RESOLVE = { NO_XDEV: 0x1, NO_MAGICLINKS: 0x2, NO_SYMLINKS: 0x4, BENEATH: 0x8, IN_ROOT: 0x10 } as const;

/** fcntl.h. */
export const AT_RECURSIVE = 0x8000;
export const AT_SYMLINK_NOFOLLOW = 0x100;

/** stat.h. */
export const S_IF = { MT: 0o170000, SOCK: 0o140000, LNK: 0o120000, REG: 0o100000, BLK: 0o60000, DIR: 0o40000, CHR: 0o20000, IFO: 0o10000 } as const;

/** prctl.h. */
export const PR = { SET_KEEPCAPS: 8, SET_NO_NEW_PRIVS: 38, CAP_AMBIENT: 47, CAP_AMBIENT_CLEAR_ALL: 4 } as const;

/** asm-generic/resource.h: the index is the number. */
const RLIMITS = [
  "CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE",
  "NICE", "RTPRIO", "RTTIME",
] as const;

/** Number of "RLIMIT_NOFILE"; null for a name that the kernel lacks. */
export function rlimitNumber(type: string): number | null {
  const index = (RLIMITS as readonly string[]).indexOf(type.replace(/^RLIMIT_/, ""));
  return index < 0 ? null : index;
}

/** A device number as mknod(2) takes it (glibc's makedev, which the kernel's 32-bit encoding equals for usual numbers). */
export function makedev(major: number, minor: number): number {
  return (((major & 0xfff) << 8) | (minor & 0xff) | ((minor & 0xfff00) << 12)) >>> 0;
}
