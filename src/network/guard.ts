/**
 * The guard of a family of IP: mdk switched its forwarding on, and the host must not become a router between its physical links by that.
 * Virtual links (bridges, tunnels, other engines' veths) are left alone, and so is the family whose forwarding was on before. Pure.
 */
import type { NetlinkMessage } from "../sys/netlink.ts";
import { compare, IP, linkName, loadMeta, verdict, type Expression, type IpFamily } from "./expressions.ts";
import type { NetworkNames } from "./names.ts";
import { getChain, newChain, newRule, type ChainName } from "./nftables.ts";
import { STATE_IS_KNOWN } from "./ruleset.ts";

/** Behind the chain "forward". */
const GUARD = { type: "filter", hook: "forward", priority: 1 } as const;

/** "guard" and "guard6". */
function guardOf({ table }: NetworkNames, family: IpFamily): ChainName {
  return { family: "inet", table, chain: family === "ipv4" ? "guard" : "guard6" };
}

/** Asks whether it is there. */
export function getGuard(names: NetworkNames, family: IpFamily): NetlinkMessage {
  return getChain(guardOf(names, family));
}

/** For a table that is there, to be committed at once; EEXIST where it has one. */
export function guard(names: NetworkNames, family: IpFamily): NetlinkMessage[] {
  const at = guardOf(names, family);
  const accept = [verdict("accept")];
  const otherFamily = [loadMeta("nfproto"), compare("!=", Uint8Array.of(IP[family].number))];
  const rules = [[...otherFamily, ...accept], [...isVirtual("iifkind"), ...accept], [...isVirtual("oifkind"), ...accept], [...STATE_IS_KNOWN, ...accept], [verdict("drop")]];
  return [newChain({ ...at, ...GUARD }), ...rules.map((expressions) => newRule(at, expressions))];
}

/** A physical link has no kind: loading it ends the rule there. */
function isVirtual(key: "iifkind" | "oifkind"): Expression[] {
  return [loadMeta(key), compare("!=", linkName(""))];
}
