/**
 * The groups of containers: made with their limits, removed. One directory a hierarchy, `<mountpoint>/<path>`, where a path is "<parent>/<id>": "mdk/0123…";
 * who joins them, and how, is the shim's business (the plan holds what `createGroup` returns).
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmdirSync, writeFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { MdkError, messageOf } from "../error.ts";
import type { LinuxResources } from "../spec/types.ts";
import { attachDeviceProgram, loadDeviceProgram } from "../sys/bpf.ts";
import { findController, findUnified, type Cgroups, type Hierarchy } from "./detect.ts";
import { allowsEverything, assembleDeviceProgram, planDeviceWrites } from "./devices.ts";
import { planLimits } from "./limits.ts";
import type { GroupWrite } from "./write.ts";
import { ensureRealtimeBudget } from "./realtime.ts";
import { descendants, subdirectories } from "./members.ts";
import { enableControllers, hasCode, MONITOR } from "./parent.ts";

/** What the plan needs of a container's group. */
export interface Group {
  /** Directory for CLONE_INTO_CGROUP; null without a v2 hierarchy. */
  readonly v2: string | null;
  /** `tasks` of every v1 hierarchy: the process writes "0" to each. */
  readonly tasks: readonly string[];
  /** memory.events or memory.oom_control: its `oom_kill` counts; null without the memory controller. */
  readonly oomFile: string | null;
  /** A `cgroup.procs` that lists every process of the container; null without any hierarchy. */
  readonly procs: string | null;
  /** Null without a v2 hierarchy; it is not there before Linux 5.14. */
  readonly kill: string | null;
  readonly directories: readonly string[];
}

const RMDIR_TRIES = 50;
const RMDIR_PAUSE_MS = 2;

/**
 * Makes the group of the path in every hierarchy and sets limits and device rules; `ensureParent` comes first. Returns it with Docker's
 * warnings. A group that is left over from an earlier life is replaced. Throws MdkError (a limit that cannot be set) or
 * node's error, and then nothing of the group is left.
 */
export function createGroup(
  cgroups: Cgroups,
  path: string,
  resources: LinuxResources,
): { group: Group; warnings: string[] } {
  const parent = dirname(path);
  const exists = (controller: string, file: string): boolean => existsSync(`${findController(cgroups, controller)?.mountpoint}/${parent}/${file}`);
  const writes = planLimits(resources, (controller) => findController(cgroups, controller)?.kind ?? null, exists);
  const made: string[] = [];
  try {
    for (const { mountpoint } of cgroups.hierarchies) {
      const directory = `${mountpoint}/${path}`;
      makeDirectory(directory);
      made.push(directory);
    }
    const warnings = applyLimits(cgroups, path, writes);
    applyDeviceRules(cgroups, path, resources.devices);
    return { group: describe(cgroups, path), warnings };
  } catch (error) {
    for (const directory of made.reverse()) quietly(() => rmdirSync(directory));
    throw error;
  }
}

/** The group as createGroup returned it, for a container that has one already: no file is touched. */
export function describe(cgroups: Cgroups, path: string): Group {
  const at = (hierarchy: Hierarchy | null): string | null => (hierarchy === null ? null : `${hierarchy.mountpoint}/${path}`);
  const v2 = at(findUnified(cgroups));
  const directories = groupDirectories(cgroups, path);
  const memory = findController(cgroups, "memory");
  const first = v2 ?? directories[0];
  return {
    v2,
    tasks: cgroups.hierarchies.filter(({ kind }) => kind === "v1").map((hierarchy) => `${at(hierarchy)}/tasks`),
    oomFile: memory === null ? null : `${at(memory)}/${memory.kind === "v1" ? "memory.oom_control" : "memory.events"}`,
    procs: first === undefined ? null : `${first}/cgroup.procs`,
    kill: v2 === null ? null : `${v2}/cgroup.kill`,
    directories,
  };
}

