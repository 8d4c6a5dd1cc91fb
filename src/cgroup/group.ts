/**
 * The groups of containers: made with their limits, killed, removed. One directory a hierarchy, `<mountpoint>/<path>`, where a path is "<parent>/<id>": "mdk/0123…";
 * who joins them, and how, is the shim's business (the plan holds what `createGroup` returns).
 */
import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync, writeFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { MdkError } from "../error.ts";
import type { LinuxResources } from "../spec/types.ts";
import { openPidfd, sendSignal } from "../sys/pidfd.ts";
import { attachDeviceProgram, loadDeviceProgram } from "../sys/bpf.ts";
import { findController, findUnified, type Cgroups, type Hierarchy } from "./detect.ts";
import { allowsEverything, assembleDeviceProgram, planDeviceWrites } from "./devices.ts";
import { thawGroup } from "./freeze.ts";
import { planLimits, type Write } from "./limits.ts";
import { descendants, members, processes, readOr, subdirectories } from "./members.ts";
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
  readonly directories: readonly string[];
}

const RMDIR_TRIES = 50;
const RMDIR_PAUSE_MS = 2;
const KILL_TRIES = 500;
const KILL_PAUSE_MS = 2;
/** Descriptors open at once. */
const KILL_BATCH = 256;
const SIGKILL = 9;

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
  const writes = planLimits(resources, (controller) => findController(cgroups, controller)?.kind ?? null);
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
  const directories = directoriesOf(cgroups, path);
  const memory = findController(cgroups, "memory");
  const first = v2 ?? directories[0];
  return {
    v2,
    tasks: cgroups.hierarchies.filter(({ kind }) => kind === "v1").map((hierarchy) => `${at(hierarchy)}/tasks`),
    oomFile: memory === null ? null : `${at(memory)}/${memory.kind === "v1" ? "memory.oom_control" : "memory.events"}`,
    procs: first === undefined ? null : `${first}/cgroup.procs`,
    directories,
  };
}

/** In every hierarchy. A path that names no group of its own is a mistake, and "" the worst of all: everybody's processes are there. */
function directoriesOf(cgroups: Cgroups, path: string): string[] {
  if (path.split("/").some((part) => part === "" || part === "." || part === "..")) throw new Error(`${JSON.stringify(path)} is no path of a cgroup`);
  return cgroups.hierarchies.map(({ mountpoint }) => `${mountpoint}/${path}`);
}

/** Where monitors live: what the plan's Monitor takes. */
export function monitorGroup(cgroups: Cgroups, parent: string): Pick<Group, "v2" | "tasks"> {
  const { v2, tasks } = describe(cgroups, `${parent}/${MONITOR}`);
  return { v2, tasks };
}

/** Kills the monitors that live there, and with them whatever container is left. Other ones may be born meanwhile. */
export function killMonitors(cgroups: Cgroups, parent: string): void {
  const { directories } = describe(cgroups, `${parent}/${MONITOR}`);
  killMembers(directories, [...new Set(directories.flatMap(processes))]);
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
  for (const directory of directoriesOf(cgroups, path)) {
    try {
      removeTree(directory);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/**
 * Kills every process of the group and waits until it is empty, a second at most. Missing is fine. Throws MdkError "cgroup-busy"
 * where processes outlive that (uninterruptible sleep).
 */
export function killGroup(cgroups: Cgroups, path: string): void {
  const directories = directoriesOf(cgroups, path);
  const unified = findUnified(cgroups);
  if (unified !== null && isEmpty(`${unified.mountpoint}/${path}`, directories)) return;
  // Whose monitor was killed while it was paused: what is frozen on v1 dies when it thaws.
  quietly(() => thawGroup(cgroups, path));
  // Linux 5.14: atomic, forks included.
  if (unified !== null) quietly(() => writeFileSync(`${unified.mountpoint}/${path}/cgroup.kill`, "1", { flag: "r+" }));
  // Without it no new process may appear while the loop below kills the old ones.
  const pids = findController(cgroups, "pids");
  if (pids !== null) quietly(() => writeFileSync(`${pids.mountpoint}/${path}/pids.max`, "0", { flag: "r+" }));
  for (let attempt = 0; attempt < KILL_TRIES; attempt++) {
    const living = new Set(directories.flatMap(processes));
    if (living.size === 0) return;
    killMembers(directories, [...living]);
    Bun.sleepSync(KILL_PAUSE_MS);
  }
  throw new MdkError("unavailable", "cgroup-busy", `could not kill all processes in cgroup ${path}`);
}

/** By pidfd, and only who is still listed when it is open: a number may have become somebody else's meanwhile. */
function killMembers(directories: readonly string[], pids: readonly number[]): void {
  for (let at = 0; at < pids.length; at += KILL_BATCH) {
    const opened = new Map<number, number>();
    try {
      // 0 is a process of a pid namespace that cannot be seen from here.
      for (const pid of pids.slice(at, at + KILL_BATCH).filter((number) => number > 0)) {
        const descriptor = openPidfd(pid);
        if (descriptor !== null) opened.set(pid, descriptor);
      }
      const still = new Set(directories.flatMap(processes));
      for (const [pid, descriptor] of opened) if (still.has(pid)) quietly(() => sendSignal(descriptor, SIGKILL));
    } finally {
      for (const descriptor of opened.values()) closeSync(descriptor);
    }
  }
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

export function applyLimits(cgroups: Cgroups, path: string, writes: readonly Write[]): string[] {
  const warnings: string[] = [];
  for (const write of writes) {
    const hierarchy = findController(cgroups, write.controller) as Hierarchy;
    const file = `${hierarchy.mountpoint}/${path}/${write.file}`;
    try {
      writeLimit(hierarchy, path, file, write);
    } catch (error) {
      if (write.optional !== null && hasCode(error, "ENOENT")) warnings.push(write.optional);
      else throw explain(error, hierarchy, write);
    }
  }
  return warnings;
}

/** Somebody may have taken the controller out of subtree_control since the parent was made: enabled again, once. */
function writeLimit(hierarchy: Hierarchy, path: string, file: string, write: Write): void {
  try {
    writeFileSync(file, write.value, { flag: "r+" });
  } catch (error) {
    if (!hasCode(error, "ENOENT") || hierarchy.kind === "v1") throw error;
    enableControllers(hierarchy, dirname(path));
    writeFileSync(file, write.value, { flag: "r+" });
  }
}

function explain(error: unknown, hierarchy: Hierarchy, { controller, file, value, flag }: Write): unknown {
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
  return new MdkError("unsupported", "cgroup-limit", `${flag} cannot be set: write ${value} to ${file}: ${(error as Error).message}`, { cause: error });
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

/**
 * The usual end, seen without a walk through all hierarchies: v2 counts what is below as well, and every process of a container
 * starts there. One that left it for a group of its own in v1 is met by removeGroup.
 */
function isEmpty(unified: string, directories: readonly string[]): boolean {
  return !readOr(`${unified}/cgroup.events`, "populated 0").includes("populated 1") && directories.every((directory) => members(directory).length === 0);
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

function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // The caller looks at the outcome, not at this attempt.
  }
}
