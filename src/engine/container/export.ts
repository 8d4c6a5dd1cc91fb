/** A container's file system as a tar stream: the running one's as it is seen inside, a stopped one's mounted for the moment. */
import { closeSync, constants, openSync } from "node:fs";
import { readContainer, type Container } from "../../store/containers.ts";
import { storePaths } from "../../store/paths.ts";
import { runPaths } from "../../store/paths.ts";
import { readCondition } from "../../runtime/state.ts";
import { MdkError } from "../../error.ts";
import { openProcess, sendSignal } from "../../sys/pidfd.ts";
import type { Context } from "../context.ts";
import { awaitReleased } from "../end/end.ts";
import { exportTree } from "../../layer/tar-tree.ts";
import { rootLayers } from "../image/layers.ts";
import { mountRoot } from "../start/root.ts";
import { settleLocked, takeOpLock } from "../end/settle.ts";
import { readStatus } from "../end/status.ts";

type Write = (bytes: Uint8Array) => void;

/** Calls `write` with pieces of the archive, in order. A stopped container is held by its op lock meanwhile. */
export function exportContainer(context: Context, container: Container, write: Write): void {
  // Whoever starts it holds the op lock: what was not running yet may be, once the lock is ours; and what runs may end.
  while (!exportRunning(context, container, write) && !exportStopped(context, container, write)) Bun.sleepSync(1);
}

/** False when it does not run. */
function exportRunning(context: Context, container: Container, write: Write): boolean {
  const condition = readCondition(runPaths(context.runRoot).container(container.id));
  if (condition.kind !== "running") return false;
  const { pid, pidStart } = condition.state;
  const init = openProcess(pid, pidStart);
  if (init === null) return false;
  let root: number | null = null;
  try {
    root = openSync(`/proc/${pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY);
    // Still there: then the number was not another process's meanwhile.
    if (!sendSignal(init, 0)) return false;
    exportTree(root, write);
    return true;
  } catch (error) {
    if (root === null && (error as { code?: string }).code === "ENOENT") return false;
    throw error;
  } finally {
    if (root !== null) closeSync(root);
    closeSync(init);
  }
}

/** False for a container that runs: its upper is mounted and must not be mounted twice (kernel-traps 6). */
function exportStopped(context: Context, container: Container, write: Write): boolean {
  const lock = takeOpLock(context, container.id, true)!;
  try {
    const now = readContainer(context.database(), container.id);
    if (now !== null && readStatus(context, now).word === "exited") awaitReleased(context, container.id);
    settleLocked(context, container.id);
    const settled = readContainer(context.database(), container.id);
    if (settled === null) throw new MdkError("no-such-container", `No such container: ${container.id}`);
    if (settled.phase === "started") return false;
    const root = mountRoot({ directory: storePaths(context.root).container(container.id), layers: rootLayers(context, container.image), volatile: false });
    try {
      exportTree(root, write);
    } finally {
      closeSync(root);
    }
    return true;
  } finally {
    closeSync(lock);
  }
}
