/**
 * Flags that set what a container may and is, seen from inside by one probe: mdk's answer, and Debian's dockerd's beside it. The
 * cgroup files are read by the host, since where they lie differs.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { detectCgroups, findController } from "../../../src/cgroup/detect.ts";
import { startDockerd, type Dockerd } from "../../helpers/dockerd.ts";
import { imageLayout } from "../../helpers/fixtures.ts";
import { startWorld } from "../../helpers/mdk.ts";
import { hasTool, testIf } from "../../helpers/requires.ts";
import { run } from "../../helpers/registry.ts";

let world: Awaited<ReturnType<typeof startWorld>>;
let busybox: string;
let peer: Dockerd | undefined;
const dockerTest = testIf(hasTool("dockerd") && hasTool("skopeo"), "needs dockerd and skopeo");

beforeAll(async () => {
  world = await startWorld("busybox");
  busybox = world.image("busybox");
  if (!hasTool("dockerd") || !hasTool("skopeo")) return;
  peer = startDockerd();
  const archive = join(world.folder, "busybox.tar");
  run("skopeo", "copy", "--quiet", `oci:${imageLayout("busybox")}:latest`, `docker-archive:${archive}:busybox:latest`);
  const loaded = peer.call(["load", "-q", "-i", archive]);
  if (loaded.status !== 0) throw new Error(loaded.stderr);
});
afterAll(() => {
  peer?.stop();
  world?.close();
});

/** Flags, what is looked at, and what both must show. */
const SEEN: readonly (readonly [flags: readonly string[], script: string, seen: string])[] = [
  [["--oom-score-adj", "500"], "cat /proc/self/oom_score_adj", "500"],
  [["--group-add", "27", "--group-add", "4242"], "id -G", "0 10 27 4242"],
  [["-u", "1000:1000", "--group-add", "50"], "id -G", "1000 50"],
  [["--ulimit", "nofile=100:200"], "ulimit -n; ulimit -Hn", "100\n200"],
  [["--ulimit", "nofile=8", "--ulimit", "core=0", "--ulimit", "nofile=100:200"], "ulimit -n; ulimit -Hn; ulimit -c", "100\n200\n0"],
  [["--ulimit", "core=0", "--ulimit", "fsize=1048576"], "ulimit -c; ulimit -f", "0\n2048"],
  [["--sysctl", "net.core.somaxconn=77", "--sysctl", "kernel.msgmax=4096"], "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax", "77\n4096"],
  [["--sysctl", "net.ipv4.ip_unprivileged_port_start=1024"], "cat /proc/sys/net/ipv4/ip_unprivileged_port_start", "1024"],
  [["--tmpfs", "/scratch"], "grep -c ' /scratch .* - tmpfs ' /proc/self/mountinfo; grep ' /scratch ' /proc/mounts | grep -o 'nosuid,nodev,noexec'; stat -c %a /scratch", "1\nnosuid,nodev,noexec\n1777"],
  [["--tmpfs", "/scratch:size=64k,mode=700,exec,uid=7"], "stat -c '%a %u' /scratch; df -k /scratch | tail -n 1 | awk '{print $2}'; grep ' /scratch ' /proc/mounts | grep -c noexec", "700 7\n64\n0"],
  [["--security-opt", "no-new-privileges"], "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"],
  [["--security-opt", "no-new-privileges=false"], "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0"],
  [["--security-opt", "seccomp=unconfined"], "grep Seccomp: /proc/self/status", "Seccomp:\t0"],
];

describe("the program sees what the flag says", () => {
  for (const [flags, script, seen] of SEEN) {
    test(flags.join(" "), () => {
      const { status, stdout } = world.mdk(["run", "--rm", ...flags, busybox, "sh", "-c", script]);
      expect([status, stdout.trim()]).toEqual([script.endsWith("-c noexec") ? 1 : 0, seen]);
    });
  }

  dockerTest("and what Docker's shows", () => {
    for (const [flags, script, seen] of SEEN) {
      const { stdout, stderr } = peer!.call(["run", "--rm", "--network", "none", ...flags, "busybox:latest", "sh", "-c", script]);
      expect([flags, stdout.trim() || stderr]).toEqual([flags, seen]);
    }
  });

  test("an exec has the container's groups, score and no_new_privs", () => {
    world.ok("run", "-d", "--name", "kept", "--group-add", "27", "--oom-score-adj", "300", "--security-opt", "no-new-privileges", busybox, "sleep", "1000");
    expect(world.ok("exec", "kept", "sh", "-c", "id -G; cat /proc/self/oom_score_adj; grep NoNewPrivs /proc/self/status")).toBe("0 10 27\n300\nNoNewPrivs:\t1");
    world.ok("rm", "-f", "kept");
  });
});

