/** Execs as their records tell of them: what has been planned, runs, or has ended in a container. */
import { listExecs, readExec, type ExecState } from "../../runtime/exec-record.ts";
import type { Container } from "../../store/containers.ts";
import { runPaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";

/** One of them. Null: there is no such record (any more). */
export function inspectExec(context: Context, container: Pick<Container, "id">, id: string): ExecState | null {
  return readExec(runPaths(context.runRoot).container(container.id), id);
}

/** Ids of those that run. */
export function runningExecs(context: Context, container: Pick<Container, "id">): string[] {
  return listExecs(runPaths(context.runRoot).container(container.id)).filter((id) => inspectExec(context, container, id)?.word === "running");
}
