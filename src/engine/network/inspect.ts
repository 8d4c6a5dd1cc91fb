/** Networks with who is on them, and containers with what they are on: for `inspect`. */
import type { Pools } from "../../spec/network-config.ts";
import { BRIDGE } from "../../spec/network-mode.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import { connectedEndpoints, listEndpoints, type Endpoint } from "../../store/endpoints.ts";
import { readNetwork, readPlace, type Network, type Place } from "../../store/networks.ts";
import type { Context } from "../context.ts";
import { networkNamespace } from "../host/facts.ts";
import { isUserDefined } from "./endpoints.ts";
import { dnsNames } from "./names.ts";
import { foreseenPlace } from "./place.ts";

export interface InspectedNetwork {
  readonly network: Network;
  /** Null: it has not been used in this network namespace of the host. Of the default network, where nobody asked for it yet, what the first container will find. */
  readonly place: Place | null;
  /** Containers on it that run. */
  readonly endpoints: readonly { readonly container: Pick<Container, "id" | "name">; readonly endpoint: Endpoint }[];
}

export function inspectNetwork(context: Context, network: Network): InspectedNetwork {
  const namespace = networkNamespace(context);
  const endpoints = connectedEndpoints(context.database(), network.id, namespace).flatMap((endpoint) => {
    const container = readContainer(context.database(), endpoint.container);
    return container === null ? [] : [{ container, endpoint }];
  });
  return { network, place: network.name === BRIDGE ? foreseenPlace(context, network) : readPlace(context.database(), namespace, network.id), endpoints };
}

export interface InspectedEndpoint {
  readonly endpoint: Endpoint;
  /** Where it leads to; null: the container does not run, or the network has no addresses. */
  readonly pools: Pools | null;
  /** What others find it by; null: by nothing. */
  readonly names: readonly string[] | null;
}

export function inspectEndpoints(context: Context, container: Container): InspectedEndpoint[] {
  return listEndpoints(context.database(), container.id).map((endpoint) => {
    const network = readNetwork(context.database(), endpoint.network);
    return {
      endpoint, pools: endpoint.connection === null ? null : readPlace(context.database(), endpoint.connection.namespace, endpoint.network),
      names: network !== null && isUserDefined(network) ? dnsNames(container, endpoint.settings) : null,
    };
  });
}
