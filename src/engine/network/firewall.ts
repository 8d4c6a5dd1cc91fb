/** The store's table in this network namespace, with all of its networks, and the published ports of all that runs. */
import { ensureFirewall } from "../../network/firewall.ts";
import { networkNames, type NetworkNames } from "../../network/names.ts";
import { addElements } from "../../network/publish.ts";
import type { BridgeNetwork } from "../../network/bridge-network.ts";
import { transaction } from "../../store/database.ts";
import { allConnected } from "../../store/endpoints.ts";
import { rememberedSysctl, rememberSysctl } from "../../store/namespaces.ts";
import { listPlaces, readNetwork, type Network, type Place } from "../../store/networks.ts";
import { allPorts } from "../../store/ports.ts";
import { NETLINK_NETFILTER, openNetlink, type NetlinkSocket } from "../../sys/netlink.ts";
import type { Context } from "../context.ts";
import { configured } from "./configured.ts";
import { addressTexts } from "./names.ts";
import { bridgeShape } from "./shape.ts";

export interface RaisedFirewall {
  /** The caller closes it. */
  readonly socket: NetlinkSocket;
  readonly warnings: readonly string[];
}

/** Makes what is missing for these networks; 0.05 ms each where all is there. Only where ways.ts says "nf_tables". */
export function raiseFirewall(context: Context, namespace: string, tag: string, networks: readonly { readonly network: Network; readonly place: Place }[]): RaisedFirewall {
  const socket = openNetlink(NETLINK_NETFILTER);
  const names = networkNames(tag);
  try {
    const warnings = networks.flatMap(({ network, place }) => ensureOne(context, socket, namespace, names, bridgeShape(network, place)));
    return { socket, warnings };
  } catch (error) {
    socket.close();
    throw error;
  }
}

function ensureOne(context: Context, socket: NetlinkSocket, namespace: string, names: NetworkNames, network: BridgeNetwork): readonly string[] {
  const { tableIsNew, warnings } = ensureFirewall(socket, {
    names, network, others: () => bridgesIn(context, namespace).map(({ network: other, place }) => bridgeShape(other, place)),
    remember: ({ name, old }) => transaction(context.database(), (database) => rememberSysctl(database, namespace, name, old)),
    switchedOn: (name) => rememberedSysctl(context.database(), namespace, name) !== null,
  });
  if (tableIsNew) publishAgain(context, socket, namespace, names);
  return warnings;
}

/** All networks with a bridge that have been used here. */
export function bridgesIn(context: Context, namespace: string): { readonly network: Network; readonly place: Place }[] {
  return listPlaces(context.database(), namespace).flatMap((place) => {
    const network = place.bridge === "" ? null : readNetwork(context.database(), place.network);
    return network === null ? [] : [{ network: configured(context, network), place }];
  });
}

/** Somebody flushed the firewall while containers run: their ports lead to them again. */
function publishAgain(context: Context, socket: NetlinkSocket, namespace: string, names: NetworkNames): void {
  const ports = allPorts(context.database());
  for (const { container, network, connection } of allConnected(context.database(), namespace)) {
    const own = (ports.get(container) ?? []).filter((lease) => lease.network === network);
    if (own.length > 0 && connection !== null) addElements(socket, names, own, addressTexts(connection));
  }
}
