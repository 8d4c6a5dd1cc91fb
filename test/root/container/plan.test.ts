/**
 * Plans of the planner carried out by the real shim and looked at from inside: what golden plans cannot say is whether the
 * kernel takes them.
 */
import { describe, expect, test } from "bun:test";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { detectCgroups } from "../../../src/cgroup/detect.ts";
import { cgroupLayout } from "../../../src/engine/host/facts.ts";
import { statusOf } from "../../../src/cli/exit.ts";
import { failureError } from "../../../src/runtime/failure.ts";
import { bindAttributes } from "../../../src/runtime/mount-options.ts";
import type { PathKind } from "../../../src/runtime/mount-steps.ts";
import type { Run } from "../../../src/runtime/plan.ts";
import { planRun } from "../../../src/runtime/planner.ts";
import { machineOf, seccompFilter } from "../../../src/runtime/seccomp.ts";
import { capabilityMask, DEFAULT_CAPABILITIES } from "../../../src/spec/capabilities.ts";
import { E, errnoText } from "../../../src/sys/errno.ts";
import { SysError } from "../../../src/sys/ffi.ts";
import { mountSetattr, openTree } from "../../../src/sys/mount.ts";
import { busyboxRoot, exited, launch, say } from "../../helpers/shim.ts";
import { goldenSpec, HOST, ID, MONITOR, type Changes } from "../../runtime/golden.ts";

/** What this process may hand on. */
const status = readFileSync("/proc/self/status", "utf8");
const available = BigInt(`0x${/^CapBnd:\s*(\w+)/m.exec(status)?.[1]}`);

interface Outcome {
  readonly output: string;
  readonly code: number;
  /** The sentence, where it could not be started. */
  readonly error: string | null;
}

/** Runs a script (or argv) in a container of the planner's; its output and end. */
async function runContainer(changes: Changes, prepare: (root: string) => void = () => {}): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "mdk-plan-"));
  const fds: number[] = [];
  const open = (path: string, flags: string): number => {
    const fd = openSync(path, flags);
    fds.push(fd);
    return fd;
  };
  try {
    const spec = goldenSpec(
      { files: null, NetworkMode: "none", Env: ["PATH=/bin"], Cmd: ["true"], ...changes },
      { ...HOST, capabilities: available, ipv6: existsSync("/proc/sys/net/ipv6"), hardLimits: {}, devices: [] },
    );
    const root = busyboxRoot();
    fds.push(root);
    for (const directory of ["sys", "etc", "srv"]) mkdirSync(`/proc/self/fd/${root}/${directory}`);
    prepare(`/proc/${process.pid}/fd/${root}`);
    const output = open(join(folder, "output"), "w");
    const filter = await seccompFilter(spec, machineOf(process.arch) ?? "x86_64");
    const started = launch("run", (d, report) => {
      const binds = new Map(spec.mounts.filter((mount) => mount.type === "bind").map((mount) => {
        const attributes = bindAttributes(mount.options);
        const tree = openTree(-100, mount.source, 1 | (attributes.recursive ? 0x8000 : 0));
        mountSetattr(tree, "", 0x1000 | (attributes.recursive ? 0x8000 : 0), {
          set: attributes.attrSet, clear: attributes.attrClr, propagation: attributes.propagation,
        });
        fds.push(tree);
        const kind: PathKind = statSync(mount.source).isDirectory() ? "directory" : "file";
        return [mount.destination, { fd: d.add(tree), kind }] as const;
      }));
      const run: Run = planRun({
        spec, binds, kinds: kindsOf([...spec.linux.maskedPaths, ...spec.linux.readonlyPaths, "/proc/keys"]),
        cgroups: cgroupLayout(detectCgroups()), id: ID,
        monitor: {
          ...MONITOR, hold: [], proxied: [], tasks: [], listener: null, client: null, log: null, record: null, oom: null, client_cleans: true, cleanup: [],
          streams: { ...MONITOR.streams, handed_stdout: d.add(output), handed_stderr: d.add(output) }, tell_after_cleanup: false, health: null,
        },
        runLock: d.add(open(join(folder, "lock"), "w")), opLock: null, report, holdMounts: false, inChroot: false,
        root: d.add(root), cgroup: { v2: null, tasks: [] },
        namespaces: new Map(), groups: new Map(), shm: null, filter, window: null, resolverPort: null,
      });
      steps.push(...run.steps);
      return { run };
    });
    const error = failureOf(started, spec.process.args, spec.process.cwd);
    const end = error === null ? exited(started) : { code: -1 };
    if (error === null) say(started.channel, "d");
    closeSync(started.report);
    closeSync(started.channel);
    await started.launcher.exited;
    return { output: readFileSync(join(folder, "output"), "utf8"), code: end.code, error };
  } finally {
    for (const fd of fds) closeSync(fd);
    steps.length = 0;
    rmSync(folder, { recursive: true });
  }
}

