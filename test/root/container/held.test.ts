/** Who is in the way of a command that ends a container is waited for, not without end, and named. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { parentOf, statusOf, until, World } from "../../helpers/mdk.ts";

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
    const others = [["diff", id], ["commit", id], ["export", "-o", join(world.folder, "held.tar"), id], ["cp", `${id}:/etc`, "-"], ["rename", id, "other"], ["update", "--memory", "64m", id], ["pause", id]];
    for (const { status, stderr } of await together(["rm", "worked-on"], ["start", "worked-on"], ["rm", "-f", "worked-on"], ...others)) {
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
      // A dead process has no namespaces any more.
      expect(stderr).not.toContain("time namespace");
    }
  } finally {
    process.kill(monitor, "SIGCONT");
  }
  expect(world.ok("wait", "asleep")).toBe("137");
  world.ok("rm", "asleep");
}

/** A stopped monitor keeps clean no longer than others, and is named; what does not hang on it is taken away. */
async function stoppedMonitorCleaned(): Promise<void> {
  const own = new World();
  const archive = join(own.folder, "image.tar");
  world.ok("save", "-o", archive, busybox);
  own.ok("load", "-q", "-i", archive);
  const id = own.ok("run", "-d", "--network", "none", busybox, "sleep", "1000");
  const other = own.ok("run", "-d", "--network", "none", busybox, "sleep", "1000");
  const monitor = parentOf(parentOf(own.pid(id)));
  process.kill(monitor, "SIGSTOP");
  try {
    const began = performance.now();
    const command = own.spawn(["clean", "-f"], "ignore");
    const [out, told] = await Promise.all([new Response(command.stdout).text(), new Response(command.stderr).text()]);
    expect(await command.exited).toBe(1);
    expect(performance.now() - began).toBeLessThan(25_000);
    expect(out).toBe(`${other}\n`);
    expect(told).toContain(`mdk: tried to kill container ${id}, but it did not end within 10 seconds: process ${monitor} (mdk-shim run), which is stopped`);
  } finally {
    process.kill(monitor, "SIGCONT");
    own.close();
  }
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

/** Lies in wait for the next process of its pid namespace and holds it: says so on its standard output. */
const TRACER = `import ctypes, os, time
ptrace = ctypes.CDLL(None).ptrace
ptrace.argtypes = [ctypes.c_long] * 4
own = os.getpid()
os.write(1, b"waits")
while True:
    for pid in range(own + 1, own + 100):
        if ptrace(0x4206, pid, 0, 0) == 0:
            ptrace(0x4207, pid, 0, 0)
            os.write(1, b"caught")
            time.sleep(1000)
`;

/** An exec'd process that the container holds before its execve, as one of its own with CAP_SYS_PTRACE can: its client ends, and it is killed. */
async function traced(): Promise<void> {
  world.ok("run", "-d", "--name", "traced", "--cap-add", "SYS_PTRACE", busybox, "sleep", "1000");
  const init = world.pid("traced");
  for (let attempt = 0; ; attempt++) {
    const tracer = Bun.spawn(["nsenter", "--target", String(init), "--pid", "python3", "-c", TRACER], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    const told = tracer.stdout.getReader();
    await told.read();
    const command = world.spawn(["exec", "traced", "true"], "ignore");
    const caught = await Promise.race([told.read().then(() => true), command.exited.then(() => false)]);
    const held = caught ? heldBy(init, tracer.pid) : null;
    // Caught too late, it is a program like any other that does not end.
    const inTime = held !== null && isShim(held);
    if (inTime) {
      expect(await new Response(command.stderr).text()).toStartWith("mdk: the process did not begin in time\n");
      expect(await command.exited).toBe(1);
      await until(() => ["Z", "X"].includes(statusOf(held, "State")?.[0] ?? "X"), "it is killed", 30_000);
    }
    for (const pid of [...childrenOf(tracer.pid), tracer.pid]) process.kill(pid, "SIGKILL");
    await tracer.exited;
    await command.exited;
    if (inTime) return;
    expect(attempt).toBeLessThan(100);
  }
}

/** Executed through a mount of that one file, its path is that mount's root. */
function isShim(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === "/";
  } catch {
    return false; // it has ended
  }
}

const childrenOf = (parent: number): number[] => readdirSync("/proc").map(Number).filter((pid) => pid > 0 && parentOf(pid) === parent);

/** The process in the container that a tracer below `nsenter` holds. */
function heldBy(init: number, nsenter: number): number | null {
  const tracers = childrenOf(nsenter);
  return readdirSync("/proc").map(Number).find((pid) => pid > 0 && pid !== init && tracers.includes(Number(statusOf(pid, "TracerPid")))) ?? null;
}

test("a stopped op lock holder, a stopped monitor, for clean too, another time namespace, a frozen cgroup, a tracer: all at once, since each costs its patience", async () => {
  await Promise.all([stoppedHolder(), stoppedMonitor(), stoppedMonitorCleaned(), otherTime(), frozen(), traced()]);
}, 90_000);

test("a run root that is a link to nowhere is an error, not a loop", () => {
  const link = join(world.folder, "link");
  symlinkSync(join(world.folder, "nowhere"), link);
  const done = Bun.spawnSync(world.words("run", "--rm", busybox, "true").map((word) => (word === world.runRoot ? link : word)), { timeout: 20_000, killSignal: "SIGKILL" });
  expect(done.stderr.toString()).toStartWith(`mdk: the run root ${link} is a symbolic link that leads nowhere\n`);
  expect(done.exitCode).toBe(125);
  rmSync(link);
});
