/** Many networks of one store, in namespaces of the test's own: who reaches whom, by IPv4 and IPv6; ip, nft and curl are the witnesses. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createWorld, type World } from "../../helpers/network-world.ts";

const root = process.getuid?.() === 0;
const TAG = "1a2b3c";
const FIRST = { tag: TAG, subnet: "172.17.0.0/16" };
const SECOND = { tag: TAG, bridge: "mdk-1a2b3cabcde", subnet: "172.18.0.0/16", subnet6: "fd12::/64", mtu: 1400 };
const INTERNAL = { tag: TAG, bridge: "mdk-1a2b3cinner", subnet: "172.19.0.0/16", subnet6: "fd13::/64", internal: true };
const STRANGERS = { tag: TAG, bridge: "mdk-1a2b3capart", subnet: "172.20.0.0/16", subnet6: "fd14::/64", icc: false };
const NAMED = { tag: TAG, bridge: "own.0", subnet: "172.21.0.0/24", masquerade: false };
let world: World;
const at: Record<string, string> = {};

const json = (namespace: string, command: string): Record<string, unknown>[] => JSON.parse(world.run(namespace, command.split(" ")).stdout) as Record<string, unknown>[];
const table = (...flags: string[]): string => world.run(world.host, ["nft", ...flags, "list", "table", "inet", `mdk-${TAG}`]).stdout;
const rules = (): string[] => table("-a").split("\n").filter((line) => line.includes("# handle") && !/\b(set|map) /.test(line));
const port = (hostAddress: string, hostPort: number, containerPort = 80, length = 1) => ({ protocol: "tcp", hostAddress, hostPort, containerPort, length });

/** Nobody answers for the other's hardware address, or to anything. */
const GONE = expect.stringMatching(/^curl (7|28)$/) as unknown as string;

async function join(name: string, network: Readonly<Record<string, unknown>>, address: string, address6?: string): Promise<void> {
  at[name] ??= world.container(name, address6 === undefined ? "ipv4" : "ipv6");
  await world.ask({ do: "attach", ...network, namespace: at[name], address, address6 });
  await world.serve(at[name], 80);
  if (address6 !== undefined) await world.serve(at[name], 80, "ipv6");
}

beforeAll(async () => {
  if (!root) return;
  world = createWorld();
  for (const [namespace, link, address] of [[world.host, "up0", "fd99::1/64"], [world.neighbour, "eth0", "fd99::2/64"]] as const) {
    expect(world.run(namespace, ["sysctl", "-qw", "net.ipv6.conf.all.forwarding=0", "net.ipv6.conf.all.disable_ipv6=0", `net.ipv6.conf.${link}.accept_ra=1`])).toMatchObject({ code: 0 });
    expect(world.run(namespace, ["ip", "addr", "add", address, "dev", link, "nodad"])).toMatchObject({ code: 0, stderr: "" });
  }
  await world.serve(world.neighbour, 80);
  await world.serve(world.neighbour, 80, "ipv6");
});
afterAll(async () => {
  if (root) await world.destroy();
});

