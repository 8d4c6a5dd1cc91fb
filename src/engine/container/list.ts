/** Every container with what it is right now: for `ps`. Deals with what dead ones left when it meets any. */
import { runningOf } from "../../runtime/state.ts";
import { listActive, listContainers, listLines, type Container, type ContainerLine } from "../../store/containers.ts";
import { allPorts } from "../../store/ports.ts";
import type { PortRange } from "../../spec/network.ts";
import type { Context } from "../context.ts";
import { findOrphans } from "../end/orphans.ts";
import { readStatuses, type ContainerStatus } from "../end/status.ts";
import { isUp } from "../end/words.ts";

export interface Summary {
  readonly container: ContainerLine;
  readonly status: ContainerStatus;
  /** Of the host, while it runs. */
  readonly ports: readonly PortRange[];
}

/** Newest first. `all`: those too that cannot be running. */
export async function summarizeContainers(context: Context, { all }: { readonly all: boolean }): Promise<Summary[]> {
  const summaries = read(context, all);
  const known = new Set(summaries.map(({ container }) => container.id));
  const unsettled = summaries.some(({ status }) => status.unsettled) || findOrphans(context, known).length > 0;
  if (!unsettled) return summaries;
  // Many modules, for what is hardly ever met.
  const { reconcile } = await import("../end/settle.ts");
  return reconcile(context, { all: true }) ? read(context, all) : summaries;
}

/** Ids of those that run, newest first: what `ps -q` shows, at a third of the price of their summaries. */
export async function listRunning(context: Context): Promise<string[]> {
  const active = listActive(context.database()).map(({ id }) => id);
  // Others are starting, have just ended, or were left behind: they are looked at as a whole.
  if (runningOf(context.runRoot, active).size < active.length || findOrphans(context, new Set(active)).length > 0) {
    return (await summarizeContainers(context, { all: false })).filter(({ status }) => isUp(status.word)).map(({ container }) => container.id);
  }
  return active;
}

function read(context: Context, all: boolean): Summary[] {
  const containers = listLines(context.database(), all ? "all" : "active");
  const statuses = readStatuses(context, containers);
  const ports = allPorts(context.database());
  return containers.map((container, index) => ({ container, status: statuses[index]!, ports: ports.get(container.id) ?? [] }));
}

/** Everything of all containers, by id: for what lists seldom show. */
export function readDetails(context: Context): ReadonlyMap<string, Container> {
  return new Map(listContainers(context.database(), "all").map((container) => [container.id, container]));
}
