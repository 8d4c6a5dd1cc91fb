/** What a container is right now: the row, and, where a start was begun, what its files and locks say. */
import { readCondition } from "../../runtime/state.ts";
import { readContainer, type ContainerLine } from "../../store/containers.ts";
import { runPaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";

/** Exit status of a container whose monitor was killed, or that a reboot ended. */
export const LOST_CODE = 255;

export interface Status {
  readonly word: "created" | "running" | "exited" | "removing";
  /** Host pid of init; 0 unless running. */
  readonly pid: number;
  readonly code: number;
  readonly oom: boolean;
  /** RFC 3339; null: never. */
  readonly started: string | null;
  readonly finished: string | null;
  /** Something is left of an end that nobody dealt with yet (engine/end/settle.ts). */
  readonly unsettled: boolean;
}

/** Takes no lock and changes nothing. */
export function readStatus(context: Context, container: ContainerLine): Status {
  const rest = { pid: 0, code: container.code, oom: container.oom, started: container.started, finished: container.finished, unsettled: false };
  if (container.phase !== "started") return { word: container.phase, ...rest, unsettled: container.phase === "removing" };
  const condition = readCondition(runPaths(context.runRoot).container(container.id));
  if (condition.kind === "starting" || condition.kind === "aborted" || (condition.kind === "lost" && condition.state === null)) {
    // Its end may have been noted since the row was read: then the record is gone, and the row has it, or is gone too.
    const now = readContainer(context.database(), container.id);
    if (now === null) return { word: "removing", ...rest, unsettled: true };
    if (now.phase !== "started") return readStatus(context, now);
  }
  switch (condition.kind) {
    case "starting":
      return { word: "created", ...rest };
    case "aborted":
      return { word: "created", ...rest, unsettled: true };
    case "running":
      return { word: "running", ...rest, pid: condition.state.pid, code: 0, started: condition.state.started };
    case "ended": {
      const { record, state } = condition;
      return { word: "exited", ...rest, code: record.code, oom: record.oom, started: state?.started ?? null, finished: record.finished, unsettled: !condition.held };
    }
    case "lost":
      return { word: "exited", ...rest, code: LOST_CODE, started: condition.state?.started ?? container.started, unsettled: true };
  }
}
