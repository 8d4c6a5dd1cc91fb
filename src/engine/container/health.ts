/** How a container is, by its own probes. */
import { failureError } from "../../runtime/failure.ts";
import { readHealth, readHealthWord, UNSTARTED, type HealthState, type HealthWord } from "../../runtime/health.ts";
import type { Failed } from "../../runtime/plan.ts";
import { probeOf } from "../../spec/health.ts";
import type { Container, ContainerLine } from "../../store/containers.ts";
import { runPaths } from "../../store/paths.ts";
import { errnoText } from "../../sys/errno.ts";
import type { Context } from "../context.ts";
import { lives, type Word } from "../end/words.ts";

/** Of one whose health is checked. Null: it has never run. */
export function healthOf(context: Context, container: Container, now: Word): HealthState | null {
  const state = readHealth(runPaths(context.runRoot).container(container.id)) ?? { word: "starting", streak: 0, results: [] };
  const word = judgeHealth(container, now, state.word);
  return word === null ? null : { ...state, word, results: state.results.map((result) => (result.code === UNSTARTED ? { ...result, output: told(container, result.output) } : result)) };
}

/** In one word; null: nobody looks at it, or it has never run. */
export function healthWordOf(context: Context, container: Pick<ContainerLine, "id" | "phase" | "checked">, now: Word): HealthWord | null {
  return container.checked ? judgeHealth(container, now, readHealthWord(runPaths(context.runRoot).container(container.id))?.word ?? "starting") : null;
}

/** `noted`: by its monitor. One that does not run is unhealthy (moby container/health.go, CloseMonitorChannel). */
function judgeHealth({ phase }: Pick<ContainerLine, "phase">, now: Word, noted: HealthWord): HealthWord | null {
  if (phase === "created") return null;
  return lives(now) || now === "created" ? noted : "unhealthy";
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
