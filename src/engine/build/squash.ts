/** --squash: the layers that a build made become one on those of its base, and its history says so (moby, daemon/images/image_squash.go). */
import { closeSync, openSync } from "node:fs";
import type { Digest } from "../../image/digest.ts";
import { TreePlacer } from "../../layer/place.ts";
import { readTree } from "../../layer/tar-tree.ts";
import { travels } from "../../layer/tar.ts";
import { baseOf, parentOf, removeEntry } from "../../layer/tree.ts";
import { OPAQUE_XATTR } from "../../layer/whiteout.ts";
import { O_DIRECTORY, O_NOFOLLOW, openInRoot } from "../../sys/at.ts";
import { stageLayerDirectories, type Building } from "./building.ts";
import { cachedLayer, stepKey } from "./cached-layer.ts";
import { onOverlay } from "./file-step.ts";
import { chainOf, type HistoryEntry, type StageImage, type StageLayer, type StepOutcome } from "./stage-image.ts";

/** `id`: what the image would be called if it was not squashed. One without layers of its own stays as it is. Throws what the disk throws. */
export async function squash(building: Building, image: StageImage, id: Digest): Promise<StageImage> {
  const { base } = image;
  const own = image.layers.slice(base.layers.length);
  if (own.length === 0) return image;
  const { layer, createdMs } = await squashedLayer(building, image, own);
  const comment = base.id === null ? `create new from ${id}` : `merge ${id} to ${base.id}`;
  const last: HistoryEntry = { createdMs, comment, ...(layer === null ? { empty_layer: true } : {}) };
  return { ...image, layers: layer === null ? base.layers : [...base.layers, layer], history: [...image.history.map((entry) => ({ ...entry, empty_layer: true as const })), last] };
}

/** No layer: they take back what they brought. */
async function squashedLayer(building: Building, { base, layers, history }: StageImage, own: readonly StageLayer[]): Promise<StepOutcome> {
  const [first] = own;
  if (own.length === 1) return { layer: first!, createdMs: history.findLast(({ createdMs }) => createdMs !== null)?.createdMs ?? 0 };
  const description = `[internal] squash ${own.length} layers`;
  return await cachedLayer(building, {
    key: stepKey(["squash", chainOf(base.layers), chainOf(layers)]), description, shown: building.progress.step(description), anew: false, below: base.layers,
    fill: async (place) => await onOverlay(building, base.layers, place, async (root) => {
      for (const directory of stageLayerDirectories(building, own).reverse()) {
        building.abort.signal.throwIfAborted();
        applyLayer(directory, root);
      }
    }),
  });
}

/** Makes of a tree what an overlay of the directory on it would show (overlayfs.rst, "whiteouts and opaque directories"). */
function applyLayer(directory: string, root: number): void {
  const upper = openSync(directory, O_DIRECTORY | O_NOFOLLOW);
  const open = (path: string): number => openInRoot(root, path === "" ? "." : path, O_DIRECTORY);
  const placer = new TreePlacer({ directory: "/", owner: "archive", replaces: true, open });
  try {
    readTree(upper, { name: "/", across: null, xattrs: (key) => travels(key) || key === OPAQUE_XATTR }, {
      entry(entry) {
        const isWhiteout = entry.type === "character" && entry.deviceMajor === 0 && entry.deviceMinor === 0;
        if (isWhiteout || entry.xattrs.has(OPAQUE_XATTR)) removeFrom(open, entry.name.slice(1));
        if (!isWhiteout) placer.entry(entry);
      },
      data: (chunk) => placer.data(chunk),
      close: () => placer.close(),
    });
    placer.finish();
  } finally {
    placer.release();
    closeSync(upper);
  }
}

function removeFrom(open: (path: string) => number, path: string): void {
  if (path === "") return;
  const parent = open(parentOf(path));
  try {
    removeEntry(parent, baseOf(path));
  } finally {
    closeSync(parent);
  }
}
