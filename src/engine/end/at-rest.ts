/**
 * Work on a container that does not run: on its row, its upper directory, or both. Whoever starts one holds the op lock, so
 * what does not run under it stays so until the work is done; the work must be short, and wait for nobody.
 */
import { closeSync } from "node:fs";
import { readContainer, type Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { awaitReleased } from "./end.ts";
import { settleLocked, takeOpLock } from "./settle.ts";
import { readStatus } from "./status.ts";

/** What came of it. */
export type Rested<T> = { readonly kind: "done"; readonly value: T } | { readonly kind: "running" } | { readonly kind: "gone" };

/** Brings the container to rest and does the work under its op lock; a running one, and one that is gone, are left to the caller. */
export function withAtRest<T>(context: Context, id: string, work: (container: Container) => T): Rested<T> {
  const lock = takeOpLock(context, id, true)!;
  try {
    const container = bringToRest(context, id);
    if (container === null) return { kind: "gone" };
    return container.phase === "started" ? { kind: "running" } : { kind: "done", value: work(container) };
  } finally {
    closeSync(lock);
  }
}

/** For who holds the op lock: an end is waited for and noted, mounts are closed. The row after that; null when it is gone. Phase `started`: it runs. */
export function bringToRest(context: Context, id: string): Container | null {
  const container = readContainer(context.database(), id);
  // An ended container's monitor may still close its mounts.
  if (container !== null && readStatus(context, container).word === "exited") awaitReleased(context, id);
  settleLocked(context, id);
  return readContainer(context.database(), id);
}
