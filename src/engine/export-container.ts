/** A container's file system as a tar stream: the running one's as it is seen inside, a stopped one's mounted for the moment. */
import { closeSync, constants, openSync } from "node:fs";
import { readContainer, type Container } from "../store/containers.ts";
import { storePaths } from "../store/paths.ts";
import { runPaths } from "../store/paths.ts";
import { readCondition } from "../runtime/state.ts";
import { MdkError } from "../error.ts";
import type { Context } from "./context.ts";
import { awaitReleased } from "./end.ts";
import { exportTree } from "./export.ts";
import { rootLayers } from "./layers.ts";
import { mountRoot } from "./root.ts";
import { settleLocked, takeOpLock } from "./settle.ts";
import { readStatus } from "./status.ts";

/** Calls `write` with pieces of the archive, in order. A stopped container is held by its op lock meanwhile. */
export async function exportContainer(context: Context, container: Container, write: (bytes: Uint8Array) => void): Promise<void> {
  const condition = container.phase === "started" ? readCondition(runPaths(context.runRoot).container(container.id)) : null;
  if (condition?.kind === "running") {
    const root = openSync(`/proc/${condition.state.pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      return await exportTree(root, write);
    } finally {
      closeSync(root);
    }
  }
  const lock = takeOpLock(context, container.id, true)!;
  try {
    const now = readContainer(context.database(), container.id);
    if (now !== null && readStatus(context, now).word === "exited") awaitReleased(context, container.id);
    settleLocked(context, container.id);
    if (readContainer(context.database(), container.id) === null) throw new MdkError("no-such-container", `No such container: ${container.id}`);
    const root = mountRoot({ directory: storePaths(context.root).container(container.id), layers: rootLayers(context, container.image), volatile: false });
    try {
      await exportTree(root, write);
    } finally {
      closeSync(root);
    }
  } finally {
    closeSync(lock);
  }
}
