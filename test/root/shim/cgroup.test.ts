/** What the shim does with cgroups: who is born or joins where, and the kernel's kills for memory. */
import { afterAll, expect, test } from "bun:test";
import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync } from "node:fs";
import { exited, go, parent, run, until, type Container } from "../../helpers/shim.ts";

const name = `mdk-shim-test-${process.pid}`;
const mounts = readFileSync("/proc/mounts", "utf8").split("\n").map((line) => line.split(" "));
const unified = mounts.find(([, , type]) => type === "cgroup2")?.[1];
const memory = mounts.find(([, , type, options]) => type === "cgroup" && options?.split(",").includes("memory"))?.[1];

const made: string[] = [];
function group(hierarchy: string, child: string): string {
  const path = `${hierarchy}/${name}-${child}`;
  mkdirSync(path);
  made.push(path);
  return path;
}
afterAll(async () => {
  for (const path of made) await until(() => { // the last monitor is leaving
    try { rmdirSync(path); return true; } catch { return false; }
  }, `${path} is empty`);
});

const cgroupOf = (pid: number, controller: string): string =>
  readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n").find((line) => line.split(":")[1] === controller)?.split(":")[2] ?? "";

function end(container: Container): void {
  closeSync(container.channel);
  container.channel = -1;
  container.close();
}

test.skipIf(unified === undefined)("init is born in its v2 cgroup, monitor and cage in the monitors'", () => {
  const [own, monitors] = [group(unified as string, "own"), group(unified as string, "monitors")];
  const fds = [openSync(own, "r"), openSync(monitors, "r")] as const;
  const container = run({
    argv: ["sh", "-c", "sleep 0.2"],
    plan: (plan, d) => ({ ...plan, cgroup: d.add(fds[0]), monitor: { ...plan.monitor, cgroup: d.add(fds[1]) } }),
  });
  const init = go(container);
  expect(cgroupOf(init, "")).toEndWith(`${name}-own`);
  for (const pid of [parent(init), parent(parent(init))]) expect(cgroupOf(pid, "")).toEndWith(`${name}-monitors`);
  expect(exited(container).code).toBe(0);
  for (const fd of fds) closeSync(fd);
  end(container);
});

test.skipIf(memory === undefined)("init joins its v1 cgroups by tasks; the kernel's kill for memory is seen, and a child's leaves PID 1's status", () => {
  const [own, monitors] = [group(memory as string, "own"), group(memory as string, "monitors")];
  Bun.spawnSync(["sh", "-c", `echo 20M > ${own}/memory.limit_in_bytes; echo 20M > ${own}/memory.memsw.limit_in_bytes`]);
  const eat = "(echo 1000 >/proc/self/oom_score_adj; exec tail -c 100000000 /dev/zero)";
  for (const [script, code] of [[`exec tail -c 100000000 /dev/zero`, 137], [`${eat}; exit 4`, 4]] as const) {
    const fds = [openSync(`${own}/tasks`, "w"), openSync(`${monitors}/tasks`, "w"), openSync(`${own}/memory.oom_control`, "r"), openSync(`${own}/cgroup.procs`, "r")] as const;
    const container = run({
      argv: ["sh", "-c", script],
      plan: (plan, d) => ({
        ...plan,
        steps: [{ write: { fd: d.add(fds[0]), text: "0" } }, ...plan.steps],
        monitor: { ...plan.monitor, tasks: [d.add(fds[1])], oom: d.add(fds[2]), procs: d.add(fds[3]) },
      }),
    });
    const init = go(container);
    expect(cgroupOf(parent(init), "memory")).toEndWith(`${name}-monitors`);
    expect(exited(container)).toEqual({ code, oom: true, pending: false });
    expect(JSON.parse(readFileSync(`${container.directory}/exit`, "utf8"))).toMatchObject({ code, oom: true });
    for (const fd of fds) closeSync(fd);
    end(container);
  }
});
