/** Docker's restart: stopped, if it runs, and started; what its policy has counted begins anew. */
import { noteRestart } from "../../store/container-life.ts";
import type { Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { beginExisting } from "../start/begin.ts";
import { detachedStreaming } from "../start/monitor-plan.ts";
import { startBegun } from "../start/start.ts";
import { beginStop, type StopOptions } from "./stop.ts";

/** `warn` takes warnings for the user. Throws what stop or start throws. */
export async function restartContainer(context: Context, container: Container, options: StopOptions, warn: (text: string) => void): Promise<void> {
  beginStop(context, container, options).finish();
  const begun = beginExisting(context, container.id);
  if (begun !== null) await startBegun(context, begun, { streaming: detachedStreaming(begun.container), window: null, warn });
  noteRestart(context.database(), container.id);
}
