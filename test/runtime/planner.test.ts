/**
 * Plans from specs. Golden plans in test/plan/ are what the shim's own tests decode: MDK_UPDATE_GOLDEN=1 rewrites them, and a
 * change in them is read like code. The other tests say in words what must hold of the order.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { planExec, planRun, type ExecInput, type RunInput } from "../../src/runtime/planner.ts";
import type { Plan, Step } from "../../src/runtime/plan.ts";
import { generateExec } from "../../src/spec/exec.ts";
import { CONFIG, goldenSpec, HOST, ID, MONITOR, runInput, V1 } from "./golden.ts";

const USER = { uid: 1000, gid: 1000, additionalGids: [1000, 27], home: "/home/me" };

function everything(): RunInput {
  const spec = goldenSpec({
    Cmd: ["-c", "id"], Entrypoint: ["/bin/sh"], Env: ["A=1", ...CONFIG.Env], WorkingDir: "/srv", user: USER, Domainname: "example.org", Tty: true,
    window: { rows: 24, columns: 80 }, ReadonlyRootfs: true, SecurityOpt: ["no-new-privileges"], CapAdd: ["NET_ADMIN"], CapDrop: ["mknod"],
    Ulimits: [{ Name: "nofile", Soft: 4096, Hard: 8192 }], init: "/run/mdk/shim", OomScoreAdj: 500, Sysctls: { "kernel.shmmax": "65536" },
    Binds: ["/data:/srv:ro", "/data/s.sock:/run/app/s.sock:rshared", "/firmware:/sys/firmware"], Tmpfs: { "/run": "size=1m,exec" },
    joined: { pid: null, ipc: null, network: 4711 },
  });
  return runInput(spec, {
    cgroups: { ...V1, unified: true }, cgroup: { v2: 14, tasks: [15, 16, 17] }, namespaces: new Map([["network", 18]]),
    window: { rows: 40, columns: 132 }, holdMounts: true, inChroot: true, monitor: { ...MONITOR, streams: { ...MONITOR.streams, terminal: true, open_stdin: true } },
  });
}

function exec(changes: Partial<Parameters<typeof generateExec>[1]> = {}, input: Partial<ExecInput> = {}): ExecInput {
  const spec = goldenSpec();
  const process = generateExec(spec, {
    args: ["ls", "-l"], variables: [], containerEnv: ["PATH=/usr/bin:/bin"], env: ["B=2"], workdir: null, user: USER, tty: false, privileged: false, oomScore: null, ...changes,
  }, HOST.capabilities);
  return {
    id: "e".repeat(64), spec, process, monitor: { ...MONITOR, log: null, record: null, cleanup: [] }, cage: 20, init: 21, runLock: 0, report: 2,
    cgroup: { v2: null, tasks: [15] }, keyrings: true, filter: "BgAAAAAA/38=", window: null, ...input,
  };
}

/** In another container's pid and IPC namespaces, and the host's others. */
function joined(): RunInput {
  const spec = goldenSpec({ PidMode: "container:x", IpcMode: "container:x", UTSMode: "host", CgroupnsMode: "host", joined: { pid: 700, ipc: 700, network: null } });
  const { binds } = runInput(spec);
  return runInput(spec, {
    cgroups: V1, cgroup: { v2: null, tasks: [15, 16, 17] }, monitor: { ...MONITOR, procs: 18, kill: 19 }, namespaces: new Map([["pid", 30], ["ipc", 30]]), shm: 30,
    binds: new Map([...binds].filter(([destination]) => destination !== "/dev/shm")), groups: new Map([["cpu,cpuacct", 31], ["memory", 32], ["systemd", 33]]),
  });
}

const GOLDEN: Readonly<Record<string, () => Plan>> = {
  "run-v2": () => ({ run: planRun(runInput(goldenSpec({ Cmd: ["true"] }), { resolverPort: 0 })) }),
  "run-v1": () => ({ run: planRun(runInput(goldenSpec(), { cgroups: V1, cgroup: { v2: 14, tasks: [15, 16, 17] } })) }),
  "run-everything": () => ({ run: planRun(everything()) }),
  "run-privileged": () => ({ run: planRun(runInput(goldenSpec({ Privileged: true, NetworkMode: "host" }), { filter: null })) }),
  "run-none-shared": () => ({
    run: planRun(runInput(goldenSpec({
      NetworkMode: "none", files: null, Binds: ["/mnt:/mnt:rshared"],
    }), { opLock: null })),
  }),
  "run-joined": () => ({ run: planRun(joined()) }),
  exec: () => ({ exec: planExec(exec()) }),
  "exec-terminal": () => ({ exec: planExec(exec({ tty: true, privileged: true, user: { uid: 0, gid: 0, additionalGids: [0], home: "/root" } }, { filter: null })) }),
};

