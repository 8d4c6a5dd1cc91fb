/** The network in namespaces of the test's own; ip, nft, iptables, ss and curl are the witnesses. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { createWorld, type World } from "../../helpers/network-world.ts";

const root = process.getuid?.() === 0;
const SUBNET = "172.17.0.0/16";
const ANY = "0.0.0.0";
const TAG = "1a2b3c";
/** The rules as nft(8) understands them. */
const RULES = [
  "type inet_proto . inet_service : ipv4_addr . inet_service",
  "type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service",
  "type inet_proto . inet_service : ipv6_addr . inet_service",
  "type inet_proto . ipv6_addr . inet_service : ipv6_addr",
  'elements = { "mdk-1a2b3c" comment "172.17.0.0/16" }',
  'elements = { "mdk-1a2b3c" . "mdk-1a2b3c" }',
  'elements = { "mdk-1a2b3c" . 172.17.0.0/16 }',
  'iifname != "lo" ip daddr 127.0.0.0/8 drop',
  'iifname != "lo" ip saddr 127.0.0.0/8 drop',
  "meta nfproto ipv6 iifname @internal meta mark set 0x006d646b",
  "jump ports",
  "dnat ip to meta l4proto . ip daddr . th dport map @published_at",
  "dnat ip to meta l4proto . ip daddr . th dport map @ranges_at",
  "meta nfproto ipv4 fib daddr type local dnat ip to meta l4proto . th dport map @published",
  "ip6 daddr != ::1 fib daddr type local dnat ip6 to meta l4proto . th dport map @ranges6",
  "jump user",
  "ct state established,related accept",
  "iifname . oifname @within accept",
  "iifname @internal drop",
  "oifname @internal drop",
  "oifname @bridges ct status dnat accept",
  "oifname @bridges drop",
  "iifname @bridges accept",
  'meta iifkind != "" accept',
  "oifname . ip saddr @hairpin ct status dnat masquerade",
  "oifname . ip6 saddr @hairpin6 ct status dnat masquerade",
  "iifname @masqueraded masquerade",
  "oifname @bridges ip saddr 127.0.0.0/8 masquerade",
];
let world: World;
let a: string;
let b: string;
let veth: { veth: string };

const page = (namespace: string, address: string): string => {
  const { code, stdout } = world.run(namespace, ["curl", "-s", "--max-time", "2", `http://${address}/`]);
  return code === 0 ? stdout : `curl ${code}`;
};
const json = (namespace: string, command: string): Record<string, unknown>[] =>
  JSON.parse(world.run(namespace, command.split(" ")).stdout) as Record<string, unknown>[];

beforeAll(async () => {
  if (!root) return;
  world = createWorld();
  a = world.container("a");
  b = world.container("b");
});
afterAll(async () => {
  if (root) await world.destroy();
});

test.skipIf(!root)("the bridge, its address, forwarding and the table are made once", async () => {
  expect(await world.ask({ do: "pool" })).toBe(SUBNET);
  expect(await world.ask({ do: "ensure", tag: TAG, subnet: SUBNET })).toMatchObject({
    changed: [{ name: "net.ipv4.ip_forward", old: "0" }], tableIsNew: true, warnings: [],
  });
  expect(await world.ask({ do: "ensure", tag: TAG, subnet: SUBNET })).toMatchObject({ changed: [], tableIsNew: false, warnings: [] });
  expect(json(world.host, "ip -j -d link show mdk-1a2b3c")[0]).toMatchObject({ linkinfo: { info_kind: "bridge" }, mtu: 1500 });
  expect(json(world.host, "ip -j addr show mdk-1a2b3c")[0]).toMatchObject({ addr_info: [{ local: "172.17.0.1", prefixlen: 16, broadcast: "172.17.255.255" }] });
  const sysctl = (name: string) => world.run(world.host, ["sysctl", "-n", name]).stdout.trim();
  expect(["net.ipv4.ip_forward", "net.ipv4.conf.mdk-1a2b3c.route_localnet", "net.ipv6.conf.mdk-1a2b3c.accept_ra", "net.ipv6.conf.mdk-1a2b3c.disable_ipv6"].map(sysctl)).toEqual(["1", "1", "0", "1"]);
  const table = world.run(world.host, ["nft", "list", "table", "inet", "mdk-1a2b3c"]).stdout;
  for (const line of RULES) expect(table).toContain(`\t\t${line}\n`);
});