test.skipIf(!root)("a second network changes elements and no rule; IPv6 is forwarded behind its guard, and the host keeps the routes that it is told", async () => {
  expect(await world.ask({ do: "ensure", ...FIRST })).toMatchObject({ tableIsNew: true, changed: [{ name: "net.ipv4.ip_forward", old: "0" }] });
  const before = rules();
  const again = (await world.ask({ do: "ensure", ...SECOND })) as { changed: unknown[] };
  expect(again).toMatchObject({ tableIsNew: false, warnings: [] });
  expect(again.changed).toEqual(expect.arrayContaining([{ name: "net/ipv6/conf/up0/accept_ra", old: "1" }, { name: "net.ipv6.conf.all.forwarding", old: "0" }]));
  expect(again.changed.at(-1)).toEqual({ name: "net.ipv6.conf.all.forwarding", old: "0" });
  const sysctl = (...names: string[]): string[] => world.run(world.host, ["sysctl", "-n", ...names]).stdout.trim().split("\n");
  expect(sysctl("net.ipv6.conf.up0.accept_ra", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.mdk-1a2b3c.disable_ipv6", "net.ipv6.conf.mdk-1a2b3cabcde.accept_ra")).toEqual(["2", "1", "1", "0"]);
  expect(rules().filter((line) => !before.includes(line)).map((line) => line.trim().split(" #")[0])).toEqual([
    "chain guard6 {", "meta nfproto != ipv6 accept", 'meta iifkind != "" accept', 'meta oifkind != "" accept', "ct state established,related accept", "drop",
  ]);
  expect(table()).toContain('elements = { "mdk-1a2b3c" comment "172.17.0.0/16",\n\t\t\t     "mdk-1a2b3cabcde" comment "172.18.0.0/16 fd12::/64" }');
  expect(json(world.host, "ip -j addr show mdk-1a2b3cabcde")[0]).toMatchObject({ mtu: 1400, addr_info: [{ local: "172.18.0.1" }, { local: "fd12::1", prefixlen: 64 }, { local: "fe80::1" }] });
  expect(await world.ask({ do: "pool6" })).toBe("fd01:203:405::/64");
  await world.ask({ do: "ensure", ...SECOND });
  expect(await world.ask({ do: "ensure", ...SECOND, switchedOn: true })).toMatchObject({ tableIsNew: false, changed: [], warnings: [] });
});

test.skipIf(!root)("containers reach their own network and what is outside by both families at once, and no other network", async () => {
  await join("a", FIRST, "172.17.0.2");
  await join("b", SECOND, "172.18.0.2", "fd12::2");
  await join("c", SECOND, "172.18.0.3", "fd12::3");
  expect(json(at["b"]!, "ip -j addr show eth0")[0]).toMatchObject({ mtu: 1400, addr_info: expect.arrayContaining([expect.objectContaining({ local: "fd12::2", prefixlen: 64 })]) });
  expect(json(at["b"]!, "ip -j -6 route")).toContainEqual(expect.objectContaining({ dst: "default", gateway: "fd12::1", dev: "eth0" }));
  expect(await world.pages(at["b"]!, ["172.18.0.3", "[fd12::3]", "10.99.0.2", "[fd99::2]", "172.17.0.2"])).toEqual(["c 172.18.0.2", "c fd12::2", "out 10.99.0.1", "out fd99::1", "curl 28"]);
  expect(await world.pages(at["a"]!, ["172.18.0.2", "10.99.0.2"])).toEqual(["curl 28", "out 10.99.0.1"]);
  expect(await world.pages(world.host, ["172.17.0.2", "172.18.0.2", "[fd12::2]"])).toEqual(["a 172.17.0.1", "b 172.18.0.1", "b fd12::1"]);
});

test.skipIf(!root)("ports are published by either family, alone, in ranges and shifted, on all addresses and on one; the service sees the client's address", async () => {
  const ports = [port("0.0.0.0", 8080), port("::", 8080), port("10.99.0.1", 8081), port("fd99::1", 8081), port("::", 9000, 79, 3), port("0.0.0.0", 79, 79, 3), port("::", 79, 79, 3), port("127.0.0.1", 9090)];
  await world.ask({ do: "publish", tag: TAG, ports, address: "172.18.0.2", address6: "fd12::2" });
  expect(await world.pages(world.neighbour, ["10.99.0.1:8080", "[fd99::1]:8080", "10.99.0.1:8081", "[fd99::1]:8081", "[fd99::1]:9001", "10.99.0.1:80", "[fd99::1]:80"])).toEqual(
    ["b 10.99.0.2", "b fd99::2", "b 10.99.0.2", "b fd99::2", "b fd99::2", "b 10.99.0.2", "b fd99::2"]);
  expect(table()).toContain("elements = { tcp . 79-81 : 172.18.0.2 }");
  expect(table()).toContain("elements = { tcp . 79-81 : fd12::2 }");
  // No route leads away from ::1: refused at once, and the port is taken all the same.
  expect(await world.pages(world.host, ["[::1]:8080", "[::1]:80", "[::1]:9001"])).toEqual(["curl 7", "curl 7", "curl 7"]);
  const listen = (hostname: string) => world.run(world.host, [process.execPath, "-e", `Bun.listen({hostname:"${hostname}",port:8080,ipv6Only:true,socket:{data(){}}});process.exit()`]);
  expect(listen("::").stderr).toContain("EADDRINUSE");
  expect(listen("fd99::1").stderr).toContain("EADDRINUSE");
  // From the host, from another network, from its own network and from itself, which takes the bridge's address.
  expect(await world.pages(world.host, ["127.0.0.1:8080", "[fd99::1]:8080", "127.0.0.1:9090", "127.0.0.1:8081", "127.0.0.1:80"])).toEqual(["b 172.18.0.1", "b fd99::1", "b 172.18.0.1", "curl 7", "b 172.18.0.1"]);
  expect(await world.pages(at["a"]!, ["172.17.0.1:8080", "10.99.0.1:8081"])).toEqual(["b 172.18.0.1", "b 172.18.0.1"]);
  expect(await world.pages(at["c"]!, ["172.18.0.1:8080", "[fd12::1]:8080", "[fd99::1]:80"])).toEqual(["b 172.18.0.1", "b fd12::1", "b fd12::1"]);
  expect(await world.pages(at["b"]!, ["172.18.0.1:8080", "[fd12::1]:8080"])).toEqual(["b 172.18.0.1", "b fd12::1"]);
});

test.skipIf(!root)("who routes straight to a container, or to a port of 127.0.0.1, gets nothing, published or not", async () => {
  for (const route of [["add", "172.16.0.0/12", "via", "10.99.0.1"], ["-6", "add", "fd12::/15", "via", "fd99::1"]]) expect(world.run(world.neighbour, ["ip", ...(route[0] === "-6" ? ["-6"] : []), "route", ...route.filter((word) => word !== "-6")])).toMatchObject({ stderr: "" });
  expect(await world.pages(world.neighbour, ["172.18.0.2", "[fd12::2]", "172.18.0.3", "[fd12::3]", "10.99.0.1:9090", "172.17.0.2"])).toEqual(["curl 28", "curl 28", "curl 28", "curl 28", "curl 7", "curl 28"]);
});

test.skipIf(!root)("what was left over gives way, single ports within a new range too; what leads to another container stays", async () => {
  const stale = [port("::", 7001), port("0.0.0.0", 7001), port("0.0.0.0", 7100, 7100, 20)];
  await world.ask({ do: "publish", tag: TAG, ports: stale, address: "172.18.0.9", address6: "fd12::9" });
  await world.ask({ do: "unpublish", tag: TAG, ports: stale, address: "172.18.0.8", address6: "fd12::8" });
  expect(table()).toContain("tcp . 7001 : fd12::9");
  const range = [port("::", 7000, 7000, 5), port("0.0.0.0", 7000, 7000, 200)];
  await world.ask({ do: "publish", tag: TAG, ports: range, address: "172.18.0.3", address6: "fd12::3" });
  expect(table()).not.toMatch(/fd12::9|172\.18\.0\.9/);
  expect(table()).toContain("tcp . 7000-7199 : 172.18.0.3");
  await world.ask({ do: "unpublish", tag: TAG, ports: range, address: "172.18.0.3", address6: "fd12::3" });
  expect(table()).not.toMatch(/: (172\.18\.0\.3|fd12::3)\b/);
});

test.skipIf(!root)("an internal network is shut, from either side, and needs no forwarding", async () => {
  await world.ask({ do: "ensure", ...INTERNAL });
  await join("in", INTERNAL, "172.19.0.2", "fd13::2");
  await join("in2", INTERNAL, "172.19.0.3", "fd13::3");
  // Who gives himself a way out.
  for (const words of [["route", "add", "default", "via", "172.19.0.1"], ["-6", "route", "add", "default", "via", "fd13::1"]]) world.run(at["in"]!, ["ip", ...words]);
  expect(await world.pages(at["in"]!, ["172.19.0.3", "[fd13::3]", "10.99.0.2", "[fd99::2]", "172.17.0.2", "[fd12::2]", "10.99.0.1:8080"])).toEqual(
    ["in2 172.19.0.2", "in2 fd13::2", "curl 28", "curl 28", "curl 28", "curl 28", "curl 28"]);
  expect(await world.pages(at["b"]!, ["172.19.0.2", "[fd13::2]"])).toEqual(["curl 28", "curl 28"]);
  expect(await world.pages(world.host, ["172.19.0.2", "[fd13::2]"])).toEqual(["in 172.19.0.1", "in fd13::1"]);
  expect(await world.pages(world.neighbour, ["172.19.0.2"])).toEqual(["curl 28"]);
  expect(world.run(world.host, ["sysctl", "-n", "net.ipv4.conf.mdk-1a2b3cinner.route_localnet"]).stdout).toBe("0\n");
});

test.skipIf(!root)("without icc containers reach the outside and one another's published ports, and not one another", async () => {
  await world.ask({ do: "ensure", ...STRANGERS });
  await join("s", STRANGERS, "172.20.0.2", "fd14::2");
  await join("t", STRANGERS, "172.20.0.3", "fd14::3");
  const ports = [port("0.0.0.0", 8200), port("::", 8200)];
  await world.ask({ do: "publish", tag: TAG, ports, address: "172.20.0.2", address6: "fd14::2" });
  // Whatever the sysctls say, where the kernel has br_netfilter.
  world.run(world.host, ["sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0"]);
  expect(await world.pages(at["t"]!, ["172.20.0.2", "[fd14::2]", "10.99.0.2", "[fd99::2]", "10.99.0.1:8200", "[fd99::1]:8200"])).toEqual(
    [GONE, GONE, "out 10.99.0.1", "out fd99::1", "s 172.20.0.1", "s fd14::1"]);
  expect(await world.pages(world.host, ["172.20.0.2"])).toEqual(["s 172.20.0.1"]);
});

test.skipIf(!root)("where the kernel has no br_netfilter the bridge itself keeps them apart", async () => {
  const network = { tag: TAG, bridge: "mdk-1a2b3cports", subnet: "172.25.0.0/16", subnet6: "fd15::/64" };
  await world.ask({ do: "ensure", ...network });
  await join("u", { ...network, isolated: true }, "172.25.0.2", "fd15::2");
  await join("v", { ...network, isolated: true }, "172.25.0.3", "fd15::3");
  const ports = [port("0.0.0.0", 8300), port("::", 8300)];
  await world.ask({ do: "publish", tag: TAG, ports, address: "172.25.0.2", address6: "fd15::2" });
  expect(await world.pages(at["v"]!, ["172.25.0.2", "[fd15::2]", "10.99.0.2", "10.99.0.1:8300", "[fd99::1]:8300"])).toEqual([GONE, GONE, "out 10.99.0.1", "u 172.25.0.1", "u fd15::1"]);
});

test.skipIf(!root)("a bridge of the user's name, dots in it, is a network like others; without masquerading the outside sees the container", async () => {
  await world.ask({ do: "ensure", ...NAMED });
  await join("n", NAMED, "172.21.0.2");
  expect(await world.pages(at["n"]!, ["10.99.0.2", "172.17.0.2"])).toEqual(["out 172.21.0.2", "curl 28"]);
  expect(json(world.host, "ip -j link show own.0")[0]).toMatchObject({ ifalias: "tester" });
  await expect(world.ask({ do: "ensure", ...NAMED, bridge: "up0" })).rejects.toThrow("the network interface up0 exists and is not a bridge");
});

test.skipIf(!root)("a user's bridge that was there keeps what it has: its IPv6, its note", async () => {
  for (const words of ["link add br9 type bridge", "link set br9 up alias theirs", "addr add fd77::1/64 dev br9"]) world.run(world.host, ["ip", ...words.split(" ")]);
  const network = { tag: TAG, bridge: "br9", subnet: "172.22.0.0/24" };
  await world.ask({ do: "ensure", ...network });
  const [link] = json(world.host, "ip -j addr show br9");
  expect(json(world.host, "ip -j link show br9")[0]).toMatchObject({ ifalias: "theirs" });
  expect((link?.["addr_info"] as { local: string }[]).map(({ local }) => local)).toEqual(["172.22.0.1", "fd77::1", expect.stringMatching(/^fe80::/)]);
  expect(await world.ask({ do: "leave", tag: TAG, bridge: "br9" })).toEqual([]);
  expect(table()).not.toContain("br9");
});

test.skipIf(!root)("a bridge that comes back with another subnet is joined as what it is now; the table is made with every network in it", async () => {
  await world.ask({ do: "leave", tag: TAG, bridge: NAMED.bridge });
  const moved = { ...NAMED, subnet: "172.23.0.0/24", masquerade: true };
  expect(await world.ask({ do: "ensure", ...moved })).toMatchObject({ tableIsNew: false });
  const other = { ...moved, subnet: "172.24.0.0/24" };
  await world.ask({ do: "ensure", ...other });
  expect(table()).toContain('"own.0" . 172.24.0.0/24');
  expect(table()).not.toContain("172.23.0.0/24");
  world.run(world.host, ["nft", `delete table inet mdk-${TAG}`]);
  expect(await world.ask({ do: "ensure", ...SECOND, others: [FIRST, INTERNAL, STRANGERS, other], switchedOn: true })).toMatchObject({ tableIsNew: true });
  expect(table()).toMatch(/set bridges [^}]*"own\.0"[^}]*"mdk-1a2b3c"|set bridges [^}]*"mdk-1a2b3c"[^}]*"own\.0"/);
  expect(table().match(/chain guard6? /g)).toEqual(["chain guard ", "chain guard6 "]);
  expect(await world.pages(at["in"]!, ["10.99.0.2"])).toEqual(["curl 28"]);
});

