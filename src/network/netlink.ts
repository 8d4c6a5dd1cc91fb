/** Netlink messages (netlink(7), include/uapi/linux/netlink.h) as bytes: pure. Sockets are in sys/netlink.ts. */
import type { NetlinkMessage } from "../sys/netlink.ts";

const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const HEADER = 16;
const INITIAL_BYTES = 512;

/** Writes one message: header, fixed part, attributes. Numbers are in the machine's order, little-endian, unless named so. */
export class MessageWriter {
  private bytes = new Uint8Array(INITIAL_BYTES);
  private view = new DataView(this.bytes.buffer);
  private length = HEADER;

  constructor(type: number, flags: number) {
    this.view.setUint16(4, type, true);
    this.view.setUint16(6, flags | NLM_F_REQUEST, true);
  }

  /** A part that is no attribute: struct ifinfomsg and the like. */
  raw(bytes: Uint8Array): this {
    this.grow(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += (bytes.length + 3) & ~3;
    return this;
  }

  attribute(type: number, value: Uint8Array): this {
    this.grow(value.length + 4);
    this.view.setUint16(this.length, value.length + 4, true);
    this.view.setUint16(this.length + 2, type, true);
    this.length += 4;
    return this.raw(value);
  }

  /** A NUL-terminated string. */
  string(type: number, text: string): this {
    return this.attribute(type, Buffer.from(`${text}\0`));
  }

  u8(type: number, value: number): this {
    return this.attribute(type, Uint8Array.of(value));
  }

  u16(type: number, value: number): this {
    return this.attribute(type, Uint8Array.of(value, value >>> 8));
  }

  u32(type: number, value: number): this {
    return this.attribute(type, u32(value));
  }

  /** In network order: whatever belongs to nf_tables. */
  be32(type: number, value: number): this {
    return this.attribute(type, be32(value));
  }

  nest(type: number, write: (writer: this) => void): this {
    this.grow(4);
    const start = this.length;
    this.length += 4;
    write(this);
    this.view.setUint16(start, this.length - start, true);
    this.view.setUint16(start + 2, type | NLA_F_NESTED, true);
    return this;
  }

  finish(call: string, object: string): NetlinkMessage {
    this.view.setUint32(0, this.length, true);
    return { bytes: this.bytes.subarray(0, this.length), call, object };
  }

  private grow(by: number): void {
    const needed = this.length + by + 4;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

/** The fixed part of an rtnetlink message (struct ifinfomsg, ifaddrmsg): the address family and three more bytes, then words. */
export function fixedPart(bytes: readonly [family: number, number, number, number], ...words: readonly number[]): Uint8Array {
  return Uint8Array.of(...bytes, ...words.flatMap((word) => [...u32(word)]));
}

export function be32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function be16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

/** The attributes behind a fixed part of `offset` bytes, by type; where a type repeats, the last. Cut ones are left out. */
export function parseAttributes(payload: DataView, offset: number): Map<number, DataView> {
  return new Map(listAttributes(payload, offset));
}

/** The same as a list, for types that repeat. */
export function listAttributes(payload: DataView, offset: number): [number, DataView][] {
  const attributes: [number, DataView][] = [];
  for (let at = offset; at + 4 <= payload.byteLength; ) {
    const length = payload.getUint16(at, true);
    if (length < 4 || at + length > payload.byteLength) break;
    const value = new DataView(payload.buffer, payload.byteOffset + at + 4, length - 4);
    attributes.push([payload.getUint16(at + 2, true) & NLA_TYPE_MASK, value]);
    at += (length + 3) & ~3;
  }
  return attributes;
}

export function toBytes(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The text of a string attribute, up to its NUL. */
export function toText(view: DataView | undefined): string {
  if (view === undefined) return "";
  const bytes = toBytes(view);
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString();
}
