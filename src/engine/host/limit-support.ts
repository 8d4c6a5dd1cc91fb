/** Which of the limits that not every kernel has this one has, by the files of mdk's parent group. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { findController } from "../../cgroup/detect.ts";
import { hasWeight } from "../../cgroup/io-limits.ts";
import { ensureParent } from "../../cgroup/parent.ts";
import type { LimitSupport } from "../../spec/support.ts";
import type { Context } from "../context.ts";
import { cgroupParent } from "./identity.ts";

const SCHEDULERS = "/sys/block";

function hasBfq(): boolean {
  return readdirSync(SCHEDULERS).some((disk) => {
    try {
      return readFileSync(`${SCHEDULERS}/${disk}/queue/scheduler`, "latin1").includes("[bfq]");
    } catch {
      return false;
    }
  });
}

/** Looks when it is asked; makes the parent group for it, since a hierarchy's root lacks files. */
export function limitSupport(context: Context): LimitSupport {
  const cgroups = context.cgroups();
  const parent = cgroupParent(context);
  ensureParent(cgroups, parent);
  const exists = (controller: string, file: string): boolean => {
    const hierarchy = findController(cgroups, controller);
    return hierarchy !== null && existsSync(`${hierarchy.mountpoint}/${parent}/${file}`);
  };
  return {
    get weight() { return hasWeight((controller) => findController(cgroups, controller)?.kind ?? null, exists); },
    get idleWeight() { return (exists("blkio", "blkio.bfq.weight") || exists("io", "io.bfq.weight")) && !exists("io", "io.weight") && !hasBfq(); },
    get swappiness() { return exists("memory", "memory.swappiness"); },
    get oomKillDisable() { return exists("memory", "memory.oom_control"); },
    get realtime() { return exists("cpu", "cpu.rt_runtime_us"); },
  };
}
