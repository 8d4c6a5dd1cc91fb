/** Extended attributes (xattr(7)), of descriptors and of names in a directory; values are bytes and may hold NULs. */
import { E } from "./errno.ts";
import { check, cstr, errno, libc, SysError } from "./ffi.ts";
import type { SysPath } from "./at.ts";

const c = libc({
  fsetxattr: { args: ["i32", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  lsetxattr: { args: ["ptr", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  lgetxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64" },
  llistxattr: { args: ["ptr", "ptr", "u64"], returns: "i64" },
});

/** XATTR_SIZE_MAX and XATTR_LIST_MAX of the kernel. */
const SIZE_MAX = 65536;

/** The name `path` in the directory, as a path that leads through the descriptor and so cannot be redirected. */
function through(directory: number, path: SysPath): Buffer {
  const name = typeof path === "string" ? cstr(path) : path;
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), name]);
}

export function setXattr(fd: number, name: string, value: Uint8Array): void {
  check(c().fsetxattr(fd, cstr(name), value.length === 0 ? Buffer.alloc(1) : value, value.length, 0), "setxattr", name);
}

/** Of the name itself, never of what a link points to. */
export function setXattrAt(directory: number, path: SysPath, name: string, value: Uint8Array): void {
  const filled = value.length === 0 ? Buffer.alloc(1) : value;
  check(c().lsetxattr(through(directory, path), cstr(name), filled, value.length, 0), "setxattr", name);
}

/** Lent to one call after the other: allocating it costs more than the calls. */
const buffer = Buffer.allocUnsafe(SIZE_MAX);

/** All attributes of a name (an empty path: of the directory); empty where the file system has none. */
export function xattrsAt(directory: number, path: SysPath): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  const file = path === "" ? cstr(`/proc/self/fd/${directory}/.`) : through(directory, path);
  const length = Number(c().llistxattr(file, buffer, buffer.length));
  if (length === -1) {
    const code = errno();
    if (code === E.EOPNOTSUPP) return found;
    throw new SysError("listxattr", code, file.toString("utf8", 0, file.length - 1));
  }
  const names = buffer.toString("latin1", 0, length).split("\0").slice(0, -1);
  for (const name of names) {
    const size = Number(c().lgetxattr(file, Buffer.from(`${name}\0`, "latin1"), buffer, buffer.length));
    if (size !== -1) found.set(name, Buffer.from(buffer.subarray(0, size)));
  }
  return found;
}
