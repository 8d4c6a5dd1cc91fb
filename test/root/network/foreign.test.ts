/** Other people's firewalls beside many networks of one store, in namespaces of the test's own; iptables, nft and curl are the witnesses. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createWorld, type World } from "../../helpers/network-world.ts";

const root = process.getuid?.() === 0;
const TAG = "1a2b3c";
const FIRST = { tag: TAG, subnet: "172.17.0.0/16" };
const SECOND = { tag: TAG, bridge: "mdk-1a2b3cabcde", subnet: "172.18.0.0/16", subnet6: "fd12::/64" };
const NAMED = { tag: TAG, bridge: "own0", subnet: "172.21.0.0/24" };
const NETWORKS = [FIRST, SECOND, NAMED];
let world: World;
let first: string;
let second: string;
let named: string;

const must = (...command: string[]): string => {
  const { code, stdout, stderr } = world.run(world.host, command);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
  return stdout;
};
const ensureAll = async (): Promise<string[]> => {
  const states = [];
  for (const network of NETWORKS) states.push((await world.ask({ do: "ensure", ...network })) as { warnings: string[] });
  return states.flatMap(({ warnings }) => warnings);
};
/** As after a reboot, or a reload that flushes everything. */
const loseTable = (): string => must("nft", `delete table inet mdk-${TAG}`);
const outside = async (): Promise<string[]> => [
  ...(await world.pages(first, ["10.99.0.2"])), ...(await world.pages(second, ["10.99.0.2", "[fd99::2]"])), ...(await world.pages(named, ["10.99.0.2"])),
];
const OPEN = ["out 10.99.0.1", "out 10.99.0.1", "out fd99::1", "out 10.99.0.1"];
const passing = (text: string): string[] => text.split("\n").filter((line) => line.includes("mdk: ")).map((line) => line.trim());

beforeAll(async () => {
  if (!root) return;
  world = createWorld();
  for (const [namespace, link, address] of [[world.host, "up0", "fd99::1/64"], [world.neighbour, "eth0", "fd99::2/64"]] as const) {
    world.run(namespace, ["sysctl", "-qw", "net.ipv6.conf.all.forwarding=0", "net.ipv6.conf.all.disable_ipv6=0"]);
    world.run(namespace, ["ip", "addr", "add", address, "dev", link, "nodad"]);
  }
  await world.serve(world.neighbour, 80);
  await world.serve(world.neighbour, 80, "ipv6");
  await ensureAll();
  [first, second, named] = [world.container("first"), world.container("second", "ipv6"), world.container("named")];
  await world.ask({ do: "attach", ...FIRST, namespace: first, address: "172.17.0.2" });
  await world.ask({ do: "attach", ...SECOND, namespace: second, address: "172.18.0.2", address6: "fd12::2" });
  await world.ask({ do: "attach", ...NAMED, namespace: named, address: "172.21.0.2" });
  await world.serve(second, 80);
  const ports = [{ protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 8080, containerPort: 80, length: 1 }];
  await world.ask({ do: "publish", tag: TAG, ports, address: "172.18.0.2" });
});
afterAll(async () => {
  if (root) await world.destroy();
});

test.skipIf(!root)("chains that Docker and ufw close get one pair of rules for all networks, in both families, and one for a bridge of the user's name", async () => {
  for (const iptables of ["iptables-nft", "ip6tables-nft"]) {
    must(iptables, "-N", "DOCKER-USER");
    must(iptables, "-A", "DOCKER-USER", "-j", "RETURN");
    must(iptables, "-A", "FORWARD", "-j", "DOCKER-USER");
    must(iptables, "-P", "FORWARD", "DROP");
  }
  expect(await outside()).toEqual(["curl 28", "curl 28", "curl 28", "curl 28"]);
  expect(await ensureAll()).toEqual([]);
  expect(await ensureAll()).toEqual([]);
  expect(await outside()).toEqual(OPEN);
  expect(await world.pages(world.neighbour, ["10.99.0.1:8080"])).toEqual([expect.any(String)]);
  expect(passing(must("nft", "list", "table", "ip", "filter")).map((line) => line.replace(/ counter packets \d+ bytes \d+/, "")).sort()).toEqual([
    'iifname "mdk-1a2b3c*" accept comment "mdk: mdk-1a2b3c*"', 'iifname "own0" accept comment "mdk: own0"',
    'oifname "mdk-1a2b3c*" accept comment "mdk: mdk-1a2b3c*"', 'oifname "own0" accept comment "mdk: own0"',
  ]);
  // Both still read and change their chains.
  expect(must("iptables-nft", "-S", "FORWARD")).toContain("-A FORWARD -i mdk-1a2b3c+ -m comment");
  expect(must("ip6tables-nft", "-S", "FORWARD")).toContain("-A FORWARD -o mdk-1a2b3c+ -m comment");
  expect(must("iptables-nft", "-S", "DOCKER-USER")).toBe("-N DOCKER-USER\n-A DOCKER-USER -j RETURN\n");
  must("iptables-nft", "-A", "FORWARD", "-s", "192.0.2.1", "-j", "DROP");
  await world.ask({ do: "ensure", tag: TAG, bridge: "own1", subnet: "172.22.0.0/24" });
  expect(must("iptables-nft", "-S", "FORWARD")).toContain("-i own1 ");
  expect(await world.ask({ do: "leave", tag: TAG, bridge: "own1" })).toEqual([]);
  expect(must("iptables-nft", "-S", "FORWARD")).not.toContain("own1");
  expect(must("iptables-nft", "-S", "FORWARD")).toContain("-i own0 ");
  for (const iptables of ["iptables-nft", "ip6tables-nft"]) must(iptables, "-P", "FORWARD", "ACCEPT");
  for (const iptables of ["iptables-nft", "ip6tables-nft"]) must(iptables, "-F", "FORWARD");
});