test.skipIf(!root)("a pool that the host routes to is not chosen", async () => {
  expect(await world.ask({ do: "pool" })).toBe("172.18.0.0/16");
});

test.skipIf(!root)("containers get eth0 with address, default route and loopback", async () => {
  veth = (await world.ask({ do: "attach", tag: TAG, namespace: a, address: "172.17.0.2", subnet: SUBNET })) as typeof veth;
  await world.ask({ do: "attach", tag: TAG, namespace: b, address: "172.17.0.3", subnet: SUBNET });
  expect(veth.veth).toMatch(/^mdk1a2b3c[0-9a-z]{6}$/);
  const eth0 = json(a, "ip -j addr show eth0")[0];
  expect(eth0).toMatchObject({ address: "02:42:ac:11:00:02", operstate: "UP" });
  expect((eth0?.["addr_info"] as { family: string; local: string }[]).filter(({ family }) => family === "inet")).toMatchObject([{ local: "172.17.0.2", prefixlen: 16 }]);
  expect(json(a, "ip -j route")).toContainEqual(expect.objectContaining({ dst: "default", gateway: "172.17.0.1", dev: "eth0" }));
  expect(json(a, "ip -j link show lo")[0]?.["flags"]).toContain("UP");
  expect(json(world.host, `ip -j addr show ${veth.veth}`)[0]).toMatchObject({ master: "mdk-1a2b3c", operstate: "UP", addr_info: [] });
  expect(world.run(world.host, ["cat", `/proc/sys/net/ipv6/conf/${veth.veth}/accept_ra`]).stdout).toBe("0\n");
});

test.skipIf(!root)("containers reach the bridge, each other and, masqueraded, the outside", async () => {
  await world.serve(a, 80);
  await world.serve(b, 80);
  await world.serve(world.neighbour, 80);
  await world.serve(world.host, 81);
  expect(page(a, "172.17.0.1:81")).toBe("host 172.17.0.2");
  expect(page(a, "172.17.0.3")).toBe("b 172.17.0.2");
  expect(page(a, "10.99.0.2")).toBe("out 10.99.0.1");
});

test.skipIf(!root)("one container port of two containers is reached by two host ports, from everywhere", async () => {
  const port = (hostPort: number) => [{ protocol: "tcp", hostAddress: ANY, hostPort, containerPort: 80, length: 1 }];
  await world.ask({ do: "publish", tag: TAG, ports: port(8080), address: "172.17.0.2" });
  await world.ask({ do: "publish", tag: TAG, ports: port(8081), address: "172.17.0.3" });
  expect([page(world.neighbour, "10.99.0.1:8080"), page(world.neighbour, "10.99.0.1:8081")]).toEqual(["a 10.99.0.2", "b 10.99.0.2"]);
  expect([page(world.host, "127.0.0.1:8080"), page(world.host, "127.0.0.1:8081")]).toEqual(["a 172.17.0.1", "b 172.17.0.1"]);
  expect(page(world.host, "10.99.0.1:8080")).toStartWith("a ");
  expect(page(world.host, "172.17.0.2")).toBe("a 172.17.0.1");
  expect(page(b, "10.99.0.1:8080")).toStartWith("a ");
  expect(page(a, "172.17.0.1:8080")).toStartWith("a ");
  expect(world.run(world.host, ["ss", "-Hltn", "sport = :8080"]).stdout).toContain("0.0.0.0:8080");
});

test.skipIf(!root)("a port that is taken is refused in Docker's words, and IPv6 loopback is refused by the kernel", async () => {
  const ports = [{ protocol: "tcp", hostAddress: ANY, hostPort: 8090, containerPort: 80, length: 1 }, { protocol: "tcp", hostAddress: ANY, hostPort: 8080, containerPort: 80, length: 1 }];
  expect(world.ask({ do: "publish", tag: TAG, ports, address: "172.17.0.3" })).rejects.toThrow(
    "driver failed programming external connectivity on endpoint web (0123): Bind for 0.0.0.0:8080 failed: port is already allocated",
  );
  expect(world.run(world.host, ["ss", "-Hltn", "sport = :8090"]).stdout).toBe("");
  expect(page(world.host, "127.0.0.1:8080")).toBe("a 172.17.0.1");
  expect(page(world.host, "[::1]:8080")).toBe("curl 7");
});

