/**
 * A directory tree that is being filled from an archive, held by descriptors. Every name is walked one component at a
 * time with O_NOFOLLOW; links in the middle of a path are resolved here, below the root of the tree, so that nothing an
 * archive says leads out of it. Names are byte strings (tar-header.ts). The tree belongs to one writer.
 */
import { closeSync, readdirSync } from "node:fs";
import { MdkError } from "../error.ts";
import {
  AT_REMOVEDIR, mkdirAt, O_DIRECTORY, O_NOFOLLOW, openAt, openAtUnless, readlinkAt, statAt, unlinkAt, type Status,
} from "../sys/at.ts";
import { E } from "../sys/errno.ts";
import { shownName } from "./tar-header.ts";
import { S_IF } from "../sys/linux.ts";

/** A directory of the tree: an open descriptor and its true path, "" for the root, "a/b" below; no link in it. */
export interface Directory {
  readonly fd: number;
  readonly path: string;
}

const LINKS_MAX = 40; // MAXSYMLINKS of the kernel
const OPEN_MAX = 256;
const RESOLVED_MAX = 100_000;
const NOT_A_DIRECTORY = [E.ENOENT, E.ENOTDIR, E.ELOOP];

/** A byte string as the kernel wants it. */
export function cname(bytes: string): Buffer {
  return Buffer.from(`${bytes}\0`, "latin1");
}

export interface Made {
  readonly directory: Directory;
  /** It stands where the archive deleted a name: what is below it in other layers must not show. */
  readonly overWhiteout: boolean;
}

export class Tree {
  readonly root: Directory;
  /** Open directories by true path, the oldest first. */
  readonly #open = new Map<string, Directory>();
  /** What a path of an archive led to, links resolved. */
  readonly #resolved = new Map<string, string>();
  /** Called for each directory that had to be made because an archive only implied it. */
  readonly #made: (made: Made) => void;

  /** Takes `fd` over: close() closes it. */
  constructor(fd: number, made: (made: Made) => void) {
    this.root = { fd, path: "" };
    this.#made = made;
  }

  close(): void {
    this.forget();
    closeSync(this.root.fd);
  }

