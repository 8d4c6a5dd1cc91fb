/**
 * mdk's network functions inside a network namespace that plays the host: one JSON command a line on stdin, one JSON answer a
 * line on stdout. What the shim does for real containers (a netlink socket of their namespace) is done here by setns.
 */
import { closeSync, openSync } from "node:fs";
import { dlopen } from "bun:ffi";
import { ensureBridge, letLoopbackIn, mustIsolate, removeNetworks, removeOwnBridge } from "../../src/network/bridge.ts";
import { BRIDGE_MTU, type BridgeNetwork } from "../../src/network/bridge-network.ts";
import { attachContainer, attachMacvlan, detachEndpoint, moveDefaultRoutes, type DefaultRoute } from "../../src/network/container.ts";
import { ensureFirewall, openFirewall } from "../../src/network/firewall.ts";
import { removeForeignRulesOf } from "../../src/network/foreign.ts";
import type { ChangedSysctl } from "../../src/network/forwarding.ts";
import { choosePool, formatHardwareAddress, formatSubnet, gatewayOf, hardwareAddress, parseSubnet } from "../../src/network/ipam.ts";
import { choosePool6, formatSubnet6, gatewayOf6, ownPool6, parseSubnet6 } from "../../src/network/ipam6.ts";
import { ensureMacvlanParent, removeMacvlanParent } from "../../src/network/macvlan.ts";
import { leaveNetwork } from "../../src/network/membership.ts";
import { networkNames, vethName } from "../../src/network/names.ts";
import type { Addresses } from "../../src/network/port-maps.ts";
import { closeHeldPorts, HELD_MAX, holdPorts, publishPorts, removePublished, type HeldPorts } from "../../src/network/publish.ts";
import { readRoutes, readRoutes6 } from "../../src/network/route.ts";
import type { MacvlanMode } from "../../src/spec/network-options.ts";
import type { PortRange } from "../../src/spec/network.ts";
import { NETLINK_ROUTE, NetlinkSocket, openNetlink } from "../../src/sys/netlink.ts";

const CLONE_NEWNET = 0x40000000;
const libc = dlopen("libc.so.6", { setns: { args: ["i32", "i32"], returns: "i32" } }).symbols;

function openIn(namespace: number): NetlinkSocket {
  const own = openSync("/proc/thread-self/ns/net", "r");
  if (libc.setns(namespace, CLONE_NEWNET) !== 0) throw new Error("setns");
  const socket = openNetlink(NETLINK_ROUTE);
  if (libc.setns(own, CLONE_NEWNET) !== 0) throw new Error("setns back");
  closeSync(own);
  return socket;
}

/** A network in words; what is left out is as for the default one. */
interface Network extends Partial<Omit<BridgeNetwork, "ipv4" | "ipv6">> {
  readonly tag: string;
  readonly subnet?: string;
  readonly subnet6?: string;
  /** False: the bridge has no address. */
  readonly gateway?: boolean;
}

/** An interface of a container in words. */
interface Interface {
  /** Of its namespace. */
  readonly namespace: string;
  /** "eth0" unless said otherwise. */
  readonly name?: string;
  readonly address?: string;
  readonly address6?: string;
  /** False: no default route. */
  readonly isDefault?: boolean;
  readonly isolated?: boolean;
}

type Command =
  | ({ do: "ensure"; switchedOn?: boolean; others?: readonly Network[] } & Network)
  | ({ do: "attach" } & Network & Interface)
  | ({ do: "macvlan"; parent: string; mode: MacvlanMode; gateway: string; prefix: number; mac: string } & Interface)
  | { do: "remove parent"; parent: string }
  | { do: "route"; namespace: string; routes: { ipv4: DefaultRoute | null; ipv6: DefaultRoute | null } }
  | { do: "detach"; namespace: string; name: string }
  | { do: "publish"; tag: string; ports: PortRange[]; address: string | null; address6?: string }
  | { do: "unpublish"; tag: string; ports: PortRange[]; address: string | null; address6?: string }
  | { do: "leave"; tag: string; bridge: string }
  | { do: "remove"; tag: string; owner?: string }
  | { do: "pool" }
  | { do: "pool6" };

const OWNER = "tester";
const route = openNetlink(NETLINK_ROUTE);
const firewall = openFirewall()!;
const held: HeldPorts[] = [];

function networkOf({ tag, subnet, subnet6, gateway = true, bridge, mtu = BRIDGE_MTU, internal = false, icc = true, masquerade = true }: Network): BridgeNetwork {
  const [v4, v6] = [subnet === undefined ? null : parseSubnet(subnet), subnet6 === undefined ? null : parseSubnet6(subnet6)];
  return {
    bridge: bridge ?? networkNames(tag).bridge, mtu, internal, icc, masquerade,
    ipv4: v4 === null ? null : { subnet: v4, gateway: gateway ? gatewayOf(v4) : null },
    ipv6: v6 === null ? null : { subnet: v6, gateway: gateway ? gatewayOf6(v6) : null },
  };
}

