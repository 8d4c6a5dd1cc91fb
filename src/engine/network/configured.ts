/** What the configuration says of networks: of the default one, and of those that are made. */
import { BRIDGE } from "../../spec/network-mode.ts";
import type { PortRequest } from "../../spec/ports.ts";
import { bridgeOptions } from "../../spec/network-options.ts";
import { connectedContainers } from "../../store/endpoints.ts";
import type { Network, Placed } from "../../store/networks.ts";
import type { Context } from "../context.ts";

/** A row as it counts: the default network is as it is configured. */
export function configured<N extends Pick<Network, "name" | "v4" | "options">>({ settings: { networks } }: Context, network: N): N {
  if (network.name !== BRIDGE || (networks.bridge === null && Object.keys(networks.bridgeOptions).length === 0)) return network;
  return { ...network, v4: networks.bridge ?? network.v4, options: { ...network.options, ...networks.bridgeOptions } };
}

/** Whether a place is another one than is configured by now, and nobody who runs is on it. */
export function isOutdated(context: Context, network: Network, { v4 }: Placed): boolean {
  const asked = context.settings.networks.bridge;
  if (network.name !== BRIDGE || asked === null || v4 === null) return false;
  const same = v4.subnet.address === asked.subnet.address && v4.subnet.prefix === asked.subnet.prefix && v4.gateway === asked.gateway
    && v4.range?.address === asked.range?.address && v4.range?.prefix === asked.range?.prefix;
  return !same && connectedContainers(context.database(), network.id).length === 0;
}

/** Ports that nobody gave an address of the host, at the one that their network has for them. */
export function boundPorts(network: Network, requests: readonly PortRequest[]): readonly PortRequest[] {
  const { hostBinding } = bridgeOptions(network);
  if (hostBinding === null) return requests;
  return requests.map((request) => (request.hostAddresses.length > 1 ? { ...request, hostAddresses: [hostBinding] } : request));
}
