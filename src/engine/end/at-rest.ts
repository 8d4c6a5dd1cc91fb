/**
 * Work on a container that nobody else works on: on its row, its upper directory, or both. Whoever starts, renames or removes one holds the op
 * lock, so what does not run under it stays so until the work is done; the work must be short, and wait for nobody.
 *
 *     withAtRest        one that does not run                                          rm, prune
 *     takeAtRest        the same, released later                                       cp
 *     withRestOrRun     under the lock at rest; one that runs is worked on without it  diff, export, commit
 *     withOpLock        under the lock, whether it runs or not                         rename, update, pause, network connect
 */
import { closeSync } from "node:fs";
import { readContainer, type Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { awaitReleased } from "./end.ts";
import { settleLocked, takeOpLock } from "./settle.ts";
import { readStatus } from "./status.ts";
import { noSuchContainer } from "./words.ts";

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

export interface RestOrRun<T> {
  /** Under the op lock, as withAtRest. */
  readonly atRest: (container: Container) => T;
  /** Null: it does not run (any more). */
  readonly running: () => { readonly value: T } | null;
}

/** Does the work in the way that the container is in. Throws MdkError "no-such-container" for one that is gone. */
export function withRestOrRun<T>(context: Context, id: string, { atRest, running }: RestOrRun<T>): T {
  // What was not running yet may be, once the lock is ours; and what runs may end.
  for (;;) {
    const ran = running();
    if (ran !== null) return ran.value;
    const rested = withAtRest(context, id, atRest);
    if (rested.kind === "done") return rested.value;
    if (rested.kind === "gone") throw noSuchContainer(id);
    Bun.sleepSync(1);
  }
}

/** Does the work under the op lock, on one that runs (phase `started`) as on one that does not; the one that runs may end meanwhile, which nobody notes. Throws MdkError "no-such-container" for one that is gone. */
export function withOpLock<T>(context: Context, id: string, work: (container: Container) => T): T {
  const lock = takeOpLock(context, id, true)!;
  try {
    const container = bringToRest(context, id);
    if (container === null) throw noSuchContainer(id);
    return work(container);
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
