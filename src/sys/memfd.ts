/** Anonymous files in memory (memfd_create(2)): how the plan reaches the shim without touching a disk. */
import { writeSync } from "node:fs";
import { check, cstr, libc } from "./ffi.ts";

const c = libc({ memfd_create: { args: ["ptr", "u32"], returns: "i32" } });

const MFD_CLOEXEC = 1;

/**
 * A memfd that holds exactly these bytes, close-on-exec, offset at its end (the shim reads with pread). `name` appears
 * in /proc/PID/fd only. The caller closes it. Throws SysError, and node's error when memory is short.
 */
export function memfd(name: string, bytes: Uint8Array): number {
  const fd = check(c().memfd_create(cstr(name), MFD_CLOEXEC), "memfd_create", name);
  for (let offset = 0; offset < bytes.length; ) offset += writeSync(fd, bytes, offset);
  return fd;
}
