/** Restart policies: who is started again, how often, when, and who ends it. Nobody of Bun's waits meanwhile. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { descendants, monitorsOf, parentOf, until } from "../../helpers/mdk.ts";

useBusyboxWorld();

const state = (name: string): string => world.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}", name);
const starts = (name: string): number[] => world.ok("events", "--since", "1h", "--until", "0s", "-f", `container=${name}`, "-f", "event=start", "--format", "{{.TimeNano}}").split("\n").filter((text) => text !== "").map((text) => Number(text) / 1e6);
const FAILS = ["sh", "-c", "exit 3"];

/** Processes of mdk that belong to this world's run root: the whole command line is told by monitors' cleanups only. */
function commands(): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
      return "";
    }
  }).filter((line) => line.includes(world.runRoot));
}

test("on-failure starts it again so often and no more, with a wait that doubles", async () => {
  world.ok("run", "-d", "--name", "three", "--restart", "on-failure:3", busybox, ...FAILS);
  await until(() => state("three") === "exited 3 3", "it has given up");
  const times = starts("three");
  expect(times).toHaveLength(4);
  const waits = times.slice(1).map((time, index) => time - times[index]!);
  for (const [index, least] of [100, 200, 400].entries()) {
    expect(waits[index]!).toBeGreaterThanOrEqual(least);
    expect(waits[index]!).toBeLessThan(least + 1_000);
  }
  expect(world.ok("wait", "three")).toBe("3");
  world.ok("rm", "three");
});

test("on-failure leaves who succeeds alone; no is no", async () => {
  world.ok("run", "-d", "--name", "well", "--restart", "on-failure", busybox, "true");
  world.ok("run", "-d", "--name", "never", "--restart", "no", busybox, ...FAILS);
  await until(() => state("well") === "exited 0 0" && state("never") === "exited 3 0", "both have ended");
  await Bun.sleep(300);
  expect([starts("well").length, starts("never").length]).toEqual([1, 1]);
  world.removeAll();
});

test("while it waits it is restarting, nothing of Bun's is there, and what needs it is refused", async () => {
  const id = world.ok("run", "-d", "--name", "waits", "--restart", "always", busybox, ...FAILS);
  await until(() => Number(state("waits").split(" ")[2]) >= 5, "it has been started five times");
  await until(() => state("waits").startsWith("restarting 3"), "it waits, for three seconds");
  await until(() => commands().length === 0, "who noted its end is gone", 1_000);
  expect(world.ok("ps", "--format", "{{.Status}} {{.State}}")).toMatch(/^Restarting \(3\) .* ago restarting$/);
  expect(world.ok("inspect", "-f", "{{.State.Running}} {{.State.Restarting}} {{.State.Pid}}", "waits")).toBe("true true 0");
  const waiting = `Container ${id} is restarting, wait until the container is running`;
  for (const [args, message] of [
    [["exec", "waits", "true"], waiting], [["pause", "waits"], waiting], [["top", "waits"], waiting],
    [["attach", "waits"], "You cannot attach to a restarting container, wait until it is running"],
    [["rm", "waits"], 'cannot remove container "waits": container is restarting: stop the container before removing or force remove'],
  ] as const) expect([args[0], world.mdk(args)]).toEqual([args[0], { status: 1, stdout: "", stderr: expect.stringContaining(message) }]);
  expect(world.ok("start", "waits")).toBe("waits"); // it is on its way
  const monitors = shims();
  expect(monitors.length).toBeGreaterThan(0);
  world.ok("stop", "waits");
  expect(state("waits")).toMatch(/^exited 3 \d+$/);
  await until(() => shims().length === 0, "its monitor has gone, at once");
  await Bun.sleep(200);
  expect(state("waits")).toMatch(/^exited 3 /);
  world.ok("rm", "waits");
});

const shims = (): number[] => monitorsOf(world.runRoot);

test("rm -f of one that waits takes it, its monitor and its directories", async () => {
  const id = world.ok("run", "-d", "--name", "gone", "--restart", "always", busybox, ...FAILS);
  await until(() => state("gone").startsWith("restarting"), "it waits");
  world.ok("rm", "-f", "gone");
  await until(() => shims().length === 0, "its monitor has gone");
  expect(readdirSync(join(world.root, "containers"))).not.toContain(id);
  expect(readdirSync(world.runRoot)).not.toContain(id);
});

