/**
 * The parent of all groups of one data root, made once per boot: `<mountpoint>/<parent>` and `<parent>/monitor` in every
 * hierarchy, with the controllers enabled (v2) and the cpuset filled in (v1).
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { MdkError, messageOf } from "../error.ts";
import type { Cgroups, Hierarchy } from "./detect.ts";
import { occupyAgain, vacate } from "./vacate.ts";

/** The group of monitors and cages, beside those of the containers. */
export const MONITOR = "monitor";

/** Controllers that mdk sets limits with. */
const WANTED = ["cpuset", "cpu", "io", "memory", "pids"];
/** A monitor gives up its run lock shortly before it ends: so long it is waited for. */
const RMDIR_TRIES = 200;
const RMDIR_PAUSE_MS = 10;

/**
 * Makes the parent; cheap when it is there (one existence check a hierarchy). Safe against others that do the same at once.
 * Throws MdkError: "cgroup-none", "cgroup-read-only".
 */
export function ensureParent(cgroups: Cgroups, parent: string): void {
  if (cgroups.hierarchies.length === 0) {
    throw new MdkError("unsupported", "cgroup-none", "no cgroup hierarchy is mounted", { hint: "mount cgroup2 on /sys/fs/cgroup" });
  }
  for (const hierarchy of cgroups.hierarchies) {
    const directory = `${hierarchy.mountpoint}/${parent}`;
    // The monitor's directory is made last: where it is, all the rest was done.
    if (existsSync(`${directory}/${MONITOR}`)) continue;
    try {
      makeDirectory(directory);
      if (hierarchy.kind === "v2") enableControllers(hierarchy, parent);
      else if (hierarchy.controllers.includes("cpuset")) inheritCpuset(hierarchy.mountpoint, directory);
      makeDirectory(`${directory}/${MONITOR}`);
    } catch (error) {
      throw explain(error, directory);
    }
  }
}

/**
 * Makes a group that a user names as the parent of containers' groups, with those above it, fit for that. It stays: mdk cannot know
 * whether it is somebody else's. Throws MdkError, as ensureParent, and "cgroup-busy" where v2 has processes in one of them.
 */
export function ensureGroups(cgroups: Cgroups, path: string): void {
  for (const hierarchy of cgroups.hierarchies) {
    let directory = hierarchy.mountpoint;
    for (const part of path.split("/")) {
      const above = directory;
      directory += `/${part}`;
      try {
        makeDirectory(directory);
        if (hierarchy.controllers.includes("cpuset") && hierarchy.kind === "v1") inheritCpuset(above, directory);
        if (hierarchy.kind === "v2") enableIn(directory, hierarchy);
      } catch (error) {
        throw hasCode(error, "EBUSY") ? new MdkError("conflict", "cgroup-busy", `cgroup ${directory} holds processes itself: containers cannot have groups below it`, { cause: error }) : explain(error, directory);
      }
    }
  }
}

/** Groups above the last have the controllers already: each of them was in this loop before. */
function enableIn(directory: string, { mountpoint, controllers }: Hierarchy): void {
  const wanted = WANTED.filter((name) => controllers.includes(name)).map((name) => `+${name}`);
  if (wanted.length === 0) return;
  if (directory.lastIndexOf("/") === mountpoint.length) write(`${mountpoint}/cgroup.subtree_control`, wanted.join(" "));
  write(`${directory}/cgroup.subtree_control`, wanted.join(" "));
}

/** Removes the parent with its monitor group; what still holds a container or a monitor is left, and named by the error. */
export function removeParent(cgroups: Cgroups, parent: string): void {
  const errors: unknown[] = [];
  for (const { mountpoint } of cgroups.hierarchies) {
    for (const directory of [`${mountpoint}/${parent}/${MONITOR}`, `${mountpoint}/${parent}`]) {
      const error = removeEmpty(directory, errors.length === 0 ? RMDIR_TRIES : 0);
      if (error !== null) errors.push(error);
    }
  }
  for (const { kind, mountpoint } of cgroups.hierarchies) if (kind === "v2") occupyAgain(mountpoint);
  if (errors.length > 0) {
    throw new MdkError("unavailable", "cgroup-busy", `remove cgroup ${parent}: containers or monitors still live in it`, { cause: errors[0] });
  }
}

/** The error that stayed, or null. */
function removeEmpty(directory: string, tries: number): unknown {
  for (let attempt = 0; ; attempt++) {
    try {
      rmdirSync(directory);
      return null;
    } catch (error) {
      if (hasCode(error, "ENOENT")) return null;
      if (!hasCode(error, "EBUSY") || attempt >= tries) return error;
      Bun.sleepSync(RMDIR_PAUSE_MS);
    }
  }
}

/**
 * Enables the wanted controllers for the children of the root and of the parent. A container's cgroup namespace root holds the
 * processes of that container, and the kernel allows either processes or controllers (cgroups(7), "no internal processes"):
 * they are moved to `init/` then, as docker:dind does, until the parent goes. Where only threaded controllers are delegated (cpu, pids,
 * cpuset) it would allow both, and then take no process in the groups below ("domain invalid").
 */
export function enableControllers(hierarchy: Hierarchy, parent: string): void {
  const wanted = WANTED.filter((name) => hierarchy.controllers.includes(name)).map((name) => `+${name}`);
  if (wanted.length === 0) return;
  const text = wanted.join(" ");
  const root = `${hierarchy.mountpoint}/cgroup.subtree_control`;
  // The true root has no cgroup.events and may hold both.
  const isTrueRoot = !existsSync(`${hierarchy.mountpoint}/cgroup.events`);
  if (!isTrueRoot && readFileSync(`${hierarchy.mountpoint}/cgroup.procs`, "latin1") !== "") vacate(hierarchy.mountpoint);
  try {
    write(root, text);
  } catch (error) {
    // Of the true root EBUSY is something else; of others, a process has come meanwhile.
    if (!hasCode(error, "EBUSY") || isTrueRoot) throw error;
    vacate(hierarchy.mountpoint);
    write(root, text);
  }
  write(`${hierarchy.mountpoint}/${parent}/cgroup.subtree_control`, text);
}

/**
 * A new v1 cpuset is empty and takes no process (ENOSPC). The parent gets what its own parent has; with clone_children every
 * group made below gets the same from the kernel.
 */
function inheritCpuset(root: string, directory: string): void {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    // One that was there and says something keeps it.
    if (readFileSync(`${directory}/${file}`, "utf8").trim() === "") write(`${directory}/${file}`, readFileSync(`${root}/${file}`, "utf8").trim());
  }
  write(`${directory}/cgroup.clone_children`, "1");
}

/** True where the error of a system call has this code ("ENOENT"). */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** Cgroup files exist or do not: O_CREAT and O_TRUNC would change the error that says so. */
function write(file: string, text: string): void {
  writeFileSync(file, text, { flag: "r+" });
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
}

function explain(error: unknown, directory: string): unknown {
  if (hasCode(error, "EROFS") || hasCode(error, "EACCES") || hasCode(error, "EPERM")) {
    return new MdkError("denied", "cgroup-read-only", `create cgroup ${directory}: ${messageOf(error)}`, {
      hint: "mdk needs a writable cgroup file system: in a container, run that container privileged",
      cause: error,
    });
  }
  return error;
}
