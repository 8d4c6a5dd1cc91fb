/** `--health-on-failure`: what is done about a container that has turned unhealthy. */
import { noteUnhealthy } from "../../store/container-life.ts";
import { readContainer } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { killNow } from "../end/end.ts";
import { restartContainer } from "./restart.ts";
import { beginStop } from "./stop.ts";

/** `kill` is no word of its user: a restart policy starts it again. */
export async function actOnUnhealthy(context: Context, id: string): Promise<void> {
  const container = readContainer(context.database(), id);
  if (container === null) return;
  noteUnhealthy(context.database(), id);
  const byItself = { signal: null, seconds: null, by: "stop" } as const;
  switch (container.config.HealthcheckOnFailureAction) {
    case "kill":
      killNow(context, container, () => {});
      return;
    case "stop":
      return beginStop(context, container, byItself).finish();
    case "restart":
      return await restartContainer(context, container, byItself, () => {});
    default:
      return;
  }
}
