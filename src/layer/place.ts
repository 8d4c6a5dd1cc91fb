/**
 * Puts the entries of an archive into a directory that is there and that others may change meanwhile: `docker cp`'s rules of what may
 * take whose place (moby pkg/archive, Unpack). Every name is made or opened by the descriptor of its directory, and no link is
 * followed but by who opens the directories.
 */
import { chmodSync, closeSync, writeSync } from "node:fs";
import { MdkError } from "../error.ts";
import {
  chmod, chown, chownAt, linkAt, makeDevice, mkdirAt, mknodAt, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_WRONLY, openAt, setTimes, setTimesAt, statAt, symlinkAt, unlinkAt, type Time,
} from "../sys/at.ts";
import { E, errnoText } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { S_IF } from "../sys/linux.ts";
import { setXattr, setXattrAt } from "../sys/xattr.ts";
import { setXattrTolerant } from "./apply.ts";
import { shownName } from "./tar-header.ts";
import { travels, type TarEntry, type TarHandler } from "./tar.ts";
import { cname, isDirectory, join, removeEntry } from "./tree.ts";

export interface PlaceOptions {
  /** For messages and for links that lead out: the directory's absolute path, as a byte string. */
  readonly directory: string;
  /**
   * Opens a directory below it ("" is itself, else "a/b"), with all that links may lead to and nothing else. Throws SysError.
   */
  readonly open: (path: string) => number;
  /** Whose everything is made; "archive": whom the archive says; null: the caller's. */
  readonly owner: { readonly uid: number; readonly gid: number } | "archive" | null;
  /** A directory and what is none take each other's place, as tar(1) has it; else that is refused. */
  readonly replaces?: boolean;
}

interface Found {
  readonly parent: number;
  readonly base: Buffer;
  readonly path: string;
}

export class TreePlacer implements TarHandler {
  readonly #options: PlaceOptions;
  /** The directory that was last put into: most entries follow one of their own directory. */
  #last: { readonly path: string; readonly fd: number } | null = null;
  /** Set at the end: every name made in one changes it. */
  readonly #times: { readonly path: string; readonly time: Time }[] = [];
  #file = -1;
  #entry: TarEntry | null = null;

  constructor(options: PlaceOptions) {
    this.#options = options;
  }

