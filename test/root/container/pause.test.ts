/** Pause: the processes stand still, what is done to them meanwhile is told or waits, and killing works all the same. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { alive, parentOf, statusOf, until } from "../../helpers/mdk.ts";

useBusyboxWorld();

const counting = (name: string): string => world.ok("run", "-d", "--name", name, busybox, "sh", "-c", "trap 'exit 4' TERM; while :; do echo x; sleep 0.02; done");
const lines = (name: string): number => world.ok("logs", name).split("\n").length;

test("nothing runs while it is paused, and everything goes on afterwards", async () => {
  const id = counting("still");
  await until(() => lines("still") > 2, "it counts");
  expect(world.ok("pause", "still")).toBe("still");
  const before = lines("still");
  await Bun.sleep(200);
  expect(lines("still")).toBe(before);
  expect(world.ok("ps", "--format", "{{.Status}} {{.State}}")).toMatch(/^Up .* \(Paused\) paused$/);
  expect(world.ok("inspect", "-f", "{{.State.Status}} {{.State.Paused}} {{.State.Running}}", "still")).toBe("paused true true");
  expect(world.ok("info", "--format", "{{.ContainersRunning}} {{.ContainersPaused}} {{.ContainersStopped}}")).toBe("0 1 0");
  expect(world.ok("ps", "-q", "-f", "status=paused")).toBe(id.slice(0, 12));
  expect(world.ok("unpause", "still")).toBe("still");
  await until(() => lines("still") > before, "it counts again");
  expect(world.inspect("still", ".State.Paused")).toBe("false");
  world.ok("rm", "-f", "still");
});

test("what cannot be done to it is refused in Docker's words", () => {
  const id = counting("frozen");
  world.ok("pause", "frozen");
  for (const [args, status, message] of [
    [["pause", "frozen"], 1, `Container ${id} is already paused`],
    [["exec", "frozen", "true"], 1, "Container frozen is paused, unpause the container before exec"],
    [["attach", "frozen"], 1, "You cannot attach to a paused container, unpause it first"],
    [["rm", "frozen"], 1, 'cannot remove container "frozen": container is paused: unpause and then stop the container before removal or force remove'],
  ] as const) expect([args[0], world.mdk(args)]).toEqual([args[0], { status, stdout: "", stderr: expect.stringContaining(message) }]);
  expect(world.ok("start", "frozen")).toBe("frozen"); // it runs
  expect(world.inspect("frozen", ".State.Status")).toBe("paused");
  world.ok("unpause", "frozen");
  expect(world.mdk(["unpause", "frozen"])).toEqual({ status: 1, stdout: "", stderr: `mdk: Container ${id} is not paused\n` });
  world.ok("kill", "frozen");
  expect(world.mdk(["pause", "frozen"])).toEqual({ status: 1, stdout: "", stderr: `mdk: Container ${id} is not running\n` });
  world.ok("rm", "frozen");
});

test("stop lets it hear the signal, kill and rm -f end it, clean leaves nothing", async () => {
  counting("stopped");
  await until(() => lines("stopped") > 2, "it counts");
  world.ok("pause", "stopped");
  expect(world.ok("stop", "stopped")).toBe("stopped");
  expect(world.inspect("stopped", ".State.ExitCode")).toBe("4");
  world.ok("start", "stopped");
  expect(world.inspect("stopped", ".State.Paused")).toBe("false");
  for (const end of [["kill", "stopped"], ["rm", "-f", "stopped"]]) {
    if (end[0] === "rm") world.ok("start", "stopped");
    const pid = world.pid("stopped");
    world.ok("pause", "stopped");
    expect(statusOf(pid, "State")).not.toBeNull();
    const begun = performance.now();
    world.ok(...end);
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(alive(pid)).toBe(false);
  }
});

test("one whose monitor is killed is dead, frozen or not, and goes", async () => {
  counting("dead");
  const pid = world.pid("dead");
  world.ok("pause", "dead");
  process.kill(parentOf(parentOf(pid)), "SIGKILL");
  await until(() => !world.ok("ps", "--format", "{{.Names}}").includes("dead"), "it is seen to have ended");
  expect(world.inspect("dead", ".State.ExitCode")).toBe("255");
  world.ok("rm", "dead");
  expect(alive(pid)).toBe(false);
});

test("a command that was killed between freezing and noting it is made good by unpause, and by rm -f", () => {
  counting("half");
  const pid = world.pid("half");
  const line = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const freezer = line.find((text) => text.includes(":freezer:"));
  const [file, on] = freezer !== undefined
    ? [`/sys/fs/cgroup/freezer${freezer.split(":")[2]}/freezer.state`, "FROZEN"] : [`/sys/fs/cgroup${line.find((text) => text.startsWith("0::"))!.slice(3)}/cgroup.freeze`, "1"];
  Bun.spawnSync(["sh", "-c", `echo ${on} > ${file}`]);
  expect(world.inspect("half", ".State.Status")).toBe("running");
  expect(world.ok("unpause", "half")).toBe("half");
  expect(world.ok("exec", "half", "echo", "on")).toBe("on");
  Bun.spawnSync(["sh", "-c", `echo ${on} > ${file}`]);
  expect(world.ok("rm", "-f", "half")).toBe("half");
});
