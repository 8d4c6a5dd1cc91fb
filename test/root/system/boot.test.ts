/** After a boot: what ran is known to have ended, and those whose policy says so run again; the unit that does it is one that systemd takes. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { alive, descendants, monitorsOf, until } from "../../helpers/mdk.ts";
import { hasTool, testIf } from "../../helpers/requires.ts";

useBusyboxWorld();

const state = (name: string): string => world.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);

/** Monitors, and commands on the same run root. */
function ours(): number[] {
  const commands = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && commandLine(name).includes(world.runRoot)).map(Number);
  return [...new Set([...monitorsOf(world.runRoot), ...commands])].filter(alive);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** As a power cut: every process dies at once, and the run root is a new tmpfs. */
async function reboot(): Promise<void> {
  const all = new Set<number>();
  // One that waits for its restart becomes the command that does it, which begins another monitor.
  for (let begun = ours(); begun.length > 0; begun = ours()) {
    for (const pid of descendants(...begun)) all.add(pid);
    for (const pid of begun) Bun.spawnSync(["kill", "-9", String(pid)]); // it may be gone by now
    await until(() => ![...all].some(alive), "all are gone");
  }
  rmSync(world.runRoot, { recursive: true, force: true });
}

test("always, unless-stopped, on-failure and no after a power cut", async () => {
  const policies = { always: "always", unless: "unless-stopped", fails: "on-failure", never: "no" };
  for (const [name, policy] of Object.entries(policies)) world.ok("run", "-d", "--name", name, "--restart", policy, busybox, "sleep", "1000");
  // Those that their user has stopped before: only `always` comes back.
  for (const policy of ["always", "unless-stopped"]) {
    world.ok("run", "-d", "--name", `stopped-${policy}`, "--restart", policy, busybox, "sleep", "1000");
    world.ok("stop", "-t", "0", `stopped-${policy}`);
  }
  world.ok("run", "-d", "--name", "waits", "--restart", "always", busybox, "sh", "-c", "sleep 0.3; exit 1");
  await until(() => state("waits").startsWith("restarting"), "it waits for its restart");
  world.ok("create", "--name", "made", "--restart", "unless-stopped", busybox, "sleep", "1000");
  await reboot();
  expect(state("never")).toBe("exited 255");
  expect(world.ok("system", "boot").split("\n").toSorted()).toEqual(["always", "fails", "stopped-always", "unless", "waits"]);
  expect(state("made")).toBe("created 0"); // moby, daemon.go restore: HasBeenStartedBefore
  for (const name of ["always", "unless", "fails", "stopped-always"]) expect([name, state(name)]).toEqual([name, "running 0"]);
  expect([state("never"), state("stopped-unless-stopped")]).toEqual(["exited 255", "exited 137"]);
  await until(() => Number(world.inspect("waits", ".RestartCount")) > 1, "the one that was waiting goes on by itself");
  expect(world.ok("system", "boot")).toBe("");
  world.removeAll();
});

test("what cannot be started is told, and the others start", async () => {
  world.ok("run", "-d", "--name", "well", "--restart", "always", busybox, "sleep", "1000");
  world.ok("run", "-d", "--name", "lacks", "--restart", "always", "-p", "127.0.0.1:18199:80", busybox, "sleep", "1000");
  await reboot();
  const taken = Bun.listen({ hostname: "127.0.0.1", port: 18199, socket: { data: () => {} } });
  expect(world.mdk(["system", "boot"])).toEqual({ status: 1, stdout: "well\n", stderr: expect.stringContaining("mdk: lacks: ") });
  taken.stop(true);
  expect(world.ok("system", "boot")).toBe("lacks");
  world.removeAll();
});

testIf(hasTool("systemd-analyze"), "needs systemd-analyze")("the unit of system install passes systemd's own check, whatever the paths are called", () => {
  const units = join(world.folder, "unit dir");
  expect(world.mdk(["system", "install", "--unit-dir", units])).toMatchObject({ status: 1, stderr: expect.stringContaining("has no systemd") });
  mkdirSync(units);
  const unit = join(units, "mdk.service");
  expect(world.ok("system", "install", "--unit-dir", units)).toBe(unit);
  expect(readlinkSync(join(units, "multi-user.target.wants/mdk.service"))).toBe(unit);
  const verified = Bun.spawnSync(["systemd-analyze", "verify", "--man=no", unit]);
  expect([verified.exitCode, verified.stderr.toString()]).toEqual([0, ""]);
  expect(readFileSync(unit, "utf8")).toContain(`"--root" "${world.root}" "--run-root" "${world.runRoot}" "system" "boot"`);
  world.ok("system", "install", "--unit-dir", units, "--remove");
  expect([existsSync(unit), existsSync(join(units, "multi-user.target.wants/mdk.service"))]).toEqual([false, false]);
});
