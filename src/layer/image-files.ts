/**
 * The files of an image archive or layout, read at random: a tar file that was indexed once, or a directory. Names come from strangers:
 * they are looked up, never made into a path that could leave it.
 */
import { closeSync, constants, fstatSync, readSync } from "node:fs";
import { MdkError } from "../error.ts";
import { O_NONBLOCK, openInRoot } from "../sys/at.ts";
import { BLOCK, shownName } from "./tar-header.ts";
import { TarReader, type TarEntry } from "./tar.ts";
import { baseOf, parentOf } from "./tree.ts";
import { RESOLVE } from "../sys/linux.ts";

export interface ImageFiles {
  /** Bytes of the file of this name; null: there is none. */
  size(name: string): number | null;
  /** What is the same for names of one file; null: there is none. */
  identity(name: string): string | null;
  /** From an offset to its end. */
  read(name: string, from: number): AsyncGenerator<Uint8Array, void>;
  /** The whole file, or null: there is none. Throws "archive-too-large" beyond `limit` bytes. */
  small(name: string, limit: number): Uint8Array | null;
  close(): void;
}

const CHUNK = 1 << 20;
/** An image of 127 layers has some hundred files. */
const ENTRIES_MAX = 100_000;
/** Docker's older archives have a link where one layer is there twice. */
const LINKS_MAX = 8;

interface Place {
  readonly offset: number;
  readonly size: number;
}

/** Takes over `fd`, a regular file; close() closes it. Throws the errors of TarReader, and "archive-invalid" for one that is cut. */
export function openTarFiles(fd: number): ImageFiles {
  const places = new Map<string, Place>();
  const links = new Map<string, string>();
  try {
    indexArchive(fd, (entry, offset) => {
      const name = cleanName(entry.name);
      places.delete(name);
      links.delete(name);
      if (entry.type === "file") places.set(name, { offset, size: entry.size });
      else if (entry.type === "symlink") links.set(name, resolveName(parentOf(name), entry.linkName));
      else if (entry.type === "link") links.set(name, cleanName(entry.linkName));
      if (places.size + links.size > ENTRIES_MAX) throw new MdkError("corrupt", "archive-too-large", `the archive has more than ${ENTRIES_MAX} files`);
    });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const find = (name: string): Place | null => {
    let at = cleanName(name);
    for (let hop = 0; hop < LINKS_MAX && links.has(at); hop++) at = links.get(at)!;
    return places.get(at) ?? null;
  };
  return {
    size: (name) => find(name)?.size ?? null,
    identity: (name) => find(name)?.offset.toString() ?? null,
    read: (name, from) => {
      const { offset, size } = find(name) ?? { offset: 0, size: 0 };
      return readRange(fd, offset + from, Math.max(0, size - from));
    },
    small: (name, limit) => {
      const place = find(name);
      return place === null ? null : readWhole(fd, place, name, limit);
    },
    close: () => closeSync(fd),
  };
}

function indexArchive(fd: number, found: (entry: TarEntry, offset: number) => void): void {
  const length = fstatSync(fd).size;
  let at = 0;
  const reader = new TarReader({ entry: (entry) => found(entry, at + BLOCK), data() {}, close() {} });
  const block = Buffer.alloc(BLOCK);
  while (at < length) {
    const count = readSync(fd, block, 0, BLOCK, at);
    if (count === 0) break;
    reader.push(block.subarray(0, count));
    at += BLOCK + reader.passOver();
  }
  if (at > length) throw new MdkError("corrupt", "archive-invalid", "the archive ends within an entry: unexpected EOF");
  reader.end();
}

/** "./a//b" is "a/b". What climbs is no name of anything. */
function cleanName(name: string): string {
  return name.split("/").filter((part) => part !== "" && part !== ".").join("/");
}

function resolveName(folder: string, target: string): string {
  const parts = target.startsWith("/") ? [] : folder.split("/").filter((part) => part !== "");
  for (const part of target.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** Takes over `fd`, a directory. Links in it are not followed. */
export function openDirectoryFiles(fd: number): ImageFiles {
  const open = (name: string): number | null => {
    if (name.includes("\0") || baseOf(name) === "") return null;
    try {
      const file = openInRoot(fd, Buffer.from(`${cleanName(name)}\0`), constants.O_RDONLY | O_NONBLOCK, 0, RESOLVE.NO_SYMLINKS);
      if (fstatSync(file).isFile()) return file;
      closeSync(file);
      return null;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return null;
      throw error;
    }
  };
  const within = <T>(name: string, work: (file: number) => T): T | null => {
    const file = open(name);
    if (file === null) return null;
    try {
      return work(file);
    } finally {
      closeSync(file);
    }
  };
  return {
    size: (name) => within(name, (file) => fstatSync(file).size),
    identity: (name) => within(name, (file) => {
      const { dev, ino } = fstatSync(file, { bigint: true });
      return `${dev}:${ino}`;
    }),
    read: async function* (name, from) {
      const file = open(name);
      if (file === null) return;
      try {
        yield* readRange(file, from, Math.max(0, fstatSync(file).size - from));
      } finally {
        closeSync(file);
      }
    },
    small: (name, limit) => within(name, (file) => readWhole(file, { offset: 0, size: fstatSync(file).size }, name, limit)),
    close: () => closeSync(fd),
  };
}


async function* readRange(fd: number, from: number, length: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < length; ) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, length - at));
    const count = readSync(fd, chunk, 0, chunk.length, from + at);
    if (count === 0) return;
    at += count;
    yield chunk.subarray(0, count);
  }
}

function readWhole(fd: number, { offset, size }: Place, name: string, limit: number): Uint8Array {
  if (size > limit) throw new MdkError("corrupt", "archive-too-large", `${shownName(name)} in the archive is larger than ${limit} bytes`);
  const bytes = Buffer.alloc(size);
  let at = 0;
  for (let count = -1; at < size && count !== 0; at += count) count = readSync(fd, bytes, at, size - at, offset + at);
  return bytes.subarray(0, at);
}
