/** `mdk logs`, rotation, --log-driver none. */
import { expect, test } from "bun:test";
import { appendFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { until } from "../../helpers/mdk.ts";

useBusyboxWorld();

const ended = (name: string, script: string, ...flags: string[]): void => {
  world.ok("run", "-d", "--name", name, ...flags, busybox, "sh", "-c", script);
  world.ok("wait", name);
};

test("both streams come out where they belong, also of a container that ran in the foreground", () => {
  world.mdk(["run", "--name", "both", busybox, "sh", "-c", "echo out; sleep 0.05; echo err >&2; printf end"]);
  expect(world.mdk(["logs", "both"])).toEqual({ status: 0, stdout: "out\nend", stderr: "err\n" });
});

test("--tail, --since, --until and -t choose and mark lines", async () => {
  ended("lines", "seq 1 5; sleep 1.2; seq 6 10");
  expect(world.ok("logs", "-n", "2", "lines")).toBe("9\n10");
  expect(world.ok("logs", "--tail", "0", "lines")).toBe("");
  expect(world.ok("logs", "--tail", "all", "lines").split("\n")).toHaveLength(10);
  expect(world.ok("logs", "--tail", "-1", "lines").split("\n")).toHaveLength(10);
  const stamped = world.ok("logs", "-t", "lines").split("\n");
  for (const line of stamped) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z \d+$/);
  const sixth = stamped[5]!.split(" ")[0]!;
  expect(world.ok("logs", "--since", sixth, "lines")).toBe("6\n7\n8\n9\n10");
  expect(world.ok("logs", "--until", stamped[2]!.split(" ")[0]!, "lines").split("\n").length).toBeLessThan(6);
  const seconds = (Date.parse(sixth) / 1000 - 0.5).toFixed(3);
  expect(world.ok("logs", "--since", seconds, "lines")).toBe("6\n7\n8\n9\n10");
  expect(world.ok("logs", "--since", "1h", "-n", "1", "lines")).toBe("10");
  expect(world.ok("logs", "--since", "2100-01-01T00:00:00Z", "lines")).toBe("");
  expect(world.ok("logs", "--since", "", "--until", "", "--tail", "", "lines").split("\n")).toHaveLength(10);
  expect(world.mdk(["logs", "--since", "yesterday", "lines"])).toMatchObject({ status: 1, stderr: 'mdk: invalid value for "since": failed to parse value as time or duration: "yesterday"\n' });
  expect(world.ok("logs", "--details", "-n", "1", "lines")).toBe(" 10");
  expect(world.ok("logs", "--details", "-t", "-n", "1", "lines")).toMatch(/Z  10$/);
});

test("--details shows what another engine's --log-opt labels and env noted with a line; mdk's own refuses those by name", () => {
  ended("noted", "echo plain");
  appendFileSync(world.inspect("noted", ".LogPath"), `${JSON.stringify({ log: "labelled\n", stream: "stdout", attrs: { zone: "a b,c", env: "it's=1", app: "ü" }, time: new Date().toISOString() })}\n`);
  expect(world.ok("logs", "--details", "noted")).toBe(" plain\napp=%C3%BC,env=it%27s%3D1,zone=a+b%2Cc labelled");
  expect(world.ok("logs", "noted")).toBe("plain\nlabelled");
  for (const option of ["labels", "env", "labels-regex", "env-regex"]) {
    expect(world.mdk(["create", "--log-opt", `${option}=x`, busybox])).toMatchObject({ status: 1, stderr: expect.stringContaining(`log opt '${option}' is not supported by this version of mdk`) });
  }
});

test("-f with --tail shows the last lines there are, and all that come", async () => {
  world.ok("run", "-d", "--name", "short", busybox, "sh", "-c", "seq 20; while [ ! -e /go ]; do sleep 0.05; done; echo late");
  await until(() => world.ok("logs", "short").endsWith("20"), "it has written");
  const follower = world.spawn(["logs", "-f", "--tail", "3", "short"], "ignore");
  world.mdk(["exec", "short", "touch", "/go"]); // the container's end may come before its own
  expect(await new Response(follower.stdout).text()).toBe("18\n19\n20\nlate\n");
});

