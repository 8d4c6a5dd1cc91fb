/**
 * A walk through a tree that somebody else may change meanwhile, by descriptors: every name is looked at and opened where it
 * was found, no link is followed, and what goes or changes its kind is left out. Names are byte strings (tar-header.ts).
 */
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_PATH, openInRoot, statAt, type Status } from "../sys/at.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { RESOLVE } from "../sys/linux.ts";
import type { Turns } from "../sys/turns.ts";
import { cname, isDirectory, namesIn } from "./tree.ts";

export interface Visit {
  /** From the walk's root: "a/b". */
  readonly path: string;
  /** The directory it is in, lent, and its name there. */
  readonly parent: number;
  readonly base: Buffer;
  readonly status: Status;
}

/** Whether a directory of another file system than the one it was found in is walked; it is empty otherwise. */
export type Enter = (directory: number, path: string) => boolean;

/** Null: nothing that is mounted in the tree is of it; a mount point is an empty directory or file. */
type Across = Enter | null;

/** "skip": what is in the directory is not visited. */
type Visitor = (visit: Visit) => "skip" | void;

/** Visits everything below `root` (a directory's descriptor, which stays open), in the order of the names, a directory before what is in it. Throws SysError. */
export function walkTree(root: number, across: Across, visit: Visitor): void {
  for (const _ of new Walker(root, across, visit).steps());
}

/** The same, while others of this process have their turn. Throws the signal's reason, too. */
export async function walkTreeInTurns(root: number, across: Across, visit: Visitor, turns: Turns): Promise<void> {
  for (const _ of new Walker(root, across, visit).steps()) {
    const turn = turns.give();
    if (turn !== null) await turn;
  }
}

/** What a tree that changes meanwhile answers: the entry is gone, or another one is in its place. */
const CHANGED: ReadonlySet<number> = new Set([E.ENOENT, E.ENOTDIR, E.ELOOP, E.EINVAL, E.EXDEV]);

/** A directory on the way down. */
interface Level {
  /** From the root, "" or with a slash at the end. */
  readonly path: string;
  readonly names: readonly string[];
  readonly fileSystem: string;
  next: number;
  /** Null: closed for the sake of deeper ones, opened again on the way back. */
  descriptor: number | null;
}

/** Directories open at once: trees may be deeper than a process has descriptors. */
const OPEN_MAX = 64;
/** Of a path that is opened in one go; the kernel's PATH_MAX is 4096. */
const PATH_BYTES = 2048;

class Walker {
  readonly #root: number;
  readonly #across: Across;
  readonly #visit: Visitor;
  readonly #levels: Level[] = [];

  constructor(root: number, across: Across, visit: Visitor) {
    this.#root = root;
    this.#across = across;
    this.#visit = visit;
  }

  /** A step for each name. */
  *steps(): Generator<void, void> {
    try {
      this.#enter("", this.#openBelow(""));
      for (let level = this.#levels.at(-1); level !== undefined; level = this.#levels.at(-1)) {
        const name = level.names[level.next++];
        if (name === undefined) this.#leave();
        else this.#inLevel(level, name);
        yield;
      }
    } finally {
      while (this.#levels.length > 0) this.#leave();
    }
  }

  #enter(path: string, descriptor: number): void {
    try {
      const { fileSystem } = statAt(descriptor, "") as Status;
      this.#levels.push({ path, names: namesIn(descriptor).sort(), fileSystem, next: 0, descriptor });
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    const above = this.#levels.at(-1 - OPEN_MAX);
    if (above === undefined || above.descriptor === null) return;
    closeSync(above.descriptor);
    above.descriptor = null;
  }

  #leave(): void {
    const left = this.#levels.pop();
    if (left !== undefined && left.descriptor !== null) closeSync(left.descriptor);
  }

  #inLevel(level: Level, name: string): void {
    try {
      level.descriptor ??= this.#openBelow(level.path);
      this.#entry(level, level.descriptor, name);
    } catch (error) {
      if (!(error instanceof SysError && CHANGED.has(error.errno))) throw error;
      // The directory itself is not there any more.
      if (level.descriptor === null) this.#leave();
    }
  }

  #entry(level: Level, parent: number, name: string): void {
    const [base, path] = [cname(name), level.path + name];
    const status = statAt(parent, base);
    if (status === null) return;
    const directory = isDirectory(status) ? this.#openDirectory(level, parent, { base, path, status }) : null;
    let entered = false;
    try {
      entered = this.#visit({ path, parent, base, status }) !== "skip";
    } finally {
      if (directory !== null && !entered) closeSync(directory);
    }
    if (directory !== null && entered) this.#enter(`${path}/`, directory);
  }

  /** Null where another mount begins that is not walked. */
  #openDirectory(level: Level, parent: number, { base, path, status }: Omit<Visit, "parent">): number | null {
    const directory = openHere(parent, base, O_DIRECTORY, this.#across === null);
    if (directory === null || this.#across === null || status.fileSystem === level.fileSystem || this.#across(directory, path)) return directory;
    closeSync(directory);
    return null;
  }

  /** A directory by its path from the root, in pieces; no link leads on. Throws SysError. */
  #openBelow(path: string): number {
    const staying = this.#across === null ? RESOLVE.NO_XDEV : 0;
    let at = openInRoot(this.#root, ".", O_DIRECTORY, 0, staying);
    for (let rest = path; rest !== ""; ) {
      const cut = rest.length <= PATH_BYTES ? rest.length : rest.lastIndexOf("/", PATH_BYTES) + 1;
      const above = at;
      try {
        at = openInRoot(above, cname(rest.slice(0, cut)), O_DIRECTORY, 0, staying | RESOLVE.NO_SYMLINKS);
      } finally {
        closeSync(above);
      }
      rest = rest.slice(cut);
    }
    return at;
  }
}

/** Null where another mount begins and is not to be entered. */
function openHere(parent: number, base: Buffer, flags: number, staying: boolean): number | null {
  try {
    return openInRoot(parent, base, flags | O_NOFOLLOW, 0, staying ? RESOLVE.NO_XDEV : 0);
  } catch (error) {
    if (staying && error instanceof SysError && error.errno === E.EXDEV) return null;
    throw error;
  }
}

/**
 * A file's content. Looked at before it is opened: a container that runs may have put a device in the place of the file since, and
 * opening one is an act of its own. Null for that, and, where mounts are not walked, for a mount.
 */
export function openFile(parent: number, base: Buffer, staying: boolean): number | null {
  const seen = openHere(parent, base, O_PATH, staying);
  if (seen === null) return null;
  try {
    return fstatSync(seen).isFile() ? openSync(`/proc/self/fd/${seen}`, constants.O_RDONLY | O_NONBLOCK) : null;
  } finally {
    closeSync(seen);
  }
}
