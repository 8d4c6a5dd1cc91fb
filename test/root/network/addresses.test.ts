/** Which addresses containers get: asked for, from a range, none left, given back; two at once never have one. */
import { expect } from "bun:test";
import { net, useNetworkStage } from "../../helpers/network-stage.ts";

const rootTest = useNetworkStage();

const address = (name: string, network: string): Promise<string> => net.field(name, network, "IPAddress");
const refused = async (...words: string[]): Promise<string> => {
  const { code, out, err } = await net.mdk(...words);
  return code === 0 ? `began: ${out}` : err.split("\n")[0]!;
};
const remove = async (network: string, ...names: string[]): Promise<void> => {
  await net.ok("rm", "-f", ...names);
  await net.ok("network", "rm", network);
};

rootTest("a range is used, the gateway and reserved addresses are not; what is asked for is given, also outside the range", async () => {
  await net.ok("network", "create", "--subnet", "10.80.0.0/24", "--ip-range", "10.80.0.8/30", "--gateway", "10.80.0.9", "--aux-address", "printer=10.80.0.10", "ranged");
  for (const name of ["r1", "r2"]) await net.sleep(name, "--network", "ranged");
  expect([await address("r1", "ranged"), await address("r2", "ranged")].sort()).toEqual(["10.80.0.11", "10.80.0.8"]);
  expect(await refused("run", "-d", "--network", "ranged", net.busybox)).toContain("no available IPv4 addresses on this network's address pool");
  await net.sleep("far", "--network", "ranged", "--ip", "10.80.0.200");
  expect(await net.sh("far", "ip -o -4 addr show eth0")).toContain("10.80.0.200/24");
  expect(await net.sh("far", "ip route")).toContain("default via 10.80.0.9");
  // Network and broadcast too.
  for (const taken of ["10.80.0.200", "10.80.0.9", "10.80.0.10", "10.80.0.0", "10.80.0.255"]) expect(await refused("run", "-d", "--network", "ranged", "--ip", taken, net.busybox)).toBe("mdk: Address already in use");
  expect(await refused("run", "-d", "--network", "ranged", "--ip", "10.81.0.5", net.busybox)).toContain("invalid config for network ranged");
  expect(await net.ok("ps", "-q", "-f", "status=created")).toBe("");
  await remove("ranged", "r1", "r2", "far");
});

rootTest("both families and hardware addresses, one for each network", async () => {
  await net.ok("network", "create", "--ipv6", "--subnet", "10.82.0.0/24", "--subnet", "fd82::/64", "both");
  await net.ok("network", "create", "--subnet", "10.83.0.0/24", "other");
  await net.sleep("two", "--network", "name=both,ip=10.82.0.7,ip6=fd82::77,mac-address=02:00:00:00:82:07", "--network", "name=other,mac-address=02:00:00:00:83:07");
  const seen = await net.sh("two", "ip -o addr; ip -o link");
  for (const words of ["eth0    inet 10.82.0.7/24", "inet6 fd82::77/64", "02:00:00:00:82:07", "02:00:00:00:83:07", "eth1    inet 10.83.0.2/24"]) expect(seen).toContain(words);
  expect(await Promise.all(["MacAddress", "GlobalIPv6Address", "IPv6Gateway"].map((name) => net.field("two", "both", name)))).toEqual(["02:00:00:00:82:07", "fd82::77", "fd82::1"]);
  expect(await refused("run", "-d", "--network", "both", "--ip6", "fd82::77", net.busybox)).toBe("mdk: Address already in use");
  expect(await refused("run", "-d", "--network", "both", "--ip6", "fd82::", net.busybox)).toBe("mdk: Address already in use");
  // It keeps them over a restart.
  await net.ok("restart", "-t", "0", "two");
  expect(await net.sh("two", "ip -o addr; ip -o link")).toContain("inet6 fd82::77/64");
  await net.ok("rm", "-f", "two");
  await net.ok("network", "rm", "both", "other");
});

rootTest("all addresses of a small network are used, none twice; one that ends, or is killed with its monitor, gives its own back", async () => {
  await net.ok("network", "create", "--subnet", "10.84.0.0/29", "small");
  const names = ["s1", "s2", "s3", "s4", "s5"];
  await Promise.all(names.map((name) => net.sleep(name, "--network", "small")));
  expect((await Promise.all(names.map((name) => address(name, "small")))).sort()).toEqual(["10.84.0.2", "10.84.0.3", "10.84.0.4", "10.84.0.5", "10.84.0.6"]);
  expect(await refused("run", "-d", "--name", "more", "--network", "small", net.busybox)).toBe("mdk: no available IPv4 addresses on this network's address pool: 10.84.0.0/29");
  const freed = await address("s2", "small");
  await net.ok("rm", "-f", "s2");
  await net.sleep("more", "--network", "small");
  expect(await address("more", "small")).toBe(freed);
  // The grandparent of PID 1 is the monitor: PID 1, its cage, the monitor.
  const pid = await net.ok("inspect", "-f", "{{.State.Pid}}", "s4");
  const last = await address("s4", "small");
  await net.inside(["sh", "-c", `kill -9 $(ps -o ppid= -p $(ps -o ppid= -p ${pid}))`]);
  await net.sleep("again", "--network", "small");
  expect(await address("again", "small")).toBe(last);
  expect(await net.ok("inspect", "-f", "{{.State.ExitCode}}", "s4")).toBe("255");
  // One that has ended wants one at its start.
  expect(await refused("start", "s4")).toContain("no available IPv4 addresses");
  await net.ok("rm", "-f", "again");
  expect(await net.ok("start", "s4")).toBe("s4");
  await remove("small", "more", ...names.filter((name) => name !== "s2"));
});

rootTest("fifty that start at once have fifty addresses, and find each other by name", async () => {
  await net.ok("network", "create", "crowd");
  const names = Array.from({ length: 50 }, (_, index) => `c${index}`);
  const waiting = [...names];
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await net.sleep(name, "--network", "crowd", "--network-alias", "all");
  }));
  const { Containers } = (JSON.parse(await net.ok("network", "inspect", "crowd")) as [{ Containers: Record<string, { Name: string; IPv4Address: string; MacAddress: string }> }])[0];
  const rows = Object.values(Containers);
  expect(new Set(rows.map(({ IPv4Address }) => IPv4Address)).size).toBe(50);
  expect(new Set(rows.map(({ MacAddress }) => MacAddress)).size).toBe(50);
  const told = await net.sh("c7", names.map((name) => `ping -c 1 -W 1 ${name} | head -n 1`).join("; "));
  expect([...told.matchAll(/^PING (\w+) \(([\d.]+)\)/gm)].map(([, name, at]) => `${name} ${at}`).sort()).toEqual(rows.map(({ Name, IPv4Address }) => `${Name} ${IPv4Address.split("/")[0]}`).sort());
  await remove("crowd", ...names);
});
