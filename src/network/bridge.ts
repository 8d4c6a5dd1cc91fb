/**
 * The host's side of the default network: bridge, its address, the sysctls it needs, the table of the firewall. Made once,
 * looked at on every start, and taken away by `clean` only.
 */
import { existsSync } from "node:fs";
import { MdkError } from "../error.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { NETLINK_NETFILTER, openNetlink, type NetlinkMessage, type NetlinkSocket } from "../sys/netlink.ts";
import type { Subnet } from "../spec/network.ts";
import { addAddress, readAddresses } from "./address.ts";
import { passForeignFirewalls, removeForeignRules } from "./foreign.ts";
import { formatSubnet, gatewayOf, isFree } from "./ipam.ts";
import { createBridge, deleteLink, findLink, listLinks, setUp, type Link } from "./link.ts";
import { networkNames, parseBridgeName, type NetworkNames } from "./names.ts";
import { commit, deleteTable, hasTable } from "./nftables.ts";
import { readRoutes } from "./route.ts";
import { guard, ruleset } from "./ruleset.ts";
import { readSysctl, writeSysctl } from "./sysctl.ts";

/** A sysctl as it was before mdk changed it. */
export interface ChangedSysctl {
  /** "net.ipv4.ip_forward". */
  readonly name: string;
  readonly old: string;
}

export interface Bridge {
  readonly index: number;
  /** The table was made just now: elements of running containers must be added again. */
  readonly tableIsNew: boolean;
  readonly warnings: readonly string[];
}

export interface BridgeOptions {
  readonly names: NetworkNames;
  /** The bridge has its first address. */
  readonly subnet: Subnet;
  readonly mtu: number;
  /** Whose bridge it is, noted on one that is made: at most ALIAS_BYTES_MAX bytes. */
  readonly owner: () => string;
  /** Called before a sysctl of the host is changed, so that `clean` can put it back whatever happens in between. */
  readonly remember: (sysctl: ChangedSysctl) => void;
  /** Whether mdk changed the sysctl earlier: asked where the table is new, and forwarding on. */
  readonly switchedOn: (name: string) => boolean;
}

export const MTU = 1500;
const IP_FORWARD = "net.ipv4.ip_forward";

/** nf_tables of the kernel; MdkError "no-nf-tables" where it has none. */
export function openFirewall(): NetlinkSocket {
  try {
    return openNetlink(NETLINK_NETFILTER);
  } catch (error) {
    throw withoutFirewall(error);
  }
}

/**
 * Makes what is missing of bridge, sysctls and table; about 0.1 ms where all is there. Safe against others that do the same at
 * once. What a failure leaves is completed by the next call. Throws MdkError or SysError.
 */
export function ensureBridge(route: NetlinkSocket, firewall: NetlinkSocket, { names, subnet, mtu, owner, remember, switchedOn }: BridgeOptions): Bridge {
  const forwarding = readSysctl(IP_FORWARD);
  const tableIsNew = ensureTable(firewall, names, subnet);
  // Before forwarding is on: the guard must be there first, in a table that stood already as well.
  if (forwarding === "0" || (tableIsNew && switchedOn(IP_FORWARD))) ensureGuard(firewall, names);
  const warnings = passForeignFirewalls(firewall, names, tableIsNew);
  if (forwarding === "0") {
    remember({ name: IP_FORWARD, old: forwarding });
    writeSysctl(IP_FORWARD, "1");
  }
  const ready = readyBridge(route, names, subnet);
  if (ready === null && !hasBridge(names) && !isFree(subnet, readRoutes(route))) {
    throw new MdkError("conflict", "subnet-taken", `the bridge ${names.bridge} was removed, and its subnet ${formatSubnet(subnet)} is used otherwise by now`, { hint: "try again" });
  }
  const { index } = ready ?? makeBridge(route, { names, subnet, mtu, owner });
  return { index, tableIsNew, warnings };
}

/** Whether the bridge is there, whatever its state; one look into /proc. */
export function hasBridge({ bridge }: NetworkNames): boolean {
  return existsSync(`/proc/sys/net/ipv4/conf/${bridge}`);
}

/**
 * Takes bridge, table and the rules in foreign chains away; what is missing is fine. Goes on after an error; returns what went
 * wrong. Takes 50 to 90 ms in the kernel. Sysctls are put back by who remembered them.
 */
export function removeBridge(route: NetlinkSocket, firewall: NetlinkSocket, names: NetworkNames): string[] {
  const problems: string[] = [];
  const attempt = (missing: number, action: () => void): void => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      if (error.errno !== missing) problems.push(error.message);
    }
  };
  attempt(E.ENOENT, () => problems.push(...removeForeignRules(firewall, names)));
  attempt(E.ENOENT, () => commit(firewall, [deleteTable({ family: "inet", table: names.table })]));
  attempt(E.ENODEV, () => void route.request([deleteLink(names.bridge)]));
  return problems;
}

