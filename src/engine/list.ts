/** Every container with what it is right now: for `ps`. Deals with what dead ones left when it meets any. */
import { listContainers, type Container } from "../store/containers.ts";
import type { Context } from "./context.ts";
import { findOrphans, reconcile } from "./settle.ts";
import { readStatus, type Status } from "./status.ts";

export interface Summary {
  readonly container: Container;
  readonly status: Status;
}

/** Newest first. */
export function listSummaries(context: Context): Summary[] {
  const summaries = read(context);
  const unsettled = summaries.some(({ status }) => status.unsettled) || findOrphans(context, () => new Set(summaries.map(({ container }) => container.id))).length > 0;
  return unsettled && reconcile(context) ? read(context) : summaries;
}

function read(context: Context): Summary[] {
  return listContainers(context.database()).map((container) => ({ container, status: readStatus(context, container) }));
}
