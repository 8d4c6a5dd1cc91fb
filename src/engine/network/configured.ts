/** What the configuration says of networks: of the default one, and of those that are made. */
import { BRIDGE } from "../../spec/network-mode.ts";
import type { Pool } from "../../spec/network-config.ts";
import type { PortRequest } from "../../spec/ports.ts";
import { bridgeOptions } from "../../spec/network-options.ts";
import { connectedContainers } from "../../store/endpoints.ts";
import type { Network, Placed } from "../../store/networks.ts";
import type { Context } from "../context.ts";

/** A row as it counts: the default network is as it is configured. */
export function configured<N extends Pick<Network, "name" | "v4" | "v6" | "ipv6" | "options">>({ settings: { networks } }: Context, network: N): N {
  const { bridge, ipv6, bridge6, bridgeOptions: options } = networks;
  if (network.name !== BRIDGE || (bridge === null && !ipv6 && Object.keys(options).length === 0)) return network;
  return { ...network, v4: bridge ?? network.v4, ipv6, v6: ipv6 ? (bridge6 ?? network.v6) : null, options: { ...network.options, ...options } };
}

/** Whether a place is another one than is configured by now, and nobody who runs is on it. */
export function isOutdated(context: Context, network: Network, { v4, v6 }: Placed): boolean {
  const { bridge, ipv6, bridge6 } = context.settings.networks;
  if (network.name !== BRIDGE || v4 === null) return false;
  const same = (bridge === null || isSame(v4, bridge)) && ipv6 === (v6 !== null) && (v6 === null || bridge6 === null || isSame(v6, bridge6));
  return !same && connectedContainers(context.database(), network.id).length === 0;
}

function isSame<A>(a: Pool<{ readonly address: A; readonly prefix: number }, A>, b: typeof a): boolean {
  return a.subnet.address === b.subnet.address && a.subnet.prefix === b.subnet.prefix && a.gateway === b.gateway && a.range?.address === b.range?.address && a.range?.prefix === b.range?.prefix;
}

/** Ports that nobody gave an address of the host, at the one that their network has for them. */
export function boundPorts(network: Network, requests: readonly PortRequest[]): readonly PortRequest[] {
  const { hostBinding } = bridgeOptions(network);
  if (hostBinding === null) return requests;
  return requests.map((request) => (request.hostAddresses.length > 1 ? { ...request, hostAddresses: [hostBinding] } : request));
}
