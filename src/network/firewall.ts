/**
 * The firewall of a store in a network namespace: the table with all of its networks, the guard, forwarding, and ways through other people's
 * firewalls. Made at the first use, looked at on every start.
 */
import { MdkError } from "../error.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { NETLINK_NETFILTER, openNetlink, type NetlinkSocket } from "../sys/netlink.ts";
import type { BridgeNetwork } from "./bridge-network.ts";
import type { IpFamily } from "./expressions.ts";
import { foreignQuestions, passForeignFirewalls, removeForeignRules } from "./foreign.ts";
import { FORWARDING, isForwarding, requireIpv6, switchOn, type Remember } from "./forwarding.ts";
import { getGuard, guard } from "./guard.ts";
import { addMember, getMember, isMember, joinNetwork, listBridges } from "./membership.ts";
import type { NetworkNames } from "./names.ts";
import { commit, deleteTable, getGeneration, newTable, readTable, rehearse } from "./nftables.ts";
import { ruleset } from "./ruleset.ts";

export interface FirewallOptions {
  readonly names: NetworkNames;
  /** The one that somebody starts on. */
  readonly network: BridgeNetwork;
  /** The store's other networks with a bridge in this namespace: asked where the table is made, which has them all from its first moment. */
  readonly others: () => readonly BridgeNetwork[];
  readonly remember: Remember;
  /** Whether mdk changed the sysctl earlier. */
  readonly switchedOn: (name: string) => boolean;
}

export interface Firewall {
  /** The table was made just now: published ports of running containers must be added again. */
  readonly tableIsNew: boolean;
  readonly warnings: readonly string[];
}

/** nf_tables of the kernel, in the caller's network namespace; null where it has none. Throws SysError. */
export function openFirewall(): NetlinkSocket | null {
  try {
    return asFirewall(openNetlink(NETLINK_NETFILTER));
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Of a NETLINK_NETFILTER socket, which is the caller's no more: the kernel may have it for other parts of netfilter, and no nf_tables behind it. */
export function asFirewall(socket: NetlinkSocket): NetlinkSocket | null {
  try {
    socket.ask([getGeneration()]);
    return socket;
  } catch (error) {
    socket.close();
    if (isMissing(error)) return null;
    throw error;
  }
}

/**
 * Whether the kernel can carry the store's table: 0.05 ms where it stands already. Else the kernel is asked to check one that is never made, which
 * takes 10 ms where it can. True, too, where that fails for another reason: who makes it learns of that.
 */
export function canHaveFirewall(names: NetworkNames): boolean {
  let firewall: NetlinkSocket | null = null;
  try {
    firewall = openFirewall();
    if (firewall === null) return false;
    if (readTable(firewall, { family: "inet", table: names.table }) === null) rehearse(firewall, [...ruleset(names), ...(["ipv4", "ipv6"] as const).flatMap((family) => guard(names, family))]);
    return true;
  } catch (error) {
    return !isMissing(error);
  } finally {
    firewall?.close();
  }
}

/**
 * Makes what is missing; one datagram of questions and about 0.03 ms where all is there. Safe against others that do the same at once. What a
 * failure leaves is completed by the next call. Throws MdkError "no-nf-tables" where the kernel lacks what it needs (canHaveFirewall), or SysError.
 */
export function ensureFirewall(firewall: NetlinkSocket, { names, network, others, remember, switchedOn }: FirewallOptions): Firewall {
  const families: readonly IpFamily[] = (["ipv4", "ipv6"] as const).filter((family) => network[family] !== null);
  if (network.ipv6 !== null) requireIpv6();
  // Nothing leaves an internal network.
  const off = network.internal ? [] : families.filter((family) => !isForwarding(family));
  const guarded = families.filter((family) => off.includes(family) || switchedOn(FORWARDING[family]));
  try {
    const [member, ...rest] = firewall.ask([getMember(names, network), ...guarded.map((family) => getGuard(names, family)), ...foreignQuestions(network)]);
    const guards = rest.splice(0, guarded.length);
    const tableIsNew = !isMember(network, member ?? null) && ensureMember(firewall, { names, network, others });
    // Before forwarding is on: the guard must be there first, in a table that stood already as well.
    guarded.forEach((family, index) => (tableIsNew || (guards[index] ?? null) === null) && ensureGuard(firewall, names, family));
    const warnings = passForeignFirewalls(firewall, { names, network, answers: rest, thorough: tableIsNew });
    for (const family of off) switchOn(family, remember);
    return { tableIsNew, warnings };
  } catch (error) {
    throw explain(error);
  }
}

/** Takes the table and the rules in foreign chains away; what is missing is fine. Goes on after an error; returns what went wrong. */
export function removeFirewall(firewall: NetlinkSocket, names: NetworkNames): string[] {
  const problems: string[] = [];
  const attempt = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      if (error.errno !== E.ENOENT) problems.push(error.message);
    }
  };
  attempt(() => problems.push(...removeForeignRules(firewall, names, listBridges(firewall, names))));
  attempt(() => commit(firewall, [deleteTable({ family: "inet", table: names.table })]));
  return problems;
}

