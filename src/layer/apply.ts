/**
 * Writes the entries of one layer archive into a directory in overlay format (image-spec layer.md): whiteouts become
 * character devices 0:0, opaque directories get trusted.overlay.opaque. The order of a whiteout and its neighbours in the
 * archive does not matter: it hides what the layers below have, never what its own layer has.
 *
 * What depends on the layers below (directories the archive only implies, hard links to files of other layers) is noted
 * and left to finish.ts. Whoever calls this throws the directory away on any error.
 */
import { closeSync, writeSync } from "node:fs";
import { MdkError } from "../error.ts";
import {
  chmod, chmodAt, chown, chownAt, linkAt, makeDevice, mkdirAt, mknodAt, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_WRONLY, openAt, setTimes, setTimesAt, statAt, symlinkAt, unlinkAt, type Time, startWriteback,
} from "../sys/at.ts";
import { E, errnoText } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { S_IF } from "../sys/linux.ts";
import { setXattr, setXattrAt } from "../sys/xattr.ts";
import { travels, type TarEntry, type TarHandler } from "./tar.ts";
import { shownName } from "./tar-header.ts";
import { baseOf, cname, isDirectory, isWhiteout, join, parentOf, removeEntry, Tree, type Directory, type Made } from "./tree.ts";
import { cleanEntryPath, OPAQUE_VALUE, OPAQUE_XATTR, whiteoutOf } from "./whiteout.ts";

/** A hard link whose target is not in its layer. Paths: `from` as the archive says it, `path` true. */
export interface ForeignLink {
  readonly path: string;
  readonly target: string;
}

/** Names of all implied directories. One entry of 4 KiB can imply a thousand, and each is kept by name until the layer is finished. */
const IMPLIED_BYTES_MAX = 32 << 20;

export class LayerWriter implements TarHandler {
  readonly tree: Tree;
  /** True paths of directories that the archive has no entry for, though it has something in them. */
  readonly implied = new Set<string>();
  /** True paths of directories that hide what is below them: their own children are new. */
  readonly opaque = new Set<string>();
  /** Modification times of directories by true path; set last, since every name made in one changes it. */
  readonly times = new Map<string, Time>();
  readonly links: ForeignLink[] = [];
  /** Bytes of file data written. */
  size = 0;
  #impliedBytes = 0;
  #file = -1;
  #entry: TarEntry | null = null;

  /** Takes over `fd`, an empty directory that nobody else writes to; release() closes it. */
  constructor(fd: number) {
    this.tree = new Tree(fd, (made) => this.#imply(made));
    // The archive may have no entry for the root itself: then it is implied like any other directory.
    this.implied.add("");
    chmod(fd, 0o755);
  }

  release(): void {
    if (this.#file !== -1) closeSync(this.#file);
    this.#file = -1;
    this.tree.close();
  }

  #imply({ directory, overWhiteout }: Made): void {
    chmod(directory.fd, 0o755); // the umask
    this.#impliedBytes += directory.path.length;
    if (this.#impliedBytes > IMPLIED_BYTES_MAX) {
      throw new MdkError("corrupt", "archive-too-large", `the archive implies directories with more than ${IMPLIED_BYTES_MAX} bytes of names`);
    }
    if (!overWhiteout) return void this.implied.add(directory.path);
    setXattr(directory.fd, OPAQUE_XATTR, OPAQUE_VALUE);
    this.opaque.add(directory.path);
  }

  entry(entry: TarEntry): void {
    this.#entry = entry;
    this.tree.trim();
    const path = cleanEntryPath(entry.name);
    if (path === "") return this.#root(entry);
    const mark = whiteoutOf(path);
    if (mark.kind === "ignored") return;
    try {
      const parent = this.tree.directory(parentOf(path));
      if (mark.kind === "opaque") this.#opaque(parent);
      else if (mark.kind === "whiteout") this.#hide(parent, mark.name);
      else this.#make(parent, baseOf(path), entry);
    } catch (error) {
      throw told(error, path);
    }
  }

  #root(entry: TarEntry): void {
    if (entry.type !== "directory") throw new MdkError("corrupt", "archive-invalid", `the archive makes its root a ${entry.type}`);
    this.#directory(this.tree.root, entry);
  }

