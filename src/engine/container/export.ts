/** A container's file system as a tar stream: the running one's as it is seen inside, a stopped one's mounted for the moment. */
import { closeSync } from "node:fs";
import type { Container } from "../../store/containers.ts";
import { storePaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";
import { withRestOrRun } from "../end/at-rest.ts";
import { mountLayers } from "../../layer/overlay.ts";
import { exportTree } from "../../layer/tar-tree.ts";
import { withRootLayers } from "../image/layers.ts";
import { ensureUpper } from "../start/root.ts";
import { viewRunning, type RootView } from "./root-view.ts";

type Write = (bytes: Uint8Array) => void;

/** Calls `write` with pieces of the archive, in order. The container may be started, stopped and removed meanwhile. */
export function exportContainer(context: Context, container: Container, write: Write): void {
  const view = withRestOrRun<Pick<RootView, "root" | "close">>(context, container.id, {
    atRest: (resting) => viewResting(context, resting),
    running: () => {
      const value = viewRunning(context, container);
      return value === null ? null : { value };
    },
  });
  try {
    exportTree(view.root, write);
  } finally {
    view.close();
  }
}

/**
 * The view is read-only, the upper its topmost layer: the op lock is held until it stands, and not while the archive's reader is waited for.
 * Who starts the container meanwhile is seen in it, as in the export of a running one.
 */
function viewResting(context: Context, container: Container): Pick<RootView, "root" | "close"> {
  const directory = storePaths(context.root).container(container.id);
  const root = withRootLayers(context, container, (layers) => {
    ensureUpper(`${directory}/upper`, layers[0]);
    return mountLayers([`${directory}/upper`, ...layers], directory);
  });
  return { root, close: () => closeSync(root) };
}
