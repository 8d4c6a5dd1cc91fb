/** A directory tree as a tar archive: `docker export`. Read through descriptors: no link of the tree leads anywhere. */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { encodeHeader, isWritable, padding } from "./tar-write.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_PATH, openInRoot, readlinkAt, RESOLVE, S_IF, statAt, type Status } from "../sys/at.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { xattrsAt } from "../sys/xattr.ts";

const CHUNK = 1 << 20;

/**
 * Writes everything below `root` (a directory's descriptor, which stays open) in the order of the names. What is mounted in it
 * is not of it: a mount point is an empty directory or file. What goes or changes its kind meanwhile is left out; a file that shrinks is filled up
 * with zeros, as its size was already said. `write` is called with bytes that are only lent. Throws SysError.
 */
export function exportTree(root: number, write: (bytes: Uint8Array) => void): void {
  new Exporter(root, write).run();
  write(Buffer.alloc(1024));
}

/** What a tree that changes meanwhile answers: the entry is gone, or another one is in its place. */
const CHANGED: ReadonlySet<number> = new Set([E.ENOENT, E.ENOTDIR, E.ELOOP, E.EINVAL, E.EXDEV]);

/** A directory on the way down. */
interface Level {
  /** From the root, "" or with a slash at the end. */
  readonly path: string;
  readonly names: readonly string[];
  next: number;
  /** Null: closed for the sake of deeper ones, opened again on the way back. */
  descriptor: number | null;
}

/** Directories open at once: trees may be deeper than a process has descriptors. */
const OPEN_MAX = 64;
/** Of a path that is opened in one go; the kernel's PATH_MAX is 4096. */
const PATH_BYTES = 2048;

class Exporter {
  readonly #root: number;
  readonly #write: (bytes: Uint8Array) => void;
  /** Inode to first name, of files with several. */
  readonly #first = new Map<string, string>();
  readonly #buffer = Buffer.alloc(CHUNK);
  readonly #levels: Level[] = [];

  constructor(root: number, write: (bytes: Uint8Array) => void) {
    this.#root = root;
    this.#write = write;
  }

  run(): void {
    try {
      this.#enter("", openBelow(this.#root, ""));
      for (let level = this.#levels.at(-1); level !== undefined; level = this.#levels.at(-1)) {
        const name = level.names[level.next++];
        if (name === undefined) this.#leave();
        else this.#inLevel(level, name);
      }
    } finally {
      while (this.#levels.length > 0) this.#leave();
    }
  }

  #enter(path: string, descriptor: number): void {
    try {
      const names = readdirSync(`/proc/self/fd/${descriptor}/.`, { encoding: "buffer" }).map((bytes) => Buffer.from(bytes).toString("latin1"));
      this.#levels.push({ path, names: names.sort(), next: 0, descriptor });
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
      level.descriptor ??= openBelow(this.#root, level.path);
      this.#entry(level.descriptor, name, level.path + name);
    } catch (error) {
      if (!(error instanceof SysError && CHANGED.has(error.errno))) throw error;
      // The directory itself is not there any more.
      if (level.descriptor === null) this.#leave();
    }
  }

  #entry(parent: number, name: string, path: string): void {
    const base = Buffer.from(`${name}\0`, "latin1");
    const status = statAt(parent, base);
    if (status === null || !isWritable(status)) return;
    const type = status.mode & S_IF.MT;
    const identity = `${status.fileSystem}/${status.inode}`;
    const first = type !== S_IF.DIR && status.links > 1 ? this.#first.get(identity) : undefined;
    if (first !== undefined) {
      return this.#write(encodeHeader({ name: path, status, link: first, hardLink: true, xattrs: new Map() }));
    }
    const xattrs = new Map([...xattrsAt(parent, base)].filter(([key]) => key === "security.capability" || key.startsWith("user.")));
    const header = { status, hardLink: false, xattrs };
    if (type === S_IF.DIR) {
      const fd = openHere(parent, base, O_DIRECTORY);
      this.#write(encodeHeader({ ...header, name: `${path}/`, link: "" }));
      if (fd !== null) this.#enter(`${path}/`, fd);
      return;
    }
    if (type === S_IF.REG) this.#file(parent, base, { path, status, xattrs });
    else {
      const link = type === S_IF.LNK ? readlinkAt(parent, base).toString("latin1") : "";
      this.#write(encodeHeader({ ...header, name: path, link }));
    }
    if (status.links > 1) this.#first.set(identity, path);
  }

  #file(parent: number, base: Buffer, { path, status, xattrs }: { path: string; status: Status; xattrs: ReadonlyMap<string, Uint8Array> }): void {
    const fd = openFile(parent, base);
    if (fd === null) return this.#write(encodeHeader({ name: path, status: { ...status, size: 0 }, link: "", hardLink: false, xattrs }));
    try {
      this.#write(encodeHeader({ name: path, status, link: "", hardLink: false, xattrs }));
      let left = status.size;
      while (left > 0) {
        const length = readSync(fd, this.#buffer, 0, Math.min(CHUNK, left), null);
        if (length === 0) this.#buffer.fill(0);
        const part = this.#buffer.subarray(0, length === 0 ? Math.min(CHUNK, left) : length);
        this.#write(part);
        left -= part.length;
      }
      this.#write(padding(status.size));
    } finally {
      closeSync(fd);
    }
  }
}

/** A directory by its path from the root, in pieces; no link leads on, and no other mount is entered. Throws SysError. */
function openBelow(root: number, path: string): number {
  let at = openInRoot(root, ".", O_DIRECTORY, 0, RESOLVE.NO_XDEV);
  for (let rest = path; rest !== ""; ) {
    const cut = rest.length <= PATH_BYTES ? rest.length : rest.lastIndexOf("/", PATH_BYTES) + 1;
    const above = at;
    try {
      at = openInRoot(above, Buffer.from(`${rest.slice(0, cut)}\0`, "latin1"), O_DIRECTORY, 0, RESOLVE.NO_XDEV | RESOLVE.NO_SYMLINKS);
    } finally {
      closeSync(above);
    }
    rest = rest.slice(cut);
  }
  return at;
}

/** Null where another mount begins. */
function openHere(parent: number, base: Buffer, flags: number): number | null {
  try {
    return openInRoot(parent, base, flags | O_NOFOLLOW, 0, RESOLVE.NO_XDEV);
  } catch (error) {
    if (error instanceof SysError && error.errno === E.EXDEV) return null;
    throw error;
  }
}

/**
 * Looked at before it is opened: a container that runs may have put a device in the place of the file since, and opening one
 * is an act of its own. Null for that, and for a mount.
 */
function openFile(parent: number, base: Buffer): number | null {
  const seen = openHere(parent, base, O_PATH);
  if (seen === null) return null;
  try {
    return fstatSync(seen).isFile() ? openSync(`/proc/self/fd/${seen}`, constants.O_RDONLY | O_NONBLOCK) : null;
  } finally {
    closeSync(seen);
  }
}
