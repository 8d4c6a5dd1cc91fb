/** Encodes tar headers as Go's archive/tar does for Docker: ustar, and a pax header before it where ustar is too small. */
import type { Status } from "../sys/at.ts";
import { S_IF } from "../sys/at.ts";
import { BLOCK } from "./tar-header.ts";

export interface WrittenEntry {
  /** Byte string; directories end in "/". */
  readonly name: string;
  readonly status: Status;
  /** Target of a symbolic link, or the first name of a file with several. Byte string; "" for none. */
  readonly link: string;
  /** The file was written before under `link`. */
  readonly hardLink: boolean;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

const TYPES: Readonly<Record<number, string>> = {
  [S_IF.REG]: "0", [S_IF.LNK]: "2", [S_IF.CHR]: "3", [S_IF.BLK]: "4", [S_IF.DIR]: "5", [S_IF.IFO]: "6",
};

/** Whether tar can say it: sockets it cannot. */
export function isWritable(status: Status): boolean {
  return TYPES[status.mode & S_IF.MT] !== undefined;
}

/** The blocks before an entry's data. Times are whole seconds, as Docker's. */
export function encodeHeader(entry: WrittenEntry): Buffer {
  const { status } = entry;
  const type = entry.hardLink ? "1" : (TYPES[status.mode & S_IF.MT] as string);
  const size = type === "0" ? status.size : 0;
  const records: [string, Uint8Array][] = [];
  const long = (key: string, text: string): void => {
    if (text.length <= 100 && /^[\x20-\x7e]*$/.test(text)) return;
    records.push([key, Buffer.from(text, "latin1")]);
  };
  long("path", entry.name);
  long("linkpath", entry.link);
  if (records.some(([, bytes]) => !isUtf8(bytes))) records.unshift(["hdrcharset", Buffer.from("BINARY")]);
  for (const [key, value, most] of [["uid", status.uid, 0o7777777], ["gid", status.gid, 0o7777777], ["size", size, 0o77777777777]] as const) {
    if (value > most) records.push([key, Buffer.from(String(value))]);
  }
  if (status.modified.seconds < 0 || status.modified.seconds > 0o77777777777) records.push(["mtime", Buffer.from(String(status.modified.seconds))]);
  for (const [key, value] of entry.xattrs) records.push([`SCHILY.xattr.${key}`, value]);
  const block = encodeBlock({ ...entry, type, size });
  if (records.length === 0) return block;
  const body = Buffer.concat(records.map(([key, value]) => record(key, value)));
  const pax = encodeBlock({ name: "PaxHeaders.0/entry", link: "", type: "x", size: body.length, status: { ...status, mode: 0o644, uid: 0, gid: 0, modified: { seconds: 0, nanoseconds: 0 } } });
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
export function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

interface Block {
  readonly name: string;
  readonly link: string;
  readonly type: string;
  readonly size: number;
  readonly status: Status;
}

function encodeBlock({ name, link, type, size, status }: Block): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number, most: number): void => {
    const held = value >= 0 && value <= most ? value : 0; // what does not fit stands in the pax header
    block.write(`${held.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  };
  block.write(name.slice(0, 100), 0, "latin1");
  octal(status.mode & 0o7777, 100, 8, 0o7777777);
  octal(status.uid, 108, 8, 0o7777777);
  octal(status.gid, 116, 8, 0o7777777);
  octal(size, 124, 12, 0o77777777777);
  octal(status.modified.seconds, 136, 12, 0o77777777777);
  block.write(type, 156, "latin1");
  block.write(link.slice(0, 100), 157, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  if (type === "3" || type === "4") {
    octal(status.deviceMajor, 329, 8, 0o7777777);
    octal(status.deviceMinor, 337, 8, 0o7777777);
  }
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
