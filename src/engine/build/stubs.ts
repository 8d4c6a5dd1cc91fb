/** What is made in a step's upper directory only for something to be mounted on, and is no part of its outcome. */
import { closeSync, lstatSync, openSync, rmdirSync, rmSync } from "node:fs";
import { posix } from "node:path";
import { isDirectory } from "../../layer/tree.ts";
import { OPAQUE_XATTR } from "../../layer/whiteout.ts";
import { openInRoot, O_DIRECTORY, O_PATH, statAt, type Status } from "../../sys/at.ts";
import { RESOLVE } from "../../sys/linux.ts";
import { xattrsAt } from "../../sys/xattr.ts";
import { followLinks, existsInRoot } from "../host/in-root.ts";

interface Known {
  readonly path: string;
  readonly status: Status;
  readonly xattrs: readonly string[];
}

export interface Stubs {
  /** Directories and files on the way to the targets that the image does not have, the deepest first. */
  readonly missing: readonly string[];
  /** Directories of the image on those ways, the deepest first: what was made in them has copied them up. */
  readonly above: readonly Known[];
}

/** `view`: the image's files, merged; `targets`: absolute. Links are followed as the kernel will, within the root. */
export function findStubs(view: number, targets: readonly string[]): Stubs {
  const ways = new Set(targets.flatMap((target) => followLinks(view, target.slice(1)).map((_, index, parts) => parts.slice(0, index + 1).join("/"))));
  const paths = [...ways].toSorted((a, b) => b.split("/").length - a.split("/").length);
  const isMissing = new Set(paths.filter((path) => !existsInRoot(view, path)));
  const known = paths.filter((path) => !isMissing.has(path)).map((path): Known => ({ path, status: statAt(view, path)!, xattrs: attributesOf(view, path) }));
  return { missing: [...isMissing], above: known.filter(({ status }) => isDirectory(status)) };
}

/** Takes away what is still as it was made, and copies of the image's directories that nothing was changed in. No link is followed: the program may have made any. */
export function removeStubs(upper: string, { missing, above }: Stubs): void {
  const root = openSync(upper, O_DIRECTORY);
  try {
    for (const path of missing) {
      inParent(root, path, (place) => {
        const stat = lstatSync(place, { throwIfNoEntry: false });
        if (stat?.isDirectory() === true) rmdirSync(place);
        else if (stat?.isFile() === true && stat.size === 0) rmSync(place);
      });
    }
    if (missing.length > 0) for (const known of above) inParent(root, known.path, (place, parent) => removeCopy(place, parent, known));
  } finally {
    closeSync(root);
  }
}

function inParent(root: number, path: string, work: (place: string, parent: number) => void): void {
  let parent: number | null = null;
  try {
    parent = openInRoot(root, posix.dirname(path), O_PATH | O_DIRECTORY, 0, RESOLVE.NO_SYMLINKS);
    work(`/proc/self/fd/${parent}/${posix.basename(path)}`, parent);
  } catch (error) {
    // Something is in it, or its directory is none any more: the program's.
    const { code } = error as { code?: string };
    if (!["ENOTEMPTY", "ENOENT", "ENOTDIR", "ELOOP"].includes(code ?? "")) throw error;
  } finally {
    if (parent !== null) closeSync(parent);
  }
}

/** Empty and dressed as the image has it, a directory of an upper changes nothing but its own time. */
function removeCopy(place: string, parent: number, { path, status, xattrs }: Known): void {
  const name = posix.basename(path);
  const own = statAt(parent, name);
  if (own === null || own.mode !== status.mode || own.uid !== status.uid || own.gid !== status.gid) return;
  if (attributesOf(parent, name).join() === xattrs.join()) rmdirSync(place);
}

/** Those that the overlay itself writes say nothing of what a directory is, but for the one that hides what is below. */
function attributesOf(directory: number, path: string): string[] {
  return [...xattrsAt(directory, path)].filter(([key]) => key === OPAQUE_XATTR || !key.startsWith("trusted.overlay.")).map(([key, value]) => `${key}=${value.toString("hex")}`).sort();
}