  #opaque(directory: Directory): void {
    setXattr(directory.fd, OPAQUE_XATTR, OPAQUE_VALUE);
    this.opaque.add(directory.path);
  }

  #hide(parent: Directory, hidden: string): void {
    const status = statAt(parent.fd, cname(hidden));
    if (status === null) mknodAt(parent.fd, cname(hidden), S_IF.CHR, 0n);
    else if (isDirectory(status)) this.#renew(parent, hidden);
  }

  /** A directory of this layer over one that this layer deletes: it shows nothing of it, and takes nothing from it. */
  #renew(parent: Directory, base: string): void {
    const path = join(parent.path, base);
    const fd = openAt(parent.fd, cname(base), O_DIRECTORY | O_NOFOLLOW);
    try {
      setXattr(fd, OPAQUE_XATTR, OPAQUE_VALUE);
    } finally {
      closeSync(fd);
    }
    this.opaque.add(path);
    this.implied.delete(path);
  }

  #make(parent: Directory, base: string, entry: TarEntry): void {
    if (entry.type === "link" && this.#isOwnLink(parent, base, entry)) return;
    try {
      this.#create(parent, base, entry);
    } catch (error) {
      if (!(error instanceof SysError) || error.errno !== E.EEXIST) throw error;
      this.#replace(parent, base, entry);
    }
  }

  /** A second entry of a name: directories are updated, everything else makes way. */
  #replace(parent: Directory, base: string, entry: TarEntry): void {
    const path = join(parent.path, base);
    const status = statAt(parent.fd, cname(base));
    if (status !== null && isDirectory(status) && entry.type === "directory") {
      return this.#directory(this.tree.existing(path) as Directory, entry);
    }
    if (status !== null && isWhiteout(status)) unlinkAt(parent.fd, cname(base));
    else if (status !== null) {
      this.tree.forget();
      const again = this.tree.existing(parent.path) as Directory;
      removeEntry(again.fd, base);
      this.#dropBelow(path);
      parent = again;
    }
    this.#create(parent, base, entry);
    // Whatever stood here hid the lower directory; so must the new one.
    if (status !== null && entry.type === "directory") this.#renew(parent, base);
  }

  #dropBelow(path: string): void {
    const below = (other: string): boolean => other === path || other.startsWith(`${path}/`);
    for (const set of [this.implied, this.opaque]) for (const other of set) if (below(other)) set.delete(other);
    for (const other of this.times.keys()) if (below(other)) this.times.delete(other);
    const kept = this.links.filter((link) => !below(link.path));
    this.links.splice(0, this.links.length, ...kept);
  }

  #create(parent: Directory, base: string, entry: TarEntry): void {
    switch (entry.type) {
      case "file":
        this.#file = openAt(parent.fd, cname(base), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
        return;
      case "directory": {
        mkdirAt(parent.fd, cname(base), 0o700);
        return this.#directory(this.tree.existing(join(parent.path, base)) as Directory, entry);
      }
      case "link":
        return this.#link(parent, base, entry);
      case "symlink":
        if (entry.linkName === "") throw new MdkError("corrupt", "archive-invalid", `a symbolic link without a target: ${shownName(entry.name)}`);
        symlinkAt(cname(entry.linkName), parent.fd, cname(base));
        break;
      default: {
        const type = { character: S_IF.CHR, block: S_IF.BLK, fifo: S_IF.IFO }[entry.type];
        // Overlay's own sign for a file that is deleted: an archive says that in its own way (layer.md, "Whiteouts").
        if (type === S_IF.CHR && entry.deviceMajor === 0 && entry.deviceMinor === 0) throw new MdkError("corrupt", "archive-invalid", `a device 0:0, which is no device: ${shownName(entry.name)}`);
        mknodAt(parent.fd, cname(base), type, makeDevice(entry.deviceMajor, entry.deviceMinor));
      }
    }
    chownAt(parent.fd, cname(base), entry.uid, entry.gid);
    // The owner's change takes setuid away, so the mode comes after it. A link has none.
    if (entry.type !== "symlink") chmodAt(parent.fd, cname(base), entry.mode);
    for (const [key, value] of kept(entry)) setXattrTolerant(key, () => setXattrAt(parent.fd, cname(base), key, value));
    setTimesAt(parent.fd, cname(base), entry.modified);
  }

  #directory(directory: Directory, entry: TarEntry): void {
    chown(directory.fd, entry.uid, entry.gid);
    chmod(directory.fd, entry.mode);
    for (const [key, value] of kept(entry)) setXattrTolerant(key, () => setXattr(directory.fd, key, value));
    this.implied.delete(directory.path);
    this.times.set(directory.path, entry.modified);
  }

  /** Where the target is missing it may be in a layer below: finish.ts looks there. */
  #link(parent: Directory, base: string, entry: TarEntry): void {
    const target = cleanEntryPath(entry.linkName);
    if (target === "") throw new MdkError("corrupt", "archive-invalid", `a hard link without a target: ${shownName(entry.name)}`);
    const into = this.tree.find(parentOf(target));
    const status = into === null ? null : statAt(into.fd, cname(baseOf(target)));
    if (into === null || status === null || isWhiteout(status)) {
      // Nothing may stand in its place meanwhile, and what stands there must make way as for any other entry.
      if (statAt(parent.fd, cname(base)) !== null) throw new SysError("link", E.EEXIST, base);
      return void this.links.push({ path: join(parent.path, base), target });
    }
    if (isDirectory(status)) throw new MdkError("corrupt", "archive-invalid", `a hard link to a directory: ${shownName(entry.name)}`);
    linkAt(into.fd, cname(baseOf(target)), parent.fd, cname(base));
  }

  /** A link to its own name, which exists: nothing to do, and replacing it would lose the file. */
  #isOwnLink(parent: Directory, base: string, entry: TarEntry): boolean {
    const target = cleanEntryPath(entry.linkName);
    if (baseOf(target) !== base || this.tree.find(parentOf(target))?.path !== parent.path) return false;
    const status = statAt(parent.fd, cname(base));
    return status !== null && !isWhiteout(status);
  }

  data(chunk: Uint8Array): void {
    if (this.#file === -1) return;
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.#file, chunk, at);
    } catch (error) {
      throw told(error, this.#entry?.name ?? "");
    }
    this.size += chunk.length;
  }

  close(): void {
    const entry = this.#entry as TarEntry;
    const fd = this.#file;
    if (fd === -1) return;
    this.#file = -1;
    try {
      chown(fd, entry.uid, entry.gid);
      chmod(fd, entry.mode);
      for (const [key, value] of kept(entry)) setXattrTolerant(key, () => setXattr(fd, key, value));
      setTimes(fd, entry.modified);
      // The disk works while the next entries are inflated; small files are written together by the sync at the end.
      if (entry.size >= WRITEBACK_BYTES_LEAST) startWriteback(fd);
    } finally {
      closeSync(fd);
    }
  }
}

