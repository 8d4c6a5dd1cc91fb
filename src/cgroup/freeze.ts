/** Freezing the processes of a group: v1's freezer hierarchy, v2's cgroup.freeze. What is frozen is not even killed by v1's SIGKILL before it thaws. */
import { readFileSync, writeFileSync } from "node:fs";
import { MdkError } from "../error.ts";
import { monotonicMs } from "../sys/clock.ts";
import { findController, findUnified, type Cgroups } from "./detect.ts";

/** A process in uninterruptible sleep freezes when it wakes. */
const PATIENCE_MS = 5_000;
const PAUSE_MS = 1;

/**
 * Returns when every process of the group and of those below it is frozen. Throws MdkError "freezer-missing" where no hierarchy can,
 * "not-frozen" after five seconds, with everything thawed again; node's error for a group that is gone.
 */
export function freezeGroup(cgroups: Cgroups, path: string): void {
  const freezer = freezerOf(cgroups, path);
  const until = monotonicMs() + PATIENCE_MS;
  for (;;) {
    // v1: written again, since a process that forks meanwhile keeps the group in FREEZING (kernel-doc freezer-subsystem).
    freezer.write(true);
    if (freezer.isFrozen()) return;
    if (monotonicMs() > until) break;
    Bun.sleepSync(PAUSE_MS);
  }
  freezer.write(false);
  throw new MdkError("unavailable", "not-frozen", `not all processes of cgroup ${path} could be frozen within ${PATIENCE_MS / 1000} seconds`);
}

/** A group that is not frozen is no error. */
export function thawGroup(cgroups: Cgroups, path: string): void {
  freezerOf(cgroups, path).write(false);
}

/** False, too, where it cannot be known. */
export function isFrozen(cgroups: Cgroups, path: string): boolean {
  try {
    return freezerOf(cgroups, path).isFrozen();
  } catch {
    return false;
  }
}

/** The same, or about to be so: a command that freezes it is at work, or was killed. */
export function isFreezing(cgroups: Cgroups, path: string): boolean {
  try {
    return freezerOf(cgroups, path).isAsked();
  } catch {
    return false;
  }
}

/** v1 `freezer.state`, v2 `cgroup.events`: what tells whether the group is frozen. Null where no hierarchy can. */
export function freezerFile(cgroups: Cgroups, path: string): string | null {
  const [first, unified] = [findController(cgroups, "freezer"), findUnified(cgroups)];
  if (first !== null) return `${first.mountpoint}/${path}/freezer.state`;
  return unified === null ? null : `${unified.mountpoint}/${path}/cgroup.events`;
}

/** The file of a group and the text in it that thaws: for who does it when nobody else can any more. */
export function thawing(cgroups: Cgroups, path: string): { readonly file: string; readonly text: string } {
  return freezerOf(cgroups, path);
}

interface Freezer {
  readonly file: string;
  /** What thaws. */
  readonly text: string;
  write(frozen: boolean): void;
  isFrozen(): boolean;
  /** It is, or will be when the last process has heard of it. */
  isAsked(): boolean;
}

function freezerOf(cgroups: Cgroups, path: string): Freezer {
  const first = findController(cgroups, "freezer");
  if (first !== null) {
    const file = `${first.mountpoint}/${path}/freezer.state`;
    return {
      file, text: "THAWED",
      write: (frozen) => writeFileSync(file, frozen ? "FROZEN" : "THAWED", { flag: "r+" }),
      isFrozen: () => readFileSync(file, "latin1").trim() === "FROZEN",
      isAsked: () => readFileSync(file, "latin1").trim() !== "THAWED",
    };
  }
  const unified = findUnified(cgroups);
  if (unified === null) throw new MdkError("unsupported", "freezer-missing", "no cgroup hierarchy has the freezer", { hint: "mount cgroup2 on /sys/fs/cgroup" });
  const directory = `${unified.mountpoint}/${path}`;
  return {
    file: `${directory}/cgroup.freeze`, text: "0",
    write: (frozen) => writeFileSync(`${directory}/cgroup.freeze`, frozen ? "1" : "0", { flag: "r+" }),
    isFrozen: () => readFileSync(`${directory}/cgroup.events`, "latin1").includes("frozen 1"),
    isAsked: () => readFileSync(`${directory}/cgroup.freeze`, "latin1").trim() === "1",
  };
}
