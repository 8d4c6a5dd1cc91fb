/** Commands that change or show a container as Docker's do: rename, update, port, top, restart, prune. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { isRoot } from "../../helpers/requires.ts";

useBusyboxWorld();

const refused = (args: readonly string[], status: number, message: string): void => expect([args, world.mdk(args)]).toEqual([args, { status, stdout: "", stderr: expect.stringContaining(message) }]);

test("rename gives another name to one that runs; a name that is none, the same, or taken is refused", () => {
  const id = world.ok("run", "-d", "--name", "old", busybox, "sleep", "1000");
  const other = world.ok("create", "--name", "other", busybox);
  expect(world.ok("rename", "old", "/new")).toBe("");
  expect(world.ok("inspect", "-f", "{{.Id}} {{.Name}}", "new")).toBe(`${id} /new`);
  refused(["stop", "old"], 1, "No such container: old");
  refused(["rename", "new", "new"], 1, "Renaming a container with the same name as its current name");
  refused(["rename", "new", "a b"], 1, "Error when allocating new name: Invalid container name (/a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
  refused(["rename", "new", ""], 1, "Neither old nor new names may be empty");
  refused(["rename", "new", "other"], 1, `Error when allocating new name: Conflict. The container name "/other" is already in use by container "${other}"`);
  refused(["rename", "nobody", "x1"], 1, "No such container: nobody");
  expect(world.ok("container", "rename", id.slice(0, 12), "newer")).toBe("");
  world.removeAll();
});

/** As the kernel has it: the file of the process's own group, on v1 or v2. */
function limit(pid: number, controller: string, v1: string, v2: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n").map((line) => line.split(":"));
  const own = lines.find(([, names]) => names!.split(",").includes(controller));
  if (own !== undefined) return readFileSync(`/sys/fs/cgroup/${own[1]}${own[2]}/${v1}`, "utf8").trim();
  return readFileSync(`/sys/fs/cgroup${lines.find(([id]) => id === "0")![2]}/${v2}`, "utf8").trim();
}

test("update changes the limits of one that runs at once, and what inspect says", () => {
  expect(isRoot).toBe(true);
  world.ok("run", "-d", "--name", "limited", "-m", "64m", "--cpus", "0.5", "--pids-limit", "50", busybox, "sleep", "1000");
  const pid = world.pid("limited");
  const memory = (): string => limit(pid, "memory", "memory.limit_in_bytes", "memory.max");
  expect(memory()).toBe(String(64 << 20));
  expect(world.ok("update", "-m", "200m", "--cpus", "0.25", "--pids-limit", "99", "-c", "512", "limited")).toBe("limited");
  expect([memory(), limit(pid, "pids", "pids.max", "pids.max")]).toEqual([String(200 << 20), "99"]);
  expect(limit(pid, "cpu", "cpu.cfs_quota_us", "cpu.max").split(" ")[0]).toBe("25000");
  expect(world.ok("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpuShares}}", "limited")).toBe(`${200 << 20} 250000000 99 512`);
  // Down again: on v1 memory, and memory with swap, change places.
  world.ok("update", "--memory", "32m", "--pids-limit", "-1", "limited");
  expect([memory(), limit(pid, "pids", "pids.max", "pids.max")]).toEqual([String(32 << 20), "max"]);
  world.ok("update", "--memory", "40m", "--memory-swap", "40m", "limited");
  refused(["update", "-m", "50m", "limited"], 1, "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time");
  refused(["update", "--cpu-quota", "10000", "limited"], 1, "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set");
  refused(["update", "limited"], 1, "you must provide one or more flags when using this command");
  refused(["update", "-m", "1m", "limited"], 1, "Minimum memory limit allowed is 6MB");
  refused(["update", "--cpuset-cpus", "77", "limited"], 1, "Requested CPUs are not available");
  expect(world.inspect("limited", ".HostConfig.CpusetCpus")).toBe("");
  world.ok("stop", "-t", "0", "limited");
  // What was updated holds for the next start; start takes the same flags, and updates first.
  world.ok("start", "--pids-limit", "77", "limited");
  const next = world.pid("limited");
  expect([limit(next, "memory", "memory.limit_in_bytes", "memory.max"), limit(next, "pids", "pids.max", "pids.max")]).toEqual([String(40 << 20), "77"]);
  world.ok("rm", "-f", "limited");
});

test("update of the policy of one that removes itself is refused", () => {
  world.ok("run", "-d", "--rm", "--name", "auto", busybox, "sleep", "1000");
  refused(["update", "--restart", "always", "auto"], 1, "Restart policy cannot be updated because AutoRemove is enabled for the container");
  world.ok("rm", "-f", "auto");
});

test("port lists what is published, in the order of the ports", () => {
  world.ok("run", "-d", "--name", "ports", "-p", "127.0.0.1::80", "-p", "127.0.0.2::53/udp", "-p", "127.0.0.1::8080", busybox, "sleep", "1000");
  const lines = world.ok("port", "ports").split("\n");
  expect(lines.map((line) => line.replace(/:\d+$/, ""))).toEqual(["53/udp -> 127.0.0.2", "80/tcp -> 127.0.0.1", "8080/tcp -> 127.0.0.1"]);
  expect(world.ok("port", "ports", "80")).toBe(lines[1]!.split(" -> ")[1]!);
  expect(world.ok("port", "ports", "53/udp")).toBe(lines[0]!.split(" -> ")[1]!);
  refused(["port", "ports", "81"], 1, "no public port '81' published for ports");
  refused(["port", "ports", "81/udp"], 1, "no public port '81/udp' published for ports");
  refused(["port", "ports", "x"], 1, "invalid port");
  world.ok("stop", "-t", "0", "ports");
  expect(world.ok("port", "ports")).toBe("");
  world.ok("rm", "ports");
});

