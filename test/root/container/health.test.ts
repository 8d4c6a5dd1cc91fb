/** Health checks: moby's states and rules, by probes that the monitor starts itself; what is done about the unhealthy; waiting for the healthy. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { descendants, until } from "../../helpers/mdk.ts";
import { baseLayer, openStage } from "../../helpers/stage.ts";

useBusyboxWorld();

interface Health {
  readonly Status: string;
  readonly FailingStreak: number;
  readonly Log: readonly { readonly Start: string; readonly End: string; readonly ExitCode: number; readonly Output: string }[];
}
const health = (name: string): Health => JSON.parse(world.ok("inspect", "-f", "{{json .State.Health}}", name)) as Health;
const word = (name: string): string => world.inspect(name, ".State.Health.Status");
const run = (name: string, command: string, ...flags: string[]): string =>
  world.ok("run", "-d", "--name", name, "--health-cmd", command, "--health-interval", "100ms", "--health-retries", "2", ...flags, busybox, "sleep", "1000");

test("starting, healthy, unhealthy and back, with what the probes said", async () => {
  run("ill", "echo looking; test ! -e /ill");
  await until(() => word("ill") === "healthy", "it is healthy");
  expect(world.ok("ps", "--format", "{{.Status}}")).toMatch(/^Up .* \(healthy\)$/);
  world.ok("exec", "ill", "touch", "/ill");
  await until(() => word("ill") === "unhealthy", "it is unhealthy");
  const { FailingStreak, Log } = health("ill");
  expect(FailingStreak).toBeGreaterThanOrEqual(2);
  expect(Log.at(-1)).toEqual({ Start: expect.stringMatching(/^\d{4}-.*Z$/), End: expect.stringMatching(/^\d{4}-.*Z$/), ExitCode: 1, Output: "looking\n" });
  expect([world.ok("ps", "-q", "-f", "health=unhealthy"), world.ok("ps", "-q", "-f", "health=healthy")]).toEqual([world.inspect("ill", ".Id").slice(0, 12), ""]);
  world.ok("exec", "ill", "rm", "/ill");
  await until(() => word("ill") === "healthy", "it is healthy again");
  expect(health("ill").FailingStreak).toBe(0);
  await until(() => health("ill").Log.length === 5, "five results are kept");
  await Bun.sleep(300);
  expect(health("ill").Log).toHaveLength(5);
  expect(world.ok("stop", "-t", "0", "ill")).toBe("ill");
  expect(world.ok("ps", "-a", "--format", "{{.Status}}")).toMatch(/^Exited/);
  world.ok("rm", "ill");
});

test("no process of Bun's is there, and none stays", async () => {
  run("lean", "true");
  await until(() => health("lean").Log.length >= 3, "three probes have been");
  const mine = (): string[] => readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
      return "";
    }
  }).filter((line) => line.includes(world.runRoot));
  for (let look = 0; look < 20; look++) {
    expect(mine()).toEqual([]);
    await Bun.sleep(15);
  }
  const cage = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${world.pid("lean")}/status`, "utf8"))![1]);
  // At rest: the cage, the container's own process, and at most one probe with its monitor.
  expect(descendants(cage).length).toBeLessThanOrEqual(4);
  world.ok("rm", "-f", "lean");
});

test("a probe that takes too long is killed, and has failed", async () => {
  run("slow", "echo begun; sleep 977", "--health-timeout", "200ms");
  await until(() => word("slow") === "unhealthy", "it is unhealthy");
  expect(health("slow").Log.at(-1)).toMatchObject({ ExitCode: -1, Output: "Health check exceeded timeout (200ms): begun\n" });
  await until(() => world.ok("top", "slow", "-o", "args").split("\n").slice(1).filter((line) => line.includes("977")).length <= 2, "earlier probes are gone");
  world.ok("rm", "-f", "slow");
});

test("what cannot be run is told as exec tells it; more output than 4096 bytes is cut; --no-healthcheck looks at nothing", async () => {
  world.ok("run", "-d", "--name", "none", "--health-cmd", "/not/there", "--health-interval", "100ms", busybox, "sleep", "1000");
  await until(() => health("none").Log.length > 0, "it was tried");
  expect(health("none").Log[0]).toMatchObject({ ExitCode: 127, Output: expect.stringContaining("/not/there: not found") });
  run("loud", "head -c 300000 /dev/zero | tr '\\0' x");
  await until(() => health("loud").Log.length > 0, "it has spoken");
  expect(health("loud").Log[0]).toMatchObject({ ExitCode: 0, Output: "x".repeat(4096) });
  world.ok("run", "-d", "--name", "unseen", "--no-healthcheck", busybox, "sleep", "1000");
  expect(world.ok("inspect", "-f", "{{json .Config.Healthcheck.Test}} {{json .State.Health}}", "unseen")).toBe('["NONE"] null');
  world.removeAll();
});

test("nobody looks at the paused, and a probe that is frozen has its time afterwards", async () => {
  run("frozen", "sleep 0.1; echo looked", "--health-timeout", "400ms", "--health-on-failure", "kill");
  await until(() => word("frozen") === "healthy", "it is healthy");
  for (let round = 0; round < 3; round++) {
    world.ok("pause", "frozen");
    const before = health("frozen").Log.at(-1);
    await Bun.sleep(1_200);
    expect(health("frozen").Log.at(-1)).toEqual(before!);
    world.ok("unpause", "frozen");
    await until(() => health("frozen").Log.at(-1)!.End !== before!.End, "it is looked at again");
  }
  expect(health("frozen")).toMatchObject({ Status: "healthy", FailingStreak: 0, Log: expect.not.arrayContaining([expect.objectContaining({ ExitCode: -1 })]) });
  world.ok("rm", "-f", "frozen");
});

test("what a probe says is what it says, be it like a report of the shim's", async () => {
  for (const [index, text] of ['{"failed":null}', '{"failed":{"step":"exec","call":"execve","errno":2,"object":"/bin/x"}}'].entries()) {
    run(`liar${index}`, `echo '${text}'; exit 1`);
    await until(() => health(`liar${index}`).Log.length > 0, "it has spoken");
    expect(health(`liar${index}`).Log[0]).toMatchObject({ ExitCode: 1, Output: `${text}\n` });
  }
  world.removeAll();
});

test("one that does not run is not healthy: it counts as unhealthy, and who waits goes on waiting", async () => {
  world.ok("create", "--name", "ended", "--health-cmd", "true", "--health-interval", "50ms", "--restart", "always", busybox, "sh", "-c", "sleep 0.3; exit 1");
  expect(world.ok("ps", "-aq", "-f", "health=none")).not.toBe("");
  world.ok("start", "ended");
  await until(() => world.inspect("ended", ".RestartCount") === "3" && world.inspect("ended", ".State.Status") === "restarting", "it waits for 800 ms");
  expect(word("ended")).toBe("unhealthy");
  expect(world.mdk(["wait", "--condition", "healthy", "--timeout", "200ms", "ended"])).toMatchObject({ status: 1, stderr: expect.stringContaining("is not healthy after 0.2 seconds") });
  world.ok("stop", "ended");
  expect([word("ended"), world.ok("ps", "-aq", "-f", "health=healthy"), world.ok("ps", "-aq", "-f", "health=unhealthy")]).toEqual(["unhealthy", "", world.inspect("ended", ".Id").slice(0, 12)]);
  world.ok("rm", "ended");
});

test("in the start period failures do not count, and probes come at its own interval", async () => {
  world.ok("run", "-d", "--name", "young", "--health-cmd", "test -e /up", "--health-interval", "1h", "--health-retries", "1", "--health-start-period", "1h", "--health-start-interval", "100ms", busybox, "sleep", "1000");
  await until(() => health("young").Log.length >= 3, "it was looked at often");
  expect(health("young")).toMatchObject({ Status: "starting", FailingStreak: 0 });
  world.ok("exec", "young", "touch", "/up");
  await until(() => word("young") === "healthy", "one success ends the period");
  world.ok("rm", "-f", "young");
});

test("probes run as the container's user, with its environment, directory and limits", async () => {
  run("same", "echo $(id -u) $HOME $KIND $(pwd) $(cat /proc/self/cgroup | wc -l) $(grep CapEff /proc/self/status)", "-u", "1000", "-e", "KIND=x", "-w", "/tmp");
  await until(() => health("same").Log.length > 0, "it was looked at");
  const own = world.ok("exec", "same", "sh", "-c", "echo $(id -u) $HOME $KIND $(pwd) $(cat /proc/self/cgroup | wc -l) $(grep CapEff /proc/self/status)");
  expect(health("same").Log[0]!.Output).toBe(`${own}\n`);
  expect(own).toMatch(/^1000 \/\S* x \/tmp \d+ CapEff: 0+$/);
  world.ok("rm", "-f", "same");
});

test("--health-on-failure kills, stops or restarts the unhealthy; a policy starts the killed again", async () => {
  run("killed", "test ! -e /bad", "--health-on-failure", "kill");
  run("stopped", "test ! -e /bad", "--health-on-failure", "stop", "--stop-timeout", "0");
  run("restarted", "test ! -e /tmp/bad", "--health-on-failure", "restart", "--stop-timeout", "0", "--tmpfs", "/tmp");
  run("again", "test ! -e /tmp/bad", "--health-on-failure", "kill", "--restart", "on-failure", "--tmpfs", "/tmp");
  const first = world.pid("restarted");
  for (const name of ["killed", "stopped"]) world.ok("exec", name, "touch", "/bad");
  for (const name of ["restarted", "again"]) world.ok("exec", name, "touch", "/tmp/bad");
  const state = (name: string): string => world.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);
  await until(() => state("killed") === "exited 137" && state("stopped") === "exited 137", "two have ended");
  await until(() => state("restarted") === "running 0" && world.pid("restarted") !== first && word("restarted") === "healthy", "one was restarted");
  await until(() => state("again") === "running 0" && world.inspect("again", ".RestartCount") === "1" && word("again") === "healthy", "its policy has started the other");
  expect(world.ok("events", "--since", "1h", "--until", "0s", "-f", "container=killed", "-f", "event=health_status", "--format", "{{.Action}}")).toBe("health_status: unhealthy");
  world.removeAll();
});

test("an image's HEALTHCHECK is carried out; what of it is not there is told as exec tells it; flags change parts of it", async () => {
  const stage = openStage();
  try {
    const check = { Test: ["CMD", "/bin/nothing", "x"], Interval: 100e6, Retries: 1 };
    const image = await stage.image([baseLayer()], { Healthcheck: check });
    const healthOf = async (name: string): Promise<Health> => JSON.parse((await stage.mdk("inspect", "-f", "{{json .State.Health}}", name)).out) as Health;
    expect((await stage.mdk("run", "-d", "--network", "none", "--name", "made", image, "sleep", "1000")).code).toBe(0);
    await until(async () => (await healthOf("made")).Status === "unhealthy", "it was looked at");
    expect((await healthOf("made")).Log[0]).toMatchObject({ ExitCode: -1, Output: 'OCI runtime exec failed: exec failed: unable to start container process: exec: "/bin/nothing": stat /bin/nothing: no such file or directory: unknown' });
    expect((await stage.mdk("run", "-d", "--network", "none", "--name", "other", "--health-cmd", "true", image, "sleep", "1000")).code).toBe(0);
    await until(async () => (await healthOf("other")).Status === "healthy", "the flag's command was run, at the image's interval");
    expect((await stage.mdk("inspect", "-f", "{{json .Config.Healthcheck}}", "other")).out).toBe('{"Test":["CMD-SHELL","true"],"Interval":100000000,"Retries":1}\n');
  } finally {
    await stage.end();
  }
});

test("wait for what it is to become", async () => {
  run("soon", "test -e /up");
  expect(world.mdk(["wait", "--condition", "healthy", "--timeout", "300ms", "soon"])).toEqual({ status: 1, stdout: "", stderr: "mdk: container soon is not healthy after 0.3 seconds\n" });
  const waiting = world.spawn(["wait", "--condition", "healthy", "soon"], "ignore");
  world.ok("exec", "soon", "touch", "/up");
  expect([await waiting.exited, await new Response(waiting.stdout).text()]).toEqual([0, "0\n"]);
  expect(world.ok("wait", "--condition", "running", "soon")).toBe("0");
  const gone = world.spawn(["wait", "--condition", "removed", "soon"], "ignore");
  await Bun.sleep(100);
  world.ok("stop", "-t", "0", "soon");
  expect(world.ok("wait", "--condition", "exited", "--timeout", "5s", "soon")).toBe("137");
  expect(world.mdk(["wait", "--condition", "healthy", "soon"])).toMatchObject({ status: 1, stderr: expect.stringContaining("has ended with status 137 before it was ready") });
  world.ok("rm", "soon");
  expect([await gone.exited, await new Response(gone.stdout).text()]).toEqual([0, "137\n"]);
  world.ok("run", "-d", "--name", "plain", busybox, "sleep", "1000");
  expect(world.mdk(["wait", "--condition", "healthy", "plain"])).toMatchObject({ status: 1, stderr: expect.stringContaining("has no health check") });
  expect(world.mdk(["wait", "--condition", "happy", "plain"])).toMatchObject({ status: 125, stderr: expect.stringContaining('invalid condition "happy"') });
  world.ok("rm", "-f", "plain");
});

test("run -d --wait returns when it is healthy, or its ports answer, and tells why it does not", async () => {
  const begun = performance.now();
  world.ok("run", "-d", "--wait", "--name", "heal", "--health-cmd", "test -e /up", "--health-interval", "50ms", busybox, "sh", "-c", "sleep 0.4; touch /up; sleep 1000");
  expect(word("heal")).toBe("healthy");
  expect(performance.now() - begun).toBeGreaterThan(400);
  world.ok("run", "-d", "--wait=10s", "--name", "serves", "-p", "127.0.0.1::80", busybox, "sh", "-c", "sleep 0.4; echo page >/index.html; exec httpd -f -p 80 -h /");
  const address = world.ok("port", "serves", "80");
  expect(await (await fetch(`http://${address}/`)).text()).toBe("page\n");
  expect(world.mdk(["run", "-d", "--wait", "--name", "dies", "-p", "80", busybox, "sh", "-c", "echo one; echo two >&2; exit 3"]))
    .toMatchObject({ status: 1, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/), stderr: "one\ntwo\nmdk: container dies has ended with status 3 before it was ready\n" });
  expect(world.mdk(["run", "-d", "--wait=300ms", "--name", "never", "-p", "80", busybox, "sh", "-c", "echo waiting; sleep 1000"]))
    .toMatchObject({ status: 1, stderr: "waiting\nmdk: container never is not ready: its published ports do not answer after 0.3 seconds\n" });
  expect(world.inspect("never", ".State.Status")).toBe("running");
  expect(world.mdk(["run", "--rm", "--wait", busybox, "true"])).toMatchObject({ status: 125, stderr: expect.stringContaining("--wait is for --detach") });
  world.removeAll();
});

test("flags that say what may not be are refused in Docker's words", () => {
  for (const [flags, message] of [
    [["--no-healthcheck", "--health-cmd", "true"], "--no-healthcheck conflicts with --health-* options"],
    [["--health-interval=-1s"], "--health-interval cannot be negative"],
    [["--health-cmd", "true", "--health-start-period=-1s"], "--health-start-period cannot be negative"],
    [["--health-cmd", "true", "--health-interval", "1us"], "Interval in Healthcheck cannot be less than 1ms"],
    [["--health-interval", "soon"], 'time: invalid duration "soon"'],
    [["--health-on-failure", "weep"], "it must be one of none, kill, restart, stop"],
  ] as const) expect([flags, world.mdk(["run", ...flags, busybox, "true"])]).toEqual([flags, { status: 125, stdout: "", stderr: expect.stringContaining(message) }]);
});
