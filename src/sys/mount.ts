/**
 * The file-descriptor based mount calls of Linux 5.2 and later (fsopen(2), fsmount(2), open_tree(2),
 * mount_setattr(2)), by number: the oldest glibc that mdk runs on has no wrappers. The numbers are those of
 * include/uapi/asm-generic/unistd.h, where x86_64 and aarch64 agree. Every descriptor made is close-on-exec.
 */
import { readSync } from "node:fs";
import { errnoText } from "./errno.ts";
import { check, cstr, errno, libc, ptr, SysError } from "./ffi.ts";

const c = libc({
  syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64"], returns: "i64" },
});
const old = libc({ umount2: { args: ["ptr", "i32"], returns: "i32" } });

const SYS = { open_tree: 428, move_mount: 429, fsopen: 430, fsconfig: 431, fsmount: 432, mount_setattr: 442 } as const;

export const AT_FDCWD = -100;
export const AT_EMPTY_PATH = 0x1000;
export const OPEN_TREE_CLONE = 1;
const O_CLOEXEC = 0o2000000;
const CLOEXEC = 1; // FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC
const FSCONFIG = { flag: 0, string: 1, create: 6 } as const;

/** The five arguments; buffers stay referenced by the caller's frame until the call is over. */
function call(name: keyof typeof SYS, ...given: (number | Buffer | null)[]): number {
  const [a = 0, b = 0, d = 0, e = 0, f = 0] = given.map((value) =>
    typeof value === "number" ? value : value === null ? 0 : Number(ptr(value)),
  );
  return Number(c().syscall(SYS[name], a, b, d, e, f));
}

/**
 * A descriptor of the mount at `path`: with OPEN_TREE_CLONE a detached copy of it, with AT_RECURSIVE of all mounts below
 * it too. O_CLOEXEC is added to `flags`. `path` may be "" with AT_EMPTY_PATH: the directory itself.
 */
export function openTree(directory: number, path: string, flags: number): number {
  return check(call("open_tree", directory, cstr(path), flags | O_CLOEXEC), "open_tree", path);
}

const MOVE_MOUNT_F_EMPTY_PATH = 4;

/** Attaches a detached mount (of fsmount, or of openTree with OPEN_TREE_CLONE) at `path`, over what is there. */
export function attachMount(mount: number, path: string): void {
  check(call("move_mount", mount, cstr(""), AT_FDCWD, cstr(path), MOVE_MOUNT_F_EMPTY_PATH), "move_mount", path);
}

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** Takes the uppermost mount at `path` out of this mount namespace; it ends with its last user (umount2(2), MNT_DETACH). */
export function detachMount(path: string): void {
  check(old().umount2(cstr(path), MNT_DETACH | UMOUNT_NOFOLLOW), "umount", path);
}

export interface MountAttributes {
  /** MOUNT_ATTR bits. */
  readonly set?: number;
  readonly clear?: number;
  /** MS_PRIVATE, MS_SLAVE, MS_SHARED; 0 or absent: as it is. */
  readonly propagation?: number;
  /** Descriptor of a user namespace, with MOUNT_ATTR.IDMAP in `set`. */
  readonly userNamespace?: number;
}

/** Changes the attributes of a mount; `flags`: AT_EMPTY_PATH, AT_RECURSIVE. Since Linux 5.12. */
export function mountSetattr(directory: number, path: string, flags: number, attributes: MountAttributes): void {
  const struct = Buffer.alloc(32); // MOUNT_ATTR_SIZE_VER0
  struct.writeBigUInt64LE(BigInt(attributes.set ?? 0), 0);
  struct.writeBigUInt64LE(BigInt(attributes.clear ?? 0), 8);
  struct.writeBigUInt64LE(BigInt(attributes.propagation ?? 0), 16);
  struct.writeBigUInt64LE(BigInt(attributes.userNamespace ?? 0), 24);
  check(call("mount_setattr", directory, cstr(path), flags, struct, struct.length), "mount_setattr", path);
}

/** A file system context of a type: "overlay", "tmpfs", "proc" … The caller closes it. */
export function fsopen(type: string): number {
  return check(call("fsopen", cstr(type), CLOEXEC), "fsopen", type);
}

/** Sets an option; a null value means a flag. The kernel refuses values of 256 bytes and more (EINVAL, kernel-traps 24). */
export function fsconfig(context: number, key: string, value: string | null): void {
  const done = value === null
    ? call("fsconfig", context, FSCONFIG.flag, cstr(key), null, 0)
    : call("fsconfig", context, FSCONFIG.string, cstr(key), cstr(value), 0);
  if (done === -1) throw contextError(context, "fsconfig", value === null ? key : `${key}=${value}`);
}

/** Makes the context's file system and a detached mount of it with MOUNT_ATTR bits; the context stays open. */
export function fsmount(context: number, attributes: number): number {
  if (call("fsconfig", context, FSCONFIG.create, null, null, 0) === -1) throw contextError(context, "fsconfig", "create");
  const mount = call("fsmount", context, CLOEXEC, attributes);
  if (mount === -1) throw contextError(context, "fsmount", "");
  return mount;
}

/** The call's SysError, its object followed by what the context says of it: "e overlay: …" lines (fsopen(2)). */
function contextError(context: number, name: string, object: string): SysError {
  const code = errno();
  const lines: string[] = [];
  const buffer = Buffer.alloc(1024);
  try {
    for (let count = 0; count < 8; count++) {
      const length = readSync(context, buffer);
      if (length === 0) break;
      lines.push(buffer.toString("utf8", 0, length).trim().replace(/^[ewi] /, ""));
    }
  } catch {
    // ENODATA: there is no further line.
  }
  const told = lines.length === 0 ? object : `${object} (${lines.join("; ")})`;
  return new SysError(name, code, told === "" ? errnoText(code) : told);
}
