/** The end of a container that nobody waits for: it is dealt with, and what its policy says comes next. */
import { readContainer } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { waitMs } from "../end/restart.ts";
import { settle } from "../end/settle.ts";
import { beginRestart } from "./begin.ts";
import { detachedStreaming } from "./monitor-plan.ts";
import { startBegun } from "./start.ts";

/** A monitor's clock may be a little early. */
const EARLY_MS = 10;

/**
 * Settles the container; where its policy starts it again, and the time has come, does so. Returns when to be called again, as 100 ms
 * doubled so often; null: not at all.
 */
export async function cleanUp(context: Context, id: string): Promise<number | null> {
  settle(context, id);
  const container = readContainer(context.database(), id);
  if (container?.phase !== "restarting") return null;
  const leftMs = container.restartAtMs - context.now().getTime();
  // Nobody waits longer than that: the clock was set back.
  if (leftMs > EARLY_MS && leftMs <= waitMs(container.restartDoublings)) return container.restartDoublings;
  const begun = beginRestart(context, id);
  if (begun !== null) await startBegun(context, begun, { streaming: detachedStreaming(begun.container), window: null, warn: () => {} });
  return null;
}
