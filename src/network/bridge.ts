/**
 * Bridges: the host's side of networks. Made at the first use, looked at on every start, and taken away with the network or by `clean`.
 * What passes them is decided in firewall.ts.
 */
import { existsSync } from "node:fs";
import { MdkError } from "../error.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import type { BridgeNetwork } from "./bridge-network.ts";
import { addAddress, addAddress6, readAddresses, readAddresses6 } from "./address.ts";
import { openFirewall, removeFirewall } from "./firewall.ts";
import { hasIpv6, requireIpv6 } from "./forwarding.ts";
import { formatSubnet, isFree } from "./ipam.ts";
import { formatSubnet6, isFree6 } from "./ipam6.ts";
import { createBridge, deleteLink, filterWithin, findLink, listLinks, setUp, type Link } from "./link.ts";
import { leaveNetwork, listBridges } from "./membership.ts";
import { networkNames, parseBridgeName, type NetworkNames } from "./names.ts";
import { readRoutes, readRoutes6 } from "./route.ts";
import { readSysctl, writeSysctl } from "./sysctl.ts";

/** Whose bridge it is, noted on one that is made: at most ALIAS_BYTES_MAX bytes. */
export type BridgeOwner = () => string;

/**
 * Makes what is missing of the bridge; about 0.02 ms where all is there. Returns its index. Safe against others that do the same at once;
 * what a failure leaves is completed by the next call. Throws MdkError "bridge-name-taken", "subnet-taken" or those of `makeBridge`.
 */
export function ensureBridge(route: NetlinkSocket, network: BridgeNetwork, owner: BridgeOwner): number {
  const link = findBridge(route, network.bridge);
  if (link !== null && isReady(route, link, network)) return link.index;
  if (link === null) refuseTaken(route, network);
  return makeBridge(route, network, owner);
}

/**
 * Answers to what the host sends from 127.0.0.1 to a published port come in by the bridge for 127.0.0.1, and are let in: behind a firewall that
 * keeps everything else for loopback addresses out (ruleset.ts, raw). One look into /proc where that is so already.
 */
export function letLoopbackIn({ bridge, ipv4, internal }: BridgeNetwork): void {
  if (ipv4 === null || internal) return;
  const name = `net/ipv4/conf/${bridge}/route_localnet`;
  if (readSysctl(name) !== "1") writeSysctl(name, "1");
}

/** Whether the bridge is there, whatever its state; one look into /proc. */
export function hasBridge(bridge: string): boolean {
  return existsSync(`/proc/sys/net/ipv4/conf/${bridge}`);
}

/** Takes the bridge away; one that is missing is fine. Takes 50 to 90 ms in the kernel. */
function removeBridge(route: NetlinkSocket, bridge: string): void {
  try {
    route.request([deleteLink(bridge)]);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== E.ENODEV) throw error;
  }
}

/** The same of a bridge that mdk named, or made for `owner` under its user's name: what was there before stays. */
export function removeOwnBridge(route: NetlinkSocket, bridge: string, owner: string): void {
  const isOwn = parseBridgeName(bridge) !== null || (owner !== "" && findLink(route, bridge)?.alias === owner);
  if (isOwn) removeBridge(route, bridge);
}

/**
 * Takes all of a store's networks in this namespace away: the firewall, the bridges that mdk named, and those whose note says that they are
 * `owner`'s. What is missing is fine. Goes on after an error; returns what went wrong. Sysctls are put back by who remembered them.
 */
export function removeNetworks(route: NetlinkSocket, firewall: NetlinkSocket | null, names: NetworkNames, owner: string): string[] {
  const problems = firewall === null ? [] : removeFirewall(firewall, names);
  for (const { name, kind, alias } of listLinks(route)) {
    if (kind !== "bridge" || (networksOf(name) !== names.table && (owner === "" || alias !== owner))) continue;
    try {
      removeBridge(route, name);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      problems.push(error.message);
    }
  }
  return problems;
}

/** Whether there is any, whosever: another engine's, another store's. */
export function hasBridges(route: NetlinkSocket): boolean {
  return listLinks(route).some(({ kind }) => kind === "bridge");
}

/** The table of the store whose bridge it is by its name. */
function networksOf(bridge: string): string | null {
  const tag = parseBridgeName(bridge);
  return tag === null ? null : networkNames(tag).table;
}

/** Takes bridges that mdk named away that no container is on and that are `unwanted`, and the firewalls of stores that have no other. */
export function removeIdleBridges(route: NetlinkSocket, unwanted: (owner: string, name: string) => boolean): void {
  const links = listLinks(route);
  const idle = links.filter(({ index, name, kind, alias }) =>
    kind === "bridge" && parseBridgeName(name) !== null && unwanted(alias, name) && !links.some(({ master }) => master === index));
  if (idle.length === 0) return;
  const firewall = openFirewall();
  try {
    for (const { name } of idle) {
      const names = networkNames(parseBridgeName(name)!);
      if (firewall !== null) leaveNetwork(firewall, names, name);
      removeBridge(route, name);
      // Bridges of the user's names may be left, and in use.
      if (firewall !== null && !listBridges(firewall, names).some(hasBridge)) removeFirewall(firewall, names);
    }
  } finally {
    firewall?.close();
  }
}

