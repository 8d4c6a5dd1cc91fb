/** How a container is, by its own probes. */
import { failureError } from "../../runtime/failure.ts";
import { readHealth, readHealthWord, UNSTARTED, type HealthState, type HealthWord } from "../../runtime/health.ts";
import type { Failed } from "../../runtime/plan.ts";
import { probeOf } from "../../spec/health.ts";
import type { Container, ContainerLine } from "../../store/containers.ts";
import { runPaths } from "../../store/paths.ts";
import { errnoText } from "../../sys/errno.ts";
import type { Context } from "../context.ts";

/** Of one whose health is checked; of one that does not run, how it was. Null: it has not run since the host booted. */
export function healthOf(context: Context, container: Container): HealthState | null {
  const state = readHealth(runPaths(context.runRoot).container(container.id));
  return state === null ? null : { ...state, results: state.results.map((result) => (result.code === UNSTARTED ? { ...result, output: told(container, result.output) } : result)) };
}

/** In one word; null: nobody looks at it. */
export function healthWordOf(context: Context, container: Pick<ContainerLine, "id" | "checked">): HealthWord | null {
  return container.checked ? (readHealthWord(runPaths(context.runRoot).container(container.id))?.word ?? "starting") : null;
}

/** The report of a probe that could not be started, told as `exec` tells it. Who traced the probe may have written anything. */
function told(container: Container, report: string): string {
  try {
    const { failed } = JSON.parse(report) as { failed: Failed };
    return failureError(failed, { operation: "exec", args: [...(probeOf(container.config) ?? [])], cwd: container.config.WorkingDir, steps: [], text: errnoText, sourceOf: () => null }).message;
  } catch {
    return report;
  }
}
