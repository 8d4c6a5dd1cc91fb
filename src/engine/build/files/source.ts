/** Trees that COPY and ADD take from, and what is known of them from earlier builds. */
import { closeSync } from "node:fs";
import type { IgnoreRules } from "../../../build/context/ignore.ts";
import { MdkError, messageOf } from "../../../error.ts";
import { baseOf, join } from "../../../layer/tree.ts";
import { openFile } from "../../../layer/walk.ts";
import { O_DIRECTORY, openInRoot, statAt, type Status } from "../../../sys/at.ts";
import { errnoText } from "../../../sys/errno.ts";
import { SysError } from "../../../sys/ffi.ts";
import { RESOLVE } from "../../../sys/linux.ts";

/** A tree that files come from. Whoever gathers from it lends it until the files are placed. */
export interface FileTree {
  /** O_DIRECTORY descriptor, O_PATH or not; everything is resolved in it. */
  readonly root: number;
  readonly ignore: IgnoreRules | null;
  /** For errors: "the build context", "stage base", an image's reference. */
  readonly name: string;
  /** The context's files are the caller's and become 0:0; those of another image keep their owners. */
  readonly ownersKept: boolean;
}

/**
 * Digests of contents, by what stat(2) says of the files of a directory: what is found here is not read again. Each key and each digest
 * is 64 hexadecimal digits.
 */
export interface FileDigests {
  /** The moment when the build began, milliseconds since 1970: what has changed just before it may change again without its times telling. */
  readonly begun: number;
  find(key: string): string | null;
  keep(key: string, digest: string): void;
}

/** What is found in a tree below one source. */
export interface FoundFile {
  /** From the source, a byte string: "a/b"; of a source that is no directory its own name. */
  readonly path: string;
  readonly status: Status;
  /** A directory that is excluded, or not named, itself: something below it is not. */
  readonly isOnTheWay: boolean;
}

/** One source, resolved. */
export interface Gathering {
  readonly tree: FileTree;
  /** The directory that the paths of `found` begin at: from the tree's root, a byte string without links, "" is the root itself. */
  readonly directory: string;
  /** The directory's own status; null: the source is the one entry of `found`. */
  readonly top: Status | null;
  /** How it is called where it is put into a directory: the last component as it was written, a byte string. */
  readonly name: string;
  /** Depth first, by name, each directory before what is in it. */
  readonly found: readonly FoundFile[];
}

/** Of a path as it is opened: each component is a directory, and none a link. */
const PATH_BYTES = 4000;

/** Opens a directory of a tree, or of what is built, by a path without links; who put one there since is not followed. Throws SysError. */
export function openWithin(root: number, path: string): number {
  let at = openInRoot(root, ".", O_DIRECTORY, 0, RESOLVE.NO_MAGICLINKS);
  for (let rest = path; rest !== ""; ) {
    const cut = rest.length <= PATH_BYTES ? rest.length : rest.lastIndexOf("/", PATH_BYTES) + 1;
    const above = at;
    try {
      at = openInRoot(above, Buffer.from(`${rest.slice(0, cut)}\0`, "latin1"), O_DIRECTORY, 0, RESOLVE.NO_SYMLINKS);
    } finally {
      closeSync(above);
    }
    rest = rest.slice(cut);
  }
  return at;
}

/** Opens a file that was found in a directory, by its name there. Throws MdkError "build-file-changed" when it is not what was found. */
export function openFound(directory: number, { path, status }: FoundFile, changed: () => MdkError): number {
  const fd = openFile(directory, Buffer.from(`${baseOf(path)}\0`, "latin1"), false);
  if (fd === null) throw changed();
  try {
    if (isSame(status, statAt(fd, "") as Status)) return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  throw changed();
}

/** The one file of a source that is no directory. */
export function openOnly({ tree, directory, found }: Gathering): number {
  const only = found[0] as FoundFile;
  const parent = openWithin(tree.root, directory);
  try {
    return openFound(parent, only, () => changedWhileRead(tree, join(directory, only.path)));
  } finally {
    closeSync(parent);
  }
}

/** Nothing of it has changed between two looks. */
function isSame(seen: Status, now: Status): boolean {
  return seen.inode === now.inode && seen.fileSystem === now.fileSystem && seen.size === now.size && seen.mode === now.mode
    && seen.modified.seconds === now.modified.seconds && seen.modified.nanoseconds === now.modified.nanoseconds
    && seen.changed.seconds === now.changed.seconds && seen.changed.nanoseconds === now.changed.nanoseconds;
}

export function changedWhileRead({ name }: FileTree, path: string): MdkError {
  return new MdkError("conflict", "build-file-changed", `"/${shown(path)}" of ${name} changed while it was read`, { hint: "try again when nobody writes to it" });
}

/** A byte string for a message. */
export function shown(path: string): string {
  return Buffer.from(path, "latin1").toString("utf8");
}

/** A path or name of a Dockerfile as the byte string it is on the disk. */
export function byteString(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** Runs `work`; what the system refuses is told with the path it was about. */
export function about<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (error instanceof MdkError || typeof code !== "string") throw error;
    const full = code === "ENOSPC" || code === "EDQUOT";
    const words = error instanceof SysError ? `${error.call}: ${errnoText(error.errno)}` : messageOf(error);
    throw new MdkError(full ? "exhausted" : "invalid", full ? "disk-full" : "build-files", `${what}: ${words}`, { cause: error });
  }
}
