/**
 * nf_tables messages (include/uapi/linux/netfilter/nf_tables.h): tables, chains, rules. Pure, except for `commit` and the readers at the
 * end. What rules are made of is in expressions.ts, what they look up in sets.ts.
 */
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import { DATA_VALUE, type Expression } from "./expressions.ts";
import { listAttributes, MessageWriter, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, parseAttributes, toText } from "./netlink.ts";

export type Family = "inet" | "ip" | "ip6";
const FAMILIES: Readonly<Record<Family, number>> = { inet: 1, ip: 2, ip6: 10 };

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const MESSAGE = {
  NEWTABLE: 0, GETTABLE: 1, DELTABLE: 2, NEWCHAIN: 3, GETCHAIN: 4, NEWRULE: 6, GETRULE: 7, DELRULE: 8, NEWSET: 9,
  NEWSETELEM: 12, GETSETELEM: 13, DELSETELEM: 14, GETGEN: 16,
} as const;

/** struct nfgenmsg precedes the attributes. */
export const GENERIC_HEADER = 4;

export function message(kind: keyof typeof MESSAGE, family: Family, flags: number): MessageWriter {
  return new MessageWriter((NFNL_SUBSYS_NFTABLES << 8) | MESSAGE[kind], flags).raw(Uint8Array.of(FAMILIES[family], 0, 0, 0));
}

export interface TableName {
  readonly family: Family;
  readonly table: string;
}

export interface ChainName extends TableName {
  readonly chain: string;
}

/** EEXIST where it is there: whoever makes it makes all of it. */
export function newTable({ family, table }: TableName): NetlinkMessage {
  return message("NEWTABLE", family, NLM_F_CREATE | NLM_F_EXCL).string(1, table).finish("NFT_MSG_NEWTABLE", table);
}

/** `handle`: of that very table, and not of one that has come in its place (Linux 4.16). */
export function deleteTable({ family, table }: TableName, handle?: Uint8Array): NetlinkMessage {
  const writer = message("DELTABLE", family, 0);
  return (handle === undefined ? writer.string(1, table) : writer.attribute(4, handle)).finish("NFT_MSG_DELTABLE", table);
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

/** A chain that others jump to; EEXIST where it is there. */
export function newRegularChain({ family, table, chain }: ChainName): NetlinkMessage {
  return message("NEWCHAIN", family, NLM_F_CREATE | NLM_F_EXCL).string(1, table).string(3, chain).finish("NFT_MSG_NEWCHAIN", `${table} ${chain}`);
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
    writer.attribute(7, userData(comment));
  }
  return writer.finish("NFT_MSG_NEWRULE", `${table} ${chain}`);
}

export function deleteRule({ family, table, chain }: ChainName, handle: Uint8Array): NetlinkMessage {
  return message("DELRULE", family, 0).string(1, table).string(2, chain).attribute(3, handle).finish("NFT_MSG_DELRULE", `${table} ${chain}`);
}

/** Sends the messages as one transaction, however long: all or none. Throws the SysError of the first that the kernel refuses. */
export function commit(socket: NetlinkSocket, messages: readonly NetlinkMessage[]): void {
  socket.request([BATCH_BEGIN, ...messages, BATCH_END]);
}

/** The same, and nothing of it is done: a transaction without an end is carried out as far as that can be undone, and undone (nfnetlink_rcv_batch). */
export function rehearse(socket: NetlinkSocket, messages: readonly NetlinkMessage[]): void {
  socket.request([BATCH_BEGIN, ...messages]);
}

const BATCH_BEGIN = edge(NFNL_MSG_BATCH_BEGIN, "NFNL_MSG_BATCH_BEGIN");
const BATCH_END = edge(NFNL_MSG_BATCH_END, "NFNL_MSG_BATCH_END");

function edge(type: number, call: string): NetlinkMessage {
  return new MessageWriter(type, 0).raw(Uint8Array.of(0, 0, 0, NFNL_SUBSYS_NFTABLES)).finish(call, "");
}

/** Asks how often the tables have changed: every nf_tables answers that. */
export function getGeneration(): NetlinkMessage {
  return message("GETGEN", "inet", 0).finish("NFT_MSG_GETGEN", "");
}

export interface ChainInfo extends ChainName {
  /** Number of the hook; null: not a base chain. */
  readonly hook: number | null;
  /** True: what reaches the end of the chain is dropped. */
  readonly drops: boolean;
}

/** The table's handle, or null. */
export function readTable(socket: NetlinkSocket, { family, table }: TableName): Uint8Array | null {
  const [reply = null] = socket.ask([message("GETTABLE", family, 0).string(1, table).finish("NFT_MSG_GETTABLE", table)]);
  return reply === null ? null : bytesOf(parseAttributes(reply.payload, GENERIC_HEADER).get(4));
}

