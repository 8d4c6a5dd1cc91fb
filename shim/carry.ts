/**
 * Makes Bun's executable start everywhere: `bun shim/carry.ts PROGRAM ENTRY LIBRARIES…` appends, in place, the static ELF
 * file ENTRY (shim/entry.zig) and the glibc LIBRARIES (the loader first), LZ4-packed, as further segments of PROGRAM, and makes ENTRY
 * the one that the kernel starts: the new table of segments has no PT_INTERP. The bytes depend on those of the inputs alone.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { basename } from "node:path";

/** Elf64_Phdr (elf(5)). */
interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

const PT = { LOAD: 1, INTERP: 3, PHDR: 6 } as const;
const HEADER_SIZE = 64;
const SEGMENT_SIZE = 56;
const PF_R = 4;
/** The largest page of aarch64: offset and address agree modulo it. */
const PAGE = 0x10000;
/** Of a packed library: name, size, packed size (shim/entry.zig, File). */
const NAME_SIZE = 32;

function readSegments(bytes: Buffer): Segment[] {
  if (bytes.toString("latin1", 0, 5) !== "\x7fELF\x02" || bytes.readUInt16LE(54) !== SEGMENT_SIZE) throw new Error("not an ELF file of 64 bits");
  const start = Number(bytes.readBigUInt64LE(32));
  return Array.from({ length: bytes.readUInt16LE(56) }, (_, index) => {
    const at = start + index * SEGMENT_SIZE;
    const word = (offset: number): number => Number(bytes.readBigUInt64LE(at + offset));
    return { type: bytes.readUInt32LE(at), flags: bytes.readUInt32LE(at + 4), offset: word(8), address: word(16), fileSize: word(32), memorySize: word(40), alignment: word(48) };
  });
}

function writeSegments(segments: readonly Segment[]): Buffer {
  const bytes = Buffer.alloc(segments.length * SEGMENT_SIZE);
  segments.forEach(({ type, flags, offset, address, fileSize, memorySize, alignment }, index) => {
    const at = index * SEGMENT_SIZE;
    bytes.writeUInt32LE(type, at);
    bytes.writeUInt32LE(flags, at + 4);
    [offset, address, address, fileSize, memorySize, alignment].forEach((value, word) => bytes.writeBigUInt64LE(BigInt(value), at + 8 + word * 8));
  });
  return bytes;
}

/** File offset of the section `.mdk` of ENTRY: the struct Carried. */
function findConfig(entry: Buffer): number {
  const table = Number(entry.readBigUInt64LE(40));
  const section = (index: number): number => table + index * 64;
  const names = Number(entry.readBigUInt64LE(section(entry.readUInt16LE(62)) + 24));
  for (let index = 0; index < entry.readUInt16LE(60); index++) {
    const name = names + entry.readUInt32LE(section(index));
    if (entry.toString("latin1", name, name + 5) === ".mdk\0") return Number(entry.readBigUInt64LE(section(index) + 24));
  }
  throw new Error("the entry has no section .mdk");
}

/** How many earlier places with the same four bytes are tried for the longest match. */
const CANDIDATES = 64;

/** A block of LZ4 (lz4_Block_format.md, with its end rules). Packed once and unpacked at starts, so the longest match is looked for. */
function pack(bytes: Buffer): Buffer {
  const out: Buffer[] = [];
  const heads = new Int32Array(1 << 16).fill(-1);
  const earlier = new Int32Array(bytes.length);
  const lastMatch = bytes.length - 12;
  const lengthAt = (from: number, at: number): number => {
    let length = 0;
    while (at + length < bytes.length - 5 && bytes[from + length] === bytes[at + length]) length++;
    return length;
  };
  let anchor = 0;
  for (let at = 0; at < lastMatch; at++) {
    const hash = (Math.imul(bytes.readUInt32LE(at), 2654435761) >>> 16) & 0xffff;
    earlier[at] = heads[hash]!;
    heads[hash] = at;
    if (at < anchor) continue; // within the last match
    let length = 3;
    let distance = 0;
    for (let from = earlier[at]!, tried = 0; from >= 0 && at - from <= 0xffff && tried < CANDIDATES; from = earlier[from]!, tried++) {
      if (bytes[from + length] !== bytes[at + length]) continue;
      const found = lengthAt(from, at);
      if (found > length) [length, distance] = [found, at - from];
    }
    if (distance === 0) continue;
    out.push(sequence(bytes.subarray(anchor, at), distance, length));
    anchor = at + length;
  }
  out.push(sequence(bytes.subarray(anchor), null, 4));
  return Buffer.concat(out);
}

