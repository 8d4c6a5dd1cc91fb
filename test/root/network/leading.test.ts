/** Where published ports lead while a container changes its networks: always to its default route's, nowhere without one, there again with the next. */
import { expect } from "bun:test";
import { HOST, HOST6, net, useNetworkStage } from "../../helpers/network-stage.ts";

const rootTest = useNetworkStage();

const pages = async (): Promise<string[]> => await Promise.all([net.page(net.outside, `${HOST}:8080`), net.page(net.host, "127.0.0.1:8080"), net.page(net.host, "[::1]:8080"), net.page(net.outside, `[${HOST6}]:8080`)]);
const NOWHERE = Array(4).fill(expect.stringMatching(/^curl (7|28|56)$/)) as string[];
const WEB = ["web", "web", "web", "web"];
const shown = async (): Promise<string[]> => [await net.ok("port", "web"), await net.ok("ps", "--filter", "name=web", "--format", "{{.Ports}}")];
/** The container's addresses that the map of the firewall leads port 8080 to. */
const led = async (): Promise<string[]> => (await net.inside(["nft", "list", "ruleset"])).out.match(/(?<=8080 : )[0-9.]+/g) ?? [];

rootTest("they follow the default route from network to network, and come back with the first that publishes", async () => {
  for (const name of ["a", "b"]) await net.ok("network", "create", name);
  await net.ok("network", "create", "--internal", "shut");
  await net.serve("web", ["--network", "b", "-p", "8080:80"]);
  const there = async (network: string): Promise<void> => {
    expect([await pages(), await led()]).toEqual([WEB, [await net.field("web", network, "IPAddress")]]);
    expect(await shown()).toEqual([expect.stringContaining("80/tcp -> 0.0.0.0:8080"), expect.stringContaining("0.0.0.0:8080->80/tcp")]);
  };
  await there("b");
  // The first by name has the default route.
  await net.ok("network", "connect", "a", "web");
  await there("a");
  await net.ok("network", "disconnect", "a", "web");
  await there("b");
  await net.ok("network", "connect", "shut", "web");
  await there("b");
  await net.ok("network", "disconnect", "b", "web");
  expect([await pages(), await led(), await shown()]).toEqual([NOWHERE, [], ["", "80/tcp"]]);
  // Nobody else gets them meanwhile.
  expect((await net.mdk("run", "--rm", "-p", "8080:80", net.busybox, "true")).err).toContain("Bind for 0.0.0.0:8080 failed: port is already allocated");
  await net.ok("network", "connect", "b", "web");
  await there("b");
  await net.ok("rm", "-f", "web");
  expect(await led()).toEqual([]);
});

rootTest("one that began on a network that leads nowhere gets its ports with the first that leads out, or is told who has them", async () => {
  await net.ok("network", "create", "out");
  await net.ok("network", "create", "--internal", "closed");
  await net.serve("web", ["--network", "closed", "-p", "8080:80"]);
  expect([await pages(), await shown()]).toEqual([NOWHERE, ["", "80/tcp"]]);
  await net.sleep("other", "-p", "8080:81");
  const refused = await net.mdk("network", "connect", "out", "web");
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("Bind for 0.0.0.0:8080 failed: port is already allocated")]);
  expect(await net.ok("inspect", "-f", "{{json .NetworkSettings.Networks}}", "web")).not.toContain('"out"');
  expect(await net.sh("web", "ls /sys/class/net")).toBe("eth0\nlo");
  await net.ok("rm", "-f", "other");
  await net.ok("network", "connect", "out", "web");
  // Its monitor holds no sockets to serve: by IPv6 from its next start on.
  const byIpv4 = ["web", "web", ...NOWHERE.slice(2)];
  expect([await pages(), await led()]).toEqual([byIpv4, [await net.field("web", "out", "IPAddress")]]);
  await net.ok("network", "disconnect", "closed", "web");
  expect(await pages()).toEqual(byIpv4);
  await net.ok("rm", "-f", "web");
  expect(await led()).toEqual([]);
  await net.ok("network", "rm", "out", "closed");
});

rootTest("what the monitor serves follows to networks with IPv6 and back, by TCP and UDP, and never leads to who has the address now", async () => {
  await net.ok("network", "create", "--subnet", "10.71.0.0/24", "four");
  await net.ok("network", "create", "--ipv6", "both");
  await net.serve("web", ["--network", "name=four,ip=10.71.0.9", "-p", "8080:80", "-p", "8053:53/udp"]);
  const pid = await net.ok("inspect", "-f", "{{.State.Pid}}", "web");
  await net.background(net.host, ["nsenter", "-t", pid, "-n", process.execPath, "-e", `const s=await Bun.udpSocket({hostname:"::",port:53,socket:{data(s,d,p,a){s.send(a.replace("::ffff:",""),p,a)}}});console.log("up")`]);
  const asked = async (): Promise<string> => (await net.inside([process.execPath, "-e", `const s=await Bun.udpSocket({hostname:"::1",port:40053,socket:{data(s,d){console.log(d.toString());process.exit()}}});s.send("x",8053,"::1");setTimeout(()=>process.exit(1),1000)`])).out.trim();
  expect([await pages(), await asked()]).toEqual([WEB, "10.71.0.1"]);
  await net.ok("network", "connect", "both", "web");
  await net.ok("network", "disconnect", "four", "web");
  expect([await pages(), await asked()]).toEqual([WEB, await net.field("web", "both", "IPv6Gateway")]);
  await net.ok("network", "connect", "four", "web");
  await net.ok("network", "disconnect", "both", "web");
  expect([await pages(), await asked()]).toEqual([WEB, "10.71.0.1"]);
  const address = await net.field("web", "four", "IPAddress");
  await net.ok("network", "disconnect", "four", "web");
  await net.serve("heir", ["--network", `name=four,ip=${address}`]);
  expect([await pages(), await asked()]).toEqual([NOWHERE, ""]);
  await net.ok("rm", "-f", "web", "heir");
  await net.ok("network", "rm", "four", "both");
});
