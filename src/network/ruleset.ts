/**
 * The one table of a store in a network namespace, `inet mdk-1a2b3c`: masquerading, published ports and who may reach what. Built once;
 * networks and ports are elements of its sets (membership.ts) and maps (port-maps.ts). Pure: a list of messages.
 *
 *   raw          packets with a loopback address from any other link: dropped
 *   served       what comes from an internal network is marked (served.ts)
 *   prerouting   ┐ ports: the maps of published ports say which container's address and port becomes the destination
 *   output       ┘
 *   forward      user, then: what is known; within a network; to a bridge by a published port only; from a bridge everything
 *   user         the administrator's own rules: made empty, and never touched again
 *   guard        where mdk itself switched forwarding on (guard.ts)
 *   postrouting  what leaves a bridge, or comes to it from loopback or by a published port, takes the host's address
 */
import type { NetlinkMessage } from "../sys/netlink.ts";
import {
  compare, concatenation, destinationNat, IP, isFamily, isIn, jump, linkIs, loadConnection, loadDestinationType, loadPayload, lookUp, mask, masquerade, PART, verdict,
  type Expression, type Part,
} from "./expressions.ts";
import { MEMBER_SETS, type MemberSet } from "./membership.ts";
import { NEIGHBOURS, NEIGHBOURS_SHAPE } from "./neighbours.ts";
import type { NetworkNames } from "./names.ts";
import { u32 } from "./netlink.ts";
import { newChain, newRegularChain, newRule, newTable, type BaseChain } from "./nftables.ts";
import { PORT_MAPS, type PortMap } from "./port-maps.ts";
import { servedChain } from "./served.ts";
import { newSet, type SetShape } from "./sets.ts";

const RTN_LOCAL = u32(2);
/** Bits of `ct state` (established, related) and `ct status` (IPS_DST_NAT). */
const STATE_KNOWN = u32(2 | 4);
const STATUS_DNAT = u32(32);

const BASE_CHAINS = [
  { chain: "raw", type: "filter", hook: "prerouting", priority: -300 },
  { chain: "prerouting", type: "nat", hook: "prerouting", priority: -100 },
  { chain: "output", type: "nat", hook: "output", priority: -100 },
  { chain: "forward", type: "filter", hook: "forward", priority: 0 },
  { chain: "postrouting", type: "nat", hook: "postrouting", priority: 100 },
] as const satisfies readonly Omit<BaseChain, "family" | "table">[];
const REGULAR_CHAINS = ["ports", "user"] as const;

type Chain = (typeof BASE_CHAINS)[number]["chain"] | (typeof REGULAR_CHAINS)[number];

/** Of answers and of what belongs to a connection, such as errors. */
export const STATE_IS_KNOWN: readonly Expression[] = [loadConnection("state"), mask(STATE_KNOWN), compare("!=", u32(0))];
/** ::1 */
const LOOPBACK_6 = Uint8Array.from({ length: IP.ipv6.bytes }, (_, index) => (index === IP.ipv6.bytes - 1 ? 1 : 0));
const IS_NOT_PUBLISHED: readonly Expression[] = [loadConnection("status"), mask(STATUS_DNAT), compare("==", u32(0))];
const IS_PUBLISHED: readonly Expression[] = [loadConnection("status"), mask(STATUS_DNAT), compare("!=", u32(0))];

/** The whole table, to be committed at once, without the guard; EEXIST where somebody else was faster. */
export function ruleset(names: NetworkNames): NetlinkMessage[] {
  const { table } = names;
  const at = { family: "inet", table } as const;
  const sets: readonly [set: string, shape: SetShape][] = [...Object.entries(MEMBER_SETS), [NEIGHBOURS, NEIGHBOURS_SHAPE], ...PORT_MAPS.map(({ set, shape }): [string, SetShape] => [set, shape])];
  return [
    newTable(at),
    ...sets.map(([set, shape], index) => newSet({ ...at, set }, shape, index + 1)),
    ...REGULAR_CHAINS.map((chain) => newRegularChain({ ...at, chain })),
    ...BASE_CHAINS.map((chain) => newChain({ ...at, ...chain })),
    ...rules().map(([chain, ...parts]) => newRule({ ...at, chain }, parts.flat())),
    ...servedChain(names),
  ];
}

function rules(): (readonly [chain: Chain, ...parts: (readonly Expression[])[]])[] {
  const [accept, drop] = [[verdict("accept")], [verdict("drop")]];
  const from = within("bridges", PART.iifname);
  const to = within("bridges", PART.oifname);
  const foreign = linkIs("iifname", "!=", "lo");
  return [
    // Forwarded to the container otherwise: a port published on 127.0.0.1 would be open to neighbours that route to it. The kernel itself
    // drops IPv6's ::1 from other links (ip6_rcv_core).
    ["raw", isFamily("ipv4"), foreign, loopback("destination"), drop],
    ["raw", isFamily("ipv4"), foreign, loopback("source"), drop],
    ["prerouting", [jump("ports")]],
    ["output", [jump("ports")]],
    ...PORT_MAPS.map((map) => ["ports", ...translate(map)] as const),
    ["forward", [jump("user")]],
    // First, since nearly every packet is one of these; a connection that is known began as one that was let through.
    ["forward", STATE_IS_KNOWN, accept],
    ["forward", within("within", PART.iifname, PART.oifname), accept],
    ["forward", within("internal", PART.iifname), drop],
    ["forward", within("internal", PART.oifname), drop],
    ["forward", to, IS_PUBLISHED, accept],
    ["forward", to, drop],
    ["forward", from, within(NEIGHBOURS, PART.oifname), IS_NOT_PUBLISHED, drop],
    ["forward", from, accept],
    // A container that reaches another of its network, or itself, by a port of the host: else the answer would take the short way back.
    // By source, since there is no incoming link where br_netfilter calls from within the bridge.
    ["postrouting", isFamily("ipv4"), within("hairpin", PART.oifname, PART.source("ipv4")), IS_PUBLISHED, [masquerade()]],
    ["postrouting", isFamily("ipv6"), within("hairpin6", PART.oifname, PART.source("ipv6")), IS_PUBLISHED, [masquerade()]],
    ["postrouting", within("within", PART.iifname, PART.oifname), accept],
    ["postrouting", within("masqueraded", PART.iifname), [masquerade()]],
    ["postrouting", isFamily("ipv4"), to, loopback("source"), [masquerade()]],
  ];
}

function within(set: MemberSet | typeof NEIGHBOURS, ...parts: readonly Part[]): Expression[] {
  return [...concatenation(...parts), isIn(set)];
}

/** 127.0.0.0/8 in the field of the header. */
function loopback(field: "source" | "destination"): Expression[] {
  return [loadPayload(1, IP.ipv4[field], IP.ipv4.bytes), mask(Uint8Array.of(255, 0, 0, 0)), compare("==", Uint8Array.of(127, 0, 0, 0))];
}

/** Packets to a port in the map, of those on all addresses only what is sent to the host itself. */
function translate({ set, family, at, ranges }: PortMap): Expression[][] {
  // No route leads away from ::1: the host refuses what is sent there, at once.
  const notLoopback = at || family === "ipv4" ? [] : [loadPayload(1, IP.ipv6.destination, IP.ipv6.bytes), compare("!=", LOOPBACK_6)];
  const toHost = at ? [] : [...notLoopback, loadDestinationType(), compare("==", RTN_LOCAL)];
  const key = concatenation(PART.protocol, ...(at ? [PART.destination(family)] : []), PART.port);
  return [isFamily(family), toHost, key, [lookUp(set), destinationNat(family, { port: !ranges })]];
}
