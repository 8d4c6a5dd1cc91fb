/** Images, requests and hosts to OCI specs: what a Docker user would find inside. */
import { describe, expect, test } from "bun:test";
import { completeEnv, mergeCommand, mergeEnv, stringifySpec, UNLIMITED, workingDirectory, type SpecRequest } from "../../src/spec/generate.ts";
import { cleanPath } from "../../src/spec/mounts.ts";
import { goldenSpec, HOST, IMAGE } from "../runtime/golden.ts";

const bind = (source: string, target: string, readonly = false): SpecRequest["binds"][number] => ({ source, target, readonly, propagation: "rprivate", recursive: true });

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
    expect(() => mergeCommand({ Cmd: null }, { args: [], entrypoint: null })).toThrow("no command specified");
  });

  test("with --init is run by docker-init", () => {
    expect(goldenSpec({ init: "/run/mdk/shim" }).process.args).toEqual(["/sbin/docker-init", "--", "bash"]);
  });
});

describe("the environment", () => {
  test("is Docker's, then the request's, then the image's, each name once", () => {
    const env = mergeEnv({ Env: ["PATH=/i", "A=image", "B=image"] }, ["A=1", "A=2", "C="]);
    expect(env).toEqual(["A=2", "C=", "PATH=/i", "B=image"]);
    expect(completeEnv(env, { hostname: "h", tty: true, home: "/root" })).toEqual(["PATH=/i", "HOSTNAME=h", "TERM=xterm", "A=2", "C=", "B=image", "HOME=/root"]);
  });

  test("has Docker's PATH where nobody sets one, no TERM without a terminal, and loses what -e names without a value", () => {
    expect(completeEnv([], { hostname: "h", tty: false, home: "/" })).toEqual(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=h", "HOME=/"]);
    expect(completeEnv(mergeEnv({ Env: ["A=1"] }, ["A", "HOSTNAME"]), { hostname: "h", tty: false, home: "/" })).not.toContainEqual(expect.stringMatching(/^(A|HOSTNAME)/));
    expect(completeEnv(["HOME=/own"], { hostname: "h", tty: false, home: "/root" })).toContain("HOME=/own");
  });
});

describe("the working directory", () => {
  test("is -w, else the image's, else /; clean; and absolute", () => {
    expect(workingDirectory(null, IMAGE)).toBe("/");
    expect(workingDirectory(null, { WorkingDir: "/app/" })).toBe("/app");
    expect(workingDirectory("/a/../b//c/.", {})).toBe("/b/c");
    expect(() => workingDirectory("rel", {})).toThrow("the working directory 'rel' is invalid, it needs to be an absolute path");
    expect(cleanPath("/../../x")).toBe("/x");
  });
});

describe("mounts", () => {
  const places = (changes: Partial<SpecRequest>): string[] => goldenSpec(changes).mounts.map((mount) => mount.destination);

  test("are Docker's, then the engine's files", () => {
    expect(places({})).toEqual(["/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts"]);
  });

  test("of the user replace what they cover, and stand in the order of their depth", () => {
    expect(places({ binds: [bind("/a", "/x/y/z"), bind("/b", "/x"), bind("/h", "/etc/hosts")] }).slice(7)).toEqual(["/x", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/x/y/z"]);
    expect(places({ binds: [bind("/dev", "/dev")] })).toEqual(["/proc", "/sys", "/sys/fs/cgroup", "/dev", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts"]);
    expect(places({ tmpfs: [{ target: "/dev/shm", options: [] }] }).filter((place) => place === "/dev/shm")).toHaveLength(1);
  });

  test("at impossible places are refused in Docker's words", () => {
    const refused = (target: string): unknown => { try { goldenSpec({ binds: [bind("/x", target)] }); } catch (error) { return (error as Error).message; } return null; };
    expect(refused("/")).toBe("invalid volume specification: '/x:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'");
    expect(refused("/a/..")).toContain("destination can't be '/'");
    expect(refused("rel")).toContain("invalid mount path: 'rel' mount path must be absolute");
    for (const target of ["/proc", "/proc/", "/proc/self/attr", "/proc/sys", "/a/../proc/kcore"]) expect(refused(target)).toContain("cannot be mounted because it is inside /proc");
    expect(refused("/proc/meminfo")).toBe(null);
    expect(refused("/procedure")).toBe(null);
    expect(() => goldenSpec({ binds: [bind("/a", "/x"), bind("/b", "/x/")] })).toThrow("Duplicate mount point: /x");
  });

  test("under --read-only are read-only but for those that must not be, and writable in privileged containers", () => {
    const options = (changes: Partial<SpecRequest>, place: string): string[] => goldenSpec(changes).mounts.find((mount) => mount.destination === place)?.options ?? [];
    expect(options({ readonlyRoot: true }, "/etc/hosts")).toContain("ro");
    expect(options({ readonlyRoot: true }, "/dev/shm")).not.toContain("ro");
    expect(options({ privileged: true }, "/sys")).not.toContain("ro");
    expect(options({ privileged: true, readonlyRoot: true }, "/sys")).toContain("ro");
  });
});

describe("limits", () => {
  test("of resources are said in the specification's units, swap twice the memory by default", () => {
    const { resources } = goldenSpec({ resources: {
      memory: 100 << 20, memorySwap: null, memoryReservation: null, nanoCpus: 250_000_000, cpuShares: 512, cpuPeriod: null, cpuQuota: null,
      cpusetCpus: "0", cpusetMems: null, pidsLimit: 100,
    } }).linux;
    expect(resources.memory).toEqual({ limit: 100 << 20, swap: 200 << 20 });
    expect(resources.cpu).toEqual({ shares: 512, quota: 25_000, period: 100_000, cpus: "0" });
    expect(resources.pids).toEqual({ limit: 100 });
    expect(goldenSpec().linux.resources).toEqual({ devices: goldenSpec().linux.resources.devices });
  });

  test("of a process are clamped to what mdk itself may set; --ulimit is passed on as it is", () => {
    const low = { ...HOST, capabilities: HOST.capabilities & ~(1n << 24n), hardLimits: { RLIMIT_NOFILE: 512, RLIMIT_NPROC: 100, RLIMIT_CORE: 0 } };
    expect(goldenSpec({}, IMAGE, low).process.rlimits).toEqual([
      { type: "RLIMIT_NOFILE", soft: 512, hard: 512 }, { type: "RLIMIT_NPROC", soft: 100, hard: 100 }, { type: "RLIMIT_CORE", soft: 0, hard: 0 },
    ]);
    expect(goldenSpec({ ulimits: [{ type: "RLIMIT_CORE", soft: 1, hard: 2 }] }, IMAGE, low).process.rlimits).toContainEqual({ type: "RLIMIT_CORE", soft: 1, hard: 2 });
    expect(goldenSpec().process.rlimits[0]).toEqual({ type: "RLIMIT_NOFILE", soft: 1024, hard: 524288 });
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
    expect(goldenSpec({ privileged: true }).linux).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
  });

  test("has namespaces of its own, and the network's sysctls only with its own network", () => {
    const types = (changes: Partial<SpecRequest>): string[] => goldenSpec(changes).linux.namespaces.map((namespace) => namespace.type);
    expect(types({}).toSorted()).toEqual(["cgroup", "ipc", "mount", "network", "pid", "uts"]);
    expect(types({ network: "host" })).not.toContain("network");
    expect(goldenSpec({ network: "host" }).linux.sysctl).toEqual({});
    expect(goldenSpec().linux.sysctl).toEqual({
      "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647", "net.ipv6.conf.all.disable_ipv6": "1",
    });
    expect(goldenSpec({}, IMAGE, { ...HOST, ipv6: false }).linux.sysctl).not.toHaveProperty("net.ipv6.conf.all.disable_ipv6");
  });

  test("gives a privileged container the host's devices, and its own terminals", () => {
    const paths = goldenSpec({ privileged: true }).linux.devices.map((device) => device.path);
    expect(paths).toContain("/dev/vda");
    expect(paths).not.toContain("/dev/ptmx");
    expect(new Set(paths).size).toBe(paths.length);
    expect(goldenSpec().linux.devices.map((device) => device.path)).toEqual(["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"]);
  });
});
