/**
 * The table of a network, `inet mdk-1a2b3c`: masquerading, published ports and who may reach what. Pure: a list of messages.
 *
 *   raw          packets with a loopback address from any other link: dropped
 *   prerouting   ┐ published_at (protocol . address . port), then published (protocol . port, any address of the host)
 *   output       ┘ say which container's address and port becomes the destination
 *   forward      from the bridge: yes; to it: answers and published ports only
 *   guard        where mdk itself switched forwarding on: nothing between physical links
 *   postrouting  what leaves the bridge, or comes to it from loopback or by a published port, takes the host's address
 */
import type { NetlinkMessage } from "../sys/netlink.ts";
import type { Subnet } from "../spec/network.ts";
import type { NetworkNames } from "./names.ts";
import { be32, u32 } from "./netlink.ts";
import {
  compare, destinationNat, loadConnection, loadDestinationType, loadMeta, loadPayload, lookup, mask, masquerade, REGISTER,
  verdict, type Expression,
} from "./expressions.ts";
import { newChain, newMap, newRule, newTable, type BaseChain } from "./nftables.ts";

/** Key: protocol, port. Of ports published on all addresses. */
export const PUBLISHED = "published";
/** Key: protocol, address, port. */
export const PUBLISHED_AT = "published_at";

const LINK_NAME_BYTES = 16;
const NFPROTO_IPV4 = Uint8Array.of(2);
const RTN_LOCAL = u32(2);
/** Bits of `ct state` (established, related) and `ct status` (IPS_DST_NAT). */
const STATE_KNOWN = u32(2 | 4);
const STATUS_DNAT = u32(32);
const IP_SOURCE = 12;
const IP_DESTINATION = 16;

const CHAINS = [
  { chain: "raw", type: "filter", hook: "prerouting", priority: -300 },
  { chain: "prerouting", type: "nat", hook: "prerouting", priority: -100 },
  { chain: "output", type: "nat", hook: "output", priority: -100 },
  { chain: "forward", type: "filter", hook: "forward", priority: 0 },
  { chain: "postrouting", type: "nat", hook: "postrouting", priority: 100 },
] as const satisfies readonly Omit<BaseChain, "family" | "table">[];
const GUARD = { chain: "guard", type: "filter", hook: "forward", priority: 1 } as const;

type Chain = (typeof CHAINS)[number]["chain"];

const STATE_IS_KNOWN = [loadConnection("state"), mask(STATE_KNOWN), compare("!=", u32(0))];

/** The whole table, to be committed at once, without the guard; EEXIST where somebody else was faster. */
export function ruleset({ bridge, table }: NetworkNames, subnet: Subnet): NetlinkMessage[] {
  const at = { family: "inet", table } as const;
  const rule = (chain: Chain, ...expressions: Expression[][]): NetlinkMessage =>
    newRule({ ...at, chain }, expressions.flat());
  const from = linkIs("iifname", "==", bridge);
  const to = linkIs("oifname", "==", bridge);
  const foreign = linkIs("iifname", "!=", "lo");
  const published = [loadConnection("status"), mask(STATUS_DNAT), compare("!=", u32(0))];
  const accept = [verdict("accept")];
  const drop = [verdict("drop")];
  return [
    newTable(at),
    newMap({ ...at, map: PUBLISHED, key: ["inet_proto", "inet_service"], value: ["ipv4_addr", "inet_service"], id: 1 }),
    newMap({ ...at, map: PUBLISHED_AT, key: ["inet_proto", "ipv4_addr", "inet_service"], value: ["ipv4_addr", "inet_service"], id: 2 }),
    ...CHAINS.map((chain) => newChain({ ...at, ...chain })),
    // Forwarded to the container otherwise: a port published on 127.0.0.1 would be open to neighbours that route to it.
    rule("raw", ipv4(), foreign, loopback(IP_DESTINATION), drop),
    rule("raw", ipv4(), foreign, loopback(IP_SOURCE), drop),
    ...(["prerouting", "output"] as const).flatMap((chain) => [
      rule(chain, ipv4(), [loadMeta("l4proto"), loadPayload(1, IP_DESTINATION, 4, REGISTER[1]), loadPayload(2, 2, 2, REGISTER[2])], translate(PUBLISHED_AT)),
      rule(chain, ipv4(), [loadDestinationType(), compare("==", RTN_LOCAL)], [loadMeta("l4proto"), loadPayload(2, 2, 2, REGISTER[1])], translate(PUBLISHED)),
    ]),
    rule("forward", from, accept),
    rule("forward", to, STATE_IS_KNOWN, accept),
    rule("forward", to, published, accept),
    rule("forward", to, drop),
    rule("postrouting", ipv4(), from, linkIs("oifname", "!=", bridge), [masquerade()]),
    // A container that reaches another, or itself, by a port of the host: else the answer would take the short way back. By
    // source, since there is no incoming link where br_netfilter calls from within the bridge.
    rule("postrouting", ipv4(), to, source(subnet), published, [masquerade()]),
    rule("postrouting", ipv4(), to, loopback(IP_SOURCE), [masquerade()]),
  ];
}

/**
 * The guard of a table that is there, to be committed at once; EEXIST where it has one. Mdk itself switches forwarding on, and the
 * host must not become a router between its physical links by that. Virtual links (bridges, tunnels, other engines' veths)
 * are left alone.
 */
export function guard({ table }: NetworkNames): NetlinkMessage[] {
  const at = { family: "inet", table, chain: GUARD.chain } as const;
  const accept = [verdict("accept")];
  return [
    newChain({ ...at, ...GUARD }),
    ...[[...isVirtual("iifkind"), ...accept], [...isVirtual("oifkind"), ...accept], [...STATE_IS_KNOWN, ...accept], [verdict("drop")]].map((expressions) => newRule(at, expressions)),
  ];
}

export function linkIs(key: "iifname" | "oifname", operator: "==" | "!=", name: string): Expression[] {
  return [loadMeta(key), compare(operator, padded(name))];
}

function padded(name: string): Uint8Array {
  const bytes = new Uint8Array(LINK_NAME_BYTES);
  bytes.set(Buffer.from(name));
  return bytes;
}

/** A physical link has no kind: loading it ends the rule there. */
function isVirtual(key: "iifkind" | "oifkind"): Expression[] {
  return [loadMeta(key), compare("!=", padded(""))];
}

function ipv4(): Expression[] {
  return [loadMeta("nfproto"), compare("==", NFPROTO_IPV4)];
}

function source({ address, prefix }: Subnet): Expression[] {
  return [loadPayload(1, IP_SOURCE, 4), mask(be32(prefix === 0 ? 0 : -1 << (32 - prefix))), compare("==", be32(address))];
}

/** 127.0.0.0/8 in the header field at `offset`. */
function loopback(offset: number): Expression[] {
  return [loadPayload(1, offset, 4), mask(Uint8Array.of(255, 0, 0, 0)), compare("==", Uint8Array.of(127, 0, 0, 0))];
}

function translate(map: string): Expression[] {
  return [lookup(map), destinationNat()];
}