describe("the kernel's own files of the group", () => {
  /** v1's file or v2's, wherever the controller is. */
  function limit(id: string, controller: string, v1: string, v2: string): string {
    const hierarchy = findController(detectCgroups(), controller)!;
    const line = readFileSync(`/proc/${world.pid(id)}/cgroup`, "utf8").split("\n").find((text) => (hierarchy.kind === "v2" ? text.startsWith("0::") : text.split(":")[1]!.split(",").includes(controller)))!;
    return readFileSync(`${hierarchy.mountpoint}${line.split(":").slice(2).join(":")}/${hierarchy.kind === "v2" ? v2 : v1}`, "utf8").trim();
  }

  test("--memory-reservation, --cpu-period and --cpu-quota", () => {
    world.ok("run", "-d", "--name", "limited", "--memory", "64M", "--memory-reservation", "32M", "--cpu-period", "50000", "--cpu-quota", "20000", busybox, "sleep", "1000");
    expect(limit("limited", "memory", "memory.soft_limit_in_bytes", "memory.low")).toBe(String(32 << 20));
    expect(`${limit("limited", "cpu", "cpu.cfs_quota_us", "cpu.max")} ${limit("limited", "cpu", "cpu.cfs_period_us", "cpu.max")}`).toContain("20000 50000");
    expect(world.inspect("limited", ".HostConfig.MemoryReservation")).toBe(String(32 << 20));
    world.ok("rm", "-f", "limited");
  });
});

test("--annotation reaches the specification and inspect, and cannot open the filter of system calls", () => {
  world.ok("run", "-d", "--name", "told", "--annotation", "org.example.a=b", "--annotation", "mdk.seccomp=unconfined", busybox, "sleep", "1000");
  const id = world.inspect("told", ".Id");
  const { annotations } = JSON.parse(readFileSync(`${world.root}/containers/${id}/config.json`, "utf8")) as { annotations: Record<string, string> };
  expect(annotations["org.example.a"]).toBe("b");
  expect(world.ok("exec", "told", "grep", "Seccomp:", "/proc/1/status")).toBe("Seccomp:\t2");
  expect(JSON.parse(world.ok("inspect", "-f", "{{json .HostConfig.Annotations}}", "told"))).toMatchObject({ "org.example.a": "b" });
  world.ok("rm", "-f", "told");
});

test("what may not be is refused in Docker's words, and nothing is left", () => {
  const cases: [string[], string][] = [
    [["--sysctl", "kernel.core_pattern=x"], "sysctl 'kernel.core_pattern=x' is not allowed"],
    [["--sysctl", "net/../kernel/core_pattern=x"], "is not allowed"],
    [["--network", "host", "--sysctl", "net.core.somaxconn=1"], 'sysctl "net.core.somaxconn" not allowed in host network namespace'],
    [["--oom-score-adj", "2000"], "Invalid value 2000, range for oom score adj is [-1000, 1000]"],
    [["--ulimit", "nofile=2:1"], "ulimit soft limit must be less than or equal to hard limit: 2 > 1"],
    [["--ulimit", "frob=1"], "invalid ulimit type: frob"],
    [["--cpus", "1", "--cpu-quota", "1000"], "Conflicting options: Nano CPUs and CPU Quota cannot both be set"],
    [["--memory", "8M", "--memory-reservation", "9M"], "Minimum memory limit can not be less than memory reservation limit"],
    [["--security-opt", "frob"], 'Invalid --security-opt: "frob"'],
    [["--tmpfs", "/x:frob"], 'invalid tmpfs option ["frob"]'],
    [["--group-add", "nobodyhere"], "unable to find group nobodyhere: no matching entries in group file"],
    [["--sysctl", "net.frob=1"], "this kernel lacks the setting"],
  ];
  for (const [flags, words] of cases) {
    const { status, stderr } = world.mdk(["run", "--rm", ...flags, busybox, "true"]);
    expect([flags, status, stderr]).toEqual([flags, 125, expect.stringContaining(words)]);
  }
  expect(world.ok("ps", "-aq")).toBe("");
});