const steps: Run["steps"][number][] = [];

/** Says go and hears whether it runs: null, or the sentence and status. */
function failureOf(started: ReturnType<typeof launch>, args: readonly string[], cwd: string): string | null {
  for (;;) {
    const { report, descriptors } = nextReport(started);
    for (const fd of descriptors) closeSync(fd);
    if (report === null) return null;
    if ("created" in report) sayGo(started.report);
    if ("failed" in report) {
      const error = failureError(report.failed, { operation: "run", args, cwd, steps, sourceOf: () => null, text: errnoText });
      return `${statusOf(error, -1)} ${error.message}`;
    }
  }
}

/** A reset comes once, when "go" was not read, and before what was said. */
function nextReport(started: ReturnType<typeof launch>): ReturnType<typeof started.next> {
  try {
    return started.next();
  } catch (error) {
    if (error instanceof SysError && error.code === "ECONNRESET") return started.next();
    throw error;
  }
}

/** It may have failed, and be gone, already. */
function sayGo(fd: number): void {
  try {
    say(fd, "g");
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== E.EPIPE) throw error;
  }
}

function kindsOf(paths: readonly string[]): Map<string, PathKind> {
  return new Map(paths.filter((path) => existsSync(path)).map((path) => [path, statSync(path).isDirectory() ? "directory" : "file"]));
}

const shell = (script: string): Changes => ({ Cmd: ["sh", "-c", script] });

