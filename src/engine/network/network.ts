/**
 * A container on the network: its share of the default bridge (address, ports) reserved before it has a row, leased with it,
 * attached when its namespace is there, given back when it ends. The files that tell it so, too.
 */
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { ensureBridge, findBridgeSubnet, MTU, openFirewall, type Bridge } from "../../network/bridge.ts";
import { attachContainer, isolateContainer } from "../../network/container.ts";
import { choosePool, formatHardwareAddress, gatewayOf, hardwareAddress, nextAddress, parseSubnet } from "../../network/ipam.ts";
import { networkNames, vethName, type NetworkNames } from "../../network/names.ts";
import { addElements, holdPorts, portTaken, publishPorts, removePublished, type HeldPorts } from "../../network/publish.ts";
import { generateHosts, generateResolvConf, RESOLV_CONF, SYSTEMD_RESOLV_CONF } from "../../network/resolv.ts";
import { readRoutes } from "../../network/route.ts";
import type { NetworkState } from "../../spec/container.ts";
import { parsePorts, type PortRequest } from "../../spec/ports.ts";
import { listContainers, type Container } from "../../store/containers.ts";
import { isUniqueViolation, transaction, type Database } from "../../store/database.ts";
import { leaseAddress, leasedAddresses, leasePort, readNetwork, rememberSysctl, writeNetwork, type PortLease } from "../../store/leases.ts";
import { MdkError } from "../../error.ts";
import { NETLINK_ROUTE, NetlinkSocket, openNetlink } from "../../sys/netlink.ts";
import type { Context } from "../context.ts";
import { networkNamespace } from "../host/facts.ts";
import { rootHash } from "../host/identity.ts";

/** A mark below the run root. */
export const NAME_SERVERS_TOLD = "name-servers-told";

/** The network that containers are on by default. */
const BRIDGE = "bridge";

/** What a container will have, before it is leased. `holds` belongs to whoever reserved. */
export interface Reservation {
  readonly mode: NetworkState["mode"];
  readonly holds: readonly number[];
  readonly bridged: Bridged | null;
}

interface Bridged {
  readonly namespace: string;
  readonly subnet: string;
  readonly held: HeldPorts;
  readonly endpoint: string;
}

export function namesOf(context: Context): NetworkNames {
  return networkNames(rootHash(context)?.slice(0, 6) ?? null);
}

/** Chooses the subnet if need be and binds the published ports. Throws MdkError "port-taken" and others in Docker's words. */
export function reserveNetwork(context: Context, container: Pick<Container, "id" | "name" | "host">): Reservation {
  const mode = container.host.NetworkMode as NetworkState["mode"];
  const ports = parsePorts(container.host.PortBindings);
  if (mode !== "bridge") return { mode, holds: [], bridged: null };
  const namespace = networkNamespace();
  const subnet = readNetwork(context.database(), namespace, BRIDGE)?.subnet ?? chooseSubnet(context, namespace);
  const endpoint = `${container.name} (${container.id})`;
  const held = holdAll(ports, endpoint);
  return { mode, holds: held.descriptors, bridged: { namespace, subnet, held, endpoint } };
}

/** The host's side, ready to be joined. */
export interface Raised {
  readonly route: NetlinkSocket;
  readonly firewall: NetlinkSocket;
  readonly bridge: Bridge;
}

/**
 * Makes what is missing of bridge, table and sysctls: while the shim makes the container. Null without a bridge network. The
 * caller closes both sockets.
 */
export function raiseNetwork(context: Context, { bridged }: Reservation): Raised | null {
  if (bridged === null) return null;
  const { namespace, subnet } = bridged;
  const route = openNetlink(NETLINK_ROUTE);
  const firewall = openFirewall();
  try {
    const remember = ({ name, old }: { name: string; old: string }): void => transaction(context.database(), (database) => rememberSysctl(database, namespace, name, old));
    const bridge = ensureBridge(route, firewall, { names: namesOf(context), subnet, mtu: MTU, remember });
    if (bridge.tableIsNew) publishAgain(context, firewall);
    return { route, firewall, bridge };
  } catch (error) {
    closeSync(route.fd);
    closeSync(firewall.fd);
    throw error;
  }
}

/** The first pool that collides with no route of the host; remembered, since running containers depend on it. */
function chooseSubnet(context: Context, namespace: string): string {
  const names = namesOf(context);
  const route = openNetlink(NETLINK_ROUTE);
  let subnet: string;
  try {
    subnet = findBridgeSubnet(route, names) ?? choosePool(readRoutes(route, null));
  } finally {
    closeSync(route.fd);
  }
  return transaction(context.database(), (database) => {
    const known = readNetwork(database, namespace, BRIDGE);
    if (known !== null) return known.subnet;
    writeNetwork(database, namespace, { name: BRIDGE, bridge: names.bridge, subnet, last: "" });
    return subnet;
  });
}

/** Somebody flushed the firewall while containers run: their ports lead to them again. */
function publishAgain(context: Context, firewall: NetlinkSocket): void {
  for (const { phase, network } of listContainers(context.database(), "active")) {
    if (phase === "started" && network !== null && network.ports.length > 0) addElements(firewall, namesOf(context), network.ports, network.address);
  }
}

