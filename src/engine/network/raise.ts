/** The host's side of a container's networks: made while the shim makes the container. */
import { closeSync } from "node:fs";
import { NETLINK_ROUTE, openNetlink, type NetlinkSocket } from "../../sys/netlink.ts";
import type { Context } from "../context.ts";
import { driverOf } from "./drivers/choose.ts";
import { raiseFirewall } from "./firewall.ts";
import type { Seat } from "./seat.ts";
import { warningsOf, type Way } from "./ways.ts";

/** The host's side, ready to be joined. */
export interface Raised {
  readonly route: NetlinkSocket;
  /** Null: no network needs it, or the kernel cannot have it. */
  readonly firewall: NetlinkSocket | null;
  readonly tag: string;
  /** By a network's id: the link that containers are joined to. */
  readonly sides: ReadonlyMap<string, number>;
  readonly warnings: readonly string[];
}

/** Throws what the drivers throw; what is left then is completed by the next start. */
export function raise(context: Context, namespace: string, seats: readonly Seat[], way: Way): Raised {
  const placed = seats.flatMap(({ network, place }) => (place === null ? [] : [{ network, place }]));
  const { tag } = placed[0]!.place;
  const route = openNetlink(NETLINK_ROUTE);
  let firewall: NetlinkSocket | null = null;
  try {
    const walled = placed.filter(({ network }) => driverOf(network).publishes);
    const raisedWall = walled.length === 0 || way === "proxy" ? null : raiseFirewall(context, namespace, tag, walled);
    firewall = raisedWall?.socket ?? null;
    const sides = new Map(placed.map(({ network, place }) => [network.id, driverOf(network).raise({ context, route, firewall }, network, place)]));
    return { route, firewall, tag, sides, warnings: raisedWall?.warnings ?? (walled.length === 0 ? [] : warningsOf(context, way)) };
  } catch (error) {
    closeSync(route.fd);
    if (firewall !== null) closeSync(firewall.fd);
    throw error;
  }
}

export function closeRaised({ route, firewall }: Raised): void {
  closeSync(route.fd);
  if (firewall !== null) closeSync(firewall.fd);
}
