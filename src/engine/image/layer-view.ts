/** The merged view of layers, for who looks at what lies below one. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { MdkError } from "../../error.ts";
import { mountLayers } from "../../layer/overlay.ts";
import type { StorePaths } from "../../store/paths.ts";
import { SysError } from "../../sys/ffi.ts";

/** Of layers by their ids, bottom first, at least one: a detached read-only mount, the caller's to close. Throws "overlay-unavailable". */
export function openLayerView(paths: StorePaths, ids: readonly string[]): number {
  const empty = join(paths.temporary, "empty");
  mkdirSync(empty, { recursive: true, mode: 0o700 });
  try {
    return mountLayers(ids.map((id) => paths.layerTree(id)).reverse(), empty);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new MdkError("unsupported", "overlay-unavailable", `the image's layers cannot be laid over one another: ${error.message}`, {
      cause: error, hint: "mdk needs root and the kernel's overlay file system (modprobe overlay)",
    });
  }
}