test.skipIf(!root)("a table of an mdk that knew one network only is replaced; the administrator's chain is left alone ever after", async () => {
  const script = `delete table inet mdk-${TAG}; table inet mdk-${TAG} { map published { type inet_proto . inet_service : ipv4_addr . inet_service; }; chain forward { type filter hook forward priority 0; oifname "mdk-1a2b3c" drop; }; }`;
  expect(world.run(world.host, ["nft", script])).toMatchObject({ code: 0 });
  expect(await world.ask({ do: "ensure", ...FIRST, others: [SECOND] })).toMatchObject({ tableIsNew: true });
  expect(await world.pages(at["b"]!, ["10.99.0.2"])).toEqual(["out 10.99.0.1"]);
  expect(world.run(world.host, ["nft", `add rule inet mdk-${TAG} user ip daddr 10.99.0.2 drop`])).toMatchObject({ code: 0 });
  await world.ask({ do: "ensure", ...INTERNAL });
  await world.ask({ do: "ensure", ...FIRST });
  expect(await world.pages(at["b"]!, ["10.99.0.2", "[fd99::2]"])).toEqual(["curl 28", "out fd99::1"]);
});

test.skipIf(!root)("all that a store made goes, bridges of the user's names too; what was there before stays", async () => {
  expect(await world.ask({ do: "remove", tag: TAG, owner: "tester" })).toEqual([]);
  expect(world.run(world.host, ["nft", "list", "ruleset"]).stdout).not.toContain("mdk");
  expect(json(world.host, "ip -j link show type bridge").map(({ ifname }) => ifname).filter((name) => name !== undefined)).toEqual(["br9"]);
});