/** Its directory in every hierarchy. A path that names no group of its own is a mistake, and "" the worst of all: everybody's processes are there. */
export function groupDirectories(cgroups: Cgroups, path: string): string[] {
  if (path.split("/").some((part) => part === "" || part === "." || part === "..")) throw new Error(`${JSON.stringify(path)} is no path of a cgroup`);
  return cgroups.hierarchies.map(({ mountpoint }) => `${mountpoint}/${path}`);
}

/** Where monitors live: what the plan's Monitor takes. */
export function monitorGroup(cgroups: Cgroups, parent: string): Pick<Group, "v2" | "tasks"> {
  const { v2, tasks } = describe(cgroups, `${parent}/${MONITOR}`);
  return { v2, tasks };
}

/** Ids that have a group in any hierarchy. */
export function listGroups(cgroups: Cgroups, parent: string): string[] {
  const ids = new Set<string>();
  for (const { mountpoint } of cgroups.hierarchies) {
    for (const name of subdirectories(`${mountpoint}/${parent}`)) if (name !== MONITOR) ids.add(name);
  }
  return [...ids];
}

/**
 * Removes the group and what the container made below it; one that is missing is fine. A group that still dies is waited for,
 * 0.1 s at most. Goes on after an error and throws the first: MdkError "cgroup-busy" where processes live in it.
 */
