/**
 * Internal networks and the ports that monitors serve beside the table: what the table leads, its chain "forward" keeps from them; what comes to a
 * monitor's socket is not forwarded. It is marked, and such a socket drops what has the mark (sys/inet.ts).
 */
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { UNWELCOME_MARK } from "../sys/inet.ts";
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import { concatenation, isFamily, isIn, loadImmediate, PART, setMark } from "./expressions.ts";
import type { NetworkNames } from "./names.ts";
import { u32 } from "./netlink.ts";
import { commit, getChain, newChain, newRule } from "./nftables.ts";

/** Before anything looks at the packet. */
const SERVED = { type: "filter", hook: "prerouting", priority: -300 } as const;

/** The chain that marks them; IPv4 is served where there is no table. EEXIST where the table has it. */
export function servedChain({ table }: NetworkNames): NetlinkMessage[] {
  const at = { family: "inet", table, chain: "served" } as const;
  return [newChain({ ...at, ...SERVED }), newRule(at, [...isFamily("ipv6"), ...concatenation(PART.iifname), isIn("internal"), loadImmediate(u32(UNWELCOME_MARK)), setMark()])];
}

/** For a table that an older mdk has made. Throws SysError. */
export function ensureServedChain(firewall: NetlinkSocket, names: NetworkNames): void {
  const [chain] = firewall.ask([getChain({ family: "inet", table: names.table, chain: "served" })]);
  if (chain != null) return;
  try {
    commit(firewall, servedChain(names));
  } catch (error) {
    // Somebody else was faster.
    if (!(error instanceof SysError) || error.errno !== E.EEXIST) throw error;
  }
}
