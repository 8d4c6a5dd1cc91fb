/**
 * Other people's firewalls. A chain with policy drop at the forward hook (Docker's and ufw's `ip filter FORWARD`, a filter of
 * /etc/nftables.conf) decides against containers whatever mdk's own table says: accepting there needs a rule in that chain. The
 * rules let the bridge's traffic pass; what may reach a container is still decided by mdk's own forward chain.
 */
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { legacyForwardDrops } from "../sys/iptables.ts";
import type { NetlinkSocket } from "../sys/netlink.ts";
import type { NetworkNames } from "./names.ts";
import { counter, verdict } from "./expressions.ts";
import { commit, deleteRule, FORWARD, newRule, readChain, readChains, readRules, type ChainInfo } from "./nftables.ts";
import { linkIs } from "./ruleset.ts";

/** By this comment mdk knows its rules again. */
function commentOf({ bridge }: NetworkNames): string {
  return `mdk: ${bridge}`;
}

/** What iptables-nft calls the chain that Docker and ufw close: the one that is looked at on every start. */
const USUAL = { family: "ip", table: "filter", chain: "FORWARD" } as const;

/**
 * Makes forward chains that drop by policy let the bridge pass. `thorough`: every chain of the families ip and inet, not
 * only the usual one. Returns warnings (a chain that may not be changed).
 */
export function passForeignFirewalls(socket: NetlinkSocket, names: NetworkNames, thorough: boolean): string[] {
  const legacy = thorough && legacyForwardDrops() ? [legacyWarning(names)] : [];
  const usual = thorough ? null : readChain(socket, USUAL);
  const chains = thorough ? readChains(socket) : usual === null ? [] : [usual];
  const closed = chains.filter((chain) => chain.hook === FORWARD && chain.drops && chain.table !== names.table);
  return [...legacy, ...closed.flatMap((chain) => openChain(socket, names, chain))];
}

/** The older iptables replaces whole tables at once: mdk does not write them. */
function legacyWarning({ bridge }: NetworkNames): string {
  return `iptables-legacy drops forwarded packets: containers have no network until "iptables-legacy -I FORWARD -i ${bridge} -j ACCEPT" and "iptables-legacy -I FORWARD -o ${bridge} -j ACCEPT"`;
}

/** Takes mdk's rules out of every chain. Returns warnings. */
export function removeForeignRules(socket: NetlinkSocket, names: NetworkNames): string[] {
  const comment = commentOf(names);
  return readChains(socket)
    .filter(({ hook, table }) => hook === FORWARD && table !== names.table)
    .flatMap((chain) => {
      const own = readRules(socket, chain).filter((rule) => rule.comment === comment);
      if (own.length === 0) return [];
      return attempt(chain, () => commit(socket, own.map(({ handle }) => deleteRule(chain, handle))));
    });
}

function openChain(socket: NetlinkSocket, names: NetworkNames, chain: ChainInfo): string[] {
  const comment = commentOf(names);
  if (readRules(socket, chain).some((rule) => rule.comment === comment)) return [];
  // As iptables-nft writes its own rules: a table with an expression that it does not know makes it fail altogether.
  const pass = (key: "iifname" | "oifname") =>
    newRule(chain, [...linkIs(key, "==", names.bridge), counter(), verdict("accept")], { comment, first: true });
  return attempt(chain, () => commit(socket, [pass("oifname"), pass("iifname")]));
}

/** A table may belong to a process (NFT_TABLE_F_OWNER: EPERM), or be gone meanwhile. */
function attempt({ family, table, chain }: ChainInfo, change: () => void): string[] {
  try {
    change();
    return [];
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.errno === E.ENOENT) return [];
    return [`the firewall chain "${family} ${table} ${chain}" drops forwarded packets and could not be changed (${error.message}): containers may have no network`];
  }
}
