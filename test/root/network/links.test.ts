/** `--link` on the default bridge: whom it names, what its variables say, and what is refused. */
import { expect } from "bun:test";
import { net, useNetworkStage } from "../../helpers/network-stage.ts";

const rootTest = useNetworkStage();

const refused = async (...words: string[]): Promise<[number, string]> => {
  const { code, err } = await net.mdk(...words);
  return [code, err.split("\n")[0]!];
};

rootTest("one that runs elsewhere is no member of the default network, one on it must run", async () => {
  await net.ok("network", "create", "apart");
  await net.sleep("far", "--network", "apart");
  await net.ok("create", "--name", "still", net.busybox);
  const link = (target: string): Promise<[number, string]> => refused("run", "--rm", "--name", "asker", "--link", target, net.busybox, "true");
  const elsewhere = "mdk: Cannot link to /far, as it does not belong to the default network";
  expect(await link("far:w")).toEqual([125, elsewhere]);
  expect(await link("still:w")).toEqual([125, "mdk: Cannot link to a non running container: /still AS /asker/w"]);
  await net.ok("stop", "-t", "0", "far");
  expect(await link("far:w")).toEqual([125, elsewhere]);
  // On both it is reached by the default one.
  await net.ok("start", "far");
  await net.ok("network", "connect", "bridge", "far");
  expect(await net.ok("run", "--rm", "--link", "far:w", net.busybox, "sh", "-c", "grep far /etc/hosts; ping -c 1 -W 1 w >/dev/null && echo there")).toMatch(new RegExp(`^${await net.field("far", "bridge", "IPAddress")}\tw .* far\nthere$`));
  await net.ok("rm", "-f", "far", "still");
  await net.ok("network", "rm", "apart");
});
