/** Where the published ports of a container lead that runs, when it has come to a network or left one: always to its default route's. */
import { openFirewall } from "../../network/firewall.ts";
import { networkNames, type NetworkNames } from "../../network/names.ts";
import { closeHeldPorts, publishPorts, removePublished, type HeldPorts } from "../../network/publish.ts";
import { parsePorts, type PortRequest } from "../../spec/ports.ts";
import type { Container } from "../../store/containers.ts";
import { transaction } from "../../store/database.ts";
import { heldPorts, movePorts, releasePorts, type PortLease } from "../../store/ports.ts";
import type { NetlinkSocket } from "../../sys/netlink.ts";
import type { Context } from "../context.ts";
import { addressTexts } from "./names.ts";
import { endpointName, publishedOn } from "./network.ts";
import type { LiveSeat } from "./seat.ts";
import { holdRequests, leaseRequests } from "./ports.ts";
import { gatewaysOf, publishedBy } from "./routes.ts";
import { wayHere } from "./ways.ts";

export interface Moving {
  /** The networks that it was on. */
  readonly before: readonly LiveSeat[];
  readonly after: readonly LiveSeat[];
}

/**
 * While none of its networks publishes, the ports stay its own and lead nowhere; one that has none yet gets them with its first network that does. Ports that
 * its monitor serves stay as they are. Throws MdkError "port-taken".
 */
export function leadPorts(context: Context, container: Container, { before, after }: Moving): void {
  const requests = parsePorts(container);
  if (requests.length === 0) return;
  const ports = heldPorts(context.database(), container.id);
  const from = before.find(({ network }) => network.id === ports[0]?.network) ?? null;
  const to = publishedBy(gatewaysOf(after));
  const tag = (to ?? from)?.place?.tag;
  if (from?.network.id === to?.network.id || tag === undefined || wayHere(tag) === "proxy") return;
  const firewall = openFirewall();
  if (firewall === null) return;
  try {
    if (from !== null) removePublished(firewall, networkNames(tag), ports, addressTexts(from.connection));
    if (to === null) return;
    const target: Target = { firewall, names: networkNames(tag), seat: to };
    if (ports.length === 0) firstPorts(context, container, requests, target);
    else movedPorts(context, container, ports, target);
  } finally {
    firewall.close();
  }
}

interface Target {
  readonly firewall: NetlinkSocket;
  readonly names: NetworkNames;
  readonly seat: LiveSeat;
}

function movedPorts(context: Context, container: Container, ports: readonly PortLease[], { firewall, names, seat }: Target): void {
  transaction(context.database(), (database) => movePorts(database, container.id, seat.network.id));
  publish(ports.map((range) => ({ range, descriptors: [], served: false })), container, { firewall, names, seat });
}

/** They are looked at, and leased; its monitor, which runs already, cannot hold their sockets, nor serve them. */
function firstPorts(context: Context, container: Container, requests: readonly PortRequest[], target: Target): void {
  const { network, connection } = target.seat;
  const published = publishedOn(target.seat, "nf_tables", endpointName(container), []);
  const holding = holdRequests(requests, published);
  try {
    transaction(context.database(), (database) => leaseRequests(database, holding, published, { namespace: connection.namespace, container: container.id, network: network.id }));
    try {
      publish(holding.flatMap(({ held }) => held), container, target);
    } catch (error) {
      transaction(context.database(), (database) => releasePorts(database, container.id));
      throw error;
    }
  } finally {
    holding.flatMap(({ held }) => held).forEach(closeHeldPorts);
  }
}

function publish(held: readonly HeldPorts[], container: Container, { firewall, names, seat }: Target): void {
  publishPorts(firewall, names, { held, addresses: addressTexts(seat.connection), endpoint: endpointName(container) });
}
