/** Every container with what it is right now: for `ps`. Deals with what dead ones left when it meets any. */
import { listContainers, listLines, type Container, type ContainerLine } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { findOrphans } from "../end/orphans.ts";
import { readStatus, type Status } from "../end/status.ts";

export interface Summary {
  readonly container: ContainerLine;
  readonly status: Status;
}

/** Newest first. `all`: those too that cannot be running. */
export async function listSummaries(context: Context, { all }: { readonly all: boolean }): Promise<Summary[]> {
  const summaries = read(context, all);
  const known = new Set(summaries.map(({ container }) => container.id));
  const unsettled = summaries.some(({ status }) => status.unsettled) || findOrphans(context, known).length > 0;
  if (!unsettled) return summaries;
  // Many modules, for what is hardly ever met.
  const { reconcile } = await import("../end/settle.ts");
  return reconcile(context, { all: true }) ? read(context, all) : summaries;
}

function read(context: Context, all: boolean): Summary[] {
  return listLines(context.database(), all ? "all" : "active").map((container) => ({ container, status: readStatus(context, container) }));
}

/** Everything of all containers, by id: for what lists seldom show. */
export function readDetails(context: Context): ReadonlyMap<string, Container> {
  return new Map(listContainers(context.database(), "all").map((container) => [container.id, container]));
}
