/** What a host's boot means for its containers: those that the reboot ended are noted as such, and those whose policy says so run again. */
import { closeSync } from "node:fs";
import { messageOf } from "../../error.ts";
import { markGivenUp } from "../../store/container-life.ts";
import { listActive, listContainers, type Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { connectMonitor } from "../end/end.ts";
import { isDueAtBoot } from "../end/restart.ts";
import { reconcile } from "../end/settle.ts";
import { beginExisting } from "../start/begin.ts";
import { detachedStreaming } from "../start/monitor-plan.ts";
import { startBegun } from "../start/start.ts";

export interface Booted {
  /** Names of those that were started, the first made first. */
  readonly started: readonly string[];
  /** What kept others from it, a sentence each. */
  readonly problems: readonly string[];
}

/** What runs already is left alone. `warn` takes warnings for the user. */
export async function bootContainers(context: Context, warn: (text: string) => void): Promise<Booted> {
  const ran = new Set(listActive(context.database()).map(({ id }) => id));
  reconcile(context, { all: true });
  const started: string[] = [];
  const problems: string[] = [];
  for (const container of listContainers(context.database(), "all").toReversed()) {
    if (!isAtRest(context, container) || !isDueAtBoot({ policy: container.host.RestartPolicy, code: container.code, stopped: container.stopped, ran: ran.has(container.id) })) continue;
    try {
      const begun = beginExisting(context, container.id);
      if (begun === null) continue;
      await startBegun(context, begun, { streaming: detachedStreaming(begun.container), window: null, warn });
      started.push(container.name);
    } catch (error) {
      problems.push(`${container.name}: ${messageOf(error)}`);
    }
  }
  return { started, problems };
}

/** One that waits for its restart has nobody left who would do it, unless its monitor lives. */
function isAtRest(context: Context, container: Container): boolean {
  if (container.phase !== "restarting") return container.phase === "exited" || container.phase === "created";
  const connection = connectMonitor(context, container);
  if (connection !== null) {
    closeSync(connection.socket);
    return false;
  }
  markGivenUp(context.database(), container.id, null);
  return true;
}