test.skipIf(!root)("from outside, unpublished ports and ports of 127.0.0.1 are closed to who routes to them", async () => {
  await world.ask({ do: "publish", tag: TAG, ports: [{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 9090, containerPort: 80, length: 1 }], address: "172.17.0.2" });
  expect(page(world.host, "127.0.0.1:9090")).toBe("a 172.17.0.1");
  expect(page(world.host, "10.99.0.1:9090")).toBe("curl 7");
  const script = "ip route add 172.17.0.0/16 via 10.99.0.1 && ip addr del 127.0.0.1/8 dev lo && sysctl -qw net.ipv4.conf.all.route_localnet=1 && ip route add 127.0.0.1 via 10.99.0.1 src 10.99.0.2";
  expect(world.run(world.neighbour, ["sh", "-c", script])).toMatchObject({ code: 0 });
  expect(page(world.neighbour, "172.17.0.2")).toBe("curl 28");
  expect(page(world.neighbour, "127.0.0.1:9090")).toBe("curl 28");
  expect(page(world.neighbour, "10.99.0.1:8080")).toBe("a 10.99.0.2");
});

test.skipIf(!root)("a container that starts again with its address is reached at once, while its old link still lives", async () => {
  const lives = [world.container("old"), world.container("new")];
  for (const namespace of lives) {
    await world.ask({ do: "attach", tag: TAG, namespace, address: "172.17.0.9", subnet: SUBNET });
    await world.serve(namespace, 80);
    expect(page(world.host, "172.17.0.9")).toBe(`${namespace.split("-")[1]} 172.17.0.1`);
  }
});

test.skipIf(!root)("UDP is published too, and a client that goes on reaches the next container", async () => {
  await world.serveUdp(a, 53);
  await world.serveUdp(b, 53);
  const ports = [{ protocol: "udp", hostAddress: ANY, hostPort: 5353, containerPort: 53, length: 1 }];
  const client = (namespace: string, address: string) =>
    world.run(namespace, [process.execPath, "-e", `const s=await Bun.udpSocket({port:7777,socket:{data(s,d){console.log(d.toString());process.exit()}}});s.send("x",5353,"${address}");setTimeout(()=>process.exit(1),1500)`]).stdout.trim();
  expect(client(world.neighbour, "10.99.0.1")).toBe("");
  await world.ask({ do: "publish", tag: TAG, ports, address: "172.17.0.2" });
  expect(client(world.neighbour, "10.99.0.1")).toBe("a 10.99.0.2");
  expect(client(world.host, "127.0.0.1")).toStartWith("a 172.17.0.1");
  await world.ask({ do: "unpublish", tag: TAG, ports, address: "172.17.0.2" });
  await world.ask({ do: "publish", tag: TAG, ports, address: "172.17.0.3" });
  expect(client(world.neighbour, "10.99.0.1")).toBe("b 10.99.0.2");
  await world.ask({ do: "unpublish", tag: TAG, ports, address: "172.17.0.3" });
});

