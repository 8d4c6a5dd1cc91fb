/** Containers in another's network: its addresses, its files, and what they cannot have of their own. */
import { expect } from "bun:test";
import { HOST, net, useNetworkStage } from "../../helpers/network-stage.ts";

const rootTest = useNetworkStage();

rootTest("container:NAME has its address, its hosts and its resolv.conf, and speaks to it by loopback; changes are seen by both", async () => {
  await net.ok("network", "create", "mine");
  await net.ok("network", "create", "second");
  await net.serve("main", ["--network", "mine", "-p", "8080:80", "--add-host", "extra:192.0.2.1", "-h", "mainhost"]);
  await net.sleep("side", "--network", "container:main");
  const files = "cat /etc/hosts /etc/resolv.conf /etc/hostname; ip -o addr";
  expect(await net.sh("side", files)).toBe(await net.sh("main", files));
  expect(await net.sh("side", "hostname")).toBe("mainhost");
  expect(await net.pageIn("side", "127.0.0.1")).toBe("main");
  expect(await net.pageIn("side", "main")).toBe("main");
  await net.ok("network", "connect", "second", "main");
  expect(await net.sh("side", "ip -o addr show eth1")).toContain(await net.field("main", "second", "IPAddress"));
  const denied = await net.mdk("network", "connect", "second", "side");
  expect([denied.code, denied.err.split("\n")[0]]).toEqual([1, "mdk: container sharing network namespace with another container or host cannot be connected to any other network"]);
  expect(await net.ok("inspect", "-f", "{{.HostConfig.NetworkMode}} {{len .NetworkSettings.Networks}}", "side")).toBe(`container:${await net.ok("inspect", "-f", "{{.Id}}", "main")} 0`);
  // The side's end is the side's alone.
  await net.ok("restart", "-t", "0", "side");
  expect(await net.pageIn("side", "127.0.0.1")).toBe("main");
  // The other one's new life has a new network, which the side finds when it starts again.
  await net.ok("restart", "-t", "0", "main");
  await net.ok("restart", "-t", "0", "side");
  expect(await net.sh("side", "ip -o -4 addr show eth0")).toContain(await net.field("main", "mine", "IPAddress"));
  expect(await net.page(net.outside, `${HOST}:8080`)).toBe("main");
  await net.ok("stop", "-t", "0", "side", "main");
  const alone = await net.mdk("start", "side");
  expect([alone.code, alone.err]).toEqual([1, expect.stringContaining("cannot join network of a non running container") as unknown as string]);
  await net.ok("rm", "side", "main");
  await net.ok("network", "rm", "mine", "second");
});

rootTest("what would be its own is refused in Docker's words", async () => {
  await net.sleep("main");
  const sentences: Record<string, string> = {
    "-p 80": "conflicting options: port publishing and the container type network mode", "--dns 1.1.1.1": "conflicting options: dns and the network mode",
    "-h x": "conflicting options: hostname and the network mode", "--expose 80": "conflicting options: port exposing and the container type network mode", "--add-host a:1.1.1.1": "conflicting options: custom host-to-IP mapping and the network mode",
  };
  for (const [flags, sentence] of Object.entries(sentences)) {
    const { code, err } = await net.mdk("run", "--rm", "--network", "container:main", ...flags.split(" "), net.busybox, "true");
    expect([code, err.split("\n")[0]?.toLowerCase()]).toEqual([125, `mdk: ${sentence.toLowerCase()}`]);
  }
  await net.ok("rm", "-f", "main");
});

rootTest("none has loopback alone, and can be on no other; host has the host's, and can be on no other", async () => {
  await net.ok("network", "create", "mine");
  for (const mode of ["none", "host"]) await net.sleep(`in-${mode}`, "--network", mode);
  expect((await net.sh("in-none", "ls /sys/class/net")).split(/\s+/)).toEqual(["lo"]);
  expect((await net.sh("in-host", "ls /sys/class/net"))).toContain("up0");
  const connect = async (name: string): Promise<string> => (await net.mdk("network", "connect", "mine", name)).err.split("\n")[0]!;
  expect(await connect("in-none")).toBe("mdk: container cannot be connected to multiple networks with one of the networks in private (none) mode");
  expect(await connect("in-host")).toContain("mdk: container ");
  await net.sleep("in-mine", "--network", "mine");
  await net.ok("create", "--name", "at-rest", net.busybox);
  for (const name of ["in-mine", "at-rest"]) {
    const { code, err } = await net.mdk("network", "connect", "none", name);
    expect([code, err]).toEqual([1, "mdk: container cannot be connected to multiple networks with one of the networks in private (none) mode\n"]);
  }
  await net.ok("rm", "-f", "in-host", "in-mine", "at-rest");
});

rootTest("off none, a container comes to another network, and back, running and at rest", async () => {
  const networks = (): Promise<string> => net.ok("inspect", "-f", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}", "in-none");
  const links = async (): Promise<string[]> => (await net.sh("in-none", "ls /sys/class/net")).split(/\s+/).sort();
  await net.ok("network", "disconnect", "none", "in-none");
  await net.ok("network", "connect", "mine", "in-none");
  expect([await networks(), await links()]).toEqual(["mine", ["eth0", "lo"]]);
  await net.ok("restart", "-t", "0", "in-none");
  expect([await networks(), await links()]).toEqual(["mine", ["eth0", "lo"]]);
  expect(await net.sh("in-none", "nslookup in-none")).toContain(await net.field("in-none", "mine", "IPAddress"));
  await net.ok("network", "disconnect", "mine", "in-none");
  await net.ok("network", "connect", "none", "in-none");
  expect([await networks(), await links()]).toEqual(["none", ["lo"]]);
  await net.ok("stop", "-t", "0", "in-none");
  await net.ok("network", "disconnect", "none", "in-none");
  await net.ok("network", "connect", "mine", "in-none");
  await net.ok("start", "in-none");
  expect([await networks(), await links()]).toEqual(["mine", ["eth0", "lo"]]);
  await net.ok("rm", "-f", "in-none");
  await net.ok("network", "rm", "mine");
});
