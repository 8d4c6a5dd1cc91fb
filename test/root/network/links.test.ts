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

rootTest("the variables of links: beneath the container's own, in exec and in probes of its health too, as things are then", async () => {
  await net.sleep("target", "--expose", "53/udp", "-p", "8080:80", "-e", "X=1", "-e", "HOME=/elsewhere");
  const own = ["-e", "W_ENV_X=mine", "-e", "AFTER=1", "--health-cmd", "echo $W_PORT", "--health-interval", "1h", "--health-start-period", "10s", "--health-start-interval", "100ms"];
  await net.sleep("asker", "--link", "target:w", ...own);
  const address = await net.field("target", "bridge", "IPAddress");
  const expected = (at: string): string[] => [
    `W_PORT=udp://${at}:53`, `W_PORT_53_UDP=udp://${at}:53`, `W_PORT_53_UDP_ADDR=${at}`, "W_PORT_53_UDP_PORT=53", "W_PORT_53_UDP_PROTO=udp",
    `W_PORT_80_TCP=tcp://${at}:80`, `W_PORT_80_TCP_ADDR=${at}`, "W_PORT_80_TCP_PORT=80", "W_PORT_80_TCP_PROTO=tcp", "W_NAME=/asker/w", "W_ENV_X=mine", "AFTER=1",
  ];
  const seen = async (...command: string[]): Promise<string[]> => (await net.ok("exec", "asker", ...command)).split(/[\n\0]/).filter((line) => line.startsWith("W_") || line.startsWith("AFTER="));
  expect(await seen("cat", "/proc/1/environ")).toEqual(expected(address));
  expect(await seen("env")).toEqual(expected(address));
  expect(await net.ok("inspect", "-f", "{{json .Config.Env}}", "asker")).toBe('["W_ENV_X=mine","AFTER=1"]');
  await net.sh("asker", "sleep 0.5");
  expect(await net.ok("inspect", "-f", "{{(index .State.Health.Log 0).Output}}", "asker")).toContain(`udp://${address}:53`);
  // Another one may have its address meanwhile.
  await net.ok("stop", "-t", "0", "target");
  await net.sleep("squatter");
  await net.ok("start", "target");
  const moved = await net.field("target", "bridge", "IPAddress");
  expect(moved).not.toBe(address);
  expect(await seen("env")).toEqual(expected(moved));
  await net.ok("stop", "-t", "0", "target");
  expect(await seen("env")).toEqual(["W_ENV_X=mine", "AFTER=1"]);
  await net.ok("rm", "-f", "asker", "target", "squatter");
});