test.skipIf(!root)("long ranges are published and not held; what is left over is replaced; what leads to another container stays", async () => {
  const range = { protocol: "tcp", hostAddress: ANY, hostPort: 10_000, containerPort: 1, length: 20_000 };
  const lines = (address: string) => world.run(world.host, ["nft", "list", "map", "inet", "mdk-1a2b3c", "published"]).stdout.match(new RegExp(`tcp \\. \\d{5} : ${address}`, "g"))?.length ?? 0;
  const single = { protocol: "tcp", hostAddress: ANY, hostPort: 30_000, containerPort: 80, length: 1 };
  expect(await world.ask({ do: "publish", tag: TAG, ports: [range, single], address: "172.17.0.2" })).toMatchObject({ descriptors: 1 });
  expect(lines("172.17.0.2")).toBe(20_001);
  expect(page(world.neighbour, "10.99.0.1:10079")).toBe("a 10.99.0.2");
  const part = { ...range, hostPort: 10_050, containerPort: 51, length: 200 };
  await world.ask({ do: "publish", tag: TAG, ports: [part], address: "172.17.0.3" });
  expect(page(world.neighbour, "10.99.0.1:10079")).toBe("b 10.99.0.2");
  await world.ask({ do: "unpublish", tag: TAG, ports: [range, single], address: "172.17.0.2" });
  expect([lines("172.17.0.2"), lines("172.17.0.3")]).toEqual([0, 200]);
  expect(page(world.neighbour, "10.99.0.1:10079")).toBe("b 10.99.0.2");
  // Few elements are asked for by their keys: some missing, some another's.
  await world.ask({ do: "unpublish", tag: TAG, ports: [{ ...part, hostPort: 10_248, length: 4 }, { ...part, length: 2 }], address: "172.17.0.2" });
  await world.ask({ do: "unpublish", tag: TAG, ports: [{ ...part, length: 2 }], address: "172.17.0.3" });
  expect(lines("172.17.0.3")).toBe(198);
  await world.ask({ do: "unpublish", tag: TAG, ports: [part], address: "172.17.0.3" });
  expect(lines("172.17.0.3")).toBe(0);
});

test.skipIf(!root)("a port that the kernel chooses is reported", async () => {
  const answer = (await world.ask({ do: "publish", tag: TAG, ports: [{ protocol: "tcp", hostAddress: ANY, hostPort: 0, containerPort: 80, length: 1 }], address: "172.17.0.3" })) as { ports: { hostPort: number }[] };
  const port = answer.ports[0]?.hostPort as number;
  expect(port).toBeGreaterThan(1023);
  expect(page(world.neighbour, `10.99.0.1:${port}`)).toBe("b 10.99.0.2");
});

test.skipIf(!root)("a foreign firewall that drops what is forwarded lets the bridge pass, and iptables still reads its chain", async () => {
  expect(world.run(world.host, ["iptables-nft", "-P", "FORWARD", "DROP"]).code).toBe(0);
  expect(page(a, "10.99.0.2")).toBe("curl 28");
  await world.ask({ do: "ensure", tag: TAG, subnet: SUBNET });
  await world.ask({ do: "ensure", tag: TAG, subnet: SUBNET });
  expect(page(a, "10.99.0.2")).toBe("out 10.99.0.1");
  expect(page(world.neighbour, "10.99.0.1:8080")).toBe("a 10.99.0.2");
  const rules = world.run(world.host, ["iptables-nft", "-S", "FORWARD"]);
  expect(rules.stdout.split("\n").filter((line) => line.includes("mdk-1a2b3c"))).toHaveLength(2);
});

test.skipIf(!root)("a table that is lost is made again and says so; a native firewall is found then", async () => {
  const native = "flush ruleset; table inet filter { chain forward { type filter hook forward priority 0; policy drop; }; }";
  expect(world.run(world.host, ["nft", native])).toMatchObject({ code: 0 });
  expect(await world.ask({ do: "ensure", tag: TAG, subnet: SUBNET })).toMatchObject({ tableIsNew: true, warnings: [] });
  expect(page(a, "10.99.0.2")).toBe("out 10.99.0.1");
  expect(world.run(world.host, ["nft", "list", "chain", "inet", "filter", "forward"]).stdout).toContain('comment "mdk: mdk-1a2b3c*"');
});

const hasLegacy = Bun.which("iptables-legacy") !== null && existsSync("/proc/net/ip_tables_names");
test.skipIf(!root || !hasLegacy)("the older iptables is told of, not changed", async () => {
  const legacy = (...words: string[]) => world.run(world.host, ["iptables-legacy", ...words]);
  const ensureAnew = async () => {
    world.run(world.host, ["nft", "delete table inet mdk-1a2b3c"]);
    return world.ask({ do: "ensure", tag: TAG, subnet: SUBNET });
  };
  expect(legacy("-P", "FORWARD", "DROP")).toMatchObject({ code: 0 });
  expect(await ensureAnew()).toMatchObject({ warnings: [expect.stringContaining("iptables-legacy -I FORWARD -i mdk-1a2b3c+ -j ACCEPT")] });
  legacy("-P", "FORWARD", "ACCEPT");
  expect(await ensureAnew()).toMatchObject({ warnings: [] });
});