  /** Must be called when a directory or link was removed or replaced: what paths led to may have changed. */
  forget(): void {
    for (const directory of this.#open.values()) closeSync(directory.fd);
    this.#open.clear();
    this.#resolved.clear();
  }

  /** Closes directories that were opened long ago. Only between entries: every Directory in hand may be closed by it. */
  trim(): void {
    if (this.#resolved.size > RESOLVED_MAX) this.#resolved.clear();
    if (this.#open.size <= OPEN_MAX) return;
    for (const [path, { fd }] of this.#open) {
      if (this.#open.size <= OPEN_MAX / 2) break;
      closeSync(fd);
      this.#open.delete(path);
    }
  }

  /** The directory that a clean path ("a/b", "" for the root) leads to, links followed; made where it is missing. */
  directory(path: string): Directory {
    return this.#walk(path, { path, links: 0, make: true }) as Directory;
  }

  /** The same, but null where it is missing; makes nothing. */
  find(path: string): Directory | null {
    return this.#walk(path, { path, links: 0, make: false });
  }

  /** Opens a true path if it is there and a directory; null otherwise. */
  existing(path: string): Directory | null {
    if (path === "") return this.root;
    const open = this.#open.get(path);
    if (open !== undefined) return open;
    const parent = this.existing(parentOf(path));
    const fd = parent === null ? null : openAtUnless(parent.fd, cname(baseOf(path)), O_DIRECTORY | O_NOFOLLOW, NOT_A_DIRECTORY);
    return fd === null ? null : this.#keep(fd, path);
  }

  #walk(path: string, walk: Walk): Directory | null {
    if (path === "") return this.root;
    const known = this.#resolved.get(path);
    const open = known === undefined ? undefined : known === "" ? this.root : this.#open.get(known);
    if (open !== undefined) return open;
    const parent = this.#walk(parentOf(path), walk);
    const found = parent === null ? null : this.#child(parent, baseOf(path), walk);
    if (found !== null) this.#resolved.set(path, found.path);
    return found;
  }

  #child(parent: Directory, component: string, walk: Walk): Directory | null {
    const path = join(parent.path, component);
    const open = this.#open.get(path);
    if (open !== undefined) return open;
    const fd = openAtUnless(parent.fd, cname(component), O_DIRECTORY | O_NOFOLLOW, NOT_A_DIRECTORY);
    if (fd !== null) return this.#keep(fd, path);
    const status = statAt(parent.fd, cname(component));
    if (status !== null && isLink(status)) {
      if (++walk.links > LINKS_MAX) throw new MdkError("corrupt", "archive-invalid", `too many levels of symbolic links: ${shownName(walk.path)}`);
      return this.#follow(parent, readlinkAt(parent.fd, cname(component)).toString("latin1"), walk);
    }
    const overWhiteout = status !== null && isWhiteout(status);
    if (!walk.make) return null;
    if (status !== null && !overWhiteout) {
      throw new MdkError("corrupt", "archive-invalid", `the archive puts something below ${shownName(path)}, which is not a directory`);
    }
    if (overWhiteout) unlinkAt(parent.fd, cname(component));
    mkdirAt(parent.fd, cname(component), 0o755);
    const directory = this.#keep(openAt(parent.fd, cname(component), O_DIRECTORY | O_NOFOLLOW), path);
    this.#made({ directory, overWhiteout });
    return directory;
  }

  #follow(from: Directory, target: string, walk: Walk): Directory | null {
    let at: Directory | null = target.startsWith("/") ? this.root : from;
    for (const component of target.split("/")) {
      if (component === "" || component === ".") continue;
      at = component === ".." ? this.existing(parentOf(at.path)) : this.#child(at, component, walk);
      if (at === null) return null;
    }
    return at;
  }

  #keep(fd: number, path: string): Directory {
    const directory = { fd, path };
    this.#open.set(path, directory);
    return directory;
  }
}

interface Walk {
  /** For messages: the path that is being walked. */
  readonly path: string;
  links: number;
  readonly make: boolean;
}

export function join(parent: string, component: string): string {
  return parent === "" ? component : `${parent}/${component}`;
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? "" : path.slice(0, slash);
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function isDirectory(status: Status): boolean {
  return (status.mode & S_IF.MT) === S_IF.DIR;
}

export function isLink(status: Status): boolean {
  return (status.mode & S_IF.MT) === S_IF.LNK;
}

/** overlayfs.rst, "whiteouts and opaque directories": a character device 0:0. */
export function isWhiteout(status: Status): boolean {
  return (status.mode & S_IF.MT) === S_IF.CHR && status.deviceMajor === 0 && status.deviceMinor === 0;
}

/** The names in a directory, as byte strings. */
export function namesIn(fd: number): string[] {
  return readdirSync(`/proc/self/fd/${fd}/.`, { encoding: "buffer" }).map((bytes) => Buffer.from(bytes).toString("latin1"));
}

/**
 * Removes a name and everything below it, following nothing. Depth is bounded by the kernel's own path limits. Nothing is moved up, as
 * sys/remove-tree.ts does with what lies deep: on an overlay that is EXDEV for directories of layers below.
 */
export function removeEntry(parent: number, component: string): void {
  const status = statAt(parent, cname(component));
  if (status === null) return;
  if (!isDirectory(status)) return unlinkAt(parent, cname(component));
  const fd = openAt(parent, cname(component), O_DIRECTORY | O_NOFOLLOW);
  try {
    for (const child of namesIn(fd)) removeEntry(fd, child);
  } finally {
    closeSync(fd);
  }
  unlinkAt(parent, cname(component), AT_REMOVEDIR);
}
