/** What cannot be is refused before anything is made; what others have on the host stays as it was. */
import { expect } from "bun:test";
import { HOST, net, OUTSIDE, useNetworkStage } from "../../helpers/network-stage.ts";

const rootTest = useNetworkStage("unshare",);

const refused = async (...words: string[]): Promise<string> => {
  const { code, err } = await net.mdk(...words);
  return `${code} ${err.split("\n")[0]}`;
};
const links = async (): Promise<string[]> => (JSON.parse((await net.inside(["ip", "-j", "link"])).out) as { ifname: string }[]).map(({ ifname }) => ifname).sort();

rootTest("subnets that others have, gateways outside, and names of no bridge", async () => {
  await net.ok("network", "create", "--subnet", "10.90.0.0/24", "first");
  await net.inside(["ip", "route", "add", "10.91.0.0/16", "via", OUTSIDE]);
  await net.inside(["ip", "link", "add", "theirs", "type", "veth"]);
  const before = await links();
  expect(await refused("network", "create", "--subnet", "10.90.0.128/25", "x")).toBe("1 mdk: invalid pool request: Pool overlaps with other one on this address space");
  expect(await refused("network", "create", "--subnet", "10.99.0.0/25", "x")).toBe("1 mdk: cannot set up network x: its subnet 10.99.0.0/25 is used otherwise by this host");
  expect(await refused("network", "create", "--subnet", "10.91.0.0/16", "x")).toContain("is used otherwise by this host");
  expect(await refused("network", "create", "--subnet", "10.92.0.0/24", "--gateway", "10.93.0.1", "x")).toBe("1 mdk: no matching subnet for gateway 10.93.0.1");
  for (const name of ["theirs", "up0", "lo"]) expect(await refused("network", "create", "-o", `com.docker.network.bridge.name=${name}`, "x")).toBe(`1 mdk: the network interface ${name} exists and is not a bridge`);
  expect(await refused("network", "create", "first")).toBe("1 mdk: network with name first already exists");
  expect([await links(), await net.ok("network", "ls", "-q", "-f", "name=^x$")]).toEqual([before, ""]);
  await net.ok("network", "rm", "first");
});

rootTest("a bridge that was there is used, and stays when the network goes", async () => {
  await net.inside(["ip", "link", "add", "br-own", "type", "bridge"]);
  await net.inside(["ip", "link", "set", "br-own", "up"]);
  await net.ok("network", "create", "-o", "com.docker.network.bridge.name=br-own", "on-own");
  expect(await refused("network", "create", "-o", "com.docker.network.bridge.name=br-own", "on-same")).toMatch(/^1 mdk: cannot create network [0-9a-f]{64} \(br-own\): conflicts with network [0-9a-f]{64} \(br-own\): networks have same bridge name$/);
  await net.serve("guest", ["--network", "on-own", "-p", "8080:80"]);
  expect(await net.page(net.outside, `${HOST}:8080`)).toBe("guest");
  await net.ok("rm", "-f", "guest");
  await net.ok("network", "rm", "on-own");
  expect(await links()).toContain("br-own");
  expect((await net.inside(["nft", "list", "ruleset"])).out).not.toContain("br-own");
});

rootTest("a network in use is not removed, and says by whom; one that is gone refuses the next start, and a bridge that is gone comes back", async () => {
  await net.ok("network", "create", "used");
  await net.sleep("user", "--network", "used");
  expect(await refused("network", "rm", "used")).toMatch(/^1 mdk: error while removing network: network used has active endpoints \(name:"user" id:"[0-9a-f]{12}"\)$/);
  await net.ok("stop", "-t", "0", "user");
  const bridge = (await links()).find((name) => /^mdk-[0-9a-f]{6}.+/.test(name))!;
  await net.inside(["ip", "link", "del", bridge]);
  await net.ok("start", "user");
  expect(await net.sh("user", `ping -c 1 -W 1 ${OUTSIDE}`)).toContain("1 packets received");
  await net.ok("stop", "-t", "0", "user");
  await net.ok("network", "rm", "used");
  expect((await net.mdk("start", "user")).err).toContain("not found");
  expect(await net.ok("inspect", "-f", "{{.State.Status}}", "user")).toBe("exited");
  await net.ok("rm", "user");
});

rootTest("forwarding that somebody switches off is switched on again by the next start", async () => {
  await net.ok("network", "create", "fw");
  await net.sleep("one", "--network", "fw");
  await net.inside(["sysctl", "-qw", "net.ipv4.ip_forward=0"]);
  await net.sleep("two", "--network", "fw");
  expect(await net.sh("one", `ping -c 1 -W 1 ${OUTSIDE}`)).toContain("1 packets received");
  await net.ok("rm", "-f", "one", "two");
  await net.ok("network", "rm", "fw");
});

rootTest("where /proc/sys is read-only, as in a container, forwarding is switched on nevertheless", async () => {
  await net.inside(["sysctl", "-qw", "net.ipv4.ip_forward=0"]);
  const { code, out, err } = await net.inside(["unshare", "--mount", "sh", "-c", 'mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys; exec "$@"', "sh", ...net.command("run", "--rm", net.busybox, "ping", "-c", "1", "-W", "1", OUTSIDE)]);
  expect([code, out, err]).toEqual([0, expect.stringContaining("1 packets received") as unknown as string, ""]);
});

rootTest("two stores on one host, each with networks of its users: addresses, names and ports of their own", async () => {
  const second = (...words: string[]) => net.inside([net.command()[0]!, "--root", `${net.folder}/root2`, "--run-root", `${net.folder}/run2`, ...words]);
  const copied = await net.inside(["cp", "-a", net.root, `${net.folder}/root2`]);
  expect(copied.code).toBe(0);
  await net.ok("network", "create", "same");
  expect(await second("network", "create", "same")).toMatchObject({ code: 0, err: "" });
  await net.serve("twin", ["--network", "same", "-p", "8080:80"], "first");
  const started = await second("run", "-d", "--name", "twin", "--network", "same", "-p", "8081:80", net.busybox, "sh", "-c", "mkdir /www; echo second >/www/index.html; exec httpd -f -p 80 -h /www");
  expect([started.code, started.err]).toEqual([0, ""]);
  await net.sleep("asker", "--network", "same");
  expect([await net.page(net.outside, `${HOST}:8080`), await net.page(net.outside, `${HOST}:8081`), await net.pageIn("asker", "twin")]).toEqual(["first", "second", "first"]);
  const other = (await second("inspect", "-f", "{{.NetworkSettings.Networks.same.IPAddress}}", "twin")).out.trim();
  expect(other).not.toBe(await net.field("twin", "same", "IPAddress"));
  expect(await net.pageIn("asker", other)).toBe("");
  expect((await second("run", "--rm", "-p", "8080:80", net.busybox, "true")).err).toContain("8080");
  expect(await second("clean", "-f")).toMatchObject({ code: 0 });
  expect(await net.page(net.outside, `${HOST}:8080`)).toBe("first");
  await net.ok("rm", "-f", "twin", "asker");
});