/** Null: it is missing. Throws MdkError "bridge-name-taken" where the name is that of something else. */
function findBridge(route: NetlinkSocket, name: string): Link | null {
  const link = findLink(route, name);
  if (link === null || link.kind === "bridge") return link;
  const hint = parseBridgeName(name) === null ? "name another: -o com.docker.network.bridge.name=NAME" : "rename it: mdk needs the name";
  throw new MdkError("conflict", "bridge-name-taken", `the network interface ${name} exists and is not a bridge`, { hint });
}

/** Up with its addresses: up is the last thing that is done to it. */
function isReady(route: NetlinkSocket, { index, up }: Link, { ipv4, ipv6 }: BridgeNetwork): boolean {
  const has = (gateway: string | null | undefined, read: typeof readAddresses): boolean =>
    gateway === null || gateway === undefined || read(route, index).some(({ address }) => address === gateway);
  return up && has(ipv4?.gateway, readAddresses) && has(ipv6?.gateway, readAddresses6);
}

/** A bridge that was removed leaves its subnet to anybody. */
function refuseTaken(route: NetlinkSocket, { bridge, ipv4, ipv6 }: BridgeNetwork): void {
  const taken = ipv4 !== null && !isFree(ipv4.subnet, readRoutes(route)) ? formatSubnet(ipv4.subnet)
    : ipv6 !== null && !isFree6(ipv6.subnet, readRoutes6(route)) ? formatSubnet6(ipv6.subnet) : null;
  if (taken !== null) throw new MdkError("conflict", "subnet-taken", `the bridge ${bridge} was removed, and its subnet ${taken} is used otherwise by now`, { hint: "try again" });
}

/**
 * Bridge, addresses, sysctls, up; what is there already stays. Returns its index. Throws MdkError "bridge-name-taken", "no-net-admin",
 * "no-ipv6", "sysctl", or SysError; a bridge that was not there before is gone then.
 */
export function makeBridge(route: NetlinkSocket, network: BridgeNetwork, owner: BridgeOwner): number {
  const { bridge, ipv6, mtu } = network;
  if (ipv6 !== null) requireIpv6();
  const hardwareAddress = crypto.getRandomValues(new Uint8Array(6));
  hardwareAddress.set([0x02, 0x42]);
  const made = attempt(() => unlessThere(route, createBridge(bridge, hardwareAddress, mtu)));
  try {
    return prepareBridge(route, network, owner, made);
  } catch (error) {
    if (made) removeBridge(route, bridge);
    throw error;
  }
}

function prepareBridge(route: NetlinkSocket, network: BridgeNetwork, owner: BridgeOwner, made: boolean): number {
  const { bridge, ipv4, ipv6, mtu } = network;
  const link = findBridge(route, bridge);
  if (link === null) throw new SysError("RTM_GETLINK", E.ENODEV, bridge);
  const { index } = link;
  // What was there before under a name of the user's is his: its IPv6 may be the host's, and it stays when the network goes.
  const isOwn = made || parseBridgeName(bridge) !== null;
  if (isOwn && hasIpv6(mtu)) prepareIpv6(bridge, ipv6 !== null);
  if (ipv4 !== null) {
    if (ipv4.gateway !== null) unlessThere(route, addAddress({ address: ipv4.gateway, prefix: ipv4.subnet.prefix, index }));
  }
  if (ipv6 !== null) {
    unlessThere(route, addAddress6({ address: LINK_LOCAL, prefix: 64, index }));
    if (ipv6.gateway !== null) unlessThere(route, addAddress6({ address: ipv6.gateway, prefix: ipv6.subnet.prefix, index }));
  }
  if (!network.icc && hasBridgeFilter()) route.request([filterWithin(bridge)]);
  route.request([setUp(bridge, isOwn ? { alias: owner() } : {})]);
  return index;
}

/**
 * Whether containers of the network must be ports that the bridge itself keeps apart. Not where br_netfilter does it by the firewall's
 * rules: it translates addresses within the bridge, and published ports would be among what is kept apart.
 */
export function mustIsolate({ icc }: Pick<BridgeNetwork, "icc">): boolean {
  return !icc && !hasBridgeFilter();
}

function hasBridgeFilter(): boolean {
  return existsSync("/proc/sys/net/bridge/bridge-nf-call-iptables");
}

/** As Docker's bridges have it: what the host asks neighbours from, at once and with no cable in it, where one of the kernel's own waits. */
const LINK_LOCAL = "fe80::1";
const IN6_ADDR_GEN_MODE_NONE = "1";

function prepareIpv6(bridge: string, wanted: boolean): void {
  const write = (name: string, value: string): void => writeSysctl(`net/ipv6/conf/${bridge}/${name}`, value);
  // CVE-2020-13401: a container with NET_RAW must not hand the host IPv6 routes.
  write("accept_ra", "0");
  if (wanted) write("addr_gen_mode", IN6_ADDR_GEN_MODE_NONE);
  write("disable_ipv6", wanted ? "0" : "1");
}

function attempt<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw error instanceof SysError && error.errno === E.EPERM ? withoutPower(error) : error;
  }
}

/** False where it was there. */
function unlessThere(route: NetlinkSocket, message: NetlinkMessage): boolean {
  try {
    route.request([message]);
    return true;
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== E.EEXIST) throw error;
    return false;
  }
}

function withoutPower(cause: SysError): MdkError {
  return new MdkError("denied", "no-net-admin", `set up the network: ${cause.message}`, {
    hint: "mdk needs CAP_NET_ADMIN in the network namespace that it is in; --network host and --network none do without", cause,
  });
}
