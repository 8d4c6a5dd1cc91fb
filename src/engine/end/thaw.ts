/** A frozen container whose processes are to go on: to hear of a signal, or to die of one. */
import { isFreezing, thawGroup } from "../../cgroup/freeze.ts";
import { markPaused } from "../../store/container-life.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";

/** Nothing for one that is not frozen. */
export function thaw(context: Context, container: Pick<Container, "id" | "cgroup">): void {
  // The row may be older than the command, or of a command that was killed between freezing and noting it.
  const noted = readContainer(context.database(), container.id)?.paused === true;
  if (!noted && !isFreezing(context.cgroups(), container.cgroup)) return;
  try {
    thawGroup(context.cgroups(), container.cgroup);
  } catch (error) {
    // It has ended meanwhile, and its group is gone.
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
  if (noted) markPaused(context.database(), container.id, false);
}
