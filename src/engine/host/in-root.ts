/**
 * What is found in a root file system that somebody else filled: users, links, files. Everything goes through the root's descriptor with
 * RESOLVE_IN_ROOT: its links lead nowhere else.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { resolveUser, type ResolvedUser } from "../../spec/user.ts";
import { openInRoot, O_NOFOLLOW, O_NONBLOCK, O_PATH, readlinkAt } from "../../sys/at.ts";
import { SysError } from "../../sys/ffi.ts";
import { RESOLVE } from "../../sys/linux.ts";

/** -u or USER, resolved with the container's own passwd and group. */
export function userInRoot(root: number, user: string, groupAdd: readonly string[]): ResolvedUser {
  return resolveUser(user, readRootText(root, "etc/passwd"), readRootText(root, "etc/group"), groupAdd);
}

const TEXT_BYTES_MAX = 4 << 20;

/**
 * A text file of the root (passwd, group), or null when it is missing or is no regular file. Looked at before it is opened: a
 * container may make a node of any device, and opening one (a watchdog, a tape) is an act of its own that no rule denies us.
 */
function readRootText(root: number, path: string): string | null {
  let seen: number;
  try {
    seen = openInRoot(root, path, O_PATH, 0, RESOLVE.NO_MAGICLINKS);
  } catch (error) {
    if (error instanceof SysError) return null;
    throw error;
  }
  try {
    return fstatSync(seen).isFile() ? readText(openSync(`/proc/self/fd/${seen}`, constants.O_RDONLY | O_NONBLOCK)) : null;
  } finally {
    closeSync(seen);
  }
}

function readText(file: number): string {
  try {
    const stat = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(stat.size, TEXT_BYTES_MAX));
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0)).toString("utf8");
  } finally {
    closeSync(file);
  }
}

/** Whether a path of the root leads anywhere. */
export function existsInRoot(root: number, path: string): boolean {
  try {
    closeSync(openInRoot(root, path, O_PATH, 0, RESOLVE.NO_MAGICLINKS));
    return true;
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return false;
    throw error;
  }
}

const LINKS_MAX = 40; // MAXSYMLINKS of the kernel

/**
 * The parts of the path without links that a path leads to, as the kernel walks it with the root as "/"; what is missing is
 * taken as it is written. Links of an image may dangle (/etc/resolv.conf of a system with systemd-resolved) and are still
 * where things are to be made. Whoever else writes to the root may make it another path meanwhile: it is opened in the root again.
 */
export function followLinks(root: number, path: string): string[] {
  const pending = path.split("/").reverse();
  const walked: string[] = [];
  let links = 0;
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      walked.pop();
      continue;
    }
    walked.push(part);
    const target = readLink(root, walked.join("/"));
    if (target === null) continue;
    if (++links > LINKS_MAX) throw new MdkError("invalid", "root-links", `cannot make ${path} in the container: too many levels of symbolic links`);
    if (target.startsWith("/")) walked.length = 0;
    else walked.pop();
    pending.push(...target.split("/").reverse());
  }
  return walked;
}

/** Where a link points to; null for everything else. */
function readLink(root: number, path: string): string | null {
  let link: number;
  try {
    link = openInRoot(root, path, O_PATH | O_NOFOLLOW, 0, RESOLVE.NO_MAGICLINKS);
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return null;
    throw error;
  }
  try {
    return fstatSync(link).isSymbolicLink() ? readlinkAt(link, "").toString("utf8") : null;
  } finally {
    closeSync(link);
  }
}
