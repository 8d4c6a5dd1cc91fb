/** Groups in the machine's real hierarchies, below a parent of the test's own; the cgroup files themselves are the witness. */
import { afterEach, expect, test } from "bun:test";
import { closeSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { detectCgroups, findController, findUnified, type Cgroups } from "../../../src/cgroup/detect.ts";
import { createGroup, listGroups, monitorGroup, removeGroup } from "../../../src/cgroup/group.ts";
import { killGroup } from "../../../src/cgroup/kill.ts";
import { ensureParent, removeParent } from "../../../src/cgroup/parent.ts";
import { assembleDeviceProgram } from "../../../src/cgroup/devices.ts";
import type { LinuxDeviceCgroup } from "../../../src/spec/types.ts";
import { loadDeviceProgram, attachDeviceProgram } from "../../../src/sys/bpf.ts";

const root = process.getuid?.() === 0;
const PARENT = `mdk-test-${process.pid}`;
const DEFAULT_RULES: LinuxDeviceCgroup[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
  { allow: true, type: "c", major: 136, access: "rwm" },
];
const MB = 1024 * 1024;
const cgroups: Cgroups = root ? detectCgroups() : { mode: "none", hierarchies: [] };
const at = (controller: string, id: string, file: string): string =>
  readFileSync(`${findController(cgroups, controller)?.mountpoint}/${PARENT}/${id}/${file}`, "utf8").trim();
const v1 = (controller: string): boolean => findController(cgroups, controller)?.kind === "v1";
const leftovers = (): string[] =>
  cgroups.hierarchies.map(({ mountpoint }) => `${mountpoint}/${PARENT}`).filter((directory) => existsSync(directory));

afterEach(() => {
  if (!root) return;
  for (const id of listGroups(cgroups, PARENT)) {
    killGroup(cgroups, `${PARENT}/${id}`);
    removeGroup(cgroups, `${PARENT}/${id}`);
  }
  removeParent(cgroups, PARENT);
  expect(leftovers()).toEqual([]);
});

test.skipIf(!root)("a group is made in every hierarchy with its limits and device rules, and removed from all", () => {
  ensureParent(cgroups, PARENT);
  const name = `${PARENT}/full`;
  const { group, warnings } = createGroup(
    cgroups,
    name,
    { memory: { limit: 100 * MB, reservation: 50 * MB }, cpu: { quota: 25_000, period: 100_000, shares: 512, cpus: "0" }, pids: { limit: 50 }, devices: DEFAULT_RULES },
  );
  expect(warnings).toEqual([]);
  expect(group.directories).toHaveLength(cgroups.hierarchies.length);
  for (const path of [...group.tasks, ...group.directories, group.oomFile, group.procs]) expect(existsSync(path as string)).toBe(true);
  expect(at("memory", "full", v1("memory") ? "memory.limit_in_bytes" : "memory.max")).toBe(String(100 * MB));
  expect(at("cpu", "full", v1("cpu") ? "cpu.cfs_quota_us" : "cpu.max")).toStartWith("25000");
  expect(at("pids", "full", "pids.max")).toBe("50");
  expect(at("cpuset", "full", "cpuset.cpus")).toBe("0");
  if (v1("devices")) expect(at("devices", "full", "devices.list").split("\n")).toEqual(["c *:* m", "b *:* m", "c 1:3 rwm", "c 136:* rwm"]);
  expect(listGroups(cgroups, PARENT)).toEqual(["full"]);
  removeGroup(cgroups, name);
  removeGroup(cgroups, name);
  expect(listGroups(cgroups, PARENT)).toEqual([]);
});

test.skipIf(!root)("a process can join a group without cpuset of its own, through tasks alone, and killGroup ends it", async () => {
  ensureParent(cgroups, PARENT);
  const name = `${PARENT}/kill`;
  const { group } = createGroup(cgroups, name, { devices: [] });
  const joins = group.tasks.map((file) => `echo 0 > ${file}`);
  if (group.tasks.length === 0) joins.push(`echo 0 > ${group.v2}/cgroup.procs`);
  const child = Bun.spawn(["sh", "-c", `${joins.join(" && ")} && echo in && exec sleep 60`], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("in\n");
  expect(() => removeGroup(cgroups, name)).toThrow("processes still live in it");
  killGroup(cgroups, name);
  expect(await child.exited).toBe(137);
  removeGroup(cgroups, name);
});

test.skipIf(!root)("a limit that the kernel refuses leaves no group behind", () => {
  ensureParent(cgroups, PARENT);
  expect(() => createGroup(cgroups, `${PARENT}/bad`, { cpu: { cpus: "0-4000" }, devices: [] })).toThrow(
    /Requested CPUs are not available - requested 0-4000, available: 0/,
  );
  expect(listGroups(cgroups, PARENT)).toEqual([]);
});

test.skipIf(!root)("a left-over group is replaced with the groups inside it: old limits do not live on", () => {
  ensureParent(cgroups, PARENT);
  const name = `${PARENT}/again`;
  const { group } = createGroup(cgroups, name, { pids: { limit: 5 }, devices: [] });
  for (const directory of group.directories) mkdirSync(`${directory}/made/by-the-container`, { recursive: true });
  createGroup(cgroups, name, { devices: [] });
  expect(at("pids", "again", "pids.max")).toBe("max");
  expect(existsSync(`${group.directories[0]}/made`)).toBe(false);
});

test.skipIf(!root)("the monitor's group is there and is no container", () => {
  ensureParent(cgroups, PARENT);
  ensureParent(cgroups, PARENT);
  const { v2, tasks } = monitorGroup(cgroups, PARENT);
  for (const file of tasks) expect(existsSync(file)).toBe(true);
  if (v2 !== null) expect(existsSync(v2)).toBe(true);
  expect(tasks.length).toBe(cgroups.hierarchies.filter(({ kind }) => kind === "v1").length);
  expect(listGroups(cgroups, PARENT)).toEqual([]);
});

test.skipIf(!root || findUnified(cgroups) === null)("on v2 the program passes the kernel's verifier and decides as the list says", async () => {
  ensureParent(cgroups, PARENT);
  const { group } = createGroup(cgroups, `${PARENT}/bpf`, { devices: [] });
  const program = loadDeviceProgram(assembleDeviceProgram(DEFAULT_RULES));
  attachDeviceProgram(program, group.v2 as string);
  closeSync(program);
  const script = "echo 0 > $0/cgroup.procs && : > /dev/null && echo null; : < /dev/zero && echo zero; true";
  const child = Bun.spawn(["sh", "-c", script, group.v2 as string], { stdout: "pipe", stderr: "pipe" });
  expect(await new Response(child.stdout).text()).toBe("null\n");
  expect(await new Response(child.stderr).text()).toContain("/dev/zero: Operation not permitted");
});

test.skipIf(!root || findUnified(cgroups) === null)("without a controller the flag is named: a v2 view that has none", () => {
  const unified = findUnified(cgroups);
  const bare: Cgroups = { mode: "v2", hierarchies: [{ kind: "v2", controllers: [], mountpoint: unified?.mountpoint ?? "", path: "/", readOnly: false }] };
  ensureParent(bare, PARENT);
  expect(() => createGroup(bare, `${PARENT}/x`, { memory: { limit: 100 * MB }, devices: [] })).toThrow("--memory cannot be set: no cgroup hierarchy has the memory controller");
  createGroup(bare, `${PARENT}/x`, { devices: DEFAULT_RULES });
  expect(readdirSync(`${unified?.mountpoint}/${PARENT}`, { withFileTypes: true }).filter((e) => e.isDirectory()).map((e) => e.name).sort()).toEqual(["monitor", "x"]);
});
