/** Who is in the way of a command that ends a container is waited for, not without end, and named. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { parentOf, statusOf, until } from "../../helpers/mdk.ts";

useBusyboxWorld();

/** Commands at once; each is to end in time. */
async function together(...commands: readonly (readonly string[])[]): Promise<{ status: number; stderr: string }[]> {
  return Promise.all(commands.map(async (args) => {
    const began = performance.now();
    const command = world.spawn(args, "ignore");
    const stderr = await new Response(command.stderr).text();
    const status = await command.exited;
    expect(performance.now() - began).toBeLessThan(25_000);
    return { status, stderr };
  }));
}

/** A stopped process that holds the lock. */
async function lockHolder(path: string): Promise<Bun.Subprocess> {
  const script = "import fcntl, os, signal, struct, sys\nf = open(sys.argv[1], 'r+')\nfcntl.fcntl(f, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))\nos.kill(os.getpid(), signal.SIGSTOP)\n";
  const holder = Bun.spawn(["python3", "-c", script, path], { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  await until(() => statusOf(holder.pid, "State")?.startsWith("T") === true, "the holder has stopped");
  return holder;
}

/** A stopped holder of the op lock is named by what waits for it, and nothing waits for ever. */
async function stoppedHolder(): Promise<void> {
  const id = world.ok("create", "--name", "worked-on", busybox, "true");
  const directory = join(world.runRoot, id);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "op.lock"), "");
  const holder = await lockHolder(join(directory, "op.lock"));
  try {
    const told = `mdk: container ${id} has been worked on by somebody else for 10 seconds: process ${holder.pid} (`;
    for (const { status, stderr } of await together(["rm", "worked-on"], ["start", "worked-on"], ["rm", "-f", "worked-on"])) {
      expect(status).toBe(1);
      expect(stderr).toStartWith(told);
      expect(stderr).toContain(", which is stopped\n");
    }
  } finally {
    holder.kill("SIGKILL");
    await holder.exited;
  }
  world.ok("rm", "worked-on");
}

/** A stopped monitor is named by stop, kill and rm -f; once it goes on, all is well. */
async function stoppedMonitor(): Promise<void> {
  const id = world.ok("run", "-d", "--name", "asleep", busybox, "sleep", "1000");
  const monitor = parentOf(parentOf(world.pid("asleep")));
  process.kill(monitor, "SIGSTOP");
  try {
    for (const { status, stderr } of await together(["stop", "-t", "0", "asleep"], ["rm", "-f", "asleep"], ["kill", "asleep"])) {
      expect(status).toBe(1);
      expect(stderr).toStartWith(`mdk: tried to kill container ${id}, but it did not end within 10 seconds: process ${monitor} (mdk-shim run), which is stopped`);
    }
  } finally {
    process.kill(monitor, "SIGCONT");
  }
  expect(world.ok("wait", "asleep")).toBe("137");
  world.ok("rm", "asleep");
}

/** A command in another time namespace, which cannot tell the container's processes, says so. */
async function otherTime(): Promise<void> {
  world.ok("run", "-d", "--name", "elsewhere", busybox, "sleep", "1000");
  const command = Bun.spawn(["unshare", "--time", "--boottime", "100000", "--fork", ...world.words("rm", "-f", "elsewhere")], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  expect(await new Response(command.stderr).text()).toContain("; this command is in another time namespace than the container's monitor");
  expect(await command.exited).toBe(1);
  world.ok("rm", "-f", "elsewhere");
}

/** Freezes or thaws a container's processes, in whatever hierarchy can. */
function freeze(id: string, frozen: boolean): void {
  const find = (path: string): string | undefined => Bun.spawnSync(["find", path, "-maxdepth", "4", "-type", "d", "-name", id]).stdout.toString().split("\n")[0];
  if (existsSync("/sys/fs/cgroup/freezer")) writeFileSync(`${find("/sys/fs/cgroup/freezer")}/freezer.state`, frozen ? "FROZEN" : "THAWED");
  else writeFileSync(`${find("/sys/fs/cgroup")}/cgroup.freeze`, frozen ? "1" : "0");
}

/** Exec into a frozen container ends with a sentence, and leaves nothing that begins later. */
async function frozen(): Promise<void> {
  const id = world.ok("run", "-d", "--name", "cold", busybox, "sleep", "1000");
  const pid = world.pid("cold");
  freeze(id, true);
  try {
    const [told] = await together(["exec", "cold", "touch", "/begun"]);
    expect(told!.status).toBe(1);
    expect(told!.stderr).toStartWith("mdk: the process did not begin in time\n");
  } finally {
    freeze(id, false);
  }
  const cage = parentOf(pid);
  const children = (): number[] => readdirSync("/proc").map(Number).filter((other) => other > 0 && parentOf(other) === cage);
  await until(() => children().length === 1, "the exec's monitor is gone");
  expect(world.mdk(["exec", "cold", "ls", "/begun"]).status).toBe(1);
}

test("a stopped op lock holder, a stopped monitor, another time namespace, a frozen cgroup: all at once, since each costs its patience", async () => {
  await Promise.all([stoppedHolder(), stoppedMonitor(), otherTime(), frozen()]);
}, 90_000);

test("a run root that is a link to nowhere is an error, not a loop", () => {
  const link = join(world.folder, "link");
  symlinkSync(join(world.folder, "nowhere"), link);
  const done = Bun.spawnSync(world.words("run", "--rm", busybox, "true").map((word) => (word === world.runRoot ? link : word)), { timeout: 20_000, killSignal: "SIGKILL" });
  expect(done.stderr.toString()).toStartWith(`mdk: the run root ${link} is a symbolic link that leads nowhere\n`);
  expect(done.exitCode).toBe(125);
  rmSync(link);
});
