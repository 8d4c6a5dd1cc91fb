/** Killing everything in a group: containers that have lost their monitor or have no pid namespace of their own, and monitors. */
import { closeSync, writeFileSync } from "node:fs";
import { MdkError } from "../error.ts";
import { openPidfd, sendSignal } from "../sys/pidfd.ts";
import { findController, findUnified, type Cgroups } from "./detect.ts";
import { thawGroup } from "./freeze.ts";
import { describe, groupDirectories, quietly } from "./group.ts";
import { members, processes, readOr } from "./members.ts";
import { MONITOR } from "./parent.ts";

const KILL_TRIES = 500;
const KILL_PAUSE_MS = 2;
/** Descriptors open at once. */
const KILL_BATCH = 256;
const SIGKILL = 9;

/** Kills the monitors that live there, and with them whatever container is left. Other ones may be born meanwhile. */
export function killMonitors(cgroups: Cgroups, parent: string): void {
  const { directories } = describe(cgroups, `${parent}/${MONITOR}`);
  killMembers(directories, [...new Set(directories.flatMap(processes))]);
}

/**
 * Kills every process of the group and waits until it is empty, a second at most. Missing is fine. Throws MdkError "cgroup-busy"
 * where processes outlive that (uninterruptible sleep).
 */
export function killGroup(cgroups: Cgroups, path: string): void {
  const directories = groupDirectories(cgroups, path);
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

/**
 * The usual end, seen without a walk through all hierarchies: v2 counts what is below as well, and every process of a container
 * starts there. One that left it for a group of its own in v1 is met by removeGroup.
 */
function isEmpty(unified: string, directories: readonly string[]): boolean {
  return !readOr(`${unified}/cgroup.events`, "populated 0").includes("populated 1") && directories.every((directory) => members(directory).length === 0);
}