test("top shows every process of the container with the host's pids, in ps's columns", () => {
  world.ok("run", "-d", "--name", "busy", "-u", "1000", busybox, "sh", "-c", "sleep 1001 & exec sleep 1002");
  world.ok("exec", "-d", "-u", "0", "busy", "sleep", "1003");
  const pid = world.pid("busy");
  const [head, ...rows] = world.ok("top", "busy").split("\n");
  expect(head!.split(/\s+/)).toEqual(["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
  expect(rows.map((row) => row.split(/\s{2,}/).at(-1)).toSorted()).toEqual(["sleep 1001", "sleep 1002", "sleep 1003"]);
  const first = rows.find((row) => row.endsWith("sleep 1002"))!.split(/\s+/);
  expect([first[1], first[5], first[6]]).toEqual([String(pid), "?", "00:00:00"]);
  expect(rows.find((row) => row.endsWith("sleep 1003"))!.split(/\s+/)[0]).toBe("root");
  expect(world.ok("top", "busy", "-o", "pid,comm").split("\n")[0]!.split(/\s+/)).toEqual(["PID", "COMMAND"]);
  expect(world.ok("top", "busy", "-eo", "pid,args").split("\n").slice(1).map((row) => row.trim().split(/\s+/).slice(1).join(" ")).toSorted()).toEqual(["sleep 1001", "sleep 1002", "sleep 1003"]);
  expect(world.ok("top", "busy", "aux").split("\n")[0]!.split(/\s+/)).toEqual(["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"]);
  // Beside the host's own ps, where there is one.
  const ps = Bun.spawnSync(["ps", "-o", "pid,ppid,rss,vsz,stat,ni", "-p", String(pid)]).stdout.toString().trim().split("\n")[1];
  const own = world.ok("top", "busy", "-o", "pid,ppid,rss,vsz,stat,ni").split("\n").find((row) => row.startsWith(String(pid)));
  expect(own!.split(/\s+/)).toEqual(ps!.trim().split(/\s+/));
  // A line is a line, whatever a process calls itself.
  world.ok("exec", "-d", "busy", "sh", "-c", "sleep 1004; : \nroot 1 \u001b[2J");
  const named = world.ok("top", "busy").split("\n");
  expect([named.filter((row) => row.startsWith("root 1 ")), named.some((row) => row.endsWith("sh -c sleep 1004; : ?root 1 ?[2J"))]).toEqual([[], true]);
  refused(["top", "busy", "-o", "nothing"], 1, 'unknown user-defined format specifier "nothing"');
  refused(["top", "busy", "--forest"], 1, "error running ps");
  world.ok("stop", "-t", "0", "busy");
  refused(["top", "busy"], 1, "is not running");
  world.ok("rm", "busy");
});

test("restart starts what is stopped, and stops what runs before", () => {
  world.ok("create", "--name", "again", busybox, "sh", "-c", "trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 0.05; done");
  expect(world.ok("restart", "again")).toBe("again");
  const first = world.pid("again");
  while (!world.ok("logs", "again").includes("hi")) Bun.sleepSync(20);
  world.ok("container", "restart", "-t", "5", "again");
  expect(world.pid("again")).not.toBe(first);
  while (!world.ok("logs", "again").endsWith("hi")) Bun.sleepSync(20);
  expect(world.ok("logs", "again")).toBe("hi\nbye\nhi");
  refused(["restart", "nobody"], 1, "No such container: nobody");
  world.ok("rm", "-f", "again");
});

test("container prune removes what does not run, as far as filters mean it", () => {
  world.ok("run", "-d", "--name", "runs", busybox, "sleep", "1000");
  const ids = ["a1", "b1", "c1"].map((name) => world.ok("create", "--name", name, "-l", name, busybox));
  expect(world.ok("container", "prune", "-f", "--filter", "label=a1")).toBe(`Deleted Containers:\n${ids[0]}\n\nTotal reclaimed space: 0B`);
  expect(world.ok("container", "prune", "-f", "--filter", "label!=b1")).toBe(`Deleted Containers:\n${ids[2]}\n\nTotal reclaimed space: 0B`);
  expect(world.ok("container", "prune", "-f", "--filter", "until=1h")).toBe("Total reclaimed space: 0B");
  expect(world.mdk(["container", "prune"], { stdin: "n\n" })).toEqual({ status: 0, stdout: "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ", stderr: "" });
  expect(world.mdk(["container", "prune"], { stdin: "y\n" }).stdout).toContain(`Deleted Containers:\n${ids[1]}\n`);
  expect(world.ok("ps", "-a", "--format", "{{.Names}}")).toBe("runs");
  refused(["container", "prune", "-f", "--filter", "name=x"], 1, "invalid filter 'name'");
  world.removeAll();
});
