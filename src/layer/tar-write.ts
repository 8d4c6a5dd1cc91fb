/** Writes archives as Go's archive/tar does for Docker: ustar headers, and a pax header before one where ustar is too small. */
import { BLOCK } from "./tar-header.ts";
import type { EntryType, TarEntry, TarHandler } from "./tar.ts";

const TYPES: Readonly<Record<EntryType, string>> = {
  file: "0", link: "1", symlink: "2", character: "3", block: "4", directory: "5", fifo: "6",
};

const CHUNK = 1 << 18;

/** Entries in, the bytes of an archive out, in large pieces; they are only lent. */
export class TarWriter implements TarHandler {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #chunk = Buffer.alloc(CHUNK);
  #filled = 0;
  #size = 0;

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  entry(entry: TarEntry): void {
    this.#size = entry.size;
    this.#put(encodeHeader(entry));
  }

  data(chunk: Uint8Array): void {
    this.#put(chunk);
  }

  close(): void {
    this.#put(padding(this.#size));
  }

  /** After the last entry. */
  end(): void {
    this.#put(Buffer.alloc(2 * BLOCK));
    this.#flush();
  }

  #put(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > CHUNK) this.#flush();
    if (bytes.length > CHUNK) return this.#write(bytes);
    this.#chunk.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  #flush(): void {
    if (this.#filled > 0) this.#write(this.#chunk.subarray(0, this.#filled));
    this.#filled = 0;
  }
}

/** The blocks before an entry's data. Times are whole seconds, as Docker's. */
function encodeHeader(entry: TarEntry): Buffer {
  const { uid, gid, size, modified } = entry;
  const name = entry.type === "directory" && !entry.name.endsWith("/") ? `${entry.name}/` : entry.name;
  const records: [string, Uint8Array][] = [];
  const long = (key: string, text: string): void => {
    if (text.length <= 100 && /^[\x20-\x7e]*$/.test(text)) return;
    records.push([key, Buffer.from(text, "latin1")]);
  };
  long("path", name);
  long("linkpath", entry.linkName);
  if (records.some(([, bytes]) => !isUtf8(bytes))) records.unshift(["hdrcharset", Buffer.from("BINARY")]);
  for (const [key, value, most] of [["uid", uid, 0o7777777], ["gid", gid, 0o7777777], ["size", size, 0o77777777777]] as const) {
    if (value > most) records.push([key, Buffer.from(String(value))]);
  }
  if (modified.seconds < 0 || modified.seconds > 0o77777777777) records.push(["mtime", Buffer.from(String(modified.seconds))]);
  for (const [key, value] of entry.xattrs) records.push([`SCHILY.xattr.${key}`, value]);
  const block = encodeBlock({ ...entry, name, type: TYPES[entry.type] });
  if (records.length === 0) return block;
  const body = Buffer.concat(records.map(([key, value]) => record(key, value)));
  const pax = encodeBlock({
    name: "PaxHeaders.0/entry", linkName: "", type: "x", size: body.length, mode: 0o644, uid: 0, gid: 0, modified: { seconds: 0 }, deviceMajor: 0, deviceMinor: 0,
  });
  return Buffer.concat([pax, body, padding(body.length), block]);
}

function isUtf8(bytes: Uint8Array): boolean {
  return Buffer.from(Buffer.from(bytes).toString("utf8")).equals(bytes);
}

function record(key: string, value: Uint8Array): Buffer {
  const fixed = Buffer.byteLength(key) + value.length + 3;
  let length = fixed + String(fixed).length;
  if (String(length).length !== String(fixed).length) length = fixed + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from("\n")]);
}

/** Zeros up to the next block. */
function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

interface Block extends Pick<TarEntry, "name" | "linkName" | "mode" | "uid" | "gid" | "size" | "deviceMajor" | "deviceMinor"> {
  readonly type: string;
  readonly modified: { readonly seconds: number };
}

function encodeBlock({ type, ...entry }: Block): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number, most: number): void => {
    const held = value >= 0 && value <= most ? value : 0; // what does not fit stands in the pax header
    block.write(`${held.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  };
  block.write(entry.name.slice(0, 100), 0, "latin1");
  octal(entry.mode & 0o7777, 100, 8, 0o7777777);
  octal(entry.uid, 108, 8, 0o7777777);
  octal(entry.gid, 116, 8, 0o7777777);
  octal(entry.size, 124, 12, 0o77777777777);
  octal(entry.modified.seconds, 136, 12, 0o77777777777);
  block.write(type, 156, "latin1");
  block.write(entry.linkName.slice(0, 100), 157, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  if (type === "3" || type === "4") {
    octal(entry.deviceMajor, 329, 8, 0o7777777);
    octal(entry.deviceMinor, 337, 8, 0o7777777);
  }
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
