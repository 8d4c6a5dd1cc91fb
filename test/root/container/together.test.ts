/** Commands that meet on one container, and containers that make it hard for them. */
import { expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { until } from "../../helpers/mdk.ts";
import { run } from "../../helpers/registry.ts";

useBusyboxWorld();

test("more waiters than the monitor has places for all learn the status of a container that is gone", async () => {
  world.ok("run", "-d", "--rm", "--name", "popular", busybox, "sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; exit 7");
  const waiters = Array.from({ length: 40 }, () => world.spawn(["wait", "popular"], "ignore"));
  const reading = waiters.map((waiter) => new Response(waiter.stdout).text());
  await Bun.sleep(1500);
  world.ok("exec", "popular", "touch", "/go");
  expect(new Set(await Promise.all(reading))).toEqual(new Set(["7\n"]));
}, 60_000);

test("a container whose socket is gone is stopped and removed all the same", () => {
  for (const command of [["stop", "-t", "1"], ["kill"], ["rm", "-f"]]) {
    const id = world.ok("run", "-d", "--name", "mute", busybox, "sleep", "1000");
    const pid = world.pid("mute");
    rmSync(join(world.runRoot, id, "attach"));
    expect(world.ok(...command, "mute")).toBe("mute");
    if (command[0] === "kill") expect(world.ok("wait", "mute")).toBe("137");
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    world.mdk(["rm", "-f", "mute"]);
  }
  expect(world.ok("ps", "-aq")).toBe("");
}, 30_000);

test("rm -f of a container that is being started removes it, too", async () => {
  for (let attempt = 0; attempt < 6; attempt++) {
    world.ok("create", "--name", "young", busybox, "sleep", "1000");
    const starting = world.spawn(["start", "young"], "ignore");
    await Bun.sleep(10 + 8 * attempt);
    expect(world.mdk(["rm", "-f", "young"])).toMatchObject({ status: 0, stdout: "young\n", stderr: "" });
    await starting.exited;
    expect(world.ok("ps", "-aq")).toBe("");
  }
}, 60_000);

test("export of a running container has its files, and of what is mounted in it only the mount points", () => {
  world.ok("run", "-d", "--name", "alive", "-v", "/etc:/host", busybox, "sh", "-c", "echo new > /file; sleep 1000");
  const path = join(world.folder, "alive.tar");
  world.ok("export", "-o", path, "alive");
  const names = run("tar", "tf", path).split("\n");
  expect(names).toEqual(expect.arrayContaining(["file", "proc/", "sys/", "dev/", "host/", "etc/hosts"]));
  expect(names.filter((name) => /^(proc|sys|dev|host)\/./.test(name))).toEqual([]);
  expect(run("tar", "xOf", path, "file")).toBe("new\n");
});

test("start -a of a running container joins it", async () => {
  world.ok("run", "-d", "--name", "joined", busybox, "sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; echo said; exit 3");
  const joining = world.spawn(["start", "-a", "joined"], "ignore");
  const said = new Response(joining.stdout).text();
  await Bun.sleep(500);
  world.ok("exec", "joined", "touch", "/go");
  expect(await said).toBe("said\n");
  expect(await joining.exited).toBe(3);
});

test("run -d of a command that is not there names the container that it leaves", () => {
  const { status, stdout } = world.mdk(["run", "-d", busybox, "no-such-command"]);
  expect(status).toBe(127);
  expect(stdout.trim()).toMatch(/^[0-9a-f]{64}$/);
  expect(world.ok("ps", "-aq", "--no-trunc")).toBe(stdout.trim());
});

test("exec beside the end of its container says that it does not run", async () => {
  const told = new Set<string>();
  for (let attempt = 0; attempt < 4; attempt++) {
    world.ok("run", "-d", "--name", "short", busybox, "sleep", "1000");
    const execs = Array.from({ length: 6 }, () => world.spawn(["exec", "short", "sleep", "0.01"], "ignore"));
    await Bun.sleep(10 * attempt);
    world.ok("kill", "short");
    for (const exec of execs) {
      if ([0, 137].includes(await exec.exited)) continue;
      told.add((await new Response(exec.stderr).text()).replace(/[0-9a-f]{64}/, "ID").trim());
    }
    world.ok("rm", "-f", "short");
  }
  expect([...told].filter((text) => text !== "mdk: container ID is not running")).toEqual([]);
}, 60_000);

test("a tree of directories deeper than any path is removed with its container", async () => {
  // Each round nests what is there one level deeper than a path can say, by moving it below a new one.
  const nest = "p=$(printf 'd/%.0s' $(seq 900)); for i in 1 2 3 4 5 6; do mkdir -p new/$p; [ -e old ] && mv old new/$p; mv new old; done; echo done";
  const id = world.ok("run", "-d", "--name", "deep", busybox, "sh", "-c", `${nest}; sleep 1000`);
  await until(() => world.mdk(["logs", "deep"]).stdout.includes("done"), "the tree is there");
  expect(world.mdk(["rm", "-f", "deep"])).toMatchObject({ status: 0, stderr: "" });
  expect(existsSync(join(world.root, "containers", id))).toBe(false);
}, 60_000);

test("a container that cannot be removed keeps no other command from its work", () => {
  const id = world.ok("run", "-d", "--name", "stuck", busybox, "sleep", "1000");
  const file = join(world.root, "containers", id, "upper/fixed");
  writeFileSync(file, "");
  run("chattr", "+i", file);
  try {
    expect(world.mdk(["rm", "-f", "stuck"])).toMatchObject({ status: 1, stdout: "" });
    expect(world.mdk(["run", "--rm", busybox, "echo", "works"])).toMatchObject({ status: 0, stdout: "works\n" });
    expect(world.mdk(["ps", "-a", "--format", "{{.Names}}"])).toMatchObject({ status: 0, stdout: "stuck\n" });
  } finally {
    run("chattr", "-i", file);
  }
  world.ok("rm", "-f", "stuck");
});

test("what ended can be removed, and its port taken, as soon as kill or wait has said so", async () => {
  const writes = ["sh", "-c", "dd if=/dev/zero of=/big bs=1M count=100 2>/dev/null; echo written; [ -n \"$END\" ] || sleep 1000"];
  for (let attempt = 0; attempt < 5; attempt++) {
    world.ok("run", "-d", "--name", "first", "-p", "127.0.0.1:18437:80", "-e", "END=1", busybox, ...writes);
    world.ok("wait", "first");
    world.ok("run", "-d", "--name", "second", "-p", "127.0.0.1:18437:80", busybox, ...writes);
    await until(() => world.mdk(["logs", "second"]).stdout.includes("written"), "it has written");
    world.ok("kill", "second");
    world.ok("rm", "second", "first");
  }
}, 60_000);

test("stop of a container that is being started reaches it as soon as it runs", async () => {
  let killed = 0;
  for (let attempt = 0; attempt < 4; attempt++) {
    world.ok("create", "--name", "young", "--init", busybox, "sleep", "1000");
    const starting = world.spawn(["start", "young"], "ignore");
    await Bun.sleep(14 + 4 * attempt);
    world.ok("stop", "-t", "5", "young");
    await starting.exited;
    if (world.inspect("young", ".State.ExitCode") === "137") killed++;
    world.ok("rm", "-f", "young");
  }
  // PID 1 drops what comes before it has said what to do with it.
  expect(killed).toBeLessThanOrEqual(1);
}, 60_000);
