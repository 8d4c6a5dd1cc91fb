/** Freezing a container's processes, and letting them go on. */
import { freezeGroup, isFreezing } from "../../cgroup/freeze.ts";
import { MdkError } from "../../error.ts";
import { markPaused } from "../../store/container-life.ts";
import type { Context } from "../context.ts";
import { withOpLock } from "../end/at-rest.ts";
import { readStatus } from "../end/status.ts";
import { thaw } from "../end/thaw.ts";
import { restarting } from "../end/words.ts";

/** Throws MdkError in Docker's words where it does not run, or is paused already. */
export function pauseContainer(context: Context, id: string): void {
  withOpLock(context, id, (container) => {
    const { word } = readStatus(context, container);
    if (word === "paused") throw conflict(`Container ${id} is already paused`);
    if (word === "restarting") throw restarting(id);
    if (word !== "running") throw conflict(`Container ${id} is not running`);
    freezeGroup(context.cgroups(), container.cgroup);
    markPaused(context.database(), id, true);
  });
}

/** Throws MdkError in Docker's words for one that is not paused. */
export function unpauseContainer(context: Context, id: string): void {
  withOpLock(context, id, (container) => {
    const { word } = readStatus(context, container);
    // Frozen, and not said so: a command that paused it was killed.
    if (word !== "paused" && !(word === "running" && isFreezing(context.cgroups(), container.cgroup))) throw conflict(`Container ${id} is not paused`);
    thaw(context, container);
  });
}

const conflict = (message: string): MdkError => new MdkError("conflict", "pause-state", message);