/** Asks for the chain; the answer, if one comes, is for parseChain. */
export function getChain({ family, table, chain }: ChainName): NetlinkMessage {
  return message("GETCHAIN", family, 0).string(1, table).string(3, chain).finish("NFT_MSG_GETCHAIN", chain);
}

/** Every chain of the families ip, ip6 and inet. */
export function readChains(socket: NetlinkSocket): ChainInfo[] {
  return (["ip", "ip6", "inet"] as const)
    .flatMap((family) => socket.dump(message("GETCHAIN", family, NLM_F_DUMP).finish("NFT_MSG_GETCHAIN", family)))
    .map(({ payload }) => parseChain(payload));
}

export interface RuleInfo {
  readonly handle: Uint8Array;
  readonly comment: string;
  /** Drops or rejects whatever reaches it. */
  readonly refusesAll: boolean;
  /** Links that packets leave by, where it asks for one. */
  readonly to: readonly string[];
}

export function readRules(socket: NetlinkSocket, { family, table, chain }: ChainName): RuleInfo[] {
  const request = message("GETRULE", family, NLM_F_DUMP).string(1, table).string(2, chain).finish("NFT_MSG_GETRULE", chain);
  return socket.dump(request).map(({ payload }) => {
    const attributes = parseAttributes(payload, GENERIC_HEADER);
    return { handle: bytesOf(attributes.get(3)), comment: parseUserData(attributes.get(7)), refusesAll: refusesAll(attributes.get(4)), to: outgoing(attributes.get(4)) };
  });
}

const META_OIFNAME = 7;

/** `oifname == NAME`: the name is loaded, then compared. */
function outgoing(list: DataView | undefined): string[] {
  const expressions = list === undefined ? [] : listAttributes(list, 0).map(([, element]) => parseAttributes(element, 0));
  const isLoad = (expression: ReadonlyMap<number, DataView> | undefined): boolean => {
    const data = expression?.get(2);
    return toText(expression?.get(1)) === "meta" && data !== undefined && parseAttributes(data, 0).get(2)?.getUint32(0) === META_OIFNAME;
  };
  return expressions.flatMap((expression, index) => {
    const data = toText(expression.get(1)) === "cmp" && isLoad(expressions[index - 1]) ? expression.get(2) : undefined;
    const compared = data === undefined ? undefined : parseAttributes(data, 0);
    const value = compared?.get(2)?.getUint32(0) === 0 ? compared.get(3) : undefined;
    return value === undefined ? [] : [toText(parseAttributes(value, 0).get(DATA_VALUE))];
  });
}

/** Expressions that let everything go on to the next one. */
const WITHOUT_CONDITION: ReadonlySet<string> = new Set(["counter", "log"]);

/** Without a condition, and ended by a refusal: native, or the target of iptables-nft. */
function refusesAll(list: DataView | undefined): boolean {
  const expressions = list === undefined ? [] : listAttributes(list, 0).map(([, element]) => parseAttributes(element, 0));
  const rest = expressions.filter((expression) => !WITHOUT_CONDITION.has(toText(expression.get(1))));
  const [last] = rest;
  const data = last?.get(2);
  if (rest.length !== 1 || data === undefined) return false;
  const attributes = parseAttributes(data, 0);
  switch (toText(last?.get(1))) {
    case "reject": return true;
    case "target": return toText(attributes.get(1)) === "REJECT";
    case "immediate": return isDrop(attributes.get(2));
    default: return false;
  }
}

function isDrop(data: DataView | undefined): boolean {
  const verdict = data === undefined ? undefined : parseAttributes(data, 0).get(2);
  return verdict !== undefined && parseAttributes(verdict, 0).get(1)?.getUint32(0) === 0;
}

export function parseChain(payload: DataView): ChainInfo {
  const attributes = parseAttributes(payload, GENERIC_HEADER);
  const hook = attributes.get(4);
  return {
    family: payload.getUint8(0) === FAMILIES.ip ? "ip" : payload.getUint8(0) === FAMILIES.ip6 ? "ip6" : "inet",
    table: toText(attributes.get(1)),
    chain: toText(attributes.get(3)),
    hook: hook === undefined ? null : (parseAttributes(hook, 0).get(1)?.getUint32(0) ?? null),
    drops: attributes.get(5)?.getUint32(0) === 0,
  };
}

/** A comment as nft(8) keeps it with rules and elements: user data is a list of type, length, value in bytes; type 0 is the comment (libnftnl, udata.h). */
export function userData(comment: string): Uint8Array {
  const text = Buffer.from(`${comment}\0`);
  return Buffer.concat([Uint8Array.of(0, text.length), text]);
}

/** The comment in it; empty: none. */
export function parseUserData(data: DataView | undefined): string {
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
