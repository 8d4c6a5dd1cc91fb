/** What an upper directory changes of the layers below it, as `docker diff` tells it (moby pkg/archive, changes.go). Knows directories only. */
import { closeSync, constants } from "node:fs";
import { O_DIRECTORY, O_NOFOLLOW, O_PATH, openInRoot, statAt, type Status, type Time } from "../sys/at.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { RESOLVE } from "../sys/linux.ts";
import { xattrsAt } from "../sys/xattr.ts";
import { cname, isDirectory, isWhiteout, namesIn, parentOf } from "./tree.ts";
import { walkTree, type Visit } from "./walk.ts";
import { OPAQUE_XATTR } from "./whiteout.ts";

export interface Change {
  readonly kind: "changed" | "added" | "deleted";
  /** From the root, "a/b"; a byte string. */
  readonly path: string;
}

/**
 * The changes, directories before what is in them, in the order of the names. A directory in which something changed has changed; what was only
 * copied up has not. `upper`: a directory in overlay format; `lower`: the merged view of what is below. Descriptors, which stay open.
 */
export function listChanges(upper: number, lower: number): Change[] {
  const found = new Map<string, Change["kind"]>();
  walkTree(upper, null, (visit) => compare(visit, lower, found));
  for (const path of [...found.keys()]) {
    for (let above = parentOf(path); above !== "" && !found.has(above); above = parentOf(above)) found.set(above, "changed");
  }
  // A slash sorts before every other byte: a directory's own come before its neighbours that begin with its name.
  const order = (path: string): string => path.replaceAll("/", "\0");
  return [...found].map(([path, kind]) => ({ kind, path })).sort((a, b) => (order(a.path) < order(b.path) ? -1 : 1));
}

function compare({ parent, base, path, status }: Visit, lower: number, found: Map<string, Change["kind"]>): void {
  const before = statBelow(lower, path);
  if (isWhiteout(status)) {
    if (before !== null) found.set(path, "deleted");
    return;
  }
  if (before === null) return void found.set(path, "added");
  const attributes = xattrsAt(parent, base);
  if (differs(before, status) || !same(attributes.get(CAPABILITY), xattrsBelow(lower, path).get(CAPABILITY))) found.set(path, "changed");
  if (isDirectory(status) && isDirectory(before) && attributes.has(OPAQUE_XATTR)) hidden({ parent, base, path }, lower, found);
}

const CAPABILITY = "security.capability";

const same = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean => Buffer.from(a ?? []).equals(Buffer.from(b ?? []));

/** An opaque directory deletes everything below it that it has no name for. */
function hidden({ parent, base, path }: Omit<Visit, "status">, lower: number, found: Map<string, Change["kind"]>): void {
  const own = openInRoot(parent, base, O_DIRECTORY | O_NOFOLLOW);
  const below = openInRoot(lower, cname(path), O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE.NO_SYMLINKS);
  try {
    const names = new Set(namesIn(own));
    for (const child of namesIn(below)) if (!names.has(child)) found.set(`${path}/${child}`, "deleted");
  } finally {
    closeSync(own);
    closeSync(below);
  }
}

/** Size and time of a directory say nothing of it. Times of layers are whole seconds where their archive has no fractions. */
function differs(before: Status, after: Status): boolean {
  if (before.mode !== after.mode || before.uid !== after.uid || before.gid !== after.gid) return true;
  if (before.deviceMajor !== after.deviceMajor || before.deviceMinor !== after.deviceMinor) return true;
  return !isDirectory(after) && (before.size !== after.size || !isSameTime(before.modified, after.modified));
}

function isSameTime(a: Time, b: Time): boolean {
  return a.seconds === b.seconds && (a.nanoseconds === b.nanoseconds || a.nanoseconds === 0 || b.nanoseconds === 0);
}

/** What a merged view has at a path, by no link; null: nothing. */
export function statBelow(lower: number, path: string): Status | null {
  const fd = seeBelow(lower, path);
  if (fd === null) return null;
  try {
    return statAt(fd, "");
  } finally {
    closeSync(fd);
  }
}

function seeBelow(lower: number, path: string): number | null {
  try {
    return openInRoot(lower, cname(path), O_PATH | O_NOFOLLOW, 0, RESOLVE.NO_SYMLINKS);
  } catch (error) {
    // ELOOP: a link stands where this path has a directory.
    if (error instanceof SysError && [E.ENOENT, E.ENOTDIR, E.ELOOP].includes(error.errno as never)) return null;
    throw error;
  }
}

function xattrsBelow(lower: number, path: string): Map<string, Buffer> {
  const at = parentOf(path);
  const parent = openInRoot(lower, at === "" ? "." : cname(at), constants.O_RDONLY | O_DIRECTORY, 0, RESOLVE.NO_SYMLINKS);
  try {
    return xattrsAt(parent, cname(path.slice(at === "" ? 0 : at.length + 1)));
  } finally {
    closeSync(parent);
  }
}