test("-f shows what comes until the end, and across a rotation", async () => {
  world.ok("run", "-d", "--name", "long", "--log-opt", "max-size=20k", "--log-opt", "max-file=3", busybox, "sh", "-c", "i=0; while [ $i -lt 8 ]; do seq $((i*100+1)) $((i*100+100)); i=$((i+1)); sleep 0.1; done");
  const follower = world.spawn(["logs", "-f", "long"], "ignore");
  const lines = (await new Response(follower.stdout).text()).trimEnd().split("\n").map(Number);
  expect(await follower.exited).toBe(0);
  expect(lines).toEqual(Array.from({ length: 800 }, (_, index) => index + 1));
});

test("-f ends when --until is past, though the container goes on", async () => {
  world.ok("run", "-d", "--name", "on", busybox, "sh", "-c", "i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done");
  const now = new Date();
  const follower = world.spawn(["logs", "-f", "--until", new Date(now.getTime() + 900).toISOString(), "on"], "ignore");
  const text = await new Response(follower.stdout).text();
  expect(await follower.exited).toBe(0);
  expect(Date.now() - now.getTime()).toBeLessThan(5_000);
  expect(text).toStartWith("0\n1\n");
  expect(world.inspect("on", ".State.Running")).toBe("true");
});

const MISSING = "mdk: earlier lines are missing: the log was rotated and its oldest file removed (--log-opt max-size, max-file)\n";

test("logs tells of lines that were rotated away to who asks for them, and to nobody else", () => {
  ended("whole", "seq 1 1000", "--log-opt", "max-size=64k", "--log-opt", "max-file=4");
  expect(world.mdk(["logs", "whole"]).stderr).toBe("");
  ended("cut", "seq 1 3000", "--log-opt", "max-size=64k", "--log-opt", "max-file=2");
  const all = world.mdk(["logs", "cut"]);
  expect(all.stderr).toBe(MISSING);
  expect(Number(all.stdout.split("\n")[0])).toBeGreaterThan(1);
  expect(world.mdk(["logs", "--tail", "5", "cut"])).toEqual({ status: 0, stdout: "2996\n2997\n2998\n2999\n3000\n", stderr: "" });
  expect(world.mdk(["logs", "--tail", "5000", "cut"]).stderr).toBe(MISSING);
  const first = world.ok("logs", "-t", "cut").split(" ")[0]!;
  expect(world.mdk(["logs", "--since", first, "cut"]).stderr).toBe("");
});

test("the log is rotated by --log-opt, and logs reads all its files in order", () => {
  ended("rotated", "seq 1 3000", "--log-opt", "max-size=64k", "--log-opt", "max-file=2");
  const path = world.inspect("rotated", ".LogPath");
  const files = readdirSync(dirname(path)).filter((name) => /-json\.log(\.\d+)?$/.test(name)).sort();
  expect(files).toHaveLength(2);
  for (const name of files) expect(statSync(join(dirname(path), name)).size).toBeLessThanOrEqual(65_536 + 200);
  expect(statSync(path).mode & 0o777).toBe(0o640);
  const lines = world.ok("logs", "rotated").split("\n").map(Number);
  expect(lines.at(-1)).toBe(3000);
  expect(lines[0]).toBeGreaterThan(1);
  for (const [index, line] of lines.entries()) expect(line).toBe(lines[0]! + index);
});

test("--log-driver none keeps nothing, and says so", () => {
  expect(world.mdk(["run", "--name", "silent", "--log-driver", "none", busybox, "echo", "shown"]).stdout).toBe("shown\n");
  expect(world.mdk(["logs", "silent"])).toMatchObject({ status: 1, stderr: expect.stringContaining("configured logging driver does not support reading") });
  expect(world.mdk(["run", "--log-driver", "syslog", busybox])).toMatchObject({ status: 125, stderr: expect.stringContaining("no log driver named 'syslog' is registered") });
  expect(world.mdk(["run", "--log-opt", "nonsense=1", busybox])).toMatchObject({ status: 125, stderr: expect.stringContaining("unknown log opt 'nonsense' for json-file log driver") });
});

test("a reader that goes away ends logs -f", async () => {
  world.ok("run", "-d", "--name", "endless", busybox, "sh", "-c", "while :; do echo line; sleep 0.02; done");
  const piped = Bun.spawn(["sh", "-c", `${world.words("logs", "-f", "endless").join(" ")} | head -n 3`], { stdout: "pipe" });
  const limit = setTimeout(() => piped.kill("SIGKILL"), 10_000);
  expect(await new Response(piped.stdout).text()).toBe("line\nline\nline\n");
  await piped.exited;
  clearTimeout(limit);
  expect(piped.signalCode).toBe(null); // the shell waits for both ends of the pipe
});
