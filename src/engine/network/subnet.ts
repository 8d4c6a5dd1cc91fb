/**
 * Where the default network is in this network namespace of the host: its names, its subnet, its bridge. Chosen at the first use
 * there, by what the kernel has: other stores, other engines and other machines' routes may be in the namespace too.
 */
import { closeSync } from "node:fs";
import { hasBridge, makeBridge, MTU } from "../../network/bridge.ts";
import { choosePool, isFree } from "../../network/ipam.ts";
import { networkNames, randomTag, tagOf } from "../../network/names.ts";
import { readRoutes } from "../../network/route.ts";
import { transaction } from "../../store/database.ts";
import { forgetElsewhere, readNetwork, storeId, writeNetwork, type NetworkRow } from "../../store/leases.ts";
import { NETLINK_ROUTE, openNetlink } from "../../sys/netlink.ts";
import { takeAbstractName } from "../../sys/socket.ts";
import type { Context } from "../context.ts";
import { namespaceEnd } from "../host/facts.ts";

/** The network that containers are on by default. */
export const BRIDGE = "bridge";

/** A network whose bridge is there: as it was left as a rule, and made here at its first use or where its bridge is gone. */
export function ensureNetwork(context: Context, namespace: string): NetworkRow {
  const known = readNetwork(context.database(), namespace, BRIDGE);
  if (known !== null && hasBridge(networkNames(known.tag))) return known;
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
    if (known !== null && hasBridge(networkNames(known.tag))) return known;
    const taken = readRoutes(route);
    const subnet = known !== null && isFree(known.subnet, taken) ? known.subnet : choosePool(taken);
    const network = { tag: known?.tag ?? freeTag(storeId(database)), subnet };
    transaction(database, () => {
      forgetElsewhere(database, namespaceEnd(context));
      writeNetwork(database, namespace, BRIDGE, network);
    });
    makeBridge(route, networkNames(network.tag), subnet, MTU);
    return network;
  } finally {
    closeSync(route.fd);
  }
}

function freeTag(store: string): string {
  let tag = tagOf(store);
  while (hasBridge(networkNames(tag))) tag = randomTag();
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