  /** Everything has been put. */
  finish(): void {
    for (const { path, time } of this.#times.reverse()) {
      this.#within(path, () => {
        const fd = this.#options.open(path);
        try {
          setTimes(fd, time);
        } finally {
          closeSync(fd);
        }
      }, [E.ENOENT, E.ENOTDIR]);
    }
  }

  /** In any case, at the end. */
  release(): void {
    if (this.#file !== -1) closeSync(this.#file);
    if (this.#last !== null) closeSync(this.#last.fd);
    this.#file = -1;
    this.#last = null;
  }

  entry(entry: TarEntry): void {
    this.#entry = entry;
    const { clean, climbs, dot } = cleaned(entry.name);
    if (climbs) throw outside(`${JSON.stringify(shownName(clean))} is outside of ${this.#shown("")}`);
    this.#within(clean, () => {
      // "." is what is copied from: the directory stays as it is. "/" is the root that is copied.
      if (clean === "") return dot || entry.type !== "directory" ? undefined : this.#settle("", entry);
      const at = clean.lastIndexOf("/");
      const parent = this.#parent(clean.slice(0, Math.max(0, at)));
      this.#put({ parent, base: cname(clean.slice(at + 1)), path: clean }, entry);
    });
  }

  data(chunk: Uint8Array): void {
    if (this.#file === -1) return;
    this.#within(this.#entry?.name ?? "", () => {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.#file, chunk, at);
    });
  }

  close(): void {
    const entry = this.#entry as TarEntry;
    const fd = this.#file;
    if (fd === -1) return;
    this.#file = -1;
    try {
      this.#within(entry.name, () => {
        this.#dress(fd, entry);
        setTimes(fd, entry.modified);
      });
    } finally {
      closeSync(fd);
    }
  }

  #full(path: string): string {
    const { directory } = this.#options;
    return shownName(path === "" ? directory : directory === "/" ? `/${path}` : `${directory}/${path}`);
  }

  /** As Go says it: the path in quotes. */
  #shown(path: string): string {
    return JSON.stringify(this.#full(path));
  }

  /** What the system refuses, with the path it was about. `expected`: errors that are none. */
  #within(path: string, work: () => void, expected: readonly number[] = []): void {
    try {
      work();
    } catch (error) {
      if (error instanceof SysError && expected.includes(error.errno)) return;
      const { code } = error as { code?: string };
      if (error instanceof MdkError || code === undefined) throw error;
      const [call, words] = error instanceof SysError ? [error.call, errnoText(error.errno)] : ["write", errnoText(E[code as keyof typeof E] ?? 0)];
      throw new MdkError(code === "ENOSPC" || code === "EDQUOT" ? "exhausted" : "invalid", "cp-refused", `${call} ${this.#full(cleaned(path).clean)}: ${words}`, { cause: error });
    }
  }

  /** A directory that an archive only implies is made, as Docker makes it. */
  #parent(path: string): number {
    if (this.#last?.path === path) return this.#last.fd;
    const fd = this.#opened(path);
    if (this.#last !== null) closeSync(this.#last.fd);
    this.#last = { path, fd };
    return fd;
  }

  #opened(path: string): number {
    try {
      return this.#options.open(path);
    } catch (error) {
      if (!(error instanceof SysError && error.errno === E.ENOENT) || path === "") throw error;
    }
    const at = path.lastIndexOf("/");
    const above = this.#opened(path.slice(0, Math.max(0, at)));
    try {
      mkdirAt(above, cname(path.slice(at + 1)), 0o755);
    } finally {
      closeSync(above);
    }
    const made = this.#options.open(path);
    chmod(made, 0o755); // the umask
    return made;
  }

  #put(found: Found, entry: TarEntry): void {
    const { parent, base, path } = found;
    const status = statAt(parent, base);
    if (status !== null) {
      const [there, comes] = [isDirectory(status), entry.type === "directory"];
      if (there !== comes && this.#options.replaces === true) return this.#replace(found, entry);
      if (there && !comes) throw new MdkError("invalid", "cp-over-directory", `cannot overwrite directory ${this.#shown(path)} with non-directory ${this.#shown("")}`);
      if (!there && comes) throw new MdkError("invalid", "cp-over-file", `cannot overwrite non-directory ${this.#shown(path)} with directory ${this.#shown("")}`);
      if (there) return this.#settle(path, entry);
      // What is mounted in the container would be taken off from where it is, since this process is in another namespace (unlink(2) has EBUSY for its own).
      if (status.mountRoot) throw new SysError("unlinkat", E.EBUSY, path);
      unlinkAt(parent, base);
    }
    this.#create(found, entry);
  }

  #replace(found: Found, entry: TarEntry): void {
    removeEntry(found.parent, found.base.toString("latin1", 0, found.base.length - 1));
    this.#create(found, entry);
  }

  #create(found: Found, entry: TarEntry): void {
    if (entry.type !== "directory") return this.#make(found, entry);
    mkdirAt(found.parent, found.base, 0o700);
    this.#settle(found.path, entry);
  }

  #make({ parent, base, path }: Found, entry: TarEntry): void {
    switch (entry.type) {
      case "file":
        this.#file = openAt(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
        return;
      case "link":
        return this.#link(parent, base, path, entry.linkName);
      case "symlink":
        this.#checkLink(path, entry.linkName);
        symlinkAt(cname(entry.linkName), parent, base);
        break;
      default: {
        const type = { character: S_IF.CHR, block: S_IF.BLK, fifo: S_IF.IFO, directory: S_IF.DIR }[entry.type];
        mknodAt(parent, base, type, makeDevice(entry.deviceMajor, entry.deviceMinor));
      }
    }
    const owner = this.#ownerOf(entry);
    if (owner !== null) chownAt(parent, base, owner.uid, owner.gid);
    for (const [key, value] of kept(entry)) setXattrTolerant(key, () => setXattrAt(parent, base, key, value));
    if (entry.type !== "symlink") chmodNode(parent, base, entry.mode);
    setTimesAt(parent, base, entry.modified);
  }

  /** Docker's own check: a link may lead anywhere from the root, but not climb out of what is copied. */
  #checkLink(path: string, target: string): void {
    const { directory } = this.#options;
    const top = directory === "/" ? "" : directory;
    const whole = `/${cleaned(`${`${top}/${path}`.replace(/\/[^/]*$/, "")}/${target}`).clean}`;
    if (!whole.startsWith(directory)) throw outside(`invalid symlink ${this.#shown(path)} -> ${JSON.stringify(shownName(target))}`);
  }

  #link(parent: number, base: Buffer, path: string, target: string): void {
    const { clean, climbs } = cleaned(target);
    if (climbs || clean === "") throw outside(`invalid hardlink ${this.#shown(path)} -> ${JSON.stringify(shownName(target))}`);
    const at = clean.lastIndexOf("/");
    const from = this.#options.open(clean.slice(0, Math.max(0, at)));
    try {
      linkAt(from, cname(clean.slice(at + 1)), parent, base);
    } finally {
      closeSync(from);
    }
  }

  /** A directory that is there takes what the archive says of it. */
  #settle(path: string, entry: TarEntry): void {
    const at = path.lastIndexOf("/");
    const fd = path === "" ? this.#options.open("") : openAt(this.#parent(path.slice(0, Math.max(0, at))), cname(path.slice(at + 1)), O_DIRECTORY | O_NOFOLLOW);
    try {
      this.#dress(fd, entry);
    } finally {
      closeSync(fd);
    }
    this.#times.push({ path, time: entry.modified });
  }

  #dress(fd: number, entry: TarEntry): void {
    const owner = this.#ownerOf(entry);
    if (owner !== null) chown(fd, owner.uid, owner.gid);
    // The owner's change takes setuid away, so the mode comes after it.
    chmod(fd, entry.mode);
    for (const [key, value] of kept(entry)) setXattrTolerant(key, () => setXattr(fd, key, value));
  }

  #ownerOf({ uid, gid }: TarEntry): { readonly uid: number; readonly gid: number } | null {
    return this.#options.owner === "archive" ? { uid, gid } : this.#options.owner;
  }
}