test.skipIf(!root)("another store has a bridge of its own, closed to the first", async () => {
  const other = world.container("c");
  await world.ask({ do: "ensure", tag: "c0ffee", subnet: "172.18.0.0/16" });
  await world.ask({ do: "attach", tag: "c0ffee", namespace: other, address: "172.18.0.2", subnet: "172.18.0.0/16" });
  expect(page(other, "10.99.0.2")).toBe("out 10.99.0.1");
  expect(page(other, "172.17.0.2")).toBe("curl 28");
  expect(await world.ask({ do: "remove", tag: "c0ffee" })).toEqual([]);
  expect(world.run(world.host, ["ip", "link", "show", "mdk-c0ffee"]).code).toBe(1);
  expect(page(a, "10.99.0.2")).toBe("out 10.99.0.1");
});

const guards = (): number => world.run(world.host, ["nft", "list", "table", "inet", "mdk-1a2b3c"]).stdout.match(/chain guard/g)?.length ?? 0;

test.skipIf(!root)("forwarding is never switched on without the guard, whether the table stood already or was lost", async () => {
  world.run(world.host, ["nft", "delete table inet mdk-1a2b3c"]);
  expect(await world.ask({ do: "ensure", tag: TAG, subnet: SUBNET })).toMatchObject({ tableIsNew: true, changed: [] });
  expect(guards()).toBe(0);
  world.run(world.host, ["sysctl", "-qw", "net.ipv4.ip_forward=0"]);
  expect(await world.ask({ do: "ensure", tag: TAG, subnet: SUBNET })).toMatchObject({ tableIsNew: false, changed: [{ name: "net.ipv4.ip_forward", old: "0" }] });
  expect(guards()).toBe(1);
  world.run(world.host, ["sysctl", "-qw", "net.ipv4.ip_forward=0"]);
  await world.ask({ do: "ensure", tag: TAG, subnet: SUBNET });
  expect(world.run(world.host, ["nft", "list", "chain", "inet", "mdk-1a2b3c", "guard"]).stdout.match(/accept|drop/g)).toEqual(["accept", "accept", "accept", "accept", "accept", "drop"]);
  expect(page(a, "10.99.0.2")).toBe("out 10.99.0.1");
  world.run(world.host, ["nft", "delete table inet mdk-1a2b3c"]);
  expect(await world.ask({ do: "ensure", tag: TAG, subnet: SUBNET, switchedOn: true })).toMatchObject({ tableIsNew: true, changed: [] });
  expect(guards()).toBe(1);
});

test.skipIf(!root)("one container more than a bridge has ports is told so", async () => {
  const links = world.container("many");
  const bridge = "mdk-f0f0f0";
  const pairs = Array.from({ length: 512 }, (_, index) => `link add a${index} type veth peer name b${index}`);
  const ports = [...Array.from({ length: 512 }, (_, index) => `link set a${index} master ${bridge}`), ...Array.from({ length: 511 }, (_, index) => `link set b${index} master ${bridge}`)];
  const batch = [`link add ${bridge} type bridge`, ...pairs, ...ports].join("\n");
  const done = Bun.spawnSync(["ip", "-n", world.host, "-batch", "-"], { stdin: Buffer.from(batch) });
  expect(done.stderr.toString()).toBe("");
  await expect(world.ask({ do: "attach", tag: "f0f0f0", namespace: links, address: "172.19.0.2", subnet: "172.19.0.0/16" })).rejects.toThrow("the bridge has its 1023 containers: Linux allows a bridge no more ports");
});

test.skipIf(!root)("removal takes bridge, table and the rules in foreign chains along", async () => {
  expect(await world.ask({ do: "remove", tag: TAG })).toEqual([]);
  expect(await world.ask({ do: "remove", tag: TAG })).toEqual([]);
  expect(await world.ask({ do: "remove", tag: "f0f0f0" })).toEqual([]);
  expect(world.run(world.host, ["nft", "list", "ruleset"]).stdout).not.toContain("mdk");
  expect(json(world.host, "ip -j link").some(({ ifname }) => ifname === "mdk-1a2b3c")).toBe(false);
});
