/**
 * nf_tables messages (include/uapi/linux/netfilter/nf_tables.h): tables, chains, maps, elements, rules. Pure, except for
 * `commit` and the readers at the end. What rules are made of is in expressions.ts.
 */
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import type { NetlinkMessage, NetlinkReply, NetlinkSocket } from "../sys/netlink.ts";
import { DATA_VALUE, LIST_ELEM, type Expression } from "./expressions.ts";
import { listAttributes, MessageWriter, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, parseAttributes, toBytes, toText } from "./netlink.ts";

export type Family = "inet" | "ip";
const FAMILIES: Readonly<Record<Family, number>> = { inet: 1, ip: 2 };

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const MESSAGE = {
  NEWTABLE: 0, GETTABLE: 1, DELTABLE: 2, NEWCHAIN: 3, GETCHAIN: 4, NEWRULE: 6, GETRULE: 7, DELRULE: 8, NEWSET: 9,
  NEWSETELEM: 12, GETSETELEM: 13, DELSETELEM: 14,
} as const;

/** struct nfgenmsg precedes the attributes. */
const GENERIC_HEADER = 4;
/** Elements that one message carries: its attribute ends at 64 KiB. */
const ELEMENTS_MAX = 500;

function message(kind: keyof typeof MESSAGE, family: Family, flags: number): MessageWriter {
  return new MessageWriter((NFNL_SUBSYS_NFTABLES << 8) | MESSAGE[kind], flags).raw(Uint8Array.of(FAMILIES[family], 0, 0, 0));
}

export interface TableName {
  readonly family: Family;
  readonly table: string;
}

export interface MapName extends TableName {
  readonly map: string;
}

export interface ChainName extends TableName {
  readonly chain: string;
}

/** EEXIST where it is there: whoever makes it makes all of it. */
export function newTable({ family, table }: TableName): NetlinkMessage {
  return message("NEWTABLE", family, NLM_F_CREATE | NLM_F_EXCL).string(1, table).finish("NFT_MSG_NEWTABLE", table);
}

export function deleteTable({ family, table }: TableName): NetlinkMessage {
  return message("DELTABLE", family, 0).string(1, table).finish("NFT_MSG_DELTABLE", table);
}

// include/uapi/linux/netfilter.h: enum nf_inet_hooks.
const HOOKS = { prerouting: 0, forward: 2, output: 3, postrouting: 4 } as const;

export interface BaseChain extends ChainName {
  readonly type: "filter" | "nat";
  readonly hook: keyof typeof HOOKS;
  readonly priority: number;
}

/** A base chain with policy accept; EEXIST where it is there. */
export function newChain({ family, table, chain, type, hook, priority }: BaseChain): NetlinkMessage {
  return message("NEWCHAIN", family, NLM_F_CREATE | NLM_F_EXCL)
    .string(1, table)
    .string(3, chain)
    .nest(4, (nest) => nest.be32(1, HOOKS[hook]).be32(2, priority))
    .be32(5, 1)
    .string(7, type)
    .finish("NFT_MSG_NEWCHAIN", `${table} ${chain}`);
}

/** Types of nft(8), as it numbers them (src/datatype.h of nftables): only for its listing. */
const TYPE = { ipv4_addr: 7, inet_proto: 12, inet_service: 13 } as const;

export interface NewMap extends MapName {
  /** Parts of the key and of the value; each takes 4 bytes. */
  readonly key: readonly (keyof typeof TYPE)[];
  readonly value: readonly (keyof typeof TYPE)[];
  /** Unique in the batch. */
  readonly id: number;
}

export function newMap({ family, table, map, key, value, id }: NewMap): NetlinkMessage {
  const type = (parts: readonly (keyof typeof TYPE)[]): number => parts.reduce((sum, part) => (sum << 6) | TYPE[part], 0);
  return message("NEWSET", family, NLM_F_CREATE)
    .string(1, table)
    .string(2, map)
    .be32(3, 8)
    .be32(4, type(key))
    .be32(5, key.length * 4)
    .be32(6, type(value))
    .be32(7, value.length * 4)
    .be32(10, id)
    .finish("NFT_MSG_NEWSET", `${table} ${map}`);
}

