/**
 * mdk's network functions inside a network namespace that plays the host: one JSON command a line on stdin, one JSON answer a
 * line on stdout. What the shim does for real containers (a netlink socket of their namespace) is done here by setns.
 */
import { closeSync, openSync } from "node:fs";
import { dlopen } from "bun:ffi";
import { ensureBridge, openFirewall, removeBridge, MTU, type ChangedSysctl } from "../../src/network/bridge.ts";
import { attachContainer } from "../../src/network/container.ts";
import { choosePool, formatHardwareAddress, formatSubnet, hardwareAddress, parseSubnet } from "../../src/network/ipam.ts";
import { networkNames, vethName } from "../../src/network/names.ts";
import { HELD_MAX, holdPorts, publishPorts, releasePorts, removePublished, type HeldPorts } from "../../src/network/publish.ts";
import { readRoutes } from "../../src/network/route.ts";
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

type Command =
  | { do: "ensure"; tag: string; subnet: string; switchedOn?: boolean }
  | { do: "attach"; namespace: string; tag: string; address: string; subnet: string }
  | { do: "publish"; tag: string; ports: PortRange[]; address: string }
  | { do: "unpublish"; tag: string; ports: PortRange[]; address: string }
  | { do: "remove"; tag: string }
  | { do: "pool" };

const route = openNetlink(NETLINK_ROUTE);
const firewall = openFirewall();
const held: HeldPorts[] = [];

function attach(command: Extract<Command, { do: "attach" }>): unknown {
  const namespace = openSync(`/var/run/netns/${command.namespace}`, "r");
  const container = openIn(namespace);
  const names = networkNames(command.tag);
  const bridge = ensureBridge(route, firewall, { names, subnet: parseSubnet(command.subnet), mtu: MTU, owner: () => "", remember: () => {}, switchedOn: () => false }).index;
  const veth = vethName(names);
  const start = Bun.nanoseconds();
  attachContainer(route, container, { veth, bridge, address: command.address, mac: formatHardwareAddress(hardwareAddress(command.address)), subnet: parseSubnet(command.subnet), namespace });
  const ms = (Bun.nanoseconds() - start) / 1e6;
  container.close();
  closeSync(namespace);
  return { veth, ms };
}

function perform(command: Command): unknown {
  switch (command.do) {
    case "ensure": {
      const changed: ChangedSysctl[] = [];
      const start = Bun.nanoseconds();
      const names = networkNames(command.tag);
      const bridge = ensureBridge(route, firewall, { names, subnet: parseSubnet(command.subnet), mtu: MTU, owner: () => "", remember: (sysctl) => changed.push(sysctl), switchedOn: () => command.switchedOn ?? false });
      return { ...bridge, changed, ms: (Bun.nanoseconds() - start) / 1e6 };
    }
    case "attach":
      return attach(command);
    case "publish": {
      const start = Bun.nanoseconds();
      const ports: HeldPorts[] = [];
      try {
        for (const range of command.ports) ports.push(holdPorts(range, HELD_MAX, "web (0123)"));
        publishPorts(firewall, networkNames(command.tag), { held: ports, address: command.address, endpoint: "web (0123)" });
      } catch (error) {
        ports.forEach(releasePorts);
        throw error;
      }
      held.push(...ports);
      return { ports: ports.map(({ range }) => range), descriptors: ports.flatMap(({ descriptors }) => descriptors).length, ms: (Bun.nanoseconds() - start) / 1e6 };
    }
    case "unpublish":
      removePublished(firewall, networkNames(command.tag), command.ports, command.address);
      for (const ports of held.splice(0)) releasePorts(ports);
      return {};
    case "remove":
      return removeBridge(route, firewall, networkNames(command.tag));
    case "pool":
      return formatSubnet(choosePool(readRoutes(route)));
  }
}

for await (const line of console) {
  try {
    console.log(JSON.stringify({ ok: perform(JSON.parse(line) as Command) }));
  } catch (error) {
    console.log(JSON.stringify({ error: (error as Error).message }));
  }
}
