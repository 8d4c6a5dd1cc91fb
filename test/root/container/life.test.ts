/** The life of a container by Docker's commands: create, start, ps, inspect, stop, kill, wait, rm, exec. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { alive, descendants, parentOf, until } from "../../helpers/mdk.ts";

useBusyboxWorld();

/** Ends at once when it is told to, with this status. */
const stoppable = (status: number): string[] => ["sh", "-c", `trap 'exit ${status}' TERM; echo up; while :; do sleep 0.05; done`];
const up = (name: string): Promise<void> => until(() => world.mdk(["logs", name]).stdout.includes("up"), `${name} is up`);

test("create, start, exited: the states as ps and inspect show them", async () => {
  const id = world.ok("create", "--name", "made", "-l", "a=1", "-l", "b", busybox, "sh", "-c", "echo ran; exit 5");
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  expect(world.ok("ps", "-q")).toBe("");
  expect(world.ok("ps", "-aq")).toBe(id.slice(0, 12));
  expect(world.ok("ps", "-a", "--format", "{{.Names}} {{.Status}} {{.State}}")).toBe("made Created created");
  expect(world.inspect("made", ".State.StartedAt")).toBe("0001-01-01T00:00:00Z");
  expect(world.ok("start", "made")).toBe("made");
  expect(world.ok("wait", "made")).toBe("5");
  expect(world.ok("ps", "-a", "--format", "{{.Names}} {{.Status}}")).toMatch(/^made Exited \(5\) (Less than a second|\d+ seconds?) ago$/);
  expect(world.ok("inspect", "-f", "{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.State.Pid}} {{.State.OOMKilled}} {{.Name}} {{.Id}}", "made")).toBe(`exited false 5 0 false /made ${id}`);
  expect(world.ok("inspect", "-f", "{{.Path}} {{index .Config.Labels \"a\"}} {{json .Args}} {{len .Config.Cmd}}", id.slice(0, 10))).toBe('sh 1 ["-c","echo ran; exit 5"] 3');
  expect(world.mdk(["start", "-a", "made"])).toMatchObject({ status: 5, stdout: "ran\n" });
  expect(world.ok("logs", "made")).toBe("ran\nran");
  expect(world.ok("rm", "made")).toBe("made");
  expect(existsSync(join(world.root, "containers", id))).toBe(false);
  expect(existsSync(join(world.runRoot, id))).toBe(false);
});

