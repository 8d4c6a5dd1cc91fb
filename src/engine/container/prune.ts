/** Removing every container that does not run, or those of them that are meant. */
import { listContainers, type Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { withAtRest } from "../end/at-rest.ts";
import { removeLocked } from "../end/settle.ts";
import { readStatus } from "../end/status.ts";
import { isUp } from "../end/words.ts";
import { ownBytes } from "./size.ts";

export interface Pruned {
  readonly ids: readonly string[];
  /** Of their own layers. */
  readonly bytes: number;
}

/** Who is started or removed meanwhile is left alone. */
export function pruneContainers(context: Context, isMeant: (container: Container) => boolean): Pruned {
  const ids: string[] = [];
  let bytes = 0;
  for (const container of listContainers(context.database(), "all")) {
    if (!isMeant(container) || isUp(readStatus(context, container).word)) continue;
    const own = ownBytes(context, container.id);
    const rested = withAtRest(context, container.id, (settled) => settled.phase !== "restarting" && (removeLocked(context, settled), true));
    if (rested.kind !== "done" || !rested.value) continue;
    ids.push(container.id);
    bytes += own;
  }
  return { ids, bytes };
}
