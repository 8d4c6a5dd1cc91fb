/** Docker's JSON of a network (GET /networks/ID): pure. */
import { BRIDGE_MTU } from "../../network/bridge-network.ts";
import { formatAddress, formatSubnet } from "../../network/ipam.ts";
import { formatAddress6, formatSubnet6 } from "../../network/ipam6.ts";
import type { Pool } from "../../spec/network-config.ts";
import { BRIDGE } from "../../spec/network-mode.ts";
import { MTU } from "../../spec/network-options.ts";
import type { Endpoint } from "../../store/endpoints.ts";
import type { Network, Place } from "../../store/networks.ts";

export interface NetworkFacts {
  readonly network: Network;
  /** Where it is in this network namespace, or will be; null: it was not used here. */
  readonly place: Place | null;
  /** Those of containers that run, here. */
  readonly endpoints: readonly { readonly container: { readonly id: string; readonly name: string }; readonly endpoint: Endpoint }[];
}

export function networkJson({ network, place, endpoints }: NetworkFacts): Record<string, unknown> {
  const { id, name, driver, createdMs, internal, ipv6, labels } = network;
  return {
    Name: name, Id: id, Created: new Date(createdMs).toISOString().replace(/\.?0*Z$/, "Z"), Scope: "local", Driver: driver, EnableIPv4: true, EnableIPv6: ipv6,
    IPAM: ipamOf(network, place), Internal: internal, Attachable: false, Ingress: false, ConfigFrom: { Network: "" }, ConfigOnly: false,
    Containers: Object.fromEntries(endpoints.map(({ container, endpoint }) => [container.id, attachmentOf(container.name, endpoint, network, place)])),
    Options: optionsOf(network, place), Labels: labels,
  };
}

/** What the default bridge is, which nobody made with options. */
function optionsOf({ name, options }: Network, place: Place | null): Readonly<Record<string, string>> {
  if (name !== BRIDGE) return options;
  return {
    "com.docker.network.bridge.default_bridge": "true", "com.docker.network.bridge.enable_icc": "true", "com.docker.network.bridge.enable_ip_masquerade": "true",
    "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0", ...(place === null ? {} : { "com.docker.network.bridge.name": place.bridge }),
    [MTU]: String(BRIDGE_MTU), ...options,
  };
}

/** The pools that were asked for; where none were, those that it has here. */
function ipamOf(network: Network, place: Place | null): Record<string, unknown> {
  const v4 = network.v4 ?? place?.v4 ?? null;
  const v6 = network.v6 ?? place?.v6 ?? null;
  const config = [...(v4 === null ? [] : [poolOf(v4, formatSubnet, formatAddress)]), ...(v6 === null ? [] : [poolOf(v6, formatSubnet6, formatAddress6)])];
  const isMade = network.driver !== "host" && network.driver !== "null" && network.name !== BRIDGE;
  return { Driver: "default", Options: isMade ? {} : null, Config: config.length === 0 ? null : config };
}

function poolOf<S, A>({ subnet, range, gateway, aux }: Pool<S, A>, subnetText: (subnet: S) => string, addressText: (address: A) => string): Record<string, unknown> {
  const taken = Object.entries(aux).map(([name, address]) => [name, addressText(address)]);
  return {
    Subnet: subnetText(subnet), ...(range === null ? {} : { IPRange: subnetText(range) }), ...(gateway === null ? {} : { Gateway: addressText(gateway) }),
    ...(taken.length === 0 ? {} : { AuxiliaryAddresses: Object.fromEntries(taken) }),
  };
}

function attachmentOf(name: string, { connection }: Endpoint, network: Network, place: Place | null): Record<string, string> {
  const address = connection?.address ?? null;
  const address6 = connection?.address6 ?? null;
  return {
    Name: name, EndpointID: connection?.id ?? "", MacAddress: connection?.mac ?? "",
    IPv4Address: address === null ? "" : `${formatAddress(address)}/${(place?.v4 ?? network.v4)?.subnet.prefix ?? ""}`,
    IPv6Address: address6 === null ? "" : `${formatAddress6(address6)}/${(place?.v6 ?? network.v6)?.subnet.prefix ?? ""}`,
  };
}
