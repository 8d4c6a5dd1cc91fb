/** Interfaces of containers in namespaces of the test's own: several of one container, default routes that move, macvlans; ip and curl are the witnesses. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createWorld, type World } from "../../helpers/network-world.ts";

const root = process.getuid?.() === 0;
const TAG = "1a2b3c";
const FIRST = { tag: TAG, subnet: "172.17.0.0/16", subnet6: "fd11::/64" };
const SECOND = { tag: TAG, bridge: "mdk-1a2b3cabcde", subnet: "172.18.0.0/16", subnet6: "fd12::/64" };
let world: World;
let a: string;

const json = (namespace: string, command: string): Record<string, unknown>[] => JSON.parse(world.run(namespace, command.split(" ")).stdout) as Record<string, unknown>[];
const routeBy = (name: string | null, gateway: string | null): { name: string; gateway: string } | null => (name === null || gateway === null ? null : { name, gateway });
const gateways = (namespace: string): unknown[] => ["ip -j route show default", "ip -j -6 route show default"].map((command) => json(namespace, command).map(({ gateway, dev }) => `${gateway} ${dev}`));
const links = (namespace: string): unknown[] => json(namespace, "ip -j link").map(({ ifname }) => ifname).filter((name) => name !== "lo");

beforeAll(async () => {
  if (!root) return;
  world = createWorld();
  a = world.container("a", "ipv6");
  await world.serve(world.neighbour, 80);
  for (const network of [FIRST, SECOND]) await world.ask({ do: "ensure", ...network });
});
afterAll(async () => {
  if (root) await world.destroy();
});

test.skipIf(!root)("a container has an interface on each of its networks, and one of them leads out", async () => {
  await world.ask({ do: "attach", ...FIRST, namespace: a, address: "172.17.0.2", address6: "fd11::2" });
  // At once: until the kernel has seen the carrier of the host's end, answers to the container are dropped. A list of all does not make it look.
  expect(json(world.host, "ip -j link").filter(({ master }) => master === "mdk-1a2b3c").map(({ operstate }) => operstate)).toEqual(["UP"]);
  await world.ask({ do: "attach", ...SECOND, namespace: a, name: "eth1", address: "172.18.0.2", address6: "fd12::2", isDefault: false });
  expect(links(a)).toEqual(["eth0", "eth1"]);
  expect(gateways(a)).toEqual([["172.17.0.1 eth0"], ["fd11::1 eth0"]]);
  const addresses = (json(a, "ip -j -6 addr show eth1")[0]?.["addr_info"] as Record<string, unknown>[]).filter(({ scope }) => scope === "global");
  // No tentative one: used at once.
  expect(addresses).toEqual([expect.objectContaining({ local: "fd12::2", nodad: true })]);
  expect(addresses[0]).not.toHaveProperty("tentative");
});

test.skipIf(!root)("default routes move to another interface, whole or in part, and go", async () => {
  const move = (name: string | null, ipv4: string | null, ipv6: string | null) => world.ask({ do: "route", namespace: a, routes: { ipv4: routeBy(name, ipv4), ipv6: routeBy(name, ipv6) } });
  await move("eth1", "172.18.0.1", "fd12::1");
  expect(gateways(a)).toEqual([["172.18.0.1 eth1"], ["fd12::1 eth1"]]);
  expect(await world.pages(a, ["10.99.0.2"])).toEqual(["out 10.99.0.1"]);
  await move("eth0", "172.17.0.1", null);
  expect(gateways(a)).toEqual([["172.17.0.1 eth0"], []]);
  await move(null, null, null);
  expect(gateways(a)).toEqual([[], []]);
  await move("eth0", "172.17.0.1", "fd11::1");
  expect(gateways(a)).toEqual([["172.17.0.1 eth0"], ["fd11::1 eth0"]]);
});

test.skipIf(!root)("an interface that is taken out takes its host side along; another may have its name", async () => {
  await world.ask({ do: "detach", namespace: a, name: "eth1" });
  await world.ask({ do: "detach", namespace: a, name: "eth1" });
  expect(links(a)).toEqual(["eth0"]);
  expect(json(world.host, "ip -j link show master mdk-1a2b3cabcde").filter(({ ifname }) => ifname !== undefined)).toEqual([]);
  await world.ask({ do: "attach", ...SECOND, namespace: a, name: "eth1", address: "172.18.0.3", isDefault: false });
  expect(links(a)).toEqual(["eth0", "eth1"]);
});

test.skipIf(!root)("a client of UDP by IPv6 is seen as it is, and reaches the next container when it goes on", async () => {
  for (const [namespace, link, address] of [[world.host, "up0", "fd99::1/64"], [world.neighbour, "eth0", "fd99::2/64"]] as const) {
    world.run(namespace, ["sysctl", "-qw", `net.ipv6.conf.${link}.disable_ipv6=0`]);
    world.run(namespace, ["ip", "addr", "add", address, "dev", link, "nodad"]);
  }
  const b = world.container("b", "ipv6");
  await world.ask({ do: "attach", ...FIRST, namespace: b, address: "172.17.0.3", address6: "fd11::3" });
  for (const namespace of [a, b]) await world.serveUdp(namespace, 53, "ipv6");
  const ports = [{ protocol: "udp", hostAddress: "::", hostPort: 5353, containerPort: 53, length: 1 }];
  const client = (): string =>
    world.run(world.neighbour, [process.execPath, "-e", `const s=await Bun.udpSocket({hostname:"::",port:7777,socket:{data(s,d){console.log(d.toString());process.exit()}}});s.send("x",5353,"fd99::1");setTimeout(()=>process.exit(1),1500)`]).stdout.trim();
  await world.ask({ do: "publish", tag: TAG, ports, address: "172.17.0.2", address6: "fd11::2" });
  expect(client()).toBe("a fd99::2");
  await world.ask({ do: "unpublish", tag: TAG, ports, address: "172.17.0.2", address6: "fd11::2" });
  await world.ask({ do: "publish", tag: TAG, ports, address: "172.17.0.3", address6: "fd11::3" });
  expect(client()).toBe("b fd99::2");
});

test.skipIf(!root)("a macvlan is born in the container under its name and address, and is on the host's network beside the host", async () => {
  const [c, d] = [world.container("c"), world.container("d")];
  const on = (namespace: string, mode: string, last: number, parent = "up0") =>
    world.ask({ do: "macvlan", parent, mode, namespace, address: `10.99.0.${last}`, prefix: 24, gateway: "10.99.0.2", mac: `02:42:0a:63:00:${last.toString(16).padStart(2, "0")}` });
  expect(await on(c, "bridge", 16)).toMatchObject({ made: false });
  await on(d, "bridge", 17);
  expect(json(c, "ip -j -d link show eth0")[0]).toMatchObject({ ifname: "eth0", address: "02:42:0a:63:00:10", linkinfo: { info_kind: "macvlan", info_data: { mode: "bridge" } } });
  expect(gateways(c)).toEqual([["10.99.0.2 eth0"], []]);
  await world.serve(c, 80);
  expect(await world.pages(world.neighbour, ["10.99.0.16"])).toEqual(["c 10.99.0.2"]);
  expect(await world.pages(d, ["10.99.0.16", "10.99.0.2"])).toEqual(["c 10.99.0.17", "out 10.99.0.17"]);
  for (const [index, mode] of ["private", "vepa"].entries()) {
    const namespace = world.container(mode);
    await on(namespace, mode, 20 + index);
    expect(json(namespace, "ip -j -d link show eth0")[0]).toMatchObject({ linkinfo: { info_data: { mode } } });
  }
  await expect(on(world.container("e"), "passthru", 30)).rejects.toThrow();
  await expect(on(world.container("f"), "bridge", 31, "nowhere")).rejects.toThrow("the host has no network interface nowhere");
  await expect(on(world.container("g"), "bridge", 31, "up0.4095")).rejects.toThrow("vlan id must be between 1-4094, received: 4095");
});

/** In a namespace that ends with the command. */
const hasVlan = root && Bun.spawnSync(["unshare", "--net", "sh", "-c", "ip link add a0 type veth peer name b0 && ip link add link a0 name a0.5 type vlan id 5"], { stderr: "ignore" }).exitCode === 0;

