/** A container's file system as a tar stream: the running one's as it is seen inside, a stopped one's mounted for the moment. */
import { closeSync } from "node:fs";
import type { Container } from "../../store/containers.ts";
import { storePaths } from "../../store/paths.ts";
import { MdkError } from "../../error.ts";
import type { Context } from "../context.ts";
import { withAtRest } from "../end/at-rest.ts";
import { mountLayers } from "../../layer/overlay.ts";
import { exportTree } from "../../layer/tar-tree.ts";
import { withRootLayers } from "../image/layers.ts";
import { ensureUpper } from "../start/root.ts";
import { viewRunning } from "./root-view.ts";

type Write = (bytes: Uint8Array) => void;

/** Calls `write` with pieces of the archive, in order. The container may be started, stopped and removed meanwhile. */
export function exportContainer(context: Context, container: Container, write: Write): void {
  // Whoever starts it holds the op lock: what was not running yet may be, once the lock is ours; and what runs may end.
  while (!exportRunning(context, container, write) && !exportStopped(context, container, write)) Bun.sleepSync(1);
}

/** False when it does not run. */
function exportRunning(context: Context, container: Container, write: Write): boolean {
  const view = viewRunning(context, container);
  if (view === null) return false;
  try {
    exportTree(view.root, write);
    return true;
  } finally {
    view.close();
  }
}

/**
 * False for a container that runs. The view is read-only, the upper its topmost layer: the op lock is held until it stands, and not while
 * the archive's reader is waited for. Who starts the container meanwhile is seen in it, as in the export of a running one.
 */
function exportStopped(context: Context, container: Container, write: Write): boolean {
  const rested = withAtRest(context, container.id, (resting) => {
    const directory = storePaths(context.root).container(resting.id);
    return withRootLayers(context, resting, (layers) => {
      ensureUpper(`${directory}/upper`, layers[0]);
      return mountLayers([`${directory}/upper`, ...layers], directory);
    });
  });
  if (rested.kind === "running") return false;
  if (rested.kind === "gone") throw new MdkError("not-found", "no-such-container", `No such container: ${container.id}`);
  try {
    exportTree(rested.value, write);
    return true;
  } finally {
    closeSync(rested.value);
  }
}
