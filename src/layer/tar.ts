/**
 * A streaming tar reader: bytes are pushed in, entries and their data come out, in order and without waiting. It knows
 * ustar, GNU (long names, base-256) and pax; what it does not know is an error, because a reader that skips what another
 * one unpacks is how images differ from what was scanned. It never touches a disk.
 */
import { MdkError } from "../error.ts";
import type { Time } from "../sys/at.ts";
import { applyPax, BLOCK, decodeHeader, decodePax, invalid, latin1, NAME_BYTES_MAX, shownName, sparse, type RawHeader } from "./tar-header.ts";

export type EntryType = "file" | "link" | "symlink" | "character" | "block" | "directory" | "fifo";

/** Names are byte strings (tar-header.ts) as the archive has them: not yet cleaned, not yet trusted. */
export interface TarEntry {
  readonly type: EntryType;
  readonly name: string;
  /** Of links; "" otherwise. */
  readonly linkName: string;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of data that follow; 0 for everything but files. */
  readonly size: number;
  readonly modified: Time;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/** Extended attributes that mean the same elsewhere: not overlay's own marks, nor a host's labels. */
export function travels(key: string): boolean {
  return (key.startsWith("user.") && !key.startsWith("user.overlay.")) || key === "security.capability" || key.startsWith("system.posix_acl_");
}

export interface TarHandler {
  entry(entry: TarEntry): void;
  /** A part of the current file's data; the bytes are only lent. */
  data(chunk: Uint8Array): void;
  /** The current file is complete. Called for files only, empty ones too. */
  close(): void;
}

const TYPES: Readonly<Record<string, EntryType>> = {
  "0": "file", "\0": "file", "7": "file", "1": "link", "2": "symlink", "3": "character", "4": "block", "5": "directory", "6": "fifo",
};
/** Long names, pax records: the metadata of one entry (xattrs hold 64 KiB each). */
const METADATA_BYTES_MAX = 1 << 20;
/** An ext4 file system of 250 GB has 16 million inodes; the largest images have half a million entries. */
const ENTRIES_MAX = 4_000_000;
const XATTR = "SCHILY.xattr.";

interface Metadata {
  readonly type: string;
  readonly bytes: Uint8Array;
  filled: number;
}

export class TarReader {
  readonly #handler: TarHandler;
  /** A header, or metadata, that chunks cut; `#filled` bytes of it are there. */
  #block = new Uint8Array(BLOCK);
  #filled = 0;
  #metadata: Metadata | null = null;
  #pax: Map<string, Uint8Array> | null = null;
  #longName: string | null = null;
  #longLink: string | null = null;
  #state: "header" | "data" | "metadata" | "padding" | "end" = "header";
  #remaining = 0;
  #padding = 0;
  #zeroBlocks = 0;
  #entries = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** Takes the next bytes. Throws "archive-invalid" or "archive-unsupported", and what the handler throws. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      switch (this.#state) {
        case "header":
          at = this.#pushHeader(chunk, at);
          break;
        case "data": {
          const end = Math.min(chunk.length, at + this.#remaining);
          this.#handler.data(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
          this.#remaining -= end - at;
          at = end;
          if (this.#remaining === 0) this.#closeFile();
          break;
        }
        case "metadata":
          at = this.#pushMetadata(chunk, at);
          break;
        case "padding": {
          const end = Math.min(chunk.length, at + this.#padding);
          this.#padding -= end - at;
          at = end;
          if (this.#padding === 0) this.#state = "header";
          break;
        }
        case "end":
          // Archives are filled up to the record size with zeros; other readers might go on with what else stands there.
          if (chunk.subarray(at).some((byte) => byte !== 0)) throw invalid("data after the end of the archive");
          return;
      }
    }
  }

  /** For who can seek: when a file's entry was told, its data does not come. Returns how many bytes to pass over, those that fill its last block included. */
  passOver(): number {
    if (this.#state !== "data") return 0;
    const length = this.#remaining + this.#padding;
    this.#remaining = this.#padding = 0;
    this.#closeFile();
    return length;
  }

  /** The stream is over. An archive without its two blocks of zeros is taken, as by GNU tar; one cut within an entry is not. */
  end(): void {
    if (this.#state === "end") return;
    if (this.#state !== "header" || this.#filled !== 0 || this.#hasPending()) {
      throw new MdkError("corrupt", "archive-invalid", "the archive ends within an entry: unexpected EOF");
    }
  }

  #hasPending(): boolean {
    return this.#pax !== null || this.#longName !== null || this.#longLink !== null;
  }

  #pushHeader(chunk: Uint8Array, at: number): number {
    if (this.#filled === 0 && chunk.length - at >= BLOCK) {
      this.#header(chunk.subarray(at, at + BLOCK));
      return at + BLOCK;
    }
    const end = Math.min(chunk.length, at + BLOCK - this.#filled);
    this.#block.set(chunk.subarray(at, end), this.#filled);
    this.#filled += end - at;
    if (this.#filled === BLOCK) {
      this.#filled = 0;
      this.#header(this.#block);
    }
    return end;
  }

  #header(block: Uint8Array): void {
    if (isZero(block)) {
      if (this.#hasPending()) throw invalid("metadata without an entry");
      if (++this.#zeroBlocks === 2) this.#state = "end";
      return;
    }
    if (this.#zeroBlocks !== 0) throw invalid("an entry after the end of the archive");
    if (++this.#entries > ENTRIES_MAX) {
      throw new MdkError("corrupt", "archive-too-large", `the archive has more than ${ENTRIES_MAX} entries`);
    }
    const header = decodeHeader(block);
    if ("xgLK".includes(header.type)) {
      if (header.size > METADATA_BYTES_MAX) throw new MdkError("corrupt", "archive-too-large", "the archive has an entry with more than 1 MiB of metadata");
      this.#metadata = { type: header.type, bytes: new Uint8Array(header.size), filled: 0 };
      this.#padding = paddingOf(header.size);
      this.#state = "metadata";
      if (header.size === 0) this.#metadataDone();
      return;
    }
    this.#entry(header);
  }

  #pushMetadata(chunk: Uint8Array, at: number): number {
    const metadata = this.#metadata as Metadata;
    const end = Math.min(chunk.length, at + metadata.bytes.length - metadata.filled);
    metadata.bytes.set(chunk.subarray(at, end), metadata.filled);
    metadata.filled += end - at;
    if (metadata.filled === metadata.bytes.length) this.#metadataDone();
    return end;
  }

  /** A global pax header is checked and then ignored, as Docker and umoci do: image layers mean the same to all. */
  #metadataDone(): void {
    const { type, bytes } = this.#metadata as Metadata;
    this.#metadata = null;
    if (type === "x") this.#pax = decodePax(bytes);
    else if (type === "g") decodePax(bytes);
    else {
      const zero = bytes.indexOf(0);
      const name = latin1(zero === -1 ? bytes : bytes.subarray(0, zero));
      if (type === "L") this.#longName = name;
      else this.#longLink = name;
    }
    this.#state = this.#padding === 0 ? "header" : "padding";
  }

  #entry(header: RawHeader): void {
    if (this.#longName !== null) header.name = this.#longName;
    if (this.#longLink !== null) header.linkName = this.#longLink;
    const pax = this.#pax;
    if (pax !== null) applyPax(header, pax);
    this.#longName = this.#longLink = this.#pax = null;
    if (header.type === "S") throw sparse(header.name);
    let type = Object.hasOwn(TYPES, header.type) ? TYPES[header.type] : undefined;
    if (type === undefined) {
      throw new MdkError("unsupported", "archive-unsupported", `the archive has an entry of unknown type ${JSON.stringify(header.type)}: ${shownName(header.name)}`);
    }
    // Before ustar a directory was a file whose name ends in a slash.
    if (type === "file" && header.name.endsWith("/")) {
      // Some readers pass over such data, others take it for the next headers: no two may see different images.
      if (header.size !== 0) throw invalid(`a directory with data: ${shownName(header.name)}`);
      type = "directory";
    }
    for (const name of [header.name, header.linkName]) {
      if (name.length > NAME_BYTES_MAX) throw invalid(`a name of ${name.length} bytes`);
      if (name.includes("\0")) throw invalid(`a NUL byte in the name ${shownName(name)}`);
    }
    const { size } = header;
    this.#handler.entry({
      type, name: header.name, linkName: type === "link" || type === "symlink" ? header.linkName : "", mode: header.mode, uid: header.uid, gid: header.gid,
      size: type === "file" ? size : 0, modified: header.modified, deviceMajor: header.deviceMajor, deviceMinor: header.deviceMinor, xattrs: xattrsOf(pax),
    });
    if (type !== "file") return;
    this.#padding = paddingOf(size);
    this.#remaining = size;
    if (size === 0) this.#closeFile();
    else this.#state = "data";
  }

  #closeFile(): void {
    this.#state = this.#padding === 0 ? "header" : "padding";
    this.#handler.close();
  }
}

const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();

function xattrsOf(pax: ReadonlyMap<string, Uint8Array> | null): ReadonlyMap<string, Uint8Array> {
  if (pax === null) return NO_XATTRS;
  const found = new Map<string, Uint8Array>();
  for (const [key, value] of pax) if (key.startsWith(XATTR)) found.set(key.slice(XATTR.length), value);
  return found;
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function isZero(block: Uint8Array): boolean {
  for (let index = 0; index < BLOCK; index++) if (block[index] !== 0) return false;
  return true;
}
