/**
 * One 512-byte tar header (POSIX ustar, GNU) and pax records (pax(1), "pax Header Block"), decoded strictly. Names are
 * byte strings: one character a byte (latin1), because a name need not be UTF-8 and must come out as it went in.
 */
import { MdkError } from "../error.ts";
import type { Time } from "../sys/at.ts";

export const BLOCK = 512;
/** PATH_MAX of the kernel: a longer name cannot be made. */
export const NAME_BYTES_MAX = 4096;
const SECONDS_MAX = 2 ** 40;
const OWNER_MAX = 0xfffffffe; // (uid_t) -1 means "leave as it is" to chown(2)

export interface RawHeader {
  readonly type: string;
  name: string;
  linkName: string;
  readonly mode: number;
  uid: number;
  gid: number;
  size: number;
  modified: Time;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

export function invalid(detail: string): MdkError {
  return new MdkError("corrupt", "archive-invalid", `invalid tar header: ${detail}`);
}

/** Decodes a block that is not all zeros; sizes and owners are within range afterwards. Throws "archive-invalid". */
export function decodeHeader(block: Uint8Array): RawHeader {
  checkSum(block);
  const gnu = text(block, 257, 8) === "ustar  ";
  const ustar = !gnu && text(block, 257, 6).startsWith("ustar");
  const prefix = ustar ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  const type = String.fromCharCode(block[156] as number);
  const device = type === "3" || type === "4";
  return {
    type,
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkName: text(block, 157, 100),
    mode: bounded(number(block, 100, 8), 0, 0o7777777, "mode") & 0o7777,
    uid: bounded(number(block, 108, 8), 0, OWNER_MAX, "uid"),
    gid: bounded(number(block, 116, 8), 0, OWNER_MAX, "gid"),
    size: bounded(number(block, 124, 12), 0, Number.MAX_SAFE_INTEGER, "size"),
    modified: { seconds: bounded(number(block, 136, 12), -SECONDS_MAX, SECONDS_MAX, "time"), nanoseconds: 0 },
    deviceMajor: device ? bounded(number(block, 329, 8), 0, 0xfff, "major number") : 0,
    deviceMinor: device ? bounded(number(block, 337, 8), 0, 0xfffff, "minor number") : 0,
  };
}

function bounded(value: number, least: number, most: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < least || value > most) throw invalid(`${what} ${value} is out of range`);
  return value;
}

/** Up to the first NUL. */
function text(block: Uint8Array, offset: number, length: number): string {
  let end = offset;
  while (end < offset + length && block[end] !== 0) end++;
  return latin1(block.subarray(offset, end));
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** Octal digits between blanks and a blank or NUL, or GNU's base-256, which the highest bit announces. */
function number(block: Uint8Array, offset: number, length: number): number {
  const first = block[offset] as number;
  if ((first & 0x80) !== 0) return base256(block, offset, length);
  const digits = text(block, offset, length).trim();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw invalid(`${JSON.stringify(digits)} is not an octal number`);
  return Number.parseInt(digits, 8);
}

function base256(block: Uint8Array, offset: number, length: number): number {
  const negative = ((block[offset] as number) & 0x40) !== 0;
  let value = BigInt((block[offset] as number) & 0x7f);
  for (let index = 1; index < length; index++) value = (value << 8n) | BigInt(block[offset + index] as number);
  return Number(negative ? value - (1n << BigInt(length * 8 - 1)) : value);
}

/** The sum of all bytes with the field itself as blanks; old writers summed signed bytes. */
function checkSum(block: Uint8Array): void {
  const said = number(block, 148, 8);
  let sum = 0;
  let signed = 0;
  for (let index = 0; index < BLOCK; index++) {
    const byte = index >= 148 && index < 156 ? 32 : (block[index] as number);
    sum += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  if (said !== sum && said !== signed) throw invalid("wrong checksum");
}

/** Records "LENGTH KEY=VALUE\n" by key; the last of a key counts, an empty value takes it away. Values are bytes. */
export function decodePax(bytes: Uint8Array): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(0x20, at);
    const digits = blank === -1 ? "" : latin1(bytes.subarray(at, blank));
    const length = /^[1-9][0-9]{0,7}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = bytes.indexOf(0x3d, blank);
    if (end <= blank || end > bytes.length || bytes[end - 1] !== 0x0a || equals <= blank + 1 || equals >= end) {
      throw invalid("a malformed pax record");
    }
    records.set(latin1(bytes.subarray(blank + 1, equals)), bytes.slice(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** Overrides what pax records override; the keys that mdk does not know are left alone, as pax(1) says. */
export function applyPax(header: RawHeader, records: ReadonlyMap<string, Uint8Array>): void {
  for (const [key, bytes] of records) {
    if (key.startsWith("GNU.sparse.")) throw sparse(header.name);
    if (bytes.length === 0) continue;
    const value = latin1(bytes);
    if (key === "path") header.name = value;
    else if (key === "linkpath") header.linkName = value;
    else if (key === "size") header.size = bounded(decimal(value), 0, Number.MAX_SAFE_INTEGER, "size");
    else if (key === "uid") header.uid = bounded(decimal(value), 0, OWNER_MAX, "uid");
    else if (key === "gid") header.gid = bounded(decimal(value), 0, OWNER_MAX, "gid");
    else if (key === "mtime") header.modified = paxTime(value);
  }
}

export function sparse(name: string): MdkError {
  return new MdkError("unsupported", "archive-unsupported", `the archive has a sparse entry, which image layers must not have: ${shownName(name)}`);
}

function decimal(text: string): number {
  if (!/^-?[0-9]{1,20}$/.test(text)) throw invalid(`${JSON.stringify(text)} is not a number`);
  return Number(text);
}

/** "1700000000.123456789"; a negative time's fraction counts forward from the second below it. */
function paxTime(text: string): Time {
  const match = /^(-?)([0-9]{1,13})(?:\.([0-9]*))?$/.exec(text);
  if (match === null) throw invalid(`${JSON.stringify(text)} is not a time`);
  const seconds = bounded(Number(match[2]), 0, SECONDS_MAX, "time");
  const nanoseconds = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] === "") return { seconds, nanoseconds };
  return nanoseconds === 0 ? { seconds: -seconds, nanoseconds } : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

/** A byte string for a message. */
export function shownName(name: string): string {
  return Buffer.from(name, "latin1").toString("utf8").replace(/[\0-\x1f\x7f]/g, "?").slice(0, 300);
}