export interface Element {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Adding one that is there with another value is EBUSY, deleting one that is missing ENOENT. */
export function changeElements(
  change: "add" | "delete",
  { family, table, map }: MapName,
  elements: Iterable<Element>,
): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  const kind = change === "add" ? "NEWSETELEM" : "DELSETELEM";
  const source = elements[Symbol.iterator]();
  for (let next = source.next(); next.done !== true; ) {
    const writer = message(kind, family, change === "add" ? NLM_F_CREATE : 0).string(1, table).string(2, map);
    writer.nest(3, (list) => {
      for (let count = 0; count < ELEMENTS_MAX && next.done !== true; count++, next = source.next()) {
        const { key, value } = next.value;
        list.nest(LIST_ELEM, (element) => {
          element.nest(1, (data) => data.attribute(DATA_VALUE, key));
          if (change === "add") element.nest(2, (data) => data.attribute(DATA_VALUE, value));
        });
      }
    });
    messages.push(writer.finish(`NFT_MSG_${kind}`, `${table} ${map}`));
  }
  return messages;
}

/** `first`: before the rules that are there. The comment is what `nft list` shows. */
export function newRule(
  { family, table, chain }: ChainName,
  expressions: readonly Expression[],
  { comment, first = false }: { readonly comment?: string; readonly first?: boolean } = {},
): NetlinkMessage {
  const writer = message("NEWRULE", family, NLM_F_CREATE | (first ? 0 : NLM_F_APPEND))
    .string(1, table)
    .string(2, chain)
    .nest(4, (list) => {
      for (const write of expressions) write(list);
    });
  if (comment !== undefined) {
    const text = Buffer.from(`${comment}\0`);
    writer.attribute(7, Buffer.concat([Uint8Array.of(0, text.length), text]));
  }
  return writer.finish("NFT_MSG_NEWRULE", `${table} ${chain}`);
}

export function deleteRule({ family, table, chain }: ChainName, handle: Uint8Array): NetlinkMessage {
  return message("DELRULE", family, 0).string(1, table).string(2, chain).attribute(3, handle).finish("NFT_MSG_DELRULE", `${table} ${chain}`);
}

/** Sends the messages as one transaction, however long: all or none. Throws the SysError of the first that the kernel refuses. */
export function commit(socket: NetlinkSocket, messages: readonly NetlinkMessage[]): void {
  const edge = (type: number, call: string): NetlinkMessage =>
    new MessageWriter(type, 0).raw(Uint8Array.of(0, 0, 0, NFNL_SUBSYS_NFTABLES)).finish(call, "");
  socket.request([edge(NFNL_MSG_BATCH_BEGIN, "NFNL_MSG_BATCH_BEGIN"), ...messages, edge(NFNL_MSG_BATCH_END, "NFNL_MSG_BATCH_END")]);
}

export interface ChainInfo extends ChainName {
  /** Number of the hook; null: not a base chain. */
  readonly hook: number | null;
  /** True: what reaches the end of the chain is dropped. */
  readonly drops: boolean;
}

/** True where the table is there. */
export function hasTable(socket: NetlinkSocket, { family, table }: TableName): boolean {
  return ask(socket, message("GETTABLE", family, 0).string(1, table).finish("NFT_MSG_GETTABLE", table)).length > 0;
}

/** The chain, or null. */
export function readChain(socket: NetlinkSocket, { family, table, chain }: ChainName): ChainInfo | null {
  const reply = ask(socket, message("GETCHAIN", family, 0).string(1, table).string(3, chain).finish("NFT_MSG_GETCHAIN", chain))[0];
  return reply === undefined ? null : parseChain(reply.payload);
}

/** Every chain of the families ip and inet. */
export function readChains(socket: NetlinkSocket): ChainInfo[] {
  return (["ip", "inet"] as const)
    .flatMap((family) => socket.dump(message("GETCHAIN", family, NLM_F_DUMP).finish("NFT_MSG_GETCHAIN", family)))
    .map(({ payload }) => parseChain(payload));
}