test.skipIf(!root)("a parent with a tag is made where it is missing, and taken away; a kernel without 802.1q is told of", async () => {
  const asked = world.ask({ do: "macvlan", parent: "up0.50", mode: "bridge", namespace: world.container("v"), address: "10.50.0.2", prefix: 24, gateway: "10.50.0.1", mac: "02:42:0a:32:00:02" });
  if (!hasVlan) return expect(asked).rejects.toThrow("make the network interface up0.50: RTM_NEWLINK up0.50");
  expect(await asked).toMatchObject({ made: true });
  expect(json(world.host, "ip -j -d link show up0.50")[0]).toMatchObject({ link: "up0", operstate: "UP", linkinfo: { info_kind: "vlan", info_data: { id: 50 } } });
  await world.ask({ do: "remove parent", parent: "up0.50" });
  await world.ask({ do: "remove parent", parent: "up0.50" });
  expect(world.run(world.host, ["ip", "link", "show", "up0.50"]).code).toBe(1);
});

test.skipIf(!root)("fifty networks with ten ports each: one more port costs what the first did, and a network leaves nothing behind", async () => {
  const publish = async (hostPort: number): Promise<number> => {
    const ports = [{ protocol: "tcp", hostAddress: "0.0.0.0", hostPort, containerPort: 80, length: 1 }];
    const { ms } = (await world.ask({ do: "publish", tag: TAG, ports, address: "172.17.0.2" })) as { ms: number };
    return ms;
  };
  const least = async (from: number): Promise<number> => {
    const times = [];
    for (let index = 0; index < 20; index++) times.push(await publish(from + index));
    return Math.min(...times);
  };
  const before = await least(20_000);
  for (let index = 0; index < 50; index++) {
    await world.ask({ do: "ensure", tag: TAG, bridge: `mdk-1a2b3cn${index.toString(36).padStart(4, "0")}`, subnet: `10.${100 + index}.0.0/24`, subnet6: `fd20:0:0:${index + 1}::/64` });
    const ports = Array.from({ length: 10 }, (_, port) => ({ protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 30_000 + index * 10 + port, containerPort: port + 1, length: 1 }));
    await world.ask({ do: "publish", tag: TAG, ports, address: `10.${100 + index}.0.2` });
  }
  const after = await least(21_000);
  expect(after).toBeLessThan(Math.max(before * 3, 0.5));
  expect(await world.ask({ do: "leave", tag: TAG, bridge: "mdk-1a2b3cn0007" })).toEqual([]);
  expect(world.run(world.host, ["nft", "list", "table", "inet", `mdk-${TAG}`]).stdout).not.toContain("n0007");
  expect(await world.ask({ do: "remove", tag: TAG })).toEqual([]);
  expect(json(world.host, "ip -j link show type bridge").filter(({ ifname }) => ifname !== undefined)).toEqual([]);
}, 60_000);
