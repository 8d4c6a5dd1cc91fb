/** Published ports that the container's monitor serves: all of them where the kernel has no table for them (ways.ts), else what that cannot lead. */
import { familyOf, type Addresses } from "../../network/port-maps.ts";
import { PROXY_SETTINGS, routeMarked } from "../../network/proxy-route.ts";
import { listenServed } from "../../network/publish.ts";
import { formatAddress } from "../../network/ipam.ts";
import { formatAddress6 } from "../../network/ipam6.ts";
import { enterNamespace } from "../../runtime/netlink.ts";
import { sendProxy } from "../../runtime/proxy.ts";
import type { Proxied } from "../../runtime/plan.ts";
import type { Connection } from "../../store/endpoints.ts";
import { SysError } from "../../sys/ffi.ts";
import { NetlinkSocket } from "../../sys/netlink.ts";
import type { Context } from "../context.ts";
import { addressTexts } from "./names.ts";
import type { NamespaceDescriptors, Reservation } from "./network.ts";

/** A port as the plan has it, but for its socket's index. */
export type ServedPort = Omit<Proxied, "socket"> & { readonly socket: number };

type Serving = Pick<Reservation, "way" | "seats" | "target" | "ports" | "endpoint">;

interface Starting {
  readonly reservation: Serving;
  /** Of the reservation's seats, in their order. */
  readonly connections: readonly Connection[];
}

/** The ports that the monitor serves. One of a family that the container has no address of leads to its other one. */
export function servedPorts({ reservation: { seats, target, ports }, connections }: Starting): ServedPort[] {
  const reached = target === null ? undefined : connections[seats.indexOf(target)];
  if (reached === undefined) return [];
  const addresses = addressTexts(reached);
  const gateways = { ipv4: textOf(target?.place?.v4?.gateway, formatAddress), ipv6: textOf(target?.place?.v6?.gateway, formatAddress6) };
  return ports.flatMap(({ held }) => held).filter(({ served }) => served).flatMap(({ range, descriptors }) => {
    const family = familyTo(range.hostAddress, addresses);
    const address = addresses[family];
    if (address === null) return [];
    return descriptors.map((socket, index) => ({ socket, datagrams: range.protocol === "udp", address, port: range.containerPort + index, gateway: gateways[family] }));
  });
}

function familyTo(hostAddress: string, addresses: Addresses): "ipv4" | "ipv6" {
  const family = familyOf(hostAddress);
  return addresses[family] !== null ? family : family === "ipv4" ? "ipv6" : "ipv4";
}

const textOf = <A>(address: A | null | undefined, format: (address: A) => string): string | null => (address == null ? null : format(address));

/** The monitor serves them from now on: between `created` and `go`, the container is on its networks. Throws MdkError "port-taken", or SysError. */
export function beginServing(context: Context, starting: Starting, { namespace, netlink }: NamespaceDescriptors, channel: number): void {
  const ports = servedPorts(starting);
  if (ports.length === 0) return;
  const { ports: requests, endpoint, way } = starting.reservation;
  listenServed(requests.flatMap(({ held }) => held), endpoint);
  // What comes to it beside the table comes from the host itself, or by the other family.
  sendProxy(channel, way === "proxy" && keepsSources(context, ports, { namespace, netlink }) ? namespace : null);
}

/** Whether clients can come as themselves: the kernel must know marks and rules for them. */
function keepsSources(context: Context, ports: readonly ServedPort[], { namespace, netlink }: NamespaceDescriptors): boolean {
  const families = [...new Set(ports.filter(({ datagrams }) => !datagrams).map(({ address }) => familyOf(address)))];
  if (families.length === 0) return false;
  try {
    return routeMarked(new NetlinkSocket(netlink), families) && enterNamespace(context.runRoot, namespace, families.flatMap((family) => PROXY_SETTINGS[family])) !== null;
  } catch (error) {
    if (error instanceof SysError) return false;
    throw error;
  }
}