function kinds(steps: readonly Step[]): string[] {
  return steps.map((step) => Object.keys(step)[0] as string);
}

/** Text of a step for tests of order: "mkdir /dev/pts". */
function told(steps: readonly Step[]): string[] {
  return steps.map((step) => {
    const [[kind, value]] = Object.entries(step) as [[string, Record<string, unknown>]];
    return `${kind} ${String(value["target"] ?? value["path"] ?? "")}`.trim();
  });
}

describe("golden plans", () => {
  for (const [name, make] of Object.entries(GOLDEN)) {
    test(name, () => {
      const path = `test/plan/${name}.json`;
      const text = `${JSON.stringify(make(), null, 1)}\n`;
      if (process.env["MDK_UPDATE_GOLDEN"] === "1" || !existsSync(path)) writeFileSync(path, text);
      expect(readFileSync(path, "utf8")).toBe(text);
    });
  }
});

describe("a start", () => {
  const { steps } = planRun(runInput(goldenSpec()));

  test("reports `created` before the slow part and waits for the network after it", () => {
    expect(kinds(steps)[0]).toBe("created");
    expect(kinds(steps).slice(-3)).toEqual(["wait_go", "ready", "execve"]);
  });

  test("joins v1 cgroups before it makes its cgroup namespace, and clones into that of v2 alone", () => {
    const v1 = planRun(runInput(goldenSpec(), { cgroups: V1, cgroup: { v2: 14, tasks: [15, 16] } }));
    expect(kinds(v1.steps).slice(0, 4)).toEqual(["write", "write", "unshare", "created"]);
    expect(v1.namespaces & 0x2000000).toBe(0);
    const v2 = planRun(runInput(goldenSpec()));
    expect(v2.namespaces & 0x2000000).toBe(0x2000000);
    expect(kinds(v2.steps)).not.toContain("unshare");
  });

  test("mounts proc, dev and sys without following links of the image", () => {
    for (const step of steps) {
      if ("fsmount" in step) expect([step.fsmount.target, Number(step.fsmount.resolve) & 4]).toEqual([step.fsmount.target, 4]);
      if ("move_mount" in step) expect(Number(step.move_mount.resolve)).toBe(0x12);
    }
  });

  test("installs the filter before capabilities fall, and after no_new_privs only where that was asked for", () => {
    const order = kinds(steps);
    expect(order.indexOf("seccomp")).toBeLessThan(order.indexOf("drop_bounding"));
    const strict = kinds(planRun(runInput(goldenSpec({ SecurityOpt: ["no-new-privileges"] }))).steps);
    expect(strict.indexOf("seccomp")).toBeGreaterThan(strict.indexOf("capset"));
    expect(strict.indexOf("prctl")).toBeLessThan(strict.indexOf("drop_bounding"));
  });

  test("takes an AppArmor profile over with execve where the kernel has AppArmor", () => {
    const profiles = (apparmor: boolean): Step[] => planRun(runInput(goldenSpec({ SecurityOpt: ["apparmor=docker-default"] }, { ...HOST, apparmor }))).steps.filter((step) => "write_proc" in step && step.write_proc.path.includes("attr"));
    expect(profiles(true)).toEqual([{ write_proc: { path: "/proc/self/attr/apparmor/exec", text: "exec docker-default" } }]);
    expect(profiles(false)).toEqual([]);
  });

  test("leaves a user who is not root without capabilities, groups set before ids", () => {
    const plan = planRun(runInput(goldenSpec({ user: USER })));
    const order = kinds(plan.steps);
    expect(order.indexOf("setgroups")).toBeLessThan(order.indexOf("setresgid"));
    expect(order.indexOf("setresgid")).toBeLessThan(order.indexOf("setresuid"));
    expect(plan.steps.find((step) => "capset" in step)).toEqual({ capset: { effective: "0", permitted: "0", inheritable: "0" } });
    expect(plan.steps.find((step) => "drop_bounding" in step)).toEqual({ drop_bounding: { keep: String(0xa80425fb) } });
  });

  test("masks before it mounts what the user gave, and later what lies below that", () => {
    const plan = planRun(everything());
    const order = told(plan.steps);
    expect(order.indexOf("open_tree /proc/kcore")).toBeLessThan(order.indexOf("move_mount /srv"));
    expect(order.lastIndexOf("open_tree /sys/firmware")).toBeGreaterThan(order.indexOf("move_mount /sys/firmware"));
    expect(order.indexOf("mount_setattr /")).toBeGreaterThan(order.indexOf("move_mount /srv"));
  });

  test("masks files with the container's /dev/null, all but the first by way of the first", () => {
    const sources = steps.flatMap((step) => ("open_tree" in step && step.open_tree.source !== step.open_tree.target ? [[step.open_tree.source, step.open_tree.target]] : []));
    expect(sources).toEqual([
      ["/dev/null", "/proc/interrupts"], ["/proc/interrupts", "/proc/kcore"], ["/proc/interrupts", "/proc/keys"],
      ["/proc/acpi", "/proc/scsi"], ["/proc/interrupts", "/proc/timer_list"], ["/proc/acpi", "/sys/firmware"],
      ["/proc/acpi", "/sys/devices/system/cpu/cpu0/thermal_throttle"],
    ]);
  });

  test("makes mount points below a tmpfs of the user's", () => {
    const order = told(planRun(everything()).steps);
    const at = order.indexOf("move_mount /run/app/s.sock");
    expect(order.slice(at - 2, at)).toEqual(["mkdir /run/app", "mknod /run/app/s.sock"]);
  });

  test("writes sysctls before /proc/sys is read-only", () => {
    const order = told(steps);
    expect(order.indexOf("write_proc /proc/sys/net/ipv4/ip_unprivileged_port_start")).toBeGreaterThan(0);
    expect(order.lastIndexOf("write_proc /proc/sys/net/ipv4/ping_group_range")).toBeLessThan(order.indexOf("open_tree /proc/sys"));
  });

  test("of a privileged container has no mask, no filter, every device and everything writable", () => {
    const plan = planRun(runInput(goldenSpec({ Privileged: true }), { filter: null }));
    expect(kinds(plan.steps)).not.toContain("open_tree");
    expect(kinds(plan.steps)).not.toContain("seccomp");
    expect(told(plan.steps)).toContain("mknod /dev/net/tun");
    expect(told(plan.steps).filter((step) => step === "mknod /dev/null")).toHaveLength(1);
    for (const step of plan.steps) if ("fsmount" in step && step.fsmount.target.startsWith("/sys")) expect(step.fsmount.attributes & 1).toBe(0);
  });

  test("looks a bare name up in PATH, absolute directories only", () => {
    const of = (args: string[], env: string[]): readonly string[] => {
      const step = planRun(runInput(goldenSpec({ Cmd: args, Env: env }))).steps.at(-1);
      return step !== undefined && "execve" in step ? step.execve.paths : [];
    };
    expect(of(["ls"], ["PATH=/bin::.:rel:/usr/bin/:/bin"])).toEqual(["/bin/ls", "/usr/bin/ls"]);
    expect(of(["./ls"], [])).toEqual(["./ls"]);
    expect(of(["/bin/ls"], [])).toEqual(["/bin/ls"]);
  });

  test("is refused where a string holds a NUL", () => {
    expect(() => planRun(runInput(goldenSpec({ Cmd: ["a\0b"] })))).toThrow(/NUL/);
    expect(() => planRun(runInput(goldenSpec({ Env: ["A=\0"] })))).toThrow(/NUL/);
  });
});

