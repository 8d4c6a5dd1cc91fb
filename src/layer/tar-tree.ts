/** Trees and single files as the entries of an archive: for `export`, `cp` and layers. Read as walk.ts reads. */
import { closeSync, readSync } from "node:fs";
import { readlinkAt, statAt, type Status } from "../sys/at.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { S_IF } from "../sys/linux.ts";
import { xattrsAt } from "../sys/xattr.ts";
import { TarWriter } from "./tar-write.ts";
import { travels, type EntryType, type TarEntry, type TarHandler } from "./tar.ts";
import { cname, isWhiteout } from "./tree.ts";
import { openFile, walkTree, type Enter, type Visit } from "./walk.ts";

const CHUNK = 1 << 20;
/** What files of procfs hold is not known before it is read, and kept until then. */
const UNTOLD_BYTES_MAX = 64 << 20;

/**
 * Writes everything below `root` (a directory's descriptor, which stays open) as an archive in the order of the names. What is mounted in it
 * is not of it: a mount point is an empty directory or file. What goes or changes its kind meanwhile is left out; a file that shrinks is filled up
 * with zeros, as its size was already said. `write` is called with bytes that are only lent. Throws SysError.
 */
export function exportTree(root: number, write: (bytes: Uint8Array) => void): void {
  const writer = new TarWriter(write);
  readTree(root, { name: null, across: null, xattrs: travels }, writer);
  writer.end();
}

export interface ReadOptions {
  /** The name of the directory's own entry and the beginning of all others; null: it has none, and they begin with what is in it. */
  readonly name: string | null;
  /** As walkTree's. */
  readonly across: Enter | null;
  /** Which attributes are told. */
  readonly xattrs: (key: string) => boolean;
}

/** Tells `handler` of a directory and everything below it, as exportTree has it. */
export function readTree(root: number, options: ReadOptions, handler: TarHandler): void {
  const { name, across } = options;
  const reader = new EntryReader(handler, options);
  const prefix = name === null ? "" : name.endsWith("/") ? name : `${name}/`;
  if (name !== null) reader.read({ path: "", parent: root, base: cname(""), status: statAt(root, "") as Status }, name);
  walkTree(root, across, (visit) => reader.read(visit, prefix + visit.path));
}

/** Tells `handler` of what is in a directory under the name `base`, which is no directory, as an entry `name`. Throws SysError ENOENT. */
export function readSingle(parent: number, base: string, name: string, handler: TarHandler): void {
  const status = statAt(parent, cname(base));
  if (status === null) throw new SysError("lstat", E.ENOENT, base);
  new EntryReader(handler, { across: () => true, xattrs: travels }).read({ path: base, parent, base: cname(base), status }, name);
}

const TYPES: Readonly<Record<number, EntryType>> = {
  [S_IF.REG]: "file", [S_IF.LNK]: "symlink", [S_IF.CHR]: "character", [S_IF.BLK]: "block", [S_IF.DIR]: "directory", [S_IF.IFO]: "fifo",
};

/** What is found, as entries. Sockets are none: an archive cannot say them. */
class EntryReader {
  readonly #handler: TarHandler;
  readonly #options: Omit<ReadOptions, "name">;
  /** Inode to the first name, of files with several. */
  readonly #first = new Map<string, string>();
  readonly #buffer = Buffer.alloc(CHUNK);

  constructor(handler: TarHandler, options: Omit<ReadOptions, "name">) {
    this.#handler = handler;
    this.#options = options;
  }

  read({ parent, base, status }: Visit, name: string): void {
    const type = TYPES[status.mode & S_IF.MT];
    if (type === undefined) return;
    const identity = `${status.fileSystem}/${status.inode}`;
    // Overlay's whiteouts are names of one inode (fs/overlayfs/dir.c, ovl_whiteout), and each says something of its own.
    const several = type !== "directory" && status.links > 1 && !isWhiteout(status);
    const first = several ? this.#first.get(identity) : undefined;
    if (first !== undefined) return this.#handler.entry({ ...common(name, status), type: "link", linkName: first });
    const xattrs = new Map([...xattrsAt(parent, base.length === 1 ? "" : base)].filter(([key]) => this.#options.xattrs(key)));
    const entry: TarEntry = { ...common(name, status), type, xattrs };
    if (type === "file") this.#file(parent, base, entry, status.size);
    else if (type === "symlink") this.#handler.entry({ ...entry, linkName: readlinkAt(parent, base).toString("latin1") });
    else this.#handler.entry({ ...entry, deviceMajor: status.deviceMajor, deviceMinor: status.deviceMinor });
    if (several) this.#first.set(identity, name);
  }

  #file(parent: number, base: Buffer, entry: TarEntry, size: number): void {
    const fd = openFile(parent, base, this.#options.across === null);
    try {
      if (fd !== null && size < CHUNK) return this.#small(fd, entry, size);
      this.#handler.entry({ ...entry, size: fd === null ? 0 : size });
      if (fd !== null) this.#data(fd, size);
      this.#handler.close();
    } finally {
      if (fd !== null) closeSync(fd);
    }
  }

  /** Read before it is told of: files of procfs and sysfs hold more, or less, than they say. */
  #small(fd: number, entry: TarEntry, size: number): void {
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const read = readSync(fd, this.#buffer, 0, CHUNK, null);
      length += read;
      if (length > UNTOLD_BYTES_MAX) throw new SysError("read", E.EFBIG, entry.name);
      const whole = read === 0 || (length === size && size > 0);
      if (whole && parts.length === 0) parts.push(this.#buffer.subarray(0, read));
      else if (read > 0) parts.push(Buffer.from(this.#buffer.subarray(0, read)));
      if (whole) break;
    }
    this.#handler.entry({ ...entry, size: length });
    for (const part of parts) if (part.length > 0) this.#handler.data(part);
    this.#handler.close();
  }

  #data(fd: number, size: number): void {
    for (let left = size; left > 0; ) {
      const length = readSync(fd, this.#buffer, 0, Math.min(CHUNK, left), null);
      if (length === 0) this.#buffer.fill(0);
      const part = this.#buffer.subarray(0, length === 0 ? Math.min(CHUNK, left) : length);
      this.#handler.data(part);
      left -= part.length;
    }
  }
}

const NONE: ReadonlyMap<string, Uint8Array> = new Map();

function common(name: string, { mode, uid, gid, modified }: Status): Omit<TarEntry, "type"> {
  return { name, linkName: "", mode: mode & 0o7777, uid, gid, size: 0, modified, deviceMajor: 0, deviceMinor: 0, xattrs: NONE };
}