describe("a container of the planner's", () => {
  test("has Docker's mounts with Docker's options", async () => {
    const { output, error } = await runContainer(shell("cat /proc/self/mountinfo"));
    expect(error).toBe(null);
    const mounts = new Map(output.trim().split("\n").map((line) => {
      const fields = line.split(" ");
      const dash = fields.indexOf("-");
      return [fields[4] as string, `${fields[5]} ${fields[dash + 1]} ${fields[dash + 2]}`];
    }));
    expect(mounts.get("/proc")).toBe("rw,nosuid,nodev,noexec,relatime proc proc");
    expect(mounts.get("/dev")).toBe("rw,nosuid tmpfs tmpfs");
    expect(mounts.get("/dev/pts")).toBe("rw,nosuid,noexec,relatime devpts devpts");
    expect(mounts.get("/dev/shm")).toBe("rw,nosuid,nodev,noexec,relatime tmpfs shm");
    expect(mounts.get("/dev/mqueue")).toBe("rw,nosuid,nodev,noexec,relatime mqueue mqueue");
    expect(mounts.get("/sys")).toBe("ro,nosuid,nodev,noexec,relatime sysfs sysfs");
    expect(mounts.get("/sys/fs/cgroup")).toMatch(/^ro,nosuid,nodev,noexec,relatime (tmpfs|cgroup2) /);
    expect(mounts.get("/proc/sys")).toMatch(/^ro,/);
    if (existsSync("/proc/sysrq-trigger")) expect(mounts.get("/proc/sysrq-trigger")).toMatch(/^ro,/);
    for (const [path, text] of mounts) if (path.startsWith("/sys/fs/cgroup")) expect([path, text]).toEqual([path, expect.stringMatching(/^ro,/)]);
  });

  test("cannot read what is masked nor write what is read-only, as its root", async () => {
    const { output } = await runContainer(shell(`
      cat /proc/kcore /proc/keys /proc/timer_list /proc/interrupts 2>/dev/null | wc -c
      ls /sys/firmware /proc/scsi 2>/dev/null | grep -v : | wc -w
      for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel/uevent_helper; do (echo x > $f) 2>/dev/null && echo wrote $f; done
      echo end`));
    expect(output).toBe("0\n0\nend\n");
  });

  test("has 14 capabilities, a filter, no inheritable ones, and a setuid program keeps its right", async () => {
    const { output } = await runContainer(shell("cat /proc/self/status"));
    const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(output)?.[1] ?? "";
    const expected = (capabilityMask(DEFAULT_CAPABILITIES) & available).toString(16).padStart(16, "0");
    expect([field("CapBnd"), field("CapEff"), field("CapPrm")]).toEqual([expected, expected, expected]);
    expect([field("CapInh"), field("CapAmb")]).toEqual(["0".repeat(16), "0".repeat(16)]);
    expect([field("Seccomp"), field("NoNewPrivs"), field("Seccomp_filters")]).toEqual(["2", "0", "1"]);
  });

  test("runs a user who is not root without capabilities, with his groups only, in a directory that only root may enter", async () => {
    const user = { uid: 1000, gid: 1001, additionalGids: [1001, 27], home: "/" };
    const { output, code } = await runContainer({ ...shell("cat /proc/self/status; pwd; exit 7"), user, WorkingDir: "/srv" }, (root) => Bun.spawnSync(["chmod", "700", `${root}/srv`]));
    expect(output).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m);
    expect(output).toMatch(/^Gid:\t1001\t1001\t1001\t1001$/m);
    expect(output).toMatch(/^Groups:\t27 1001 $/m);
    for (const set of ["CapEff", "CapPrm", "CapAmb", "CapInh"]) expect(output).toMatch(new RegExp(`^${set}:\\t0{16}$`, "m"));
    expect(output).toEndWith("/srv\n");
    expect(code).toBe(7);
  });

  test("takes binds, read-only ones with everything below, a tmpfs and files within it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mdk-bind-"));
    writeFileSync(join(folder, "file"), "hello\n");
    const { output } = await runContainer({
      ...shell("cat /srv/file /run/app/file; (echo x > /srv/file) 2>/dev/null || echo refused; echo y > /run/app/file; df /run | wc -l; mount | grep -c ' /run '"),
      Binds: [`${folder}:/srv:ro`, `${join(folder, "file")}:/run/app/file`], Tmpfs: { "/run": "size=1m" },
    }, (root) => mkdirSync(`${root}/run`));
    expect(output).toMatch(/^hello\nhello\nrefused\n/);
    expect(readFileSync(join(folder, "file"), "utf8")).toBe("y\n");
    expect(readdirSync(folder)).toEqual(["file"]);
    rmSync(folder, { recursive: true });
  });

  test("with --read-only has a root that cannot be written, and /dev/shm that can", async () => {
    const { output } = await runContainer({ ...shell("(touch /x) 2>/dev/null || echo refused; touch /dev/shm/x && echo fine"), ReadonlyRootfs: true });
    expect(output).toBe("refused\nfine\n");
  });

  test("with --privileged is neither masked nor filtered", async () => {
    const { output } = await runContainer({ ...shell("grep Seccomp: /proc/self/status; grep -c ' /proc/' /proc/self/mountinfo; touch /sys/x 2>&1 | grep -c Read-only"), Privileged: true });
    expect(output).toBe("Seccomp:\t0\n0\n0\n");
  });

  test("has its own sysctls of the network and none of the host's changed", async () => {
    const before = readFileSync("/proc/sys/net/ipv4/ping_group_range", "utf8");
    const { output } = await runContainer(shell("cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range"));
    expect(output).toBe("0\n0\t2147483647\n");
    expect(readFileSync("/proc/sys/net/ipv4/ping_group_range", "utf8")).toBe(before);
  });

  test("is refused where /proc or /dev of the image is a link, and nothing is written through it", async () => {
    for (const name of ["proc", "dev"]) {
      const { error } = await runContainer(shell("true"), (root) => Bun.spawnSync(["sh", "-c", `rmdir ${root}/${name} && ln -s /tmp ${root}/${name}`]));
      expect(error).toMatch(new RegExp(`^125 failed to create task for container: .*error mounting /${name}: openat2: too many levels of symbolic links`));
    }
  });

  test("is refused a working directory behind its maker's descriptors", async () => {
    for (let fd = 3; fd < 20; fd++) {
      const { error } = await runContainer({ ...shell("pwd"), WorkingDir: `/proc/self/fd/${fd}` });
      expect(error).toMatch(/chdir to cwd \("\/proc\/self\/fd\/\d+"\) set in config.json failed: (too many levels of symbolic links|no such file or directory)/);
    }
  });

  test("that cannot be run says so in Docker's words, with Docker's status", async () => {
    const errors = async (args: string[]): Promise<string | null> => (await runContainer({ Cmd: args })).error;
    expect(await errors(["nosuch"])).toMatch(/^127 .*exec: "nosuch": executable file not found in \$PATH: unknown$/);
    expect(await errors(["/bin/nosuch"])).toMatch(/^127 .*exec: "\/bin\/nosuch": stat \/bin\/nosuch: no such file or directory: unknown$/);
    expect(await errors(["/tmp"])).toMatch(/^126 .*exec: "\/tmp": permission denied: unknown$/);
    expect((await runContainer({ Cmd: ["true"], WorkingDir: "/nosuch" })).error).toMatch(/^127 .*chdir to cwd \("\/nosuch"\) set in config.json failed: no such file or directory: unknown$/);
  });
});
