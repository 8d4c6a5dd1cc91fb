/** Images, requests and hosts to OCI specs: what a Docker user would find inside. */
import { describe, expect, test } from "bun:test";
import { completeEnv, mergeEnv, workingDirectory } from "../../src/spec/environment.ts";
import { stringifySpec } from "../../src/spec/generate.ts";
import { mergeCommand } from "../../src/spec/join.ts";
import { UNLIMITED } from "../../src/spec/limits.ts";
import { cleanPath } from "../../src/spec/mount-types.ts";
import { goldenSpec, HOST, type Changes } from "../runtime/golden.ts";

describe("the command", () => {
  test("is the image's entrypoint and the arguments, or its Cmd without them", () => {
    const image = { Entrypoint: ["/entry"], Cmd: ["a", "b"] };
    expect(mergeCommand(image, { args: [], entrypoint: null })).toEqual({ entrypoint: ["/entry"], cmd: ["a", "b"] });
    expect(mergeCommand(image, { args: ["c"], entrypoint: null })).toEqual({ entrypoint: ["/entry"], cmd: ["c"] });
  });

  test("of an --entrypoint does without the image's Cmd, and an empty one empties it", () => {
    const image = { Entrypoint: ["/entry"], Cmd: ["a"] };
    expect(mergeCommand(image, { args: [], entrypoint: ["/own"] })).toEqual({ entrypoint: ["/own"], cmd: [] });
    expect(mergeCommand(image, { args: ["x"], entrypoint: [""] })).toEqual({ entrypoint: [], cmd: ["x"] });
    expect(() => mergeCommand(image, { args: [], entrypoint: [""] })).toThrow("no command specified");
    expect(() => mergeCommand({ Entrypoint: null, Cmd: null }, { args: [], entrypoint: null })).toThrow("no command specified");
  });

  test("with --init is run by docker-init", () => {
    expect(goldenSpec({ init: "/run/mdk/shim" }).process.args).toEqual(["/sbin/docker-init", "--", "bash"]);
  });
});