test("stop and kill are the user's word; restart and start begin anew", async () => {
  world.ok("run", "-d", "--name", "runs", "--restart", "unless-stopped", busybox, "sleep", "1000");
  const first = world.pid("runs");
  // Not the user: it has died.
  process.kill(first, "SIGKILL");
  await until(() => state("runs").startsWith("running 0 1"), "it runs again");
  expect(world.pid("runs")).not.toBe(first);
  world.ok("restart", "-t", "0", "runs");
  expect(state("runs")).toBe("running 0 0");
  for (const [word, ...args] of [["stop", "-t", "0"], ["kill"]] as const) {
    world.ok(word, ...args, "runs");
    await Bun.sleep(300);
    expect(state("runs")).toBe("exited 137 0");
    world.ok("start", "runs");
  }
  world.ok("rm", "-f", "runs");
});

test("a foreground run ends with its first end, and the container goes on", async () => {
  const ran = world.mdk(["run", "--name", "front", "--restart", "on-failure:2", busybox, "sh", "-c", "echo once; exit 5"]);
  expect(ran).toMatchObject({ status: 5, stdout: "once\n" });
  await until(() => state("front") === "exited 5 2", "its policy was carried out");
  expect(world.ok("logs", "front")).toBe("once\nonce\nonce");
  world.ok("rm", "front");
});

test("published ports and the address are there again after each start", async () => {
  world.ok("run", "-d", "--name", "serves", "--restart", "always", "-p", "127.0.0.1::80", busybox, "sh", "-c", "echo page >/p; httpd -h / -p 80; sleep 0.5; exit 1");
  await until(() => Number(state("serves").split(" ")[2]) >= 1 && state("serves").startsWith("running"), "it runs again");
  const port = /:(\d+)$/.exec(world.ok("port", "serves", "80"))![1]!;
  await until(async () => (await fetch(`http://127.0.0.1:${port}/p`).then((answer) => answer.text(), () => "")) === "page\n", "it serves");
  world.ok("rm", "-f", "serves");
});

test("wait waits until its policy is through", async () => {
  world.ok("run", "-d", "--name", "waited", "--restart", "on-failure:2", busybox, ...FAILS);
  expect(world.ok("wait", "waited")).toBe("3");
  expect(state("waited")).toBe("exited 3 2");
  world.ok("rm", "waited");
});

test("logs -f goes on through restarts, and ends with the last end", async () => {
  world.ok("run", "-d", "--name", "told", "--restart", "on-failure:2", busybox, "sh", "-c", "echo ran; sleep 0.2; exit 1");
  const following = world.spawn(["logs", "-f", "told"], "ignore");
  expect([await new Response(following.stdout).text(), await following.exited]).toEqual(["ran\nran\nran\n", 0]);
  expect(state("told")).toBe("exited 1 2");
  world.ok("rm", "told");
});

test("update changes the policy of one that runs, and of one that waits", async () => {
  world.ok("run", "-d", "--name", "changes", "--restart", "always", busybox, "sh", "-c", "sleep 0.3; exit 1");
  await until(() => Number(state("changes").split(" ")[2]) >= 1, "it was started again");
  expect(world.ok("update", "--restart", "no", "changes")).toBe("changes");
  await until(() => state("changes").startsWith("exited 1"), "it stays ended");
  expect(world.inspect("changes", ".HostConfig.RestartPolicy.Name")).toBe("no");
  world.ok("rm", "changes");
});

test("a monitor that is killed while it waits: the container has ended, and nothing is left of it", async () => {
  world.ok("run", "-d", "--name", "orphan", "--restart", "always", busybox, ...FAILS);
  await until(() => state("orphan").startsWith("restarting"), "it waits");
  for (const pid of shims()) process.kill(pid, "SIGKILL");
  await until(() => shims().length === 0, "it is gone");
  expect(world.ok("stop", "orphan")).toBe("orphan");
  expect(state("orphan")).toMatch(/^exited 3 /);
  world.ok("start", "orphan");
  world.ok("rm", "-f", "orphan");
  expect(descendants(process.pid).filter((pid) => parentOf(pid) === process.pid && commands().length > 0)).toEqual([]);
});

test("a policy that is none is refused in Docker's words", () => {
  for (const [policy, message] of [
    ["sometimes", "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"],
    ["on-failure:x", "invalid restart policy format: maximum retry count must be an integer"],
    ["on-failure:-1", "invalid restart policy: maximum retry count cannot be negative"],
    ["always:3", "invalid restart policy: maximum retry count can only be used with 'on-failure'"],
    [":3", "invalid restart policy format: no policy provided before colon"],
  ] as const) expect([policy, world.mdk(["run", "--restart", policy, busybox, "true"])]).toEqual([policy, { status: 125, stdout: "", stderr: expect.stringContaining(message) }]);
});