/** In place of the whole table, for who leaves forwarding on: the host is no router by that. The next network comes in its place. */
export function leaveGuards(firewall: NetlinkSocket, names: NetworkNames, families: readonly IpFamily[]): void {
  commit(firewall, [newTable({ family: "inet", table: names.table }), ...families.flatMap((family) => guard(names, family))]);
}

/** Others make the table, or take it away, at the same time: fewer than this many times. */
const TRIES = 5;

/** The network is in the table. True where the table was made just now. */
function ensureMember(firewall: NetlinkSocket, { names, network, others }: Pick<FirewallOptions, "names" | "network" | "others">): boolean {
  const at = { family: "inet", table: names.table } as const;
  for (let tries = 1; ; tries++) {
    const handle = readTable(firewall, at);
    try {
      if (handle !== null && joined(firewall, names, network)) return false;
      // In place of one without sets, which an mdk made that knew one network only: no packet sees the moment in between.
      const old = handle === null ? [] : [deleteTable(at, handle)];
      const members = [network, ...others().filter(({ bridge }) => bridge !== network.bridge)];
      commit(firewall, [...old, ...ruleset(names), ...members.flatMap((member) => addMember(names, member))]);
      return true;
    } catch (error) {
      if (!(error instanceof SysError) || tries === TRIES || (error.errno !== E.EEXIST && error.errno !== E.ENOENT)) throw error;
    }
  }
}

/** False where the table has no sets for it. */
function joined(firewall: NetlinkSocket, names: NetworkNames, network: BridgeNetwork): boolean {
  try {
    joinNetwork(firewall, names, network);
    return true;
  } catch (error) {
    if (error instanceof SysError && error.errno === E.ENOENT) return false;
    throw error;
  }
}

function ensureGuard(firewall: NetlinkSocket, names: NetworkNames, family: IpFamily): void {
  try {
    commit(firewall, guard(names, family));
  } catch (error) {
    // Somebody else was faster, and made all of it: it is one transaction.
    if (!(error instanceof SysError) || error.errno !== E.EEXIST) throw error;
  }
}

const MISSING: readonly number[] = [E.EPROTONOSUPPORT, E.EAFNOSUPPORT, E.EOPNOTSUPP, E.ENOENT, E.EINVAL];

/** What the kernel says to what it does not know. */
const isMissing = (error: unknown): error is SysError => error instanceof SysError && MISSING.includes(error.errno);

function explain(error: unknown): unknown {
  if (!isMissing(error)) return error;
  return new MdkError("unsupported", "no-nf-tables", `set up the firewall: ${error.message}`, {
    hint: "the kernel needs nf_tables with nat, fib and conntrack (modprobe nf_tables nft_chain_nat nft_fib_inet nft_masq nft_ct); --network host and --network none do without",
    cause: error,
  });
}