/** Elements of a map, keys and values in hexadecimal; ENOENT where the map is missing. */
export function readElements(socket: NetlinkSocket, { family, table, map }: MapName): Map<string, string> {
  const request = message("GETSETELEM", family, NLM_F_DUMP).string(1, table).string(2, map).finish("NFT_MSG_GETSETELEM", map);
  return parseElements(socket.dump(request));
}

/**
 * The same of the given keys only, whatever else the map holds: few of them, since each is an answer of its own. ENOENT where one
 * of them, or the map, is missing.
 */
export function findElements(socket: NetlinkSocket, { family, table, map }: MapName, keys: Iterable<Uint8Array>): Map<string, string> {
  const writer = message("GETSETELEM", family, 0).string(1, table).string(2, map);
  writer.nest(3, (list) => {
    for (const key of keys) list.nest(LIST_ELEM, (element) => element.nest(1, (data) => data.attribute(DATA_VALUE, key)));
  });
  return parseElements(socket.request([writer.finish("NFT_MSG_GETSETELEM", map)]));
}

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");

function parseElements(replies: readonly NetlinkReply[]): Map<string, string> {
  const elements = new Map<string, string>();
  for (const { payload } of replies) {
    const list = parseAttributes(payload, GENERIC_HEADER).get(3);
    for (const [, element] of list === undefined ? [] : listAttributes(list, 0)) {
      const attributes = parseAttributes(element, 0);
      const [key, value] = [attributes.get(1), attributes.get(2)].map((data) => (data === undefined ? undefined : parseAttributes(data, 0).get(DATA_VALUE)));
      if (key !== undefined) elements.set(toHex(toBytes(key)), value === undefined ? "" : toHex(toBytes(value)));
    }
  }
  return elements;
}

export interface RuleInfo {
  readonly handle: Uint8Array;
  readonly comment: string;
}

export function readRules(socket: NetlinkSocket, { family, table, chain }: ChainName): RuleInfo[] {
  const request = message("GETRULE", family, NLM_F_DUMP).string(1, table).string(2, chain).finish("NFT_MSG_GETRULE", chain);
  return socket.dump(request).map(({ payload }) => {
    const attributes = parseAttributes(payload, GENERIC_HEADER);
    return { handle: bytesOf(attributes.get(3)), comment: parseComment(attributes.get(7)) };
  });
}

function ask(socket: NetlinkSocket, question: NetlinkMessage): NetlinkReply[] {
  try {
    return socket.request([question]);
  } catch (error) {
    if (error instanceof SysError && error.errno === E.ENOENT) return [];
    throw error;
  }
}

function parseChain(payload: DataView): ChainInfo {
  const attributes = parseAttributes(payload, GENERIC_HEADER);
  const hook = attributes.get(4);
  return {
    family: payload.getUint8(0) === FAMILIES.ip ? "ip" : "inet",
    table: toText(attributes.get(1)),
    chain: toText(attributes.get(3)),
    hook: hook === undefined ? null : (parseAttributes(hook, 0).get(1)?.getUint32(0) ?? null),
    drops: attributes.get(5)?.getUint32(0) === 0,
  };
}

/** User data is a list of type, length, value in bytes; type 0 is the comment (libnftnl, udata.h). */
function parseComment(data: DataView | undefined): string {
  if (data === undefined) return "";
  for (let at = 0; at + 2 <= data.byteLength; at += 2 + data.getUint8(at + 1)) {
    const length = data.getUint8(at + 1);
    if (data.getUint8(at) !== 0 || at + 2 + length > data.byteLength) continue;
    return toText(new DataView(data.buffer, data.byteOffset + at + 2, length));
  }
  return "";
}

function bytesOf(view: DataView | undefined): Uint8Array {
  return view === undefined ? new Uint8Array() : new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
}

export const FORWARD = HOOKS.forward;