function kept({ xattrs }: TarEntry): (readonly [string, Uint8Array])[] {
  return xattrs.size === 0 ? [] : [...xattrs].filter(([key]) => travels(key));
}

/** By the node's own descriptor: a link that somebody put in its place since is not followed to what it leads to here. */
function chmodNode(parent: number, base: Buffer, mode: number): void {
  const fd = openAt(parent, base, O_PATH | O_NOFOLLOW);
  try {
    if ((statAt(fd, "")!.mode & S_IF.MT) !== S_IF.LNK) chmodSync(`/proc/self/fd/${fd}`, mode);
  } finally {
    closeSync(fd);
  }
}

function outside(message: string): MdkError {
  return new MdkError("corrupt", "archive-escape", message);
}

/** Go's filepath.Clean of a name that is put below a directory. `climbs`: above it. `dot`: it is the directory itself, by ".". */
function cleaned(path: string): { readonly clean: string; readonly climbs: boolean; readonly dot: boolean } {
  const rooted = path.startsWith("/");
  let clean = "";
  let climbs = false;
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") clean = join(clean, part);
    else if (clean !== "") clean = clean.slice(0, Math.max(0, clean.lastIndexOf("/")));
    else climbs ||= !rooted;
  }
  return { clean: climbs ? path : clean, climbs, dot: clean === "" && !rooted };
}
