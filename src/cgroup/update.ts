/** Other limits for a group that has processes. */
import type { Cgroups } from "./detect.ts";
import { findController } from "./detect.ts";
import { applyLimits } from "./group.ts";
import { planUpdate, type Limits } from "./limits.ts";

/** Sets every limit that is named. Throws what `createGroup` throws for one that cannot be set; others may be set then. Returns Docker's warnings. */
export function updateGroup(cgroups: Cgroups, path: string, limits: Limits): string[] {
  const writes = planUpdate(limits, (controller) => findController(cgroups, controller)?.kind ?? null);
  try {
    return applyLimits(cgroups, path, writes);
  } catch (error) {
    // v1 refuses memory above memory and swap at every moment: which of the two goes first depends on what is there.
    try {
      return applyLimits(cgroups, path, writes.toReversed());
    } catch {
      throw error;
    }
  }
}
