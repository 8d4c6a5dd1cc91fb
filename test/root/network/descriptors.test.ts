/** Verbs of networks as a server calls them, in one process: no descriptor is left, however they end. */
import { expect } from "bun:test";
import { net, useNetworkStage } from "../../helpers/network-stage.ts";

const rootTest = useNetworkStage();

/** What the verbs say once the network is removed, of a container that is not there, and of mdk's own network. */
const GONE = ["no-such-network", "no-such-network", "no-such-network", "no-such-network", "no-such-container", "pre-defined-network"];

rootTest("create, connect, reload, inspect, disconnect, rm, prune and what is refused leave no descriptor", async () => {
  await net.sleep("live");
  const { out, err } = await net.inside([process.execPath, "test/helpers/network-rounds.ts", net.root, net.runRoot]);
  expect(err).toBe("");
  const { codes, before, after } = JSON.parse(out) as { codes: string[]; before: string[]; after: string[] };
  expect(codes).toEqual(["network-exists", "subnet-taken", "bridge-name-taken", "endpoint-exists", "network-in-use", "network-conflict", "not-connected", ...GONE]);
  expect(after).toEqual(before);
});

rootTest("monitors of containers on networks hold as many descriptors after connecting and disconnecting as before, and little memory", async () => {
  await net.ok("network", "create", "one");
  await net.ok("network", "create", "two");
  await net.sleep("held", "--network", "one");
  const pid = await net.ok("inspect", "-f", "{{.State.Pid}}", "held");
  const monitor = (await net.inside(["sh", "-c", `ps -o ppid= -p $(ps -o ppid= -p ${pid})`])).out.trim();
  const count = async (): Promise<number> => Number((await net.inside(["sh", "-c", `ls /proc/${monitor}/fd | wc -l`])).out);
  await net.ok("network", "connect", "two", "held");
  await net.ok("network", "disconnect", "two", "held");
  const before = await count();
  for (let turn = 0; turn < 4; turn++) {
    await net.ok("network", "connect", "two", "held");
    await net.sh("held", "nslookup held");
    await net.ok("network", "disconnect", "two", "held");
  }
  expect(await count()).toBe(before);
  const dirty = (await net.inside(["sh", "-c", `awk '/^Private_Dirty/ {sum += $2} END {print sum}' /proc/${monitor}/smaps_rollup`])).out;
  expect(Number(dirty)).toBeLessThan(200);
});
