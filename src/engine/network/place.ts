/**
 * Where a network is in this network namespace of the host: its names, its subnets, its bridge. Chosen at the first use there, by what
 * the kernel has: other stores, other engines and other machines' routes may be in the namespace too.
 */
import { closeSync, readlinkSync, statSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { hasBridge, makeBridge, removeIdleBridges, removeOwnBridge } from "../../network/bridge.ts";
import { openFirewall } from "../../network/firewall.ts";
import { choosePool, contains, formatSubnet, isFree, overlaps } from "../../network/ipam.ts";
import { choosePool6, contains6, formatSubnet6, isFree6, overlaps6, ownPool6 } from "../../network/ipam6.ts";
import { removeForeignRulesOf } from "../../network/foreign.ts";
import { ALIAS_BYTES_MAX } from "../../network/link.ts";
import { ensureMacvlanParent, removeMacvlanParent } from "../../network/macvlan.ts";
import { leaveNetwork } from "../../network/membership.ts";
import { bridgeName, networkNames, parseBridgeName, randomTag, tagOf } from "../../network/names.ts";
import { readRoutes, readRoutes6 } from "../../network/route.ts";
import type { Pool, Pool4, Pool6, Pools } from "../../spec/network-config.ts";
import { bridgeOptions, macvlanOptions } from "../../spec/network-options.ts";
import { BRIDGE } from "../../spec/network-mode.ts";
import { transaction } from "../../store/database.ts";
import { forgetElsewhere, readTag, storeId, writeTag } from "../../store/namespaces.ts";
import { listNetworks, listPlaces, readPlace, writePlace, type KnownPlace, type Network, type Place, type Placed } from "../../store/networks.ts";
import { NETLINK_ROUTE, openNetlink, type NetlinkSocket } from "../../sys/netlink.ts";
import { takeAbstractName } from "../../sys/socket.ts";
import type { Context } from "../context.ts";
import { namespaceEnd, networkNamespace } from "../host/facts.ts";
import { isOutdated } from "./configured.ts";
import { bridgeShape } from "./shape.ts";

/** As it was left as a rule, and made here at its first use or where its bridge is gone. */
export function ensurePlace(context: Context, network: Network): Placed {
  const namespace = networkNamespace(context);
  const known = placedAlready(context, namespace, network);
  if (known !== null) return known;
  const lock = lockSubnets();
  try {
    return placedAlready(context, namespace, network) ?? place(context, namespace, network);
  } finally {
    if (lock !== null) closeSync(lock);
  }
}

function placedAlready(context: Context, namespace: string, network: Network): Placed | null {
  const place = readPlace(context.database(), namespace, network.id);
  if (place === null || (place.bridge !== "" && !hasBridge(place.bridge))) return null;
  return isOutdated(context, network, place) ? null : place;
}

/** What its first use here would make of it; nothing is made, and nothing kept for it. Null: it could not be made. */
export function foreseenPlace(context: Context, network: Network): Place | null {
  const database = context.database();
  const namespace = networkNamespace(context);
  const known = readPlace(database, namespace, network.id);
  if (known !== null && !isOutdated(context, network, known)) return known;
  const route = openNetlink(NETLINK_ROUTE);
  try {
    const tag = readTag(database, namespace) ?? freeTag(storeId(database));
    return { ...poolsHere(context, route, namespace, network, known, unusedPool), bridge: known?.bridge ?? chooseBridge(network, tag) };
  } catch (error) {
    if (error instanceof MdkError) return null;
    throw error;
  } finally {
    closeSync(route.fd);
  }
}

/**
 * The row first, then the bridge: one that is cut off in between is completed by the next. A namespace's number can come to
 * another one, a store can be a copy of one that is in use here: what is taken is not taken again.
 */
function place(context: Context, namespace: string, network: Network): Placed {
  const database = context.database();
  const route = openNetlink(NETLINK_ROUTE);
  try {
    const known = readPlace(database, namespace, network.id);
    if (known !== null && isOutdated(context, network, known)) removePlaces(context, network, [{ ...known, network: network.id }]);
    if (known === null) removeStrays(context, route, namespace);
    const tag = readTag(database, namespace) ?? freeTag(storeId(database));
    const pools = poolsHere(context, route, namespace, network, known);
    const found: Place = { ...pools, bridge: linkOf(route, network, known, tag) };
    transaction(database, () => {
      forgetElsewhere(database, namespaceEnd(context));
      writeTag(database, namespace, tag);
      writePlace(database, namespace, network.id, found);
    });
    if (network.driver === "bridge") makeBridge(route, bridgeShape(network, found), () => ownerOf(context));
    return { ...found, namespace, tag };
  } finally {
    closeSync(route.fd);
  }
}

/** Bridges of ours that no row knows (of a store that was here before), and of stores that are gone. */
function removeStrays(context: Context, route: NetlinkSocket, namespace: string): void {
  const known = new Set(listPlaces(context.database(), namespace).map(({ bridge }) => bridge));
  removeIdleBridges(route, (owner, name) => (owner === ownerOf(context) && !known.has(name)) || isDeadOwner(owner));
}

/** What is made for it: its bridge, or the tagged part of a link that a macvlan is on; "": nothing. */
function linkOf(route: NetlinkSocket, network: Network, known: Place | null, tag: string): string {
  if (network.driver === "bridge") return known?.bridge ?? chooseBridge(network, tag);
  const { parent } = macvlanOptions(network);
  if (parent === null) throw new MdkError("unsupported", "no-parent", "a macvlan network without a parent is not supported by this version of mdk", { hint: "-o parent=INTERFACE names a link of the host" });
  return ensureMacvlanParent(route, parent).made || known?.bridge === parent ? parent : "";
}

function chooseBridge(network: Network, tag: string): string {
  if (network.name === BRIDGE) return networkNames(tag).bridge;
  const { bridgeName: asked } = bridgeOptions(network);
  if (asked !== null) return asked;
  let name = bridgeName(networkNames(tag));
  while (hasBridge(name)) name = bridgeName(networkNames(tag));
  return name;
}

/** What a new network gets: as it was asked for, or free pools of the defaults. Throws MdkError "subnet-taken" in Docker's words, "no-free-pool". */
export function choosePools(context: Context, { driver, ipv6, v4, v6 }: Pick<Network, "driver" | "ipv6" | "v4" | "v6">): Pools {
  const others = [...listNetworks(context.database()), ...listPlaces(context.database(), networkNamespace(context))];
  const overlapping = others.some((other) => (v4 !== null && other.v4 !== null && overlaps(v4.subnet, other.v4.subnet)) || (v6 !== null && other.v6 !== null && overlaps6(v6.subnet, other.v6.subnet)));
  if (overlapping) throw new MdkError("conflict", "subnet-taken", "invalid pool request: Pool overlaps with other one on this address space", { hint: "mdk network inspect shows the subnets of networks" });
  if (driver !== "bridge" && driver !== "macvlan") return { v4, v6 };
  const route = openNetlink(NETLINK_ROUTE);
  try {
    return { v4: v4 ?? freePool(context, route), v6: v6 ?? (ipv6 ? freePool6(context, route) : null) };
  } finally {
    closeSync(route.fd);
  }
}

/** The known ones where nothing else is routed there; where it is, another one if nobody asked for them. */
function poolsHere(context: Context, route: NetlinkSocket, namespace: string, network: Network, known: Place | null, choose = freePool): Pools {
  // What is asked for is what is known, but of the default network, which the configuration may change.
  const wanted = { v4: network.v4?.auto === false ? network.v4 : (known?.v4 ?? network.v4), v6: network.v6?.auto === false ? network.v6 : (known?.v6 ?? network.v6) };
  const routes = readRoutes(route);
  const others = listPlaces(context.database(), namespace).filter(({ network: id }) => id !== network.id);
  const taken = [...routes, ...others.flatMap(({ v4 }) => v4?.subnet ?? [])];
  const v4 = stays(wanted.v4, (subnet) => isFree(subnet, taken), (subnet) => !routes.some((one) => one.prefix >= subnet.prefix && contains(subnet, one.address)), (subnet) => `${network.name}: its subnet ${formatSubnet(subnet)}`);
  const isDefault = network.name === BRIDGE;
  if (!network.ipv6) return { v4: v4 ?? choose(context, route, isDefault), v6: null };
  const routes6 = readRoutes6(route);
  const v6 = stays(wanted.v6, (subnet) => isFree6(subnet, routes6), (subnet) => !routes6.some((one) => one.prefix >= subnet.prefix && contains6(subnet, one.address)), (subnet) => `${network.name}: its subnet ${formatSubnet6(subnet)}`);
  return { v4: v4 ?? choose(context, route, isDefault), v6: v6 ?? freePool6(context, route) };
}

/**
 * The pool itself, null where another one is to be chosen. One that was asked for may lie in a wider route (10.0.0.0/8 to a VPN), as a subnet
 * of which nothing else is routed to.
 */
function stays<S, A>(pool: Pool<S, A> | null, isFree: (subnet: S) => boolean, isUsable: (subnet: S) => boolean, tell: (subnet: S) => string): Pool<S, A> | null {
  if (pool === null || isFree(pool.subnet)) return pool;
  if (pool.auto) return null;
  if (isUsable(pool.subnet)) return pool;
  throw new MdkError("conflict", "subnet-taken", `cannot set up network ${tell(pool.subnet)} is used otherwise by this host`, { hint: "ip route shows by whom; give the network another --subnet" });
}

function unusedPool(context: Context, route: NetlinkSocket, isDefault = false): Pool4 {
  const { pools } = context.settings.networks;
  // What the default network has where nothing is in its way: left to it.
  const first = choosePool([], pools);
  const others = [...(isDefault || context.settings.networks.bridge !== null ? [] : [first]), ...listNetworks(context.database()).flatMap(({ v4 }) => v4?.subnet ?? [])];
  const subnet = choosePool([...readRoutes(route), ...others], pools);
  return { subnet, gateway: subnet.address + 1, range: null, aux: {}, auto: true };
}

/** Where all are taken, those of idle networks are: their stores get others. */
function freePool(context: Context, route: NetlinkSocket, isDefault = false): Pool4 {
  try {
    return unusedPool(context, route, isDefault);
  } catch (error) {
    const before = readRoutes(route).length;
    removeIdleBridges(route, () => true);
    if (readRoutes(route).length === before) throw error;
    return unusedPool(context, route, isDefault);
  }
}

/** Of the configured pools, else of the store's own unique local /48 (RFC 4193). */
function freePool6(context: Context, route: NetlinkSocket): Pool6 {
  const others = listNetworks(context.database()).flatMap(({ v6 }) => v6?.subnet ?? []);
  const own = ownPool6(Buffer.from(storeId(context.database()).slice(0, 10), "hex"));
  const subnet = choosePool6([...readRoutes6(route), ...others], context.settings.networks.pools6 ?? [own]);
  return { subnet, gateway: subnet.address + 1n, range: null, aux: {}, auto: true };
}

/**
 * Takes links away of places whose rows are gone: those of this namespace; elsewhere they stay until they are idle and in the way. One that was there
 * before the network is its maker's. Problems are not told: nobody is on them.
 */
export function removePlaces(context: Context, { driver }: Pick<Network, "driver">, places: readonly KnownPlace[]): void {
  const namespace = networkNamespace(context);
  const here = places.filter((place) => place.namespace === namespace && place.bridge !== "");
  const tag = readTag(context.database(), namespace);
  if (here.length === 0 || tag === null) return;
  const owner = ownerOf(context);
  const route = openNetlink(NETLINK_ROUTE);
  const firewall = openFirewall();
  try {
    for (const { bridge } of here) {
      if (driver === "macvlan") {
        removeMacvlanParent(route, bridge);
        continue;
      }
      if (firewall !== null) leaveNetwork(firewall, networkNames(tag), bridge);
      if (firewall !== null && parseBridgeName(bridge) === null) removeForeignRulesOf(firewall, bridge);
      removeOwnBridge(route, bridge, owner);
    }
  } finally {
    closeSync(route.fd);
    firewall?.close();
  }
}

/** "<mount namespace> <inode of the database> <its path>" is noted on a bridge; empty where that is too long. */
export function ownerOf(context: Context): string {
  const { filename } = context.database();
  const owner = `${mountNamespace()} ${statSync(filename, { bigint: true }).ino} ${filename}`;
  return Buffer.byteLength(owner) > ALIAS_BYTES_MAX ? "" : owner;
}

/** Whether the store is gone for certain: its path means the same here, and another database or none is there. */
function isDeadOwner(owner: string): boolean {
  const [, namespace, inode, filename] = /^(\d+) (\d+) (\/[^]*)$/.exec(owner) ?? [];
  if (namespace !== mountNamespace() || filename === undefined) return false;
  return statSync(filename, { bigint: true, throwIfNoEntry: false })?.ino !== BigInt(inode!);
}

const mountNamespace = (): string => readlinkSync("/proc/self/ns/mnt").replace(/\D/g, "");

function freeTag(store: string): string {
  let tag = tagOf(store);
  while (hasBridge(networkNames(tag).bridge)) tag = randomTag();
  return tag;
}

const LOCK_NAME = "mdk/subnets";
const LOCK_PATIENCE_MS = 2000;

/**
 * From the look at the routes to the bridge's own, one at a time in a network namespace: two stores share nothing else. Null:
 * somebody has kept the name for long, which anybody in the namespace may; the risk of two at once is the smaller one.
 */
function lockSubnets(): number | null {
  for (let waitedMs = 0; waitedMs < LOCK_PATIENCE_MS; waitedMs++) {
    const lock = takeAbstractName(LOCK_NAME);
    if (lock !== null) return lock;
    Bun.sleepSync(1);
  }
  return null;
}