function within<Result>(name: string, work: (namespace: number, container: NetlinkSocket) => Result): Result {
  const namespace = openSync(`/var/run/netns/${name}`, "r");
  const container = openIn(namespace);
  try {
    return work(namespace, container);
  } finally {
    container.close();
    closeSync(namespace);
  }
}

function ensure(command: Extract<Command, { do: "ensure" }>): unknown {
  const changed: ChangedSysctl[] = [];
  const network = networkOf(command);
  const state = ensureFirewall(firewall, {
    names: networkNames(command.tag), network, others: () => (command.others ?? []).map(networkOf),
    remember: (sysctl) => changed.push(sysctl), switchedOn: () => command.switchedOn ?? false,
  });
  const index = ensureBridge(route, network, () => OWNER);
  letLoopbackIn(network);
  return { ...state, index, changed };
}

function attach(command: Extract<Command, { do: "attach" }>): unknown {
  const network = networkOf(command);
  const bridge = ensureBridge(route, network, () => OWNER);
  const veth = vethName(networkNames(command.tag));
  const { name = "eth0", address, address6, isDefault = !network.internal } = command;
  within(command.namespace, (namespace, container) =>
    attachContainer(route, container, {
      veth, bridge, name, namespace, mtu: network.mtu, isolated: command.isolated ?? mustIsolate(network), mac: formatHardwareAddress(hardwareAddress(address ?? "10.9.9.9")),
      ipv4: network.ipv4 === null || address === undefined ? null : { address, prefix: network.ipv4.subnet.prefix, gateway: isDefault ? network.ipv4.gateway : null },
      ipv6: network.ipv6 === null || address6 === undefined ? null : { address: address6, prefix: network.ipv6.subnet.prefix, gateway: isDefault ? network.ipv6.gateway : null },
    }));
  return { veth };
}

function macvlan({ parent, mode, namespace: where, name = "eth0", address, prefix, gateway, mac }: Extract<Command, { do: "macvlan" }>): unknown {
  const found = ensureMacvlanParent(route, parent);
  within(where, (namespace, container) =>
    attachMacvlan(route, container, { parent: found.index, mode, name, namespace, mac, mtu: null, ipv4: { address: address!, prefix, gateway }, ipv6: null }));
  return found;
}

function publish({ tag, ports: wanted, address, address6 }: Extract<Command, { do: "publish" }>): unknown {
  const ports: HeldPorts[] = [];
  const start = Bun.nanoseconds();
  try {
    for (const range of wanted) ports.push(holdPorts(range, { room: HELD_MAX, served: false, endpoint: "web (0123)" }));
    publishPorts(firewall, networkNames(tag), { held: ports, addresses: { ipv4: address, ipv6: address6 ?? null }, endpoint: "web (0123)" });
  } catch (error) {
    ports.forEach(closeHeldPorts);
    throw error;
  }
  held.push(...ports);
  return { ports: ports.map(({ range }) => range), descriptors: ports.flatMap(({ descriptors }) => descriptors).length, ms: (Bun.nanoseconds() - start) / 1e6 };
}

function perform(command: Command): unknown {
  switch (command.do) {
    case "ensure": return ensure(command);
    case "attach": return attach(command);
    case "macvlan": return macvlan(command);
    case "remove parent": return removeMacvlanParent(route, command.parent);
    case "route":
      return within(command.namespace, (_, container) => moveDefaultRoutes(container, command.routes));
    case "detach": return within(command.namespace, (_, container) => detachEndpoint(container, command.name));
    case "publish": return publish(command);
    case "unpublish": {
      const addresses: Addresses = { ipv4: command.address, ipv6: command.address6 ?? null };
      removePublished(firewall, networkNames(command.tag), command.ports, addresses);
      for (const ports of held.splice(0)) closeHeldPorts(ports);
      return {};
    }
    case "leave":
      leaveNetwork(firewall, networkNames(command.tag), command.bridge);
      removeOwnBridge(route, command.bridge, OWNER);
      return removeForeignRulesOf(firewall, command.bridge);
    case "remove": return removeNetworks(route, firewall, networkNames(command.tag), command.owner ?? "");
    case "pool": return formatSubnet(choosePool(readRoutes(route)));
    case "pool6": return formatSubnet6(choosePool6(readRoutes6(route), [ownPool6(Uint8Array.of(1, 2, 3, 4, 5))]));
  }
}

for await (const line of console) {
  try {
    console.log(JSON.stringify({ ok: perform(JSON.parse(line) as Command) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: (error as Error).message }));
  }
}