const WRITEBACK_BYTES_LEAST = 128 * 1024;

/** What an archive may set: overlay's own marks would forge whiteouts and redirects. */
function kept(entry: TarEntry): (readonly [string, Uint8Array])[] {
  return entry.xattrs.size === 0 ? [] : [...entry.xattrs].filter(([key]) => travels(key));
}

/** File systems without user attributes or ACLs are common and the image works without them; lost capabilities are an error. */
export function setXattrTolerant(key: string, set: () => void): void {
  try {
    set();
  } catch (error) {
    const harmless = error instanceof SysError && (error.errno === E.EOPNOTSUPP || error.errno === E.EPERM);
    if (!harmless || key === "security.capability") throw error;
  }
}

/** Errors of the disk as sentences; everything else with the entry it was about. */
export function told(error: unknown, path: string): unknown {
  if (error instanceof MdkError) return error;
  const { code } = error as { code?: string };
  if (code === "ENOSPC" || code === "EDQUOT") {
    const words = code === "ENOSPC" ? "no space left on device" : "disk quota exceeded";
    return new MdkError("exhausted", "disk-full", `write ${shownName(path)}: ${words}`, { cause: error, hint: "free some space, or choose another --root" });
  }
  if (!(error instanceof SysError)) return error;
  return new MdkError("exhausted", "layer-unpack", `unpack ${shownName(path)}: ${error.call}: ${errnoText(error.errno)}`, { cause: error });
}
