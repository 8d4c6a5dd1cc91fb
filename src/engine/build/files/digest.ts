/**
 * The digest of what a source brings: names, types, modes, owners, link targets, contents and attributes, but no times. Directory by directory, so that
 * of a directory whose files are as an earlier build found them nothing is read again.
 */
import { closeSync, readSync } from "node:fs";
import type { MdkError } from "../../../error.ts";
import { baseOf, cname, isDirectory, isLink, isWhiteout, join, parentOf } from "../../../layer/tree.ts";
import { travels } from "../../../layer/tar.ts";
import { readlinkAt, type Status } from "../../../sys/at.ts";
import { S_IF } from "../../../sys/linux.ts";
import { xattrsAt } from "../../../sys/xattr.ts";
import type { Turns } from "../../../sys/turns.ts";
import { about, changedWhileRead, openFound, openWithin, shown, type FileDigests, type FoundFile, type Gathering } from "./source.ts";

/** A file that changed less than this before the build may change again within one tick of the file system's clock. */
const SETTLED_MS = 2_000;
const CHUNK = 1 << 20;

export interface Digesting {
  readonly digests: FileDigests | null;
  readonly turns: Turns;
}

/** 64 hexadecimal digits. Throws MdkError "build-file-changed" for what is not any more what it was when it was looked at. */
export async function digestFiles(gathering: Gathering, options: Digesting): Promise<string> {
  const whole = new Bun.CryptoHasher("sha256");
  for (const [path, found] of byDirectory(gathering.found)) {
    const turn = options.turns.give();
    if (turn !== null) await turn;
    whole.update(frame(path));
    whole.update(new Directory(gathering, path, options).digest(found));
  }
  return whole.digest("hex");
}

/** The first name of a file with several, for those that come after: path by identity. */
export function firstNames(found: readonly FoundFile[]): Map<FoundFile, string> {
  const first = new Map<string, string>();
  const links = new Map<FoundFile, string>();
  for (const entry of found) {
    const { status, path } = entry;
    if (status.links < 2 || isDirectory(status) || isWhiteout(status)) continue;
    const identity = `${status.fileSystem}/${status.inode}`;
    const other = first.get(identity);
    if (other === undefined) first.set(identity, path);
    else links.set(entry, other);
  }
  return links;
}

interface Entry extends FoundFile {
  /** A hard link to it. */
  readonly link: string | null;
}

function byDirectory(found: readonly FoundFile[]): Map<string, Entry[]> {
  const links = firstNames(found);
  const directories = new Map<string, Entry[]>();
  for (const entry of found) {
    const path = parentOf(entry.path);
    const there = directories.get(path);
    const all = { ...entry, link: links.get(entry) ?? null };
    if (there === undefined) directories.set(path, [all]);
    else there.push(all);
  }
  return directories;
}

/** With its length in front: two of them never read as one. */
function frame(text: string): string {
  return `${text.length}:${text}`;
}

class Directory {
  readonly #gathering: Gathering;
  readonly #path: string;
  readonly #options: Digesting;
  /** Opened when the first thing in it is read. */
  #fd: number | null = null;

  constructor(gathering: Gathering, path: string, options: Digesting) {
    this.#gathering = gathering;
    this.#path = path;
    this.#options = options;
  }

  digest(entries: readonly Entry[]): string {
    const key = this.#key(entries);
    const known = this.#options.digests?.find(key) ?? null;
    if (known !== null) return known;
    try {
      const hash = new Bun.CryptoHasher("sha256");
      for (const entry of entries) this.#about(entry, () => this.#entry(hash, entry));
      const digest = hash.digest("hex");
      if (this.#isSettled(entries)) this.#options.digests?.keep(key, digest);
      return digest;
    } finally {
      if (this.#fd !== null) closeSync(this.#fd);
      this.#fd = null;
    }
  }

  #about(entry: Entry, work: () => void): void {
    const { tree, directory } = this.#gathering;
    about(`read "/${shown(directory === "" ? entry.path : `${directory}/${entry.path}`)}" of ${tree.name}`, work);
  }

  get #directory(): number {
    const { tree, directory } = this.#gathering;
    return (this.#fd ??= openWithin(tree.root, [directory, this.#path].filter((part) => part !== "").join("/")));
  }

  /** Whatever is read of an entry, its ctime tells of; a directory's own does not, as each name made in it changes that: its attributes are read for the key. */
  #key(entries: readonly Entry[]): string {
    const { ownersKept } = this.#gathering.tree;
    const lines = entries.map(({ path, status: { fileSystem, inode, size, modified, changed, ...status }, link }) => {
      const identity = isDirectory(status as Status)
        ? JSON.stringify(this.#xattrs(path).map(([key, value]) => [key, Buffer.from(value).toString("hex")]))
        : `${fileSystem}/${inode}/${size}/${modified.seconds}.${modified.nanoseconds}/${changed.seconds}.${changed.nanoseconds}`;
      return `${frame(baseOf(path))} ${status.mode} ${status.uid} ${status.gid} ${identity} ${link === null ? "-" : frame(link)}`;
    });
    return new Bun.CryptoHasher("sha256").update(`1 ${ownersKept} ${lines.join("\n")}`).digest("hex");
  }

  #isSettled(entries: readonly Entry[]): boolean {
    const before = (this.#options.digests?.begun ?? 0) - SETTLED_MS;
    return entries.every(({ status }) => status.changed.seconds * 1000 < before);
  }

  #entry(hash: Bun.CryptoHasher, entry: Entry): void {
    const { path, status, link } = entry;
    const { ownersKept } = this.#gathering.tree;
    const base = baseOf(path);
    const owner = ownersKept ? `${status.uid}:${status.gid}` : "0:0";
    hash.update(`${frame(base)} ${status.mode} ${owner} ${status.deviceMajor}:${status.deviceMinor} ${link === null ? "-" : frame(link)}\n`);
    if (link !== null) return;
    for (const [key, value] of this.#xattrs(path)) hash.update(`${frame(key)}=${value.length}:`).update(value);
    if (isLink(status)) hash.update(readlinkAt(this.#directory, cname(base)));
    else if ((status.mode & S_IF.MT) === S_IF.REG) this.#content(hash, entry);
    hash.update("\n");
  }

  #xattrs(path: string): [key: string, value: Uint8Array][] {
    const all = xattrsAt(this.#directory, cname(baseOf(path)));
    return [...all].filter(([key]) => travels(key)).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #content(hash: Bun.CryptoHasher, entry: Entry): void {
    const { tree, directory } = this.#gathering;
    const { size } = entry.status;
    const changed = (): MdkError => changedWhileRead(tree, join(directory, entry.path));
    const fd = openFound(this.#directory, entry, changed);
    try {
      hash.update(`${size}:`);
      let left = size;
      while (left > 0) {
        const count = readSync(fd, buffer(), 0, Math.min(CHUNK, left), null);
        if (count === 0) throw changed();
        hash.update(buffer().subarray(0, count));
        left -= count;
      }
      // What is written while it is read is seen when it is placed at the latest: it is looked at again there.
    } finally {
      closeSync(fd);
    }
  }
}

let lent: Buffer | null = null;

function buffer(): Buffer {
  return (lent ??= Buffer.allocUnsafe(CHUNK));
}
