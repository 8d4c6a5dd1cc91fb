/** Output that nobody reads: it holds up the program that writes it, and no command that ends or removes the container. */
import { expect, test } from "bun:test";
import { closeSync, readFileSync, readSync } from "node:fs";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { parentOf, until } from "../../helpers/mdk.ts";
import { pipe } from "../../helpers/shim-container.ts";

useBusyboxWorld();

/** A foreground run whose output is a pipe that nobody reads. */
function unread(...args: readonly string[]): { client: Bun.Subprocess; output: number } {
  const [output, theirs] = pipe();
  const client = Bun.spawn(world.words("run", ...args), { stdin: "ignore", stdout: theirs, stderr: "ignore" });
  closeSync(theirs);
  return { client, output };
}

const running = (name: string): Promise<void> => until(() => world.mdk(["inspect", "-f", "{{.State.Running}}", name]).stdout === "true\n", `${name} runs`);

/** Milliseconds that a command takes, which must succeed. */
function took(...args: readonly string[]): number {
  const began = performance.now();
  world.ok(...args);
  return performance.now() - began;
}

test("stop, start and rm -f of a container whose output nobody reads", async () => {
  const { client, output } = unread("--name", "stalled", busybox, "yes");
  await running("stalled");
  expect(took("stop", "-t", "0", "stalled")).toBeLessThan(4000);
  expect(world.ok("wait", "stalled")).toBe("137");
  expect(took("start", "stalled")).toBeLessThan(4000);
  expect(took("rm", "-f", "stalled")).toBeLessThan(4000);
  closeSync(output);
  expect(await client.exited).toBe(137);
}, 30_000);

test("clean removes it as well, and an --rm container is removed when it has ended, not when its output was read", async () => {
  const { client, output } = unread("--rm", "--name", "vanishing", busybox, "head", "-c", "100000", "/dev/zero");
  await until(() => world.ok("ps", "-aq") === "", "it is gone", 4000);
  let total = 0;
  const buffer = Buffer.alloc(1 << 16);
  for (let length = readSync(output, buffer); length > 0; length = readSync(output, buffer)) total += length;
  expect(total).toBe(100_000);
  expect(await client.exited).toBe(0);
  closeSync(output);
  const second = unread("--rm", "--name", "endless", busybox, "yes");
  await running("endless");
  expect(took("clean", "-f")).toBeLessThan(6000);
  closeSync(second.output);
  await second.client.exited;
}, 30_000);

test("-i feeds stdin whatever -a says, as Docker's", () => {
  expect(world.mdk(["run", "--rm", "-i", "-a", "stdout", busybox, "cat"], { stdin: "q\n" })).toEqual({ status: 0, stdout: "q\n", stderr: "" });
  const id = world.ok("create", "-i", "-a", "stdout", busybox, "cat");
  expect(world.inspect(id, ".Config.OpenStdin}} {{.Config.StdinOnce}} {{.Config.AttachStdin")).toBe("true true true");
});

test("a monitor whose container's stdin is backed up rests while somebody waits", async () => {
  const feeding = Bun.spawn(["sh", "-c", `head -c 1000000 /dev/zero | ${world.words("run", "-i", "--name", "full", busybox, "sleep", "1000").join(" ")}`], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  await running("full");
  const waiting = world.spawn(["wait", "full"], "ignore");
  await Bun.sleep(300);
  const monitor = parentOf(parentOf(world.pid("full")));
  const before = ticksOf(monitor);
  await Bun.sleep(500);
  expect(ticksOf(monitor) - before).toBeLessThanOrEqual(10);
  world.ok("rm", "-f", "full");
  await waiting.exited;
  await feeding.exited;
});

/** Hundredths of a second of processor time. */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
