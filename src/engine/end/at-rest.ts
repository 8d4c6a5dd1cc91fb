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

/** A container at rest that is held so: nobody starts, ends or removes it before `release`. */
export type Resting = { readonly kind: "resting"; readonly container: Container; release(): void } | { readonly kind: "running" } | { readonly kind: "gone" };

/** Brings the container to rest and keeps its op lock; a running one, and one that is gone, are left to the caller. */
export function takeAtRest(context: Context, id: string): Resting {
  const lock = takeOpLock(context, id, true)!;
  let container: Container | null = null;
  let resting = false;
  try {
    container = bringToRest(context, id);
    if (container === null) return { kind: "gone" };
    if (container.phase === "started") return { kind: "running" };
    resting = true;
    return { kind: "resting", container, release: () => closeSync(lock) };
  } finally {
    if (!resting) closeSync(lock);
  }
}

/** Does the work on a container at rest, under its op lock. */
export function withAtRest<T>(context: Context, id: string, work: (container: Container) => T): Rested<T> {
  const rested = takeAtRest(context, id);
  if (rested.kind !== "resting") return rested;
  try {
    return { kind: "done", value: work(rested.container) };
  } finally {
    rested.release();
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
