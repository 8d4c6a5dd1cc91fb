/** `--mac-address`: seen from inside, in every way of writing one. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { startWorld } from "../../helpers/mdk.ts";

let world: Awaited<ReturnType<typeof startWorld>>;
let busybox: string;
beforeAll(async () => {
  world = await startWorld("busybox");
  busybox = world.image("busybox");
});
afterEach(() => world.removeAll());
afterAll(() => world?.close());

test("the interface has it, inspect tells it, and a second start has it again", () => {
  for (const text of ["92:d0:c6:0a:29:33", "92-D0-C6-0A-29-33", "92d0.c60a.2933"]) {
    expect([text, world.ok("run", "--rm", "--mac-address", text, busybox, "cat", "/sys/class/net/eth0/address")]).toEqual([text, "92:d0:c6:0a:29:33"]);
  }
  world.ok("run", "-d", "--name", "chosen", "--mac-address", "92:d0:c6:0a:29:33", busybox, "sleep", "1000");
  world.ok("stop", "-t", "0", "chosen");
  world.ok("start", "chosen");
  expect(world.ok("exec", "chosen", "cat", "/sys/class/net/eth0/address")).toBe("92:d0:c6:0a:29:33");
  expect(world.inspect("chosen", ".NetworkSettings.MacAddress")).toBe("92:d0:c6:0a:29:33");
  // Who has one reaches its neighbours.
  world.ok("run", "-d", "--name", "plain", busybox, "sleep", "1000");
  world.ok("exec", "plain", "ping", "-c", "1", "-W", "2", world.inspect("chosen", ".NetworkSettings.IPAddress"));
});

test("what is none, and networks that have none, are refused", () => {
  const refused = (...flags: readonly string[]): string => world.mdk(["run", "--rm", ...flags, busybox, "true"]).stderr.split("\n")[0]!;
  for (const text of ["foo", "92:d0:c6:0a:29", "92:d0:c6:0a:29:33:44", "03:42:ac:11:00:02", "92:d0-c6:0a:29:33"]) expect(refused("--mac-address", text)).toBe(`mdk: ${text} is not a valid mac address`);
  for (const network of ["host", "none"]) expect(refused("--network", network, "--mac-address", "92:d0:c6:0a:29:33")).toBe("mdk: conflicting options: mac-address and the network mode");
});
