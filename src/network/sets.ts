/**
 * Sets and maps of nf_tables and their elements (include/uapi/linux/netfilter/nf_tables.h). Pure, except for the readers at the end.
 * Keys are concatenations: each part is padded to four bytes.
 */
import type { NetlinkMessage, NetlinkReply, NetlinkSocket } from "../sys/netlink.ts";
import { DATA_VALUE, LIST_ELEM } from "./expressions.ts";
import { listAttributes, NLM_F_CREATE, NLM_F_DUMP, parseAttributes, toBytes } from "./netlink.ts";
import { GENERIC_HEADER, message, parseUserData, userData, type TableName } from "./nftables.ts";

export interface SetName extends TableName {
  readonly set: string;
}

/** Types of nft(8), as it numbers them (src/datatype.h of nftables), and their size. */
const TYPE = {
  ipv4_addr: { number: 7, bytes: 4 }, ipv6_addr: { number: 8, bytes: 16 }, inet_proto: { number: 12, bytes: 1 },
  inet_service: { number: 13, bytes: 2 }, ifname: { number: 41, bytes: 16 },
} as const;

type SetType = keyof typeof TYPE;

export interface SetShape {
  readonly key: readonly SetType[];
  /** Of a map. */
  readonly value?: readonly SetType[];
  /** Keys are ranges, part by part (NFT_SET_CONCAT, Linux 5.6): such a set is copied at each transaction that changes it. */
  readonly ranges?: boolean;
}

const NFT_SET_INTERVAL = 0x4;
const NFT_SET_MAP = 0x8;
const NFT_SET_CONCAT = 0x80;

/** NFTNL_UDATA_SET_KEYBYTEORDER: BYTEORDER_HOST_ENDIAN (libnftnl, udata.h). */
const KEY_IN_HOST_ORDER = Uint8Array.of(0, 4, 1, 0, 0, 0);

const padded = (bytes: number): number => (bytes + 3) & ~3;
const sizeOf = (parts: readonly SetType[]): number => parts.reduce((sum, part) => sum + padded(TYPE[part].bytes), 0);
const typeOf = (parts: readonly SetType[]): number => parts.reduce((sum, part) => (sum << 6) | TYPE[part].number, 0);

/** `id`: unique in the batch. */
export function newSet({ family, table, set }: SetName, { key, value, ranges = false }: SetShape, id: number): NetlinkMessage {
  const flags = (ranges ? NFT_SET_INTERVAL | NFT_SET_CONCAT : 0) | (value === undefined ? 0 : NFT_SET_MAP);
  const writer = message("NEWSET", family, NLM_F_CREATE)
    .string(1, table)
    .string(2, set)
    .be32(3, flags)
    .be32(4, typeOf(key))
    .be32(5, sizeOf(key));
  if (value !== undefined) writer.be32(6, typeOf(value)).be32(7, sizeOf(value));
  if (ranges) writer.nest(9, (description) => description.nest(2, (fields) => key.forEach((part) => fields.nest(LIST_ELEM, (field) => field.be32(1, TYPE[part].bytes)))));
  // Else nft(8) lists names back to front.
  if (key.length === 1 && key[0] === "ifname") writer.attribute(13, KEY_IN_HOST_ORDER);
  return writer.be32(10, id).finish("NFT_MSG_NEWSET", `${table} ${set}`);
}

export interface Element {
  readonly key: Uint8Array;
  /** The other end of a range, included. */
  readonly end?: Uint8Array | undefined;
  /** Of a map. */
  readonly value?: Uint8Array | undefined;
  /** At most 128 bytes. */
  readonly comment?: string | undefined;
}

/** Elements that one message carries: its attribute ends at 64 KiB. */
const ELEMENTS_MAX = 500;

/** Adding one that is there with another value is EBUSY, one that overlaps another range ENOTEMPTY or EEXIST; deleting one that is missing is ENOENT. */
export function changeElements(change: "add" | "delete", { family, table, set }: SetName, elements: Iterable<Element>): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  const kind = change === "add" ? "NEWSETELEM" : "DELSETELEM";
  const source = elements[Symbol.iterator]();
  for (let next = source.next(); next.done !== true; ) {
    const writer = message(kind, family, change === "add" ? NLM_F_CREATE : 0).string(1, table).string(2, set);
    writer.nest(3, (list) => {
      for (let count = 0; count < ELEMENTS_MAX && next.done !== true; count++, next = source.next()) {
        const { key, end, value, comment } = next.value;
        list.nest(LIST_ELEM, (element) => {
          element.nest(1, (data) => data.attribute(DATA_VALUE, key));
          if (end !== undefined) element.nest(10, (data) => data.attribute(DATA_VALUE, end));
          if (change === "delete") return;
          if (value !== undefined) element.nest(2, (data) => data.attribute(DATA_VALUE, value));
          if (comment !== undefined) element.attribute(6, userData(comment));
        });
      }
    });
    messages.push(writer.finish(`NFT_MSG_${kind}`, `${table} ${set}`));
  }
  return messages;
}

/** Asks for the elements with these keys, of no range; the answers are for parseElements. ENOENT where one of them, or the set, is missing. */
export function getElements({ family, table, set }: SetName, keys: Iterable<Uint8Array>): NetlinkMessage {
  const writer = message("GETSETELEM", family, 0).string(1, table).string(2, set);
  writer.nest(3, (list) => {
    for (const key of keys) list.nest(LIST_ELEM, (element) => element.nest(1, (data) => data.attribute(DATA_VALUE, key)));
  });
  return writer.finish("NFT_MSG_GETSETELEM", set);
}

/** Every element of a set; ENOENT where it is missing. */
export function readElements(socket: NetlinkSocket, { family, table, set }: SetName): Element[] {
  return parseElements(socket.dump(message("GETSETELEM", family, NLM_F_DUMP).string(1, table).string(2, set).finish("NFT_MSG_GETSETELEM", set)));
}

/** The same of the given keys only, whatever else the set holds: few of them, since each is an answer of its own. ENOENT as getElements. */
export function findElements(socket: NetlinkSocket, set: SetName, keys: Iterable<Uint8Array>): Element[] {
  return parseElements(socket.request([getElements(set, keys)]));
}

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");

export function parseElements(replies: readonly NetlinkReply[]): Element[] {
  return replies.flatMap(({ payload }) => {
    const list = parseAttributes(payload, GENERIC_HEADER).get(3);
    return (list === undefined ? [] : listAttributes(list, 0)).flatMap(([, element]) => parseElement(parseAttributes(element, 0)));
  });
}

function parseElement(attributes: ReadonlyMap<number, DataView>): Element[] {
  const valueOf = (type: number): Uint8Array | undefined => {
    const data = attributes.get(type);
    const value = data === undefined ? undefined : parseAttributes(data, 0).get(DATA_VALUE);
    return value === undefined ? undefined : toBytes(value);
  };
  const key = valueOf(1);
  if (key === undefined) return [];
  const comment = attributes.get(6);
  return [{ key, end: valueOf(10), value: valueOf(2), comment: comment === undefined ? undefined : parseUserData(comment) }];
}
