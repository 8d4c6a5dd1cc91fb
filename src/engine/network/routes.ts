/** Which of its networks a container's default routes go by. */
import type { EndpointSettings } from "../../spec/endpoint.ts";
import type { Pools } from "../../spec/network-config.ts";
import type { Network } from "../../store/networks.ts";
import { driverOf } from "./drivers/choose.ts";

interface Candidate {
  readonly network: Pick<Network, "name" | "driver" | "internal">;
  readonly settings: Pick<EndpointSettings, "GwPriority">;
  readonly place: Pools | null;
}

/** By family; null: no network leads out. */
export interface Gateways<C> {
  readonly v4: C | null;
  readonly v6: C | null;
}

/** The highest GwPriority of those that lead somewhere, then the first by name (docs.docker.com, network: "Connecting to multiple networks"). */
export function gatewaysOf<C extends Candidate>(seats: readonly C[]): Gateways<C> {
  const sorted = seats.filter(({ network }) => !network.internal).toSorted((a, b) => b.settings.GwPriority - a.settings.GwPriority || (a.network.name < b.network.name ? -1 : 1));
  return { v4: sorted.find(({ place }) => place?.v4?.gateway != null) ?? null, v6: sorted.find(({ place }) => place?.v6?.gateway != null) ?? null };
}

/** The seat that published ports lead to: that of the default route, if ports can lead there. */
export function publishedBy<C extends Candidate>({ v4, v6 }: Gateways<C>): C | null {
  const leading = v4 ?? v6;
  return leading !== null && driverOf(leading.network).publishes ? leading : null;
}
