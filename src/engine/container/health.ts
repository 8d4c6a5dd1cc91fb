/** How a container is, by its own probes. */
import { failureError } from "../../runtime/failure.ts";
import { readHealth, readHealthWord, type HealthState, type HealthWord } from "../../runtime/health.ts";
import type { Failed } from "../../runtime/plan.ts";
import { probeOf } from "../../spec/health.ts";
import type { Container, ContainerLine } from "../../store/containers.ts";
import { runPaths } from "../../store/paths.ts";
import { errnoText } from "../../sys/errno.ts";
import type { Context } from "../context.ts";

/** Of one whose health is checked; of one that does not run, how it was. Null: it has not run since the host booted. */
export function healthOf(context: Context, container: Container): HealthState | null {
  const state = readHealth(runPaths(context.runRoot).container(container.id));
  return state === null ? null : { ...state, results: state.results.map((result) => ({ ...result, output: told(container, result.output) })) };
}

/** In one word; null: nobody looks at it. */
export function healthWordOf(context: Context, container: Pick<ContainerLine, "id" | "checked">): HealthWord | null {
  return container.checked ? (readHealthWord(runPaths(context.runRoot).container(container.id))?.word ?? "starting") : null;
}

/** A probe that could not be started left the shim's report of that: told as `exec` tells it. */
function told(container: Container, output: string): string {
  if (!output.startsWith('{"failed":')) return output;
  let failed: Failed;
  try {
    ({ failed } = JSON.parse(output) as { failed: Failed });
  } catch {
    return output;
  }
  const error = failureError(failed, { operation: "exec", args: [...(probeOf(container.config) ?? [])], cwd: container.config.WorkingDir, steps: [], text: errnoText, sourceOf: () => null });
  return error.message;
}
