/**
 * A container's root file system as a detached overlay, and what is made in it before the container is: the working directory,
 * mount points. Everything goes through the mount's descriptor with RESOLVE_IN_ROOT: the image's links lead nowhere else.
 */
import { chmodSync, chownSync, closeSync, existsSync, fchmodSync, mkdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { mountOverlay, probeOverlay } from "../../layer/overlay.ts";
import { chmod, mkdirAt, openInRoot, O_CREAT, O_DIRECTORY, O_PATH, O_WRONLY } from "../../sys/at.ts";
import { SysError } from "../../sys/ffi.ts";
import { RESOLVE } from "../../sys/linux.ts";
import { existsInRoot, followLinks } from "../host/in-root.ts";
import { explainUnusable } from "../host/stranded.ts";

export interface RootOptions {
  /** The data root. */
  readonly root: string;
  /** The container's directory in the store: upper and work are made in it. */
  readonly directory: string;
  /** Layer directories, the uppermost first. */
  readonly layers: readonly string[];
  /** The upper is thrown away at the end: no sync, ever (kernel-traps 22). */
  readonly volatile: boolean;
}

/** Mounts the root and returns its descriptor. The caller holds the op lock and knows that nobody mounts the upper. */
export function mountRoot({ root, directory, layers, volatile }: RootOptions): number {
  const upper = `${directory}/upper`;
  const work = `${directory}/work`;
  ensureUpper(upper, layers[0]);
  // A work directory that a volatile mount left refuses the next one: an earlier run's, or a start's that was cut off.
  rmSync(`${work}/work/incompat`, { recursive: true, force: true });
  mkdirSync(work, { recursive: true, mode: 0o700 });
  try {
    return mountOverlay({ lower: layers, upper, work, volatile });
  } catch (error) {
    // A data root that cannot hold an upper at all (itself on an overlay) is the likeliest reason, and has a sentence of its own.
    const unusable = probeOverlay(directory);
    throw unusable === null ? error : explainUnusable(root, unusable);
  }
}

/** The upper's own mode, owner and times become those of `/`: they are the top layer's (kernel-traps 30). */
export function ensureUpper(upper: string, top: string | undefined): void {
  if (existsSync(upper)) return;
  // Under its name it is complete: a start that is killed in here leaves nothing that the next one would take as it is.
  const draft = `${upper}.new`;
  mkdirSync(draft, { recursive: true, mode: 0o755 });
  if (top !== undefined) makeLike(draft, top);
  renameSync(draft, upper);
}

/** The directory gets the mode, owner and times of another one. */
export function makeLike(directory: string, top: string): void {
  // A root directory is named by a descriptor, which is a link.
  const stat = statSync(top);
  chownSync(directory, stat.uid, stat.gid);
  chmodSync(directory, stat.mode & 0o7777);
  utimesSync(directory, stat.atime, stat.mtime);
}

/** Makes a directory with the missing ones above it, 0755 and root's as Docker's are, whoever the user is; one that is there stays as it is. */
export function ensureRootDirectory(root: number, path: string): void {
  if (existsInRoot(root, path)) return;
  let current = "";
  for (const part of followLinks(root, path)) {
    const parent = current === "" ? "." : current;
    current = current === "" ? part : `${current}/${part}`;
    if (existsInRoot(root, current)) continue;
    const above = openInRoot(root, parent, O_PATH | O_DIRECTORY, 0, RESOLVE.NO_MAGICLINKS);
    try {
      mkdirAt(above, part, 0o755);
    } catch (error) {
      if (error instanceof SysError) throw new MdkError("exhausted", "root-mkdir", `cannot make ${path} in the container: ${error.message}`, { cause: error });
      throw error;
    } finally {
      closeSync(above);
    }
    openToAll(root, current);
  }
}

/** The caller's umask took bits away. */
function openToAll(root: number, path: string): void {
  const directory = openInRoot(root, path, O_DIRECTORY, 0, RESOLVE.NO_MAGICLINKS);
  try {
    chmod(directory, 0o755);
  } finally {
    closeSync(directory);
  }
}

/** Makes what a mount needs under it: a directory, or an empty file in a directory. One that is there stays as it is. */
export function ensureMountPoint(root: number, path: string, kind: "file" | "directory"): void {
  if (existsInRoot(root, path)) return;
  const parts = followLinks(root, path);
  ensureRootDirectory(root, (kind === "directory" ? parts : parts.slice(0, -1)).join("/"));
  if (kind === "file") makeFile(root, parts.join("/"));
}

/** Empty and 0755 whatever the caller's umask, as runc makes it. */
function makeFile(root: number, path: string): void {
  const file = openInRoot(root, path, O_CREAT | O_WRONLY, 0o755, RESOLVE.NO_MAGICLINKS);
  try {
    fchmodSync(file, 0o755);
  } finally {
    closeSync(file);
  }
}