test.skipIf(!root)("a chain whose policy accepts and whose last rule refuses is opened at once; one whose last rule has a condition is left alone", async () => {
  must("iptables-nft", "-A", "FORWARD", "-j", "REJECT", "--reject-with", "icmp-host-prohibited");
  await ensureAll();
  expect(must("iptables-nft", "-S", "FORWARD")).toContain("-A FORWARD -i mdk-1a2b3c+ -m comment");
  must("iptables-nft", "-F", "FORWARD");
  must("iptables-nft", "-A", "FORWARD", "-s", "192.0.2.1", "-j", "DROP");
  await ensureAll();
  expect(must("iptables-nft", "-S", "FORWARD")).not.toContain("mdk");
  must("iptables-nft", "-F", "FORWARD");
});

/** As firewalld 1.3 writes it, what matters of it. */
const FIREWALLD = `
table inet firewalld {
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    reject with icmpx admin-prohibited
  }
}
`;

test.skipIf(!root)("firewalld's chain is opened, again after its reload, though mdk's own table stands", async () => {
  const load = (): void => void must("sh", "-c", `nft -f - <<'END'\ntable inet firewalld\ndelete table inet firewalld\n${FIREWALLD}\nEND`);
  for (let reloads = 0; reloads < 2; reloads++) {
    load();
    expect((await outside()).every((page) => page.startsWith("curl"))).toBe(true);
    expect(await ensureAll()).toEqual([]);
    expect(await outside()).toEqual(OPEN);
  }
  must("nft", "delete table inet firewalld");
});

test.skipIf(!root)("where firewalld owns its table it is said what to type", async () => {
  // The table lives as long as the process that owns it.
  const lines = [
    "add table inet firewalld { flags owner; }", "add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy accept; }",
    "add rule inet firewalld filter_FORWARD reject with icmpx admin-prohibited",
  ];
  const owner = Bun.spawn(["ip", "netns", "exec", world.host, "nft", "-i"], { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
  try {
    owner.stdin.write(`${lines.join("\n")}\n`);
    await owner.stdin.flush();
    for (let tries = 0; tries < 100 && !must("nft", "list", "ruleset").includes("admin-prohibited"); tries++) await Bun.sleep(20);
    const warnings = await ensureAll();
    expect(warnings).toEqual(["mdk-1a2b3c+", "mdk-1a2b3c+", "own0"].map((pattern) =>
      `firewalld refuses forwarded packets and owns its table: containers have no network until "firewall-cmd --permanent --zone=trusted --add-interface=${pattern}" and "firewall-cmd --reload"`));
  } finally {
    owner.kill("SIGKILL");
    await owner.exited;
  }
});

test.skipIf(!root)("chains of any name in tables of any family are found when the table is made; other stores' tables are no firewalls", async () => {
  await world.ask({ do: "ensure", tag: "c0ffee", subnet: "172.30.0.0/16", switchedOn: true });
  must("sh", "-c", "nft 'table ip6 mine { chain fw { type filter hook forward priority 5; policy drop; }; }; table inet yours { chain out { type filter hook forward priority 5; log prefix \"x\" drop; }; }'");
  loseTable();
  expect(await ensureAll()).toEqual([]);
  expect(passing(must("nft", "list", "table", "ip6", "mine"))).toHaveLength(2);
  expect(passing(must("nft", "list", "table", "inet", "yours")).length).toBeGreaterThanOrEqual(2);
  expect(must("nft", "list", "table", "inet", "mdk-c0ffee")).not.toContain("mdk: ");
  expect(await world.ask({ do: "remove", tag: TAG, owner: "tester" })).toEqual([]);
  expect(passing(must("nft", "list", "ruleset")).every((rule) => rule.includes("mdk-c0ffee*"))).toBe(true);
  expect(await world.ask({ do: "remove", tag: "c0ffee" })).toEqual([]);
  expect(passing(must("nft", "list", "ruleset"))).toEqual([]);
});
