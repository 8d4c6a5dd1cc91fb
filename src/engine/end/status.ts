/** What a container is right now: the row, and, where a start was begun, what its files and locks say. */
import { readCondition, runningOf, type Condition } from "../../runtime/state.ts";
import { readContainer, type ContainerLine } from "../../store/containers.ts";
import { runPaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";
import { judge, type Verdict } from "./words.ts";

/** Exit status of a container whose monitor was killed, or that a reboot ended. */
export const LOST_CODE = 255;

export interface ContainerStatus extends Verdict {
  /** Host pid of init; 0 unless running. */
  readonly pid: number;
  readonly code: number;
  readonly oom: boolean;
  /** RFC 3339; null: never. */
  readonly started: string | null;
  readonly finished: string | null;
}

/** Takes no lock and changes nothing. */
export function readStatus(context: Context, container: ContainerLine): ContainerStatus {
  const directory = runPaths(context.runRoot).container(container.id);
  let condition: Condition | null = null;
  const verdict = judge(container, () => (condition = readCondition(directory)));
  if (condition !== null && isStale(condition)) {
    // Its end may have been noted since the row was read: then the record is gone, and the row has it, or is gone too.
    const now = readContainer(context.database(), container.id);
    if (now === null) return { ...judge({ phase: "removing", paused: false }, () => condition!), ...factsOf(container, null) };
    if (now.phase !== "started") return readStatus(context, now);
  }
  return { ...verdict, ...factsOf(container, condition) };
}

/** By its run directory alone: its program runs, frozen or not. */
export function runs(context: Context, id: string): boolean {
  return readCondition(runPaths(context.runRoot).container(id)).kind === "running";
}

/** Those of a list; the containers that run are looked at together. */
export function readStatuses(context: Context, containers: readonly ContainerLine[]): ContainerStatus[] {
  const running = runningOf(context.runRoot, containers.filter(({ phase }) => phase === "started").map(({ id }) => id));
  return containers.map((container) => (running.has(container.id) ? new RunningStatus(runPaths(context.runRoot).container(container.id), container) : readStatus(context, container)));
}

/** Of a container that runs: what its state file says is read when it is asked for. It may have ended by then: no pid, and the row's start. */
class RunningStatus implements ContainerStatus {
  readonly word: "running" | "paused";
  readonly unsettled = false;
  readonly code = 0;
  readonly oom: boolean;
  readonly finished: string | null;
  readonly #directory: string;
  readonly #row: ContainerLine;
  #facts: Pick<ContainerStatus, "pid" | "started"> | null = null;

  constructor(directory: string, row: ContainerLine) {
    this.#directory = directory;
    this.#row = row;
    this.word = row.paused ? "paused" : "running";
    this.oom = row.oom;
    this.finished = row.finished;
  }
  get pid(): number {
    return (this.#facts ??= factsOf(this.#row, readCondition(this.#directory))).pid;
  }
  get started(): string | null {
    return (this.#facts ??= factsOf(this.#row, readCondition(this.#directory))).started;
  }
}

/** No word of a run is in the directory. */
function isStale(condition: Condition): boolean {
  return condition.kind === "starting" || condition.kind === "aborted" || (condition.kind === "lost" && condition.state === null);
}

/** What the condition knows better than the row; null: nothing. */
function factsOf(row: ContainerLine, condition: Condition | null): Omit<ContainerStatus, keyof Verdict> {
  const facts = { pid: 0, code: row.code, oom: row.oom, started: row.started, finished: row.finished };
  switch (condition?.kind) {
    case "running":
      return { ...facts, pid: condition.state.pid, code: 0, started: condition.state.started };
    case "ended":
      return { ...facts, code: condition.record.code, oom: condition.record.oom, started: condition.state?.started ?? null, finished: condition.record.finished };
    case "lost":
      return { ...facts, code: LOST_CODE, started: condition.state?.started ?? row.started };
    default:
      return facts;
  }
}