describe("the environment", () => {
  test("is Docker's, then the request's, then the image's, each name once", () => {
    const env = mergeEnv(["PATH=/i", "A=image", "B=image"], ["A=1", "A=2", "C="]);
    expect(env).toEqual(["A=2", "C=", "PATH=/i", "B=image"]);
    expect(completeEnv(env, { hostname: "h", tty: true, home: "/root" })).toEqual(["PATH=/i", "HOSTNAME=h", "TERM=xterm", "A=2", "C=", "B=image", "HOME=/root"]);
  });

  test("has Docker's PATH where nobody sets one, no TERM without a terminal, and loses what -e names without a value", () => {
    expect(completeEnv([], { hostname: "h", tty: false, home: "/" })).toEqual(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=h", "HOME=/"]);
    expect(completeEnv(mergeEnv(["A=1"], ["A", "HOSTNAME"]), { hostname: "h", tty: false, home: "/" })).not.toContainEqual(expect.stringMatching(/^(A|HOSTNAME)/));
    expect(completeEnv(["HOME=/own"], { hostname: "h", tty: false, home: "/root" })).toContain("HOME=/own");
  });
});

describe("the working directory", () => {
  test("is -w, else the image's, else /; clean; and absolute", () => {
    expect(workingDirectory("")).toBe("/");
    expect(goldenSpec({ WorkingDir: "/app/" }).process.cwd).toBe("/app");
    expect(workingDirectory("/a/../b//c/.")).toBe("/b/c");
    expect(() => workingDirectory("rel")).toThrow("the working directory 'rel' is invalid, it needs to be an absolute path");
    expect(cleanPath("/../../x")).toBe("/x");
  });
});

describe("mounts", () => {
  const places = (changes: Changes): string[] => goldenSpec(changes).mounts.map((mount) => mount.destination);

  test("are Docker's, then the engine's files", () => {
    expect(places({})).toEqual(["/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts"]);
  });

  test("of the user replace what they cover, and stand in the order of their depth", () => {
    expect(places({ Binds: ["/a:/x/y/z", "/b:/x", "/h:/etc/hosts"] }).slice(7)).toEqual(["/x", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/x/y/z"]);
    expect(places({ Binds: ["/dev:/dev"] })).toEqual(["/proc", "/sys", "/sys/fs/cgroup", "/dev", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts"]);
    expect(places({ Tmpfs: { "/dev/shm": "" } }).filter((place) => place === "/dev/shm")).toHaveLength(1);
  });

  test("at impossible places are refused in Docker's words", () => {
    const refused = (target: string): unknown => { try { goldenSpec({ Binds: [`/x:${target}`] }); } catch (error) { return (error as Error).message; } return null; };
    expect(refused("/")).toBe("invalid volume specification: '/x:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'");
    expect(refused("/a/..")).toContain("destination can't be '/'");
    expect(refused("rel")).toContain("invalid mount path: 'rel' mount path must be absolute");
    for (const target of ["/proc", "/proc/", "/proc/self/attr", "/proc/sys", "/a/../proc/kcore"]) expect(refused(target)).toContain("cannot be mounted because it is inside /proc");
    expect(refused("/proc/meminfo")).toBe(null);
    expect(refused("/procedure")).toBe(null);
    expect(() => goldenSpec({ Binds: ["/a:/x", "/b:/x/"] })).toThrow("Duplicate mount point: /x");
  });

  test("under --read-only are read-only but for those that must not be, and writable in privileged containers", () => {
    const options = (changes: Changes, place: string): string[] => goldenSpec(changes).mounts.find((mount) => mount.destination === place)?.options ?? [];
    expect(options({ ReadonlyRootfs: true }, "/etc/hosts")).toContain("ro");
    expect(options({ ReadonlyRootfs: true }, "/dev/shm")).not.toContain("ro");
    expect(options({ Privileged: true }, "/sys")).not.toContain("ro");
    expect(options({ Privileged: true, ReadonlyRootfs: true }, "/sys")).toContain("ro");
  });
});

describe("limits", () => {
  test("of resources are said in the specification's units, swap twice the memory by default", () => {
    const { resources } = goldenSpec({ Memory: 100 << 20, MemoryReservation: 50 << 20, NanoCpus: 250_000_000, CpuShares: 512, CpusetCpus: "0", PidsLimit: 100 }).linux;
    expect(resources.memory).toEqual({ limit: 100 << 20, swap: 200 << 20, reservation: 50 << 20 });
    expect(resources.cpu).toEqual({ shares: 512, quota: 25_000, period: 100_000, cpus: "0" });
    expect(resources.pids).toEqual({ limit: 100 });
    expect(goldenSpec({ CpuPeriod: 50_000, CpuQuota: 20_000 }).linux.resources.cpu).toEqual({ quota: 20_000, period: 50_000 });
    expect(goldenSpec().linux.resources).toEqual({ devices: goldenSpec().linux.resources.devices });
  });

  test("of a process are clamped to what mdk itself may set; --ulimit is passed on as it is", () => {
    const low = { ...HOST, capabilities: HOST.capabilities & ~(1n << 24n), hardLimits: { RLIMIT_NOFILE: 512, RLIMIT_NPROC: 100, RLIMIT_CORE: 0 } };
    expect(goldenSpec({}, low).process.rlimits).toEqual([
      { type: "RLIMIT_NOFILE", soft: 512, hard: 512 }, { type: "RLIMIT_NPROC", soft: 100, hard: 100 }, { type: "RLIMIT_CORE", soft: 0, hard: 0 },
    ]);
    expect(goldenSpec({ Ulimits: [{ Name: "core", Soft: 1, Hard: -1 }] }, low).process.rlimits).toContainEqual({ type: "RLIMIT_CORE", soft: 1, hard: UNLIMITED });
    expect(goldenSpec().process.rlimits[0]).toEqual({ type: "RLIMIT_NOFILE", soft: 1024, hard: 524288 });
    // A shell with low limits, and the right to raise them: Docker's, whatever the caller has.
    const shell = { ...HOST, hardLimits: low.hardLimits };
    expect(goldenSpec({}, shell).process.rlimits).toEqual(goldenSpec().process.rlimits);
  });

  test("that are infinite are written as other runtimes read them", () => {
    const text = stringifySpec(goldenSpec());
    expect(text).toContain('{"type":"RLIMIT_NPROC","soft":18446744073709551615,"hard":18446744073709551615}');
    expect((JSON.parse(text) as { process: { rlimits: { soft: number }[] } }).process.rlimits[1]?.soft).toBe(UNLIMITED);
  });
});

describe("isolation", () => {
  test("masks and protects what Docker does", () => {
    const { maskedPaths, readonlyPaths } = goldenSpec().linux;
    for (const path of ["/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/proc/acpi", "/proc/asound", "/proc/interrupts", "/sys/firmware", "/sys/devices/virtual/powercap", "/sys/devices/system/cpu/cpu0/thermal_throttle"]) expect(maskedPaths).toContain(path);
    expect(readonlyPaths).toEqual(["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]);
    expect(goldenSpec({ Privileged: true }).linux).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
  });

  test("has namespaces of its own, and the network's sysctls only with its own network", () => {
    const types = (changes: Changes): string[] => goldenSpec(changes).linux.namespaces.map((namespace) => namespace.type);
    expect(types({}).toSorted()).toEqual(["cgroup", "ipc", "mount", "network", "pid", "uts"]);
    expect(types({ NetworkMode: "host" })).not.toContain("network");
    expect(goldenSpec({ NetworkMode: "host" }).linux.sysctl).toEqual({});
    expect(goldenSpec().linux.sysctl).toEqual({
      "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647", "net.ipv6.conf.all.disable_ipv6": "1",
    });
    expect(goldenSpec({}, { ...HOST, ipv6: false }).linux.sysctl).not.toHaveProperty("net.ipv6.conf.all.disable_ipv6");
  });

  test("hands on --oom-score-adj, --sysctl, --annotation and --security-opt, and no annotation speaks for mdk", () => {
    const spec = goldenSpec({ OomScoreAdj: -5, Sysctls: { "net.core.somaxconn": "64", "net.ipv4.ping_group_range": "1 0" }, Annotations: { a: "b", "mdk.seccomp": "unconfined" }, SecurityOpt: ["no-new-privileges"] });
    expect(spec.process).toMatchObject({ oomScoreAdj: -5, noNewPrivileges: true });
    expect(spec.linux.sysctl).toMatchObject({ "net.core.somaxconn": "64", "net.ipv4.ping_group_range": "1 0" });
    expect(spec.annotations).toEqual({ a: "b", "mdk.seccomp": "default" });
    expect(goldenSpec({ SecurityOpt: ["seccomp=unconfined", "no-new-privileges=false"] })).toMatchObject({ annotations: { "mdk.seccomp": "unconfined" }, process: { noNewPrivileges: false } });
  });

  test("gives a privileged container the host's devices, and its own terminals", () => {
    const paths = goldenSpec({ Privileged: true }).linux.devices.map((device) => device.path);
    expect(paths).toContain("/dev/vda");
    expect(paths).not.toContain("/dev/ptmx");
    expect(new Set(paths).size).toBe(paths.length);
    expect(goldenSpec().linux.devices.map((device) => device.path)).toEqual(["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"]);
  });
});