/** Literals, then a match of `length` bytes from `distance` before; null: the last sequence has none. */
function sequence(literals: Buffer, distance: number | null, length: number): Buffer {
  const long = (count: number): number[] => (count < 15 ? [] : [...Array<number>(Math.floor((count - 15) / 255)).fill(255), (count - 15) % 255]);
  const token = (Math.min(literals.length, 15) << 4) | Math.min(length - 4, 15);
  const match = distance === null ? [] : [distance & 0xff, distance >> 8, ...long(length - 4)];
  return Buffer.concat([Buffer.from([token, ...long(literals.length)]), literals, Buffer.from(match)]);
}

function packLibrary(path: string): Buffer {
  const content = readFileSync(path);
  const packed = pack(content);
  const head = Buffer.alloc(NAME_SIZE + 16);
  head.write(basename(path), 0, NAME_SIZE - 1, "latin1");
  head.writeBigUInt64LE(BigInt(content.length), NAME_SIZE);
  head.writeBigUInt64LE(BigInt(packed.length), NAME_SIZE + 8);
  return padded(Buffer.concat([head, packed]), 8);
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;
const padded = (bytes: Buffer, unit: number): Buffer => Buffer.concat([bytes, Buffer.alloc(roundUp(bytes.length, unit) - bytes.length)]);
const endOf = (segments: readonly Segment[]): number => Math.max(...segments.filter(({ type }) => type === PT.LOAD).map(({ address, memorySize }) => address + memorySize));

function carry(program: string, entryPath: string, libraries: readonly string[]): void {
  const file = openSync(program, "r+");
  const head = Buffer.alloc(4096);
  readSync(file, head, 0, head.length, 0);
  const segments = readSegments(head);
  if (!segments.some(({ type }) => type === PT.INTERP)) throw new Error(`${program} has no loader: was it done already?`);

  const entry = readFileSync(entryPath);
  const begin = roundUp(fstatSync(file).size, PAGE);
  const loads = readSegments(entry).filter(({ type }) => type === PT.LOAD);
  if (Math.min(...loads.map(({ address }) => address)) < endOf(segments)) throw new Error("the entry lies where the program does");

  // The segment of what is carried: both tables of segments, then the libraries.
  const added = loads.map((segment) => ({ ...segment, offset: begin + segment.offset }));
  const offset = roundUp(begin + entry.length, PAGE);
  const address = roundUp(endOf(loads), PAGE);
  const count = segments.length + added.length; // without PT_INTERP, and one for this
  const inner = HEADER_SIZE + count * SEGMENT_SIZE;
  const files = inner + segments.length * SEGMENT_SIZE;
  const carried = Buffer.concat([...libraries.map(packLibrary), Buffer.alloc(NAME_SIZE + 16)]);
  const own: Segment = { type: PT.LOAD, flags: PF_R, offset, address, fileSize: files + carried.length, memorySize: files + carried.length, alignment: PAGE };

  const moved = (where: number, number: number) => (segment: Segment): Segment =>
    segment.type === PT.PHDR ? { ...segment, offset: offset + where, address: address + where, fileSize: number * SEGMENT_SIZE, memorySize: number * SEGMENT_SIZE } : segment;
  const kept = segments.filter(({ type }) => type !== PT.INTERP);
  const lastLoad = kept.findLastIndex(({ type }) => type === PT.LOAD) + 1;
  const outer = [...kept.slice(0, lastLoad), ...added, own, ...kept.slice(lastLoad)].map(moved(HEADER_SIZE, count));

  const config = findConfig(entry);
  [Number(head.readBigUInt64LE(24)), address + inner, segments.length, address + files].forEach((value, word) => entry.writeBigUInt64LE(BigInt(value), config + word * 8));
  writeAt(file, entry, begin);
  writeAt(file, Buffer.concat([Buffer.alloc(HEADER_SIZE), writeSegments(outer), writeSegments(segments.map(moved(inner, segments.length))), carried]), offset);

  head.writeBigUInt64LE(entry.readBigUInt64LE(24), 24);
  head.writeBigUInt64LE(BigInt(offset + HEADER_SIZE), 32);
  head.writeUInt16LE(count, 56);
  writeAt(file, head.subarray(0, HEADER_SIZE), 0);
  closeSync(file);
}

function writeAt(file: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, position + done);
}

const [program, entry, ...libraries] = process.argv.slice(2);
if (program === undefined || entry === undefined || libraries.length === 0) throw new Error("usage: carry.ts PROGRAM ENTRY LIBRARIES…");
carry(program, entry, libraries);
