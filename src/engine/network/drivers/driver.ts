/** What a kind of network does: one file each, behind one interface (choose.ts). */
import type { NetlinkSocket } from "../../../sys/netlink.ts";
import type { Connection } from "../../../store/endpoints.ts";
import type { Network } from "../../../store/networks.ts";
import type { Context } from "../../context.ts";
import type { Placed } from "../../../store/networks.ts";

/** The host's side of the networks that a start needs, while it is made. */
export interface Raising {
  readonly context: Context;
  readonly route: NetlinkSocket;
  /** Of the store's table in this namespace; null where no network needs it, or the kernel cannot have one. */
  readonly firewall: NetlinkSocket | null;
}

/** One endpoint, whose addresses are leased and whose namespace is there. */
export interface Attaching {
  readonly context: Context;
  /** A NETLINK_ROUTE socket of the host. */
  readonly route: NetlinkSocket;
  /** What Driver.raise returned. */
  readonly side: number;
  /** A NETLINK_ROUTE socket of the container's namespace, and that namespace. */
  readonly inside: NetlinkSocket;
  readonly namespace: number;
  readonly network: Network;
  readonly place: Placed;
  readonly connection: Connection;
  /** Whether the container's default route of each family goes by it. */
  readonly leads: { readonly v4: boolean; readonly v6: boolean };
}

export interface Driver {
  /** Whether its networks have addresses, and something on the host. */
  readonly hasPlace: boolean;
  /** Whether ports of the host can lead to it. */
  readonly publishes: boolean;
  /** Of the names that interfaces have in containers: "eth". */
  readonly interfacePrefix: (network: Network) => string;
  /** Makes what is missing on the host's side. Returns the index of the link that containers are joined to. */
  readonly raise: (raising: Raising, network: Network, place: Placed) => number;
  readonly attach: (attaching: Attaching) => void;
}
