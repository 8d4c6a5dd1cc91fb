/** What people type in their first hour, as they type it. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { alive, descendants, parentOf, statusOf, until } from "../../helpers/mdk.ts";

useBusyboxWorld();

test("run -ti with limits, a service in the background, a look at it, its log, a command in it, its end", async () => {
  const shell = Bun.spawnSync(["script", "-qec", world.words("run", "-ti", "-m", "100m", "--cpu-shares", "256", "--rm", busybox, "sh", "-c", "'tty; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null'").join(" "), "/dev/null"], { stdin: "ignore" });
  expect(shell.stdout.toString().replace(/\r|\^@|\0/g, "")).toBe(`/dev/pts/0\n${100 << 20}\n`);
  world.ok("run", "-d", "--name", "bird", busybox, "sh", "-c", "while :; do echo tick; sleep 0.1; done");
  expect(world.ok("ps").split("\n")[1]).toContain("bird");
  await until(() => world.ok("logs", "bird").split("\n").length > 2, "it ticks");
  expect(world.ok("exec", "bird", "sh", "-c", "echo inside; ps | grep -c 'sleep 0.1' >/dev/null && echo seen")).toBe("inside\nseen");
  expect(world.ok("stop", "-t", "1", "bird")).toBe("bird");
  expect(world.ok("rm", "bird")).toBe("bird");
  expect(world.ok("run", "-d", busybox, "top", "-b")).toMatch(/^[0-9a-f]{64}$/);
});

test("a directory that both sides write to", () => {
  const shared = join(world.folder, "shared");
  mkdirSync(shared);
  writeFileSync(join(shared, "host"), "from the host\n");
  world.ok("run", "-d", "--name", "both", "-v", `${shared}:/data`, busybox, "sleep", "1000");
  expect(world.ok("exec", "both", "cat", "/data/host")).toBe("from the host");
  world.ok("exec", "both", "sh", "-c", "echo from inside >/data/inside");
  expect(readFileSync(join(shared, "inside"), "utf8")).toBe("from inside\n");
});

test("create, then start, then attach", async () => {
  world.ok("create", "-i", "--name", "later", busybox, "sh", "-c", "read line; echo got $line");
  expect(world.ok("start", "later")).toBe("later");
  const attached = world.spawn(["attach", "later"]);
  await Bun.sleep(100);
  attached.stdin!.write("hello\n");
  await attached.stdin!.end();
  expect([await new Response(attached.stdout).text(), await attached.exited]).toEqual(["got hello\n", 0]);
});

test("an exec whose monitor is stopped, or whose client reads nothing, keeps neither stop nor rm from ending the container", async () => {
  for (const end of [["stop", "-t", "1", "held"], ["rm", "-f", "held"]]) {
    world.ok("run", "-d", "--name", "held", busybox, "sleep", "1000");
    const cage = parentOf(world.pid("held"));
    const before = new Set(descendants(cage));
    const loud = world.spawn(["exec", "held", "sh", "-c", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done"], "ignore");
    const quiet = world.spawn(["exec", "held", "sleep", "999"], "ignore");
    await until(() => descendants(cage).filter((pid) => !before.has(pid)).length >= 4, "both run");
    const monitors = descendants(cage).filter((pid) => !before.has(pid) && parentOf(pid) === cage);
    for (const pid of monitors) process.kill(pid, "SIGSTOP");
    await until(() => monitors.every((pid) => statusOf(pid, "State")?.startsWith("T") === true), "they stand still");
    const begun = performance.now();
    world.ok(...end);
    expect(performance.now() - begun).toBeLessThan(4_000);
    expect(monitors.filter(alive)).toEqual([]);
    expect([await loud.exited, await quiet.exited]).toEqual([137, 137]);
    if (end[0] === "stop") world.ok("rm", "held");
  }
});
