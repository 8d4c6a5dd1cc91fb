/** What a host's boot means for its containers: those that the reboot ended are noted as such, and those whose policy says so run again. */
import { messageOf } from "../../error.ts";
import { markGivenUp } from "../../store/container-life.ts";
import { listActive, listContainers, readContainer, type Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { hasMonitor } from "../end/end.ts";
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
  const started: string[] = [];
  const problems: string[] = [];
  reconcile(context, { all: true, problem: (error) => problems.push(messageOf(error)) });
  for (const container of listContainers(context.database(), "all").toReversed()) {
    if (!isAtRest(context, container) || !isDueAtBoot({ policy: container.host.RestartPolicy, code: container.code, stopped: container.stopped, ran: ran.has(container.id) })) continue;
    try {
      const begun = beginExisting(context, container.id);
      if (begun === null) continue;
      await startBegun(context, begun, { streaming: detachedStreaming(begun.container), window: null, warn });
      started.push(container.name);
    } catch (error) {
      // Removed meanwhile by its user.
      if (readContainer(context.database(), container.id) !== null) problems.push(`${container.name}: ${messageOf(error)}`);
    }
  }
  return { started, problems };
}

/** Not one that was only made, as with Docker; but one whose start failed, at the last boot perhaps. */
const hasTried = ({ phase, error }: Container): boolean => phase === "created" && error !== "";

/** One that waits for its restart has nobody left who would do it, unless its monitor lives. */
function isAtRest(context: Context, container: Container): boolean {
  if (container.phase !== "restarting") return container.phase === "exited" || hasTried(container);
  if (hasMonitor(context, container)) return false;
  markGivenUp(context.database(), container.id, null);
  return true;
}
