/** Settings of the network namespace below /proc/sys, by their sysctl(8) names. */
import { closeSync, openSync, readSync, writeFileSync } from "node:fs";
import { MdkError, messageOf } from "../error.ts";
import { MOUNT_ATTR } from "../sys/linux.ts";
import { fsmount, fsopen } from "../sys/mount.ts";

/** Longer than any setting of the network. */
const VALUE_BYTES_MAX = 256;

/** Read on every start: readFileSync would have a buffer of 256 KiB for it, and takes three times as long. */
export function readSysctl(name: string): string {
  const fd = openSync(sysctlPath("/proc", name), "r");
  try {
    const bytes = Buffer.alloc(VALUE_BYTES_MAX);
    return bytes.toString("latin1", 0, readSync(fd, bytes, 0, bytes.length, 0)).trim();
  } finally {
    closeSync(fd);
  }
}

/** Throws MdkError "sysctl". */
export function writeSysctl(name: string, value: string): void {
  try {
    try {
      writeFileSync(sysctlPath("/proc", name), value, { flag: "r+" });
    } catch (error) {
      if ((error as { code?: string }).code !== "EROFS") throw error;
      writeThroughOwnMount(name, value);
    }
  } catch (error) {
    throw new MdkError("unsupported", "sysctl", `set ${name}=${value}: ${messageOf(error)}`, {
      hint: "in a container, mdk needs /proc/sys writable: run that container privileged",
      cause: error,
    });
  }
}

/** /proc/sys is mounted read-only in a container that is not privileged; who may mount has a /proc of his own, detached and gone again. */
function writeThroughOwnMount(name: string, value: string): void {
  const context = fsopen("proc");
  try {
    const mount = fsmount(context, MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC);
    try {
      writeFileSync(sysctlPath(`/proc/self/fd/${mount}`, name), value, { flag: "r+" });
    } finally {
      closeSync(mount);
    }
  } finally {
    closeSync(context);
  }
}

/** Names of interfaces may hold dots: then slashes stand between the parts ("net/ipv6/conf/eth0.50/accept_ra"), as sysctl(8) allows. */
function sysctlPath(proc: string, name: string): string {
  const segments = name.split(name.includes("/") ? "/" : ".");
  if (segments.some((segment) => ["", ".", ".."].includes(segment))) throw new MdkError("unsupported", "sysctl", `invalid sysctl name ${name}`);
  return `${proc}/sys/${segments.join("/")}`;
}