export function removeGroup(cgroups: Cgroups, path: string): void {
  const errors: unknown[] = [];
  for (const directory of groupDirectories(cgroups, path)) {
    try {
      removeTree(directory);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    if (hasCode(error, "EROFS") || hasCode(error, "EACCES")) {
      throw new MdkError("denied", "cgroup-read-only", `create cgroup ${directory}: read-only or not permitted`, {
        hint: "mdk needs a writable cgroup file system: in a container, run that container privileged",
        cause: error,
      });
    }
    if (!hasCode(error, "EEXIST")) throw error;
    // A crash left it: limits of that life must not live on in this one.
    removeTree(directory);
    mkdirSync(directory);
  }
}

export function applyLimits(cgroups: Cgroups, path: string, writes: readonly GroupWrite[]): string[] {
  const warnings: string[] = [];
  for (const write of writes) {
    const hierarchy = findController(cgroups, write.controller) as Hierarchy;
    const file = `${hierarchy.mountpoint}/${path}/${write.file}`;
    try {
      writeLimit(hierarchy, path, file, write);
    } catch (error) {
      if (write.file === "cpu.rt_runtime_us" && hasCode(error, "EINVAL") && giveRealtime(hierarchy, path, file, write)) continue;
      if (write.optional !== null && hasCode(error, "ENOENT")) warnings.push(write.optional);
      else throw explain(error, hierarchy, write);
    }
  }
  return warnings;
}

/** The parent's budget does not hold one more. False: the groups above have none to give. */
function giveRealtime(hierarchy: Hierarchy, path: string, file: string, { value }: GroupWrite): boolean {
  const period = Number(readFileSync(`${dirname(file)}/cpu.rt_period_us`, "utf8"));
  try {
    ensureRealtimeBudget(hierarchy.mountpoint, dirname(path), Number(value) / period);
    writeFileSync(file, value, { flag: "r+" });
    return true;
  } catch (error) {
    if (hasCode(error, "EINVAL")) return false;
    throw error;
  }
}

/** Somebody may have taken the controller out of subtree_control since the parent was made: enabled again, once. */
function writeLimit(hierarchy: Hierarchy, path: string, file: string, write: GroupWrite): void {
  try {
    writeFileSync(file, write.value, { flag: "r+" });
  } catch (error) {
    if (!hasCode(error, "ENOENT") || hierarchy.kind === "v1") throw error;
    enableControllers(hierarchy, dirname(path));
    writeFileSync(file, write.value, { flag: "r+" });
  }
}

function explain(error: unknown, hierarchy: Hierarchy, { controller, file, value, flag }: GroupWrite): unknown {
  if (hasCode(error, "ENOENT")) {
    return new MdkError("unsupported", "cgroup-controller-missing", `${flag} cannot be set: the ${controller} controller of this kernel has no ${file}`, {
      hint: file.includes("sw") ? "swap accounting is off: boot with swapaccount=1, or leave the flag out" : `leave ${flag} out`,
      cause: error,
    });
  }
  if (controller === "cpuset") {
    const kind = file.endsWith("cpus") ? "cpus" : "mems";
    const available = readFileSync(`${hierarchy.mountpoint}/cpuset.${hierarchy.kind === "v1" ? kind : `${kind}.effective`}`, "utf8").trim();
    const what = kind === "cpus" ? "CPUs" : "memory nodes";
    return new MdkError("invalid", "invalid-limit", `Requested ${what} are not available - requested ${value}, available: ${available}`, { cause: error });
  }
  const hint =
    hasCode(error, "ENOTSUP") ? "a weight of its own has a disk whose scheduler is bfq: see /sys/block/DISK/queue/scheduler"
    : hasCode(error, "ENODEV") ? "a limit is for a whole disk, not for a part of it"
    : file === "cpu.rt_runtime_us" ? "the groups above have no more real-time to give: see cpu.rt_runtime_us there"
    : undefined;
  return new MdkError("unsupported", "cgroup-limit", `${flag} cannot be set: write ${value} to ${file}: ${messageOf(error).replace(/^write: /, "")}`, { cause: error, ...(hint === undefined ? {} : { hint }) });
}

function applyDeviceRules(cgroups: Cgroups, path: string, rules: LinuxResources["devices"]): void {
  // A new group may do what its parent may, and mdk's parent group is never restricted.
  if (allowsEverything(rules)) return;
  const v1 = findController(cgroups, "devices");
  if (v1 !== null) {
    return writeEach(`${v1.mountpoint}/${path}`, planDeviceWrites(rules));
  }
  const unified = findUnified(cgroups);
  if (unified === null) {
    throw new MdkError("unsupported", "cgroup-controller-missing", "device access cannot be limited: no cgroup hierarchy has the devices controller", {
      hint: "enable it in the kernel, or run the container with --privileged",
    });
  }
  const program = loadDeviceProgram(assembleDeviceProgram(rules));
  try {
    attachDeviceProgram(program, `${unified.mountpoint}/${path}`);
  } finally {
    closeSync(program);
  }
}

/** One write(2) a rule, as the kernel wants it; each file is opened once. */
function writeEach(directory: string, writes: readonly { readonly file: string; readonly value: string }[]): void {
  const opened = new Map<string, number>();
  try {
    for (const { file, value } of writes) {
      let descriptor = opened.get(file);
      if (descriptor === undefined) opened.set(file, (descriptor = openSync(`${directory}/${file}`, "r+")));
      writeSync(descriptor, value);
    }
  } finally {
    for (const descriptor of opened.values()) closeSync(descriptor);
  }
}


function removeTree(directory: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      rmdirSync(directory);
      return;
    } catch (error) {
      if (hasCode(error, "ENOENT")) return;
      // Processes, dying ones for a moment included, and groups below both say EBUSY.
      if (!hasCode(error, "EBUSY") && !hasCode(error, "ENOTEMPTY")) throw error;
      if (attempt === RMDIR_TRIES) {
        throw new MdkError("unavailable", "cgroup-busy", `remove cgroup ${directory}: processes still live in it`, { cause: error });
      }
      for (const path of descendants(directory).slice(1).reverse()) quietly(() => rmdirSync(path));
      if (attempt > 0) Bun.sleepSync(RMDIR_PAUSE_MS);
    }
  }
}

/** For attempts of which the caller looks at the outcome. */
export function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // See above.
  }
}
