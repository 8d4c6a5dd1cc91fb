/** A frozen container whose processes are to go on: to hear of a signal, or to die of one. */
import { thawGroup } from "../../cgroup/freeze.ts";
import { markPaused } from "../../store/container-life.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";

/** Nothing for one that its user has not paused. */
export function thaw(context: Context, container: Pick<Container, "id" | "cgroup" | "paused">): void {
  // The row may be older than the command: what it says is looked at anew.
  if (!container.paused && readContainer(context.database(), container.id)?.paused !== true) return;
  try {
    thawGroup(context.cgroups(), container.cgroup);
  } catch (error) {
    // It has ended meanwhile, and its group is gone.
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
  markPaused(context.database(), container.id, false);
}
