/**
 * Puts what was gathered into a directory of what is built (fsutil's copy, as BuildKit uses it). Both sides are opened by paths without links, each
 * name in its directory's descriptor: neither a link of the source nor one of the destination leads on.
 */
import { closeSync } from "node:fs";
import type { Chmod } from "../../../build/context/chmod.ts";
import { MdkError } from "../../../error.ts";
import { setXattrTolerant } from "../../../layer/apply.ts";
import { travels } from "../../../layer/tar.ts";
import { baseOf, cname, isDirectory, isWhiteout, join, parentOf } from "../../../layer/tree.ts";
import {
  chmod, chmodAt, chown, chownAt, linkAt, makeDevice, mkdirAt, mknodAt, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_WRONLY, openAt, readlinkAt, setTimes, setTimesAt, statAt, symlinkAt, unlinkAt, type Status, type Time,
} from "../../../sys/at.ts";
import { copyRange } from "../../../sys/copy-range.ts";
import { interruptible } from "../../../sys/interrupt.ts";
import { S_IF } from "../../../sys/linux.ts";
import { setXattr, setXattrAt, xattrsAt } from "../../../sys/xattr.ts";
import type { Turns } from "../../../sys/turns.ts";
import { firstNames } from "./digest.ts";
import { about, changedWhileRead, openFound, openWithin, shown, type FoundFile, type Gathering } from "./source.ts";

/** What becomes of everything that is put. */
export interface Dress {
  /** Null: whose it was in an image; of the build context root's. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  /** Null: as it was. Links have none. */
  readonly mode: Chmod["apply"] | null;
  /** Of directories that are made on the way. */
  readonly parents: number;
  /** Null: as it was. */
  readonly time: Time | null;
}

export interface CopyPlace {
  /** Of what is built; lent. */
  readonly root: number;
  /** Of the directory that is copied into: from the root, without links, a byte string. */
  readonly directory: string;
  /** The name that the one file of a source gets; of a directory's contents null. */
  readonly as: string | null;
  readonly dress: Dress;
  readonly turns: Turns;
}

/** Throws MdkError: "build-file-changed", BuildKit's sentences for a directory and a file that meet, and what the system refuses. What was put by then stays. */
export async function copyGathered(gathering: Gathering, place: CopyPlace): Promise<void> {
  const copier = new Copier(gathering, place);
  try {
    await copier.run();
  } finally {
    copier.release();
  }
}

/** The refusals of a name that is to become something else than what is there. */
export function refuseDirectory(path: string): MdkError {
  return new MdkError("conflict", "build-over-directory", `cannot replace to directory /${shown(path)} with file`);
}

export function refuseFile(path: string): MdkError {
  return new MdkError("conflict", "build-over-file", `cannot copy to non-directory: /${shown(path)}`);
}

/** A directory of the source and the one that it becomes, open. */
interface Pair {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

class Copier {
  readonly #gathering: Gathering;
  readonly #place: CopyPlace;
  readonly #links: ReadonlyMap<FoundFile, string>;
  /** Most entries follow one of their own directory. */
  #last: Pair | null = null;
  /** Every name that is made in a directory changes its times: they are set at the end, the deepest first. */
  readonly #times: { readonly path: string; readonly time: Time }[] = [];

  constructor(gathering: Gathering, place: CopyPlace) {
    this.#gathering = gathering;
    this.#place = place;
    this.#links = firstNames(gathering.found);
  }