test("ps lists, filters and formats", () => {
  const first = world.ok("run", "-d", "--name", "first", "-l", "kind=x", "-p", "127.0.0.1::80", busybox, "sleep", "1000");
  world.ok("run", "-d", "--name", "second", busybox, "true");
  world.ok("wait", "second");
  const lines = world.ok("ps").split("\n");
  expect(lines[0]).toBe(lines[0]!.trimEnd());
  expect(lines[0]!.split(/ {3,}/)).toEqual(["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]);
  expect(lines).toHaveLength(2);
  expect(lines[1]!.split(/ {3,}/)).toEqual([first.slice(0, 12), busybox, '"sleep 1000"', expect.stringMatching(/ago$/), expect.stringMatching(/^Up /), expect.stringMatching(/^127\.0\.0\.1:\d+->80\/tcp$/), "first"]);
  const names = (...args: string[]): string => world.ok("ps", "--format", "{{.Names}}", ...args);
  expect(names("-a")).toBe("second\nfirst");
  expect(names("-f", "label=kind=x")).toBe("first");
  expect(names("-a", "-f", "label=kind=y")).toBe("");
  expect(names("-f", "network=bridge", "-f", "label=kind")).toBe("first");
  expect(world.ok("ps", "--format", "{{.Labels}} {{.Networks}} {{.Label \"kind\"}} {{.State}}")).toBe("kind=x bridge x running");
  expect(names("-f", "status=exited")).toBe("second");
  expect(names("-a", "-f", "name=sec")).toBe("second");
  expect(names("-a", "-f", "exited=0")).toBe("second");
  expect(names("-a", "-f", `ancestor=${busybox}`, "-f", `id=${first.slice(0, 6)}`)).toBe("first");
  expect(names("-n", "1")).toBe("second");
  expect(names("-l")).toBe("second");
  expect(world.ok("ps", "-q", "--no-trunc")).toBe(first);
  expect(world.ok("ps", "--format", "table {{.Names}}\\t{{.State}}")).toBe("NAMES     STATE\nfirst     running");
  expect(world.ok("ps", "--format", '{{.Label "kind"}}')).toBe("x");
  expect(JSON.parse(world.ok("ps", "--format", "json"))).toMatchObject({ Names: "first", State: "running", Labels: "kind=x", Image: busybox });
});

test("stop sends the stop signal and then SIGKILL; kill sends what it is told; a second stop is no error", async () => {
  world.ok("run", "-d", "--name", "polite", busybox, ...stoppable(3));
  await up("polite");
  expect(world.ok("stop", "polite")).toBe("polite");
  expect(world.inspect("polite", ".State.ExitCode")).toBe("3");
  expect(world.mdk(["stop", "polite"])).toMatchObject({ status: 0, stdout: "polite\n" });
  world.ok("run", "-d", "--name", "deaf", busybox, "sleep", "1000");
  const started = performance.now();
  expect(world.ok("stop", "-t", "1", "deaf")).toBe("deaf");
  expect(performance.now() - started).toBeGreaterThan(900);
  expect(world.inspect("deaf", ".State.ExitCode")).toBe("137");
  world.ok("run", "-d", "--name", "usr", "--stop-signal", "USR1", busybox, "sh", "-c", "trap 'exit 10' USR1; trap 'exit 12' USR2; echo up; while :; do sleep 0.05; done");
  await up("usr");
  world.ok("stop", "usr");
  expect(world.inspect("usr", ".State.ExitCode")).toBe("10");
  world.ok("start", "usr");
  await until(() => world.ok("logs", "usr") === "up\nup", "it is up again");
  expect(world.ok("kill", "-s", "SIGUSR2", "usr")).toBe("usr");
  expect(world.ok("wait", "usr")).toBe("12");
  expect(world.mdk(["kill", "usr"])).toMatchObject({ status: 1, stderr: expect.stringContaining("is not running") });
});

test("several are told to stop at once, and one that is not there keeps the others from nothing", async () => {
  const names = ["one", "two", "three"];
  for (const name of names) world.ok("run", "-d", "--name", name, busybox, "sh", "-c", 'trap "echo told" TERM; echo up; while :; do sleep 0.1; done');
  for (const name of names) await until(() => world.ok("logs", name) === "up", `${name} is up`);
  expect(world.mdk(["stop", "-t", "2", "one", "missing", "two", "three"])).toEqual({ status: 1, stdout: "one\ntwo\nthree\n", stderr: "mdk: No such container: missing\n" });
  const finished = Date.parse(world.ok("inspect", "-f", "{{.State.FinishedAt}}", "one"));
  for (const name of names) expect(Date.parse(world.ok("logs", "-t", name).split("\n")[1]!.replace(/ told$/, ""))).toBeLessThan(finished);
  expect(world.ok("ps", "-q")).toBe("");
  world.ok("start", "one");
  expect(world.ok("stop", "-t", "0", "one", "one")).toBe("one\none");
});

test("wait tells the status of those that end later, of --rm containers too", async () => {
  world.ok("run", "-d", "--rm", "--name", "gone", busybox, "sh", "-c", "sleep 0.5; exit 6");
  world.ok("run", "-d", "--name", "stays", busybox, "sh", "-c", "sleep 0.3; exit 7");
  expect(world.ok("wait", "gone", "stays")).toBe("6\n7");
  await until(() => world.ok("ps", "-a", "--format", "{{.Names}}") === "stays", "the --rm container is gone");
  expect(world.mdk(["wait", "gone"])).toMatchObject({ status: 1, stderr: "mdk: No such container: gone\n" });
});

test("rm refuses a running container without -f, and takes everything of it along", async () => {
  const id = world.ok("run", "-d", "--name", "busy", busybox, "sh", "-c", "sleep 1000 & sleep 1000 & wait");
  const pid = world.pid("busy");
  const cage = parentOf(pid);
  await until(() => descendants(pid).length === 3, "its processes");
  const all = descendants(parentOf(cage));
  expect(world.mdk(["rm", "busy"])).toMatchObject({ status: 1, stderr: expect.stringContaining('cannot remove container "busy": container is running: stop the container before removing or force remove') });
  expect(world.ok("rm", "-f", "busy")).toBe("busy");
  await until(() => !all.some(alive), "the end of its processes");
  expect(existsSync(join(world.root, "containers", id))).toBe(false);
  expect(world.mdk(["rm", "-f", "busy"])).toMatchObject({ status: 0, stdout: "", stderr: expect.stringContaining("No such container: busy") });
  expect(world.mdk(["rm", "busy", "busy2"]).status).toBe(1);
});

test("exec: status, streams, user, directory, variables, detached, and what cannot run", async () => {
  world.ok("run", "-d", "--name", "host", "-e", "OUTER=1", "-w", "/tmp", busybox, "sleep", "1000");
  const exec = (...args: string[]) => world.mdk(["exec", ...args]);
  expect(exec("host", "sh", "-c", "echo out; echo err >&2; exit 4")).toEqual({ status: 4, stdout: "out\n", stderr: "err\n" });
  expect(exec("-u", "1000", "-w", "/var", "-e", "INNER=2", "host", "sh", "-c", "id -u; pwd; echo $OUTER$INNER $HOME").stdout).toBe("1000\n/var\n12 /home\n");
  expect(exec("host", "pwd").stdout).toBe("/tmp\n");
  expect(world.mdk(["exec", "-i", "host", "cat"], { stdin: "fed" }).stdout).toBe("fed");
  expect(world.mdk(["exec", "host", "cat"], { stdin: "not fed" })).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(exec("-t", "host", "tty").stdout).toMatch(/^\/dev\/pts\/\d+\r\n$/);
  expect(exec("host", "no-such-program")).toMatchObject({ status: 127, stderr: expect.stringContaining('exec: "no-such-program": executable file not found in $PATH') });
  expect(exec("host", "/etc/passwd").status).toBe(126);
  expect(exec("-u", "nobody-such", "host", "true")).toMatchObject({ status: 126, stderr: expect.stringContaining("unable to find user nobody-such") });
  expect(exec("-d", "host", "sh", "-c", "echo done > /tmp/detached")).toEqual({ status: 0, stdout: "", stderr: "" });
  await until(() => exec("host", "cat", "/tmp/detached").stdout === "done\n", "the detached process");
  expect(exec("--privileged", "host", "grep", "CapEff", "/proc/self/status").stdout).not.toContain("a80425fb");
  expect(exec("host", "grep", "CapEff", "/proc/self/status").stdout).toContain("00000000a80425fb");
});

test("an exec whose container ends is 137; of a stopped container it is refused", async () => {
  world.ok("run", "-d", "--name", "short", busybox, "sleep", "1000");
  const running = world.spawn(["exec", "short", "sleep", "1000"]);
  await until(() => world.mdk(["exec", "short", "ps"]).stdout.split("sleep").length === 3, "the exec runs");
  world.ok("kill", "short");
  expect(await running.exited).toBe(137);
  expect(world.mdk(["exec", "short", "true"])).toMatchObject({ status: 1, stderr: expect.stringMatching(/container [0-9a-f]{64} is not running/i) });
});

test("attach sees what comes, ends with the container, and has its status", async () => {
  world.ok("run", "-d", "-i", "--name", "talks", busybox, "sh", "-c", "read line; echo heard $line; exit 8");
  const attached = world.spawn(["attach", "talks"]);
  const stdin = attached.stdin as import("bun").FileSink;
  stdin.write("you\n");
  await stdin.end();
  expect(await new Response(attached.stdout).text()).toBe("heard you\n");
  expect(await attached.exited).toBe(8);
  expect(world.mdk(["attach", "talks"])).toMatchObject({ status: 1, stderr: expect.stringContaining("You cannot attach to a stopped container, start it first") });
});

test("what could not be invoked stays as Created with the reason; with --rm nothing stays", () => {
  expect(world.mdk(["run", "--name", "failed", busybox, "no-such-program"]).status).toBe(127);
  expect(world.ok("ps", "-a", "--format", "{{.Names}} {{.State}}")).toBe("failed created");
  expect(world.inspect("failed", ".State.ExitCode")).toBe("127");
  expect(world.inspect("failed", ".State.Error")).toContain("executable file not found");
  expect(world.mdk(["start", "failed"])).toMatchObject({ status: 1 });
  world.ok("rm", "failed");
  expect(world.mdk(["run", "--rm", "--name", "failed", busybox, "no-such-program"]).status).toBe(127);
  expect(world.ok("ps", "-aq")).toBe("");
});
