/** Limits that limit: processor time, memory, processes; read by the host from /proc and the cgroup files. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { alive, descendants, parentOf, startWorld, statusOf, until } from "../../helpers/mdk.ts";
import { testIf } from "../../helpers/requires.ts";

let world: Awaited<ReturnType<typeof startWorld>>;
let busybox: string;
let debian: string;
beforeAll(async () => {
  world = await startWorld("busybox", "debian");
  [busybox, debian] = [world.image("busybox"), world.image("debian")];
});
afterEach(() => world.removeAll());
afterAll(() => world?.close());

/** Seconds of processor time that a process has used: proc_pid_stat(5). */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

test("`yes >/dev/null` with --cpus 0.25 takes a quarter of one processor", async () => {
  world.ok("run", "-d", "--name", "busy", "--cpus", "0.25", "--memory", "100M", debian, "sh", "-c", "exec yes >/dev/null");
  const pid = world.pid("busy");
  const [before, started] = [processorSeconds(pid), performance.now()];
  await Bun.sleep(5000);
  const share = (processorSeconds(pid) - before) / ((performance.now() - started) / 1000);
  expect(share).toBeGreaterThan(0.05); // a loaded machine may give less than it allows
  expect(share).toBeLessThan(0.3);
});

test("PID 1 beyond the memory limit: 137 and OOMKilled; a killed child leaves PID 1 its status", () => {
  expect(world.mdk(["run", "--name", "hog", "--memory", "50M", "--memory-swap", "50M", debian, "perl", "-e", "$a = 'x' x (300 << 20); print length $a"]).status).toBe(137);
  expect(world.ok("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "hog")).toBe("true 137");
  expect(world.mdk(["run", "--name", "parent", "--memory", "50M", "--memory-swap", "50M", debian, "sh", "-c", "perl -e '$a = \"x\" x (300 << 20)'; echo child=$?; exit 5"])).toMatchObject({ status: 5, stdout: "child=137\n" });
  expect(world.ok("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "parent")).toBe("true 5");
  expect(world.mdk(["run", "--name", "stress", "--memory", "100M", "--memory-swap", "100M", debian, "stress", "--vm", "1", "--vm-bytes", "200M", "--vm-hang", "0"]).status).toBe(1);
  expect(world.inspect("stress", ".State.OOMKilled")).toBe("true");
  expect(world.mdk(["run", "--name", "fine", "--memory", "100M", debian, "true"]).status).toBe(0);
  expect(world.inspect("fine", ".State.OOMKilled")).toBe("false");
});

test("an exec into a container that is at its limit of processes says so", () => {
  const id = world.ok("run", "-d", "--pids-limit", "3", busybox, "sh", "-c", "sleep 100 & sleep 100 & echo full; wait");
  while (world.ok("logs", id) !== "full") Bun.sleepSync(5);
  const { status, stderr } = world.mdk(["exec", id, "true"]);
  expect([status, stderr]).toEqual([125, expect.stringContaining("the container is at its limit of processes")]);
});

test("--pids-limit, --cpuset-cpus, --shm-size", () => {
  expect(world.mdk(["run", "--rm", "--pids-limit", "5", busybox, "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait"]).stderr).toContain("fork");
  expect(world.mdk(["run", "--rm", "--cpuset-cpus", "0", busybox, "grep", "Cpus_allowed_list", "/proc/self/status"]).stdout).toBe("Cpus_allowed_list:\t0\n");
  expect(world.mdk(["run", "--rm", "--shm-size", "1M", busybox, "sh", "-c", "df -k /dev/shm | tail -n 1 | awk '{print $2}'"]).stdout).toBe("1024\n");
});

/** Clears PDEATHSIG, as a setuid program would, changes its user, and ignores what can be ignored. */
const STUBBORN = `
syscall(157, 1, 0, 0, 0, 0) if $^V; # prctl(PR_SET_PDEATHSIG, 0)
$< = $> = 1000; $SIG{TERM} = $SIG{HUP} = 'IGNORE';
fork(); syscall(157, 1, 0, 0, 0, 0); sleep 1000 while 1;`;

testIf(process.arch === "x64", "the numbers of system calls are x86_64's")("SIGKILL of the monitor takes the whole container along, whatever its PID 1 did; ps -a says Exited (255)", async () => {
  world.ok("run", "-d", "--name", "plain", debian, "sh", "-c", "sleep 1000 & wait");
  world.ok("run", "-d", "--name", "user", "-u", "1000", debian, "sh", "-c", "sleep 1000 & wait");
  world.ok("run", "-d", "--name", "stubborn", debian, "perl", "-e", STUBBORN);
  const names = ["plain", "user", "stubborn"];
  await until(() => names.every((name) => descendants(world.pid(name)).length === 2), "two processes each");
  await until(() => statusOf(world.pid("stubborn"), "Uid")!.startsWith("1000"), "its setuid");
  const monitors = names.map((name) => parentOf(parentOf(world.pid(name))));
  const family = monitors.flatMap((monitor) => descendants(monitor));
  expect(family.length).toBe(3 * 4);
  for (const monitor of monitors) {
    expect(readFileSync(`/proc/${monitor}/comm`, "utf8")).toBe("mdk-shim\n");
    process.kill(monitor, "SIGKILL");
  }
  await until(() => !family.some(alive), "the end of all of them");
  for (const name of names) expect(world.ok("ps", "-a", "-f", `name=${name}`, "--format", "{{.Status}}")).toMatch(/^Exited \(255\) /);
  expect(world.ok("wait", "plain")).toBe("255");
  world.ok("start", "plain");
  expect(world.inspect("plain", ".State.Running")).toBe("true");
});

test("an orphan of the container's is reaped by its PID 1 or goes with it", async () => {
  world.ok("run", "-d", "--name", "forks", "--init", busybox, "sh", "-c", "(setsid sleep 1000 &); sleep 1000");
  const cage = parentOf(world.pid("forks"));
  await until(() => descendants(cage).length === 4, "its processes");
  const all = descendants(cage);
  world.ok("kill", "forks");
  await until(() => !all.some(alive), "their end");
});