/** Takes networks away that no container is on and whose owner is `unwanted`. */
export function removeIdleBridges(route: NetlinkSocket, unwanted: (owner: string) => boolean): void {
  const links = listLinks(route);
  const idle = links.filter(({ index, kind, alias }) => kind === "bridge" && unwanted(alias) && !links.some(({ master }) => master === index));
  const tags = idle.flatMap(({ name }) => parseBridgeName(name) ?? []);
  if (tags.length === 0) return;
  const firewall = openFirewall();
  try {
    for (const tag of tags) removeBridge(route, firewall, networkNames(tag));
  } finally {
    firewall.close();
  }
}

/** Up with an address of the subnet: up is the last thing that is done to it. */
function readyBridge(route: NetlinkSocket, { bridge }: NetworkNames, subnet: Subnet): Link | null {
  const link = findLink(route, bridge);
  if (link === null) return null;
  if (link.kind !== "bridge") {
    throw new MdkError("conflict", "bridge-name-taken", `the network interface ${bridge} exists and is not a bridge`, { hint: "rename it: mdk needs the name" });
  }
  if (!link.up) return null;
  return readAddresses(route, link.index).some(({ address }) => address === gatewayOf(subnet)) ? link : null;
}

/** Bridge, address, sysctls, up; what is there already stays. Throws MdkError "no-net-admin", "sysctl", or SysError. */
export function makeBridge(route: NetlinkSocket, { names: { bridge }, subnet, mtu, owner }: Pick<BridgeOptions, "names" | "subnet" | "mtu" | "owner">): Link {
  const hardwareAddress = crypto.getRandomValues(new Uint8Array(6));
  hardwareAddress.set([0x02, 0x42]);
  try {
    unlessThere(route, createBridge(bridge, hardwareAddress, mtu));
  } catch (error) {
    throw error instanceof SysError && error.errno === E.EPERM ? withoutPower(error) : error;
  }
  const link = findLink(route, bridge);
  if (link === null) throw new SysError("RTM_GETLINK", E.ENODEV, bridge);
  const gateway = gatewayOf(subnet);
  unlessThere(route, addAddress({ address: gateway, prefix: subnet.prefix, index: link.index }));
  // Answers to what the host sends from 127.0.0.1 to a published port come in here for 127.0.0.1.
  writeSysctl(`net.ipv4.conf.${bridge}.route_localnet`, "1");
  // CVE-2020-13401: a container with NET_RAW must not hand the host IPv6 routes. The network has IPv4 only.
  if (hasIpv6()) {
    writeSysctl(`net.ipv6.conf.${bridge}.accept_ra`, "0");
    writeSysctl(`net.ipv6.conf.${bridge}.disable_ipv6`, "1");
  }
  route.request([setUp(bridge, { alias: owner() })]);
  return link;
}

/** True where it was made just now. */
function ensureTable(firewall: NetlinkSocket, names: NetworkNames, subnet: Subnet): boolean {
  return unlessStands(() => {
    if (hasTable(firewall, { family: "inet", table: names.table })) return false;
    commit(firewall, ruleset(names, subnet));
    return true;
  });
}

function ensureGuard(firewall: NetlinkSocket, names: NetworkNames): void {
  unlessStands(() => {
    commit(firewall, guard(names));
    return true;
  });
}

/** False where it is there, or somebody else made it meanwhile, and all of it: it is one transaction. */
function unlessStands(make: () => boolean): boolean {
  try {
    return make();
  } catch (error) {
    if (error instanceof SysError && error.errno === E.EEXIST) return false;
    throw withoutFirewall(error);
  }
}

function unlessThere(route: NetlinkSocket, message: NetlinkMessage): void {
  try {
    route.request([message]);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== E.EEXIST) throw error;
  }
}

function withoutPower(cause: SysError): MdkError {
  return new MdkError("denied", "no-net-admin", `set up the network: ${cause.message}`, {
    hint: "mdk needs CAP_NET_ADMIN in the network namespace that it is in; --network host and --network none do without", cause,
  });
}

function withoutFirewall(error: unknown): unknown {
  const missing: number[] = [E.EPROTONOSUPPORT, E.EAFNOSUPPORT, E.EOPNOTSUPP, E.ENOENT, E.EINVAL];
  if (!(error instanceof SysError) || !missing.includes(error.errno)) return error;
  return new MdkError("unsupported", "no-nf-tables", `set up the firewall: ${error.message}`, {
    hint: "the kernel needs nf_tables with nat, fib and conntrack (modprobe nf_tables nft_chain_nat nft_fib_inet nft_masq nft_ct); --network host and --network none do without",
    cause: error,
  });
}

export function hasIpv6(): boolean {
  return existsSync("/proc/sys/net/ipv6");
}
