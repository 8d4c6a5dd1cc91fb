/**
 * Where the default network is in this network namespace of the host: its names, its subnet, its bridge. Chosen at the first use
 * there, by what the kernel has: other stores, other engines and other machines' routes may be in the namespace too.
 */
import { closeSync, readlinkSync, statSync } from "node:fs";
import { hasBridge, makeBridge, MTU, removeIdleBridges, type BridgeNetwork } from "../../network/bridge.ts";
import { choosePool, gatewayOf, isFree } from "../../network/ipam.ts";
import { ALIAS_BYTES_MAX } from "../../network/link.ts";
import { networkNames, randomTag, tagOf } from "../../network/names.ts";
import { readRoutes } from "../../network/route.ts";
import type { Subnet } from "../../spec/network.ts";
import { transaction } from "../../store/database.ts";
import { forgetElsewhere, readNetwork, storeId, writeNetwork, type NetworkRow } from "../../store/leases.ts";
import { NETLINK_ROUTE, openNetlink, type NetlinkSocket } from "../../sys/netlink.ts";
import { takeAbstractName } from "../../sys/socket.ts";
import type { Context } from "../context.ts";
import { namespaceEnd } from "../host/facts.ts";

/** The network that containers are on by default. */
export const BRIDGE = "bridge";

/** A network whose bridge is there: as it was left as a rule, and made here at its first use or where its bridge is gone. */
export function ensureNetwork(context: Context, namespace: string): NetworkRow {
  const known = readNetwork(context.database(), namespace, BRIDGE);
  if (known !== null && hasBridge(networkNames(known.tag).bridge)) return known;
  const lock = lockSubnets();
  try {
    return makeNetwork(context, namespace);
  } finally {
    if (lock !== null) closeSync(lock);
  }
}

/**
 * The row first, then the bridge: one that is cut off in between is completed by the next. A namespace's number can come to
 * another one, a store can be a copy of one that is in use here: what is taken is not taken again.
 */
function makeNetwork(context: Context, namespace: string): NetworkRow {
  const database = context.database();
  const route = openNetlink(NETLINK_ROUTE);
  try {
    const known = readNetwork(database, namespace, BRIDGE);
    if (known !== null && hasBridge(networkNames(known.tag).bridge)) return known;
    // Of our own inode and path, but not in a row: of a store that was here before.
    if (known === null) removeIdleBridges(route, (owner) => owner === ownerOf(context) || isDeadOwner(owner));
    const network = { tag: known?.tag ?? freeTag(storeId(database)), subnet: freeSubnet(route, known) };
    transaction(database, () => {
      forgetElsewhere(database, namespaceEnd(context));
      writeNetwork(database, namespace, BRIDGE, network);
    });
    makeBridge(route, bridgeNetwork(network), () => ownerOf(context));
    return network;
  } finally {
    closeSync(route.fd);
  }
}

/** The default network as the host has it. */
export function bridgeNetwork({ tag, subnet }: NetworkRow): BridgeNetwork {
  return { bridge: networkNames(tag).bridge, ipv4: { subnet, gateway: gatewayOf(subnet) }, ipv6: null, mtu: MTU, internal: false, icc: true, masquerade: true };
}

/** The known one where nothing else is routed there, or a pool. Where all are taken, those of idle networks are: their stores get others. */
function freeSubnet(route: NetlinkSocket, known: NetworkRow | null): Subnet {
  const taken = readRoutes(route);
  if (known !== null && isFree(known.subnet, taken)) return known.subnet;
  try {
    return choosePool(taken);
  } catch (error) {
    removeIdleBridges(route, () => true);
    const freed = readRoutes(route);
    if (freed.length === taken.length) throw error;
    return choosePool(freed);
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
