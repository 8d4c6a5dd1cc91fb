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
 * is not of it: a mount point is an empty directory or file. A file that goes meanwhile is left out; one that shrinks is filled up
 * with zeros, as its size was already said. `write` is called with bytes that are only lent. Throws SysError.
 */
export function exportTree(root: number, write: (bytes: Uint8Array) => void): void {
  new Exporter(write).directory(root, "");
  write(Buffer.alloc(1024));
}

class Exporter {
  readonly #write: (bytes: Uint8Array) => void;
  /** Inode to first name, of files with several. */
  readonly #first = new Map<string, string>();
  readonly #buffer = Buffer.alloc(CHUNK);

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  directory(fd: number, path: string): void {
    const names = readdirSync(`/proc/self/fd/${fd}/.`, { encoding: "buffer" }).map((bytes) => Buffer.from(bytes).toString("latin1"));
    for (const name of names.sort()) {
      try {
        this.#entry(fd, name, path + name);
      } catch (error) {
        if (!(error instanceof SysError && error.errno === E.ENOENT)) throw error;
      }
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
      if (fd === null) return;
      try {
        this.directory(fd, `${path}/`);
      } finally {
        closeSync(fd);
      }
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
