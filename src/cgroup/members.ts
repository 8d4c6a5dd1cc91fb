/** Who is in a group, and which groups are below it. */
import { readdirSync, readFileSync } from "node:fs";
import { findController, findUnified, type Cgroups } from "./detect.ts";
import { hasCode } from "./parent.ts";

/** Groups that a container may have made below its own; more than this is left to fail. */
const DESCENDANTS_MAX = 10_000;

/** Pids of the group of that path, with those below it, as this process's /proc counts them; 0 is one that it does not show. */
export function listProcesses(cgroups: Cgroups, path: string): number[] {
  const hierarchy = findController(cgroups, "pids") ?? findUnified(cgroups) ?? cgroups.hierarchies[0];
  return hierarchy === undefined ? [] : processes(`${hierarchy.mountpoint}/${path}`);
}

/** Processes of the group and of all groups below it. */
export function processes(directory: string): number[] {
  return descendants(directory).flatMap(members);
}

/** None where it was removed meanwhile, or is a threaded v2 group, whose processes its ancestor lists. */
export function members(directory: string): number[] {
  return readOr(`${directory}/cgroup.procs`, "").split("\n").filter((line) => line !== "").map(Number);
}

/** `missing` for a file that cannot be read. */
export function readOr(file: string, missing: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return missing;
  }
}

/** The directory and those below it, parents first. */
export function descendants(directory: string): string[] {
  const found = [directory];
  for (let index = 0; index < found.length && found.length < DESCENDANTS_MAX; index++) {
    const path = found[index] as string;
    for (const name of subdirectories(path)) found.push(`${path}/${name}`);
  }
  return found;
}

/** Names. */
export function subdirectories(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
