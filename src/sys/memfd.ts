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

const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL, _SHRINK, _GROW, _WRITE: nobody changes it any more. */
const ALL_SEALS = 15;

const seals = libc({ fcntl: { args: ["i32", "i32", "i32"], returns: "i32" } });

/** A memfd that can be executed and that nobody can change, the container included. */
export function sealedMemfd(name: string, bytes: Uint8Array): number {
  const fd = check(c().memfd_create(cstr(name), MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create", name);
  for (let offset = 0; offset < bytes.length; ) offset += writeSync(fd, bytes, offset);
  check(seals().fcntl(fd, F_ADD_SEALS, ALL_SEALS), "fcntl", name);
  return fd;
}
