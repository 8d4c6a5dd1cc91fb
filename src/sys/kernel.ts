/** Which Linux this is. */
import { readFileSync } from "node:fs";

let known: string | undefined;

/** "6.12.117+deb12-cloud-amd64", as uname(2) says it; read once. */
export function kernelRelease(): string {
  return (known ??= readFileSync("/proc/sys/kernel/osrelease", "latin1").trim());
}

/** Whether the kernel is of this version or a later one. */
export function isKernel(major: number, minor: number, release = kernelRelease()): boolean {
  const [ownMajor = 0, ownMinor = 0] = release.split(/[.-]/, 2).map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