  async run(): Promise<void> {
    const { found, tree, directory } = this.#gathering;
    for (const entry of found) {
      const turn = this.#place.turns.give();
      if (turn !== null) await turn;
      about(`copy "/${shown(join(directory, entry.path))}" of ${tree.name}`, () => this.#entry(entry));
    }
    this.#closeLast();
    for (const { path, time } of this.#times.reverse()) about(`copy to "/${shown(this.#target(path))}"`, () => this.#setTimes(path, time));
  }

  release(): void {
    this.#closeLast();
  }

  #closeLast(): void {
    if (this.#last === null) return;
    closeSync(this.#last.from);
    closeSync(this.#last.to);
    this.#last = null;
  }

  #setTimes(path: string, time: Time): void {
    const fd = openWithin(this.#place.root, this.#target(path));
    try {
      setTimes(fd, time);
    } finally {
      closeSync(fd);
    }
  }

  /** From the root of what is built. */
  #target(path: string): string {
    const { directory, as } = this.#place;
    return path === "" ? directory : join(directory, as ?? path);
  }

  #pair(path: string): Pair {
    if (this.#last?.path === path) return this.#last;
    this.#closeLast();
    const from = openWithin(this.#gathering.tree.root, below(this.#gathering.directory, path));
    try {
      this.#last = { path, from, to: openWithin(this.#place.root, below(this.#place.directory, path)) };
    } catch (error) {
      closeSync(from);
      throw error;
    }
    return this.#last;
  }

  #entry(entry: FoundFile): void {
    const { from, to } = this.#pair(parentOf(entry.path));
    const base = cname(this.#place.as ?? baseOf(entry.path));
    const there = statAt(to, base);
    if (isDirectory(entry.status)) return this.#directory(entry, { from, to, base, there });
    if (there !== null && isDirectory(there)) throw refuseDirectory(this.#target(entry.path));
    if (there !== null) unlinkAt(to, base);
    const first = this.#links.get(entry);
    if (first !== undefined) this.#link(first, to, base);
    else if ((entry.status.mode & S_IF.MT) === S_IF.REG) this.#file(entry, { from, to, base });
    else this.#node(entry, { from, to, base });
  }

  #directory({ path, status, isOnTheWay }: FoundFile, { from, to, base, there }: Target & { readonly there: Status | null }): void {
    if (there !== null && !isDirectory(there)) throw refuseFile(this.#target(path));
    if (there === null) mkdirAt(to, base, 0o700);
    const fd = openAt(to, base, O_DIRECTORY | O_NOFOLLOW);
    try {
      // One that is only on the way to something keeps all but its mode.
      if (there !== null && isOnTheWay) return chmod(fd, status.mode & 0o7777);
      this.#dress(fd, status, this.#xattrs(from, path));
    } finally {
      closeSync(fd);
    }
    this.#times.push({ path, time: this.#place.dress.time ?? status.modified });
  }

  #link(first: string, to: number, base: Buffer): void {
    const parent = openWithin(this.#place.root, parentOf(this.#target(first)));
    try {
      linkAt(parent, cname(baseOf(first)), to, base);
    } finally {
      closeSync(parent);
    }
  }

  #file(entry: FoundFile, { from, to, base }: Target): void {
    const { path, status } = entry;
    const { tree, directory } = this.#gathering;
    const changed = (): MdkError => changedWhileRead(tree, join(directory, path));
    const source = openFound(from, entry, changed);
    try {
      const target = openAt(to, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        // Both ways of changing are seen: in length, and in the time of what has the same length.
        const copy = (): number => copyRange(source, target);
        if (status.size > 0 && (status.size < LONG_BYTES ? copy() : interruptible(copy)) !== status.size) throw changed();
        if (status.size >= LONG_BYTES) closeSync(openFound(from, entry, changed));
        this.#dress(target, status, this.#xattrs(from, path));
        setTimes(target, this.#place.dress.time ?? status.modified);
      } finally {
        closeSync(target);
      }
    } finally {
      closeSync(source);
    }
  }

  #node({ path, status }: FoundFile, { from, to, base }: Target): void {
    const { owner, mode, time } = this.#place.dress;
    const kind = status.mode & S_IF.MT;
    // Overlay's own sign for a deleted file (overlayfs.rst).
    if (isWhiteout(status)) throw new MdkError("invalid", "build-files", `"/${shown(path)}" is a device 0:0, which is no device`);
    if (kind === S_IF.LNK) symlinkAt(Buffer.concat([readlinkAt(from, cname(baseOf(path))), Buffer.alloc(1)]), to, base);
    else mknodAt(to, base, kind, makeDevice(status.deviceMajor, status.deviceMinor));
    const { uid, gid } = owner ?? this.#ownOwner(status);
    chownAt(to, base, uid, gid);
    if (kind !== S_IF.LNK) chmodAt(to, base, mode === null ? status.mode & 0o7777 : mode(status.mode, false));
    for (const [key, value] of this.#xattrs(from, path)) setXattrTolerant(key, () => setXattrAt(to, base, key, value));
    setTimesAt(to, base, time ?? status.modified);
  }

  #dress(fd: number, status: Status, xattrs: readonly (readonly [string, Uint8Array])[]): void {
    const { owner, mode } = this.#place.dress;
    const { uid, gid } = owner ?? this.#ownOwner(status);
    chown(fd, uid, gid);
    // The owner's change takes setuid away, so the mode comes after it; and a mode changes the mask of an ACL, so that comes last.
    chmod(fd, mode === null ? status.mode & 0o7777 : mode(status.mode, isDirectory(status)));
    for (const [key, value] of xattrs) setXattrTolerant(key, () => setXattr(fd, key, value));
  }

  #ownOwner({ uid, gid }: Status): { readonly uid: number; readonly gid: number } {
    return this.#gathering.tree.ownersKept ? { uid, gid } : ROOT;
  }

  #xattrs(from: number, path: string): (readonly [string, Uint8Array])[] {
    return [...xattrsAt(from, cname(baseOf(path)))].filter(([key]) => travels(key));
  }
}

interface Target {
  readonly from: number;
  readonly to: number;
  readonly base: Buffer;
}

const ROOT = { uid: 0, gid: 0 };
/** Copying one takes long enough for somebody to write to it. */
const LONG_BYTES = 1 << 20;

function below(directory: string, path: string): string {
  return path === "" ? directory : join(directory, path);
}
