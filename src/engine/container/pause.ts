/** Freezing a container's processes, and letting them go on. */
import { closeSync } from "node:fs";
import { freezeGroup, isFreezing } from "../../cgroup/freeze.ts";
import { MdkError } from "../../error.ts";
import { markPaused } from "../../store/container-life.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { takeOpLock } from "../end/settle.ts";
import { readStatus } from "../end/status.ts";
import { thaw } from "../end/thaw.ts";
import { restarting } from "../end/words.ts";

/** Throws MdkError in Docker's words where it does not run, or is paused already. */
export function pauseContainer(context: Context, id: string): void {
  locked(context, id, (container) => {
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
  locked(context, id, (container) => {
    const { word } = readStatus(context, container);
    // Frozen, and not said so: a command that paused it was killed.
    if (word !== "paused" && !(word === "running" && isFreezing(context.cgroups(), container.cgroup))) throw conflict(`Container ${id} is not paused`);
    thaw(context, container);
  });
}

function locked(context: Context, id: string, work: (container: Container) => void): void {
  const lock = takeOpLock(context, id, true)!;
  try {
    const container = readContainer(context.database(), id);
    if (container === null) throw new MdkError("not-found", "no-such-container", `No such container: ${id}`);
    work(container);
  } finally {
    closeSync(lock);
  }
}

const conflict = (message: string): MdkError => new MdkError("conflict", "pause-state", message);
