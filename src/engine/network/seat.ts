/** A network as a container is on it. */
import type { EndpointSettings } from "../../spec/endpoint.ts";
import type { Connection } from "../../store/endpoints.ts";
import type { Network, Placed } from "../../store/networks.ts";

/** A network that the container will be on. */
export interface Seat {
  readonly network: Network;
  readonly settings: EndpointSettings;
  /** Null: the network is nowhere, as `none` and `host`. */
  readonly place: Placed | null;
}

/** A network that a container is on, with its addresses there. */
export interface LiveSeat extends Seat {
  readonly connection: Connection;
}