/** Each request takes the first of its candidates that can be bound. */
function holdAll(requests: readonly PortRequest[], endpoint: string): HeldPorts {
  const ports = requests.map(({ protocol, containerPort, hostAddress, hostPorts }) => ({ protocol, containerPort, hostAddress, hostPort: hostPorts[0]! }));
  const choices = requests.findIndex(({ hostPorts }) => hostPorts.length > 1);
  if (choices === -1) return holdPorts(ports, endpoint);
  const { hostPorts } = requests[choices]!;
  let last: unknown;
  for (const port of hostPorts) {
    const fixed = requests.map((request, index) => (index === choices ? { ...request, hostPorts: [port] } : request));
    try {
      return holdAll(fixed, endpoint);
    } catch (error) {
      if (!(error instanceof MdkError) || error.code !== "port-taken") throw error;
      last = error;
    }
  }
  throw last;
}

/** Inside the transaction that makes the row: address and ports become the container's. */
export function leaseNetwork(context: Context, id: string, reservation: Reservation): NetworkState {
  const { mode, bridged } = reservation;
  if (bridged === null) return { mode, address: "", prefix: 0, gateway: "", mac: "", ports: [] };
  const database = context.database();
  const { namespace, subnet, held } = bridged;
  const known = readNetwork(database, namespace, BRIDGE);
  const address = nextAddress(subnet, known?.last ?? "", leasedAddresses(database, namespace, BRIDGE));
  leaseAddress(database, namespace, { network: BRIDGE, address, container: id });
  writeNetwork(database, namespace, { name: BRIDGE, bridge: namesOf(context).bridge, subnet, last: address });
  for (const port of held.ports) leaseOne(database, namespace, { protocol: port.protocol, host: port.hostAddress, port: port.hostPort, container: id }, bridged.endpoint);
  return {
    mode, address, prefix: parseSubnet(subnet).prefix, gateway: gatewayOf(subnet),
    mac: formatHardwareAddress(hardwareAddress(address)), ports: [...held.ports],
  };
}

/** Two that start at once can both bind a port, since neither listens yet: the row says whose it is. */
function leaseOne(database: Database, namespace: string, lease: PortLease, endpoint: string): void {
  try {
    leasePort(database, namespace, lease);
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw portTaken({ hostAddress: lease.host, hostPort: lease.port }, endpoint, error);
  }
}

/** Descriptors that init sent: its network namespace and a netlink socket of it. */
export interface NamespaceDescriptors {
  readonly namespace: number;
  readonly netlink: number;
}

/** Joins the new namespace to the bridge and publishes the ports; about 1 ms. `raised` is null without a bridge. */
export function attachNetwork(context: Context, begun: { readonly container: Container; readonly reservation: Reservation }, raised: Raised | null, { namespace, netlink }: NamespaceDescriptors): void {
  const inside = new NetlinkSocket(netlink);
  const { bridged } = begun.reservation;
  if (bridged === null || raised === null) return isolateContainer(inside);
  const names = namesOf(context);
  const address = begun.container.network!.address;
  attachContainer(raised.route, inside, { veth: vethName(names), bridge: raised.bridge.index, address, subnet: bridged.subnet, namespace });
  if (bridged.held.ports.length > 0) publishPorts(raised.firewall, names, { held: bridged.held, address, endpoint: bridged.endpoint });
}

/** The ports lead nowhere any more. The veth died with its namespace; the lease is the row's. */
export function detachNetwork(context: Context, container: Container): void {
  const ports = container.network?.ports ?? [];
  if (ports.length === 0) return;
  const firewall = openFirewall();
  try {
    removePublished(firewall, namesOf(context), ports);
  } finally {
    closeSync(firewall.fd);
  }
}

/** Writes hosts, hostname and resolv.conf into the container's directory. Returns warnings. */
export function writeNetworkFiles(context: Context, container: Container, directory: string): string[] {
  const { config, host, network } = container;
  const gateway = network === null || network.gateway === "" ? null : network.gateway;
  const resolv = generateResolvConf({
    host: readText(RESOLV_CONF), systemd: () => readText(SYSTEMD_RESOLV_CONF),
    servers: host.Dns, search: host.DnsSearch, options: host.DnsOptions, sharesHost: host.NetworkMode === "host",
  });
  const hosts = generateHosts({
    hostname: config.Hostname, domainname: config.Domainname, address: network === null || network.address === "" ? null : network.address,
    extra: host.ExtraHosts ?? [], gateway,
  });
  for (const [name, text] of [["hosts", hosts], ["hostname", `${config.Hostname}\n`], ["resolv.conf", resolv.text]] as const) {
    writeFileSync(`${directory}/${name}`, text, { mode: 0o644 });
  }
  return resolv.warning === null || isToldAlready(context) ? [] : [resolv.warning];
}

/** The host's missing name servers are told of once, not at every start: until the next boot, or `clean`. */
function isToldAlready(context: Context): boolean {
  try {
    closeSync(openSync(`${context.runRoot}/${NAME_SERVERS_TOLD}`, "wx", 0o600));
    return false;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return true;
    throw error;
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