describe("an exec", () => {
  test("joins cgroups, then all namespaces at once; in that of pids is only what is cloned last of all", () => {
    const { steps } = planExec(exec());
    expect(kinds(steps).slice(0, 3)).toEqual(["write", "created", "setns"]);
    expect(steps[2]).toEqual({ setns: { fd: 21, flags: 0x6e020000 } });
    expect(kinds(steps).slice(-3)).toEqual(["clone_inside", "ready", "execve"]);
  });

  test("gives root the container's capabilities, a user none, --privileged all", () => {
    const held = (input: ExecInput): unknown => planExec(input).steps.find((step) => "capset" in step);
    expect(held(exec())).toEqual({ capset: { effective: "0", permitted: "0", inheritable: "0" } });
    const root = { uid: 0, gid: 0, additionalGids: [0], home: "/root" };
    expect(held(exec({ user: root }))).toEqual({ capset: { effective: String(0xa80425fb), permitted: String(0xa80425fb), inheritable: "0" } });
    expect(held(exec({ user: root, privileged: true }))).toEqual({ capset: { effective: String(HOST.capabilities), permitted: String(HOST.capabilities), inheritable: "0" } });
  });
});

test("every plan carries its id and the report's descriptor", () => {
  const run = planRun(runInput(goldenSpec()));
  expect([run.id, run.report, run.op_lock]).toEqual([ID, 2, 1]);
});

test("a score for the killer of memory that a caller would hand on is taken back, for a start and for an exec", () => {
  const spec = goldenSpec({}, { ...HOST, oomScore: 0 });
  const planned = (of: typeof spec): readonly Step[] => planRun(runInput(of)).steps;
  const written = { write_proc: { path: "/proc/self/oom_score_adj", text: "0" } };
  expect(planned(spec)).toContainEqual(written);
  expect(planned(goldenSpec())).not.toContainEqual(written);
  expect(planExec(exec({ oomScore: 0 })).steps).toContainEqual(written);
});
