/**
 * mdk's network functions inside a network namespace that plays the host: one JSON command a line on stdin, one JSON answer a
 * line on stdout. What the shim does for real containers (a netlink socket of their namespace) is done here by setns.
 */
import { closeSync, openSync } from "node:fs";
import { dlopen } from "bun:ffi";
import { ensureBridge, findBridgeSubnet, openFirewall, removeBridge, MTU, type ChangedSysctl } from "../../src/network/bridge.ts";
import { attachContainer } from "../../src/network/container.ts";
import { choosePool } from "../../src/network/ipam.ts";
import { networkNames, vethName } from "../../src/network/names.ts";
import { holdPorts, publishPorts, releasePorts, removePublished, type HeldPorts, type PublishedPort } from "../../src/network/publish.ts";
import { readRoutes } from "../../src/network/route.ts";
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
  | { do: "ensure"; hash: string | null; subnet: string }
  | { do: "attach"; namespace: string; hash: string | null; address: string; subnet: string }
  | { do: "publish"; hash: string | null; ports: PublishedPort[]; address: string }
  | { do: "unpublish"; hash: string | null; ports: PublishedPort[] }
  | { do: "remove"; hash: string | null }
  | { do: "pool" }
  | { do: "subnet"; hash: string | null };

const route = openNetlink(NETLINK_ROUTE);
const firewall = openFirewall();
const held: HeldPorts[] = [];

function attach(command: Extract<Command, { do: "attach" }>): unknown {
  const namespace = openSync(`/var/run/netns/${command.namespace}`, "r");
  const container = openIn(namespace);
  const names = networkNames(command.hash);
  const bridge = ensureBridge(route, firewall, { names, subnet: command.subnet, mtu: MTU, remember: () => {} }).index;
  const veth = vethName(names);
  const start = Bun.nanoseconds();
  attachContainer(route, container, { veth, bridge, address: command.address, subnet: command.subnet, namespace });
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
      const names = networkNames(command.hash);
      const bridge = ensureBridge(route, firewall, { names, subnet: command.subnet, mtu: MTU, remember: (sysctl) => changed.push(sysctl) });
      return { ...bridge, changed, ms: (Bun.nanoseconds() - start) / 1e6 };
    }
    case "attach":
      return attach(command);
    case "publish": {
      const start = Bun.nanoseconds();
      const ports = holdPorts(command.ports, "web (0123)");
      try {
        publishPorts(firewall, networkNames(command.hash), { held: ports, address: command.address, endpoint: "web (0123)" });
      } catch (error) {
        releasePorts(ports);
        throw error;
      }
      held.push(ports);
      return { ports: ports.ports, descriptors: ports.descriptors.length, ms: (Bun.nanoseconds() - start) / 1e6 };
    }
    case "unpublish":
      removePublished(firewall, networkNames(command.hash), command.ports);
      for (const ports of held.splice(0)) releasePorts(ports);
      return {};
    case "remove":
      return removeBridge(route, firewall, networkNames(command.hash));
    case "pool":
      return choosePool(readRoutes(route, null));
    case "subnet":
      return findBridgeSubnet(route, networkNames(command.hash));
  }
}

for await (const line of console) {
  try {
    console.log(JSON.stringify({ ok: perform(JSON.parse(line) as Command) }));
  } catch (error) {
    console.log(JSON.stringify({ error: (error as Error).message }));
  }
}
