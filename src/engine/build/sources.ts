/** Where a build's images and files come from, once they are needed: stages, images, named contexts. */
import { closeSync, mkdirSync, openSync } from "node:fs";
import type { PlannedStage } from "../../build/graph/planned.ts";
import type { BuildSource } from "../../build/graph/sources.ts";
import { MdkError } from "../../error.ts";
import type { Platform } from "../../image/platform.ts";
import { O_DIRECTORY, O_NOFOLLOW } from "../../sys/at.ts";
import { openLayerView } from "../image/layer-view.ts";
import { baseKey, type Staged } from "./building.ts";
import type { FileTree } from "./files/source.ts";
import { emptyImage, stageOn, type StageImage, type StageLayer } from "./stage-image.ts";

/** What a stage stands on, or files are taken from, as an image. */
export async function baseImage(staged: Staged, source: BuildSource, stage: Pick<PlannedStage, "platform">): Promise<StageImage> {
  const platform = stage.platform ?? staged.platform;
  switch (source.kind) {
    case "scratch":
      return emptyImage(platform);
    case "stage":
      return stageOn(await staged.stage(source.index));
    case "image":
      return imageNamed(staged, source.reference, platform);
    case "context": {
      const named = staged.request.contexts.get(source.name);
      if (named?.kind === "image") return imageNamed(staged, named.reference, platform);
      throw new MdkError("unsupported", "context-stage", `the build context ${source.name} is a directory, and cannot be what a stage stands on`, { hint: "give an image: --build-context NAME=docker-image://REFERENCE" });
    }
  }
}

function imageNamed({ images }: Staged, reference: string, platform: Platform): StageImage {
  const found = images.get(baseKey(reference, platform));
  if (found === undefined) throw new MdkError("not-found", "no-such-image", `${reference}: not found`);
  return found.image;
}

export interface OpenedTree {
  readonly tree: FileTree;
  close(): void;
}

/** A stage, an image or a named context as a tree of files. */
export async function openSource(staged: Staged, source: BuildSource): Promise<OpenedTree> {
  if (source.kind === "context") {
    const named = staged.request.contexts.get(source.name);
    if (named?.kind === "directory") return { tree: { root: named.root, ignore: named.ignore, name: `build context ${source.name}`, ownersKept: false }, close() {} };
  }
  const { layers } = await baseImage(staged, source, { platform: null });
  const root = openView(staged, layers);
  return { tree: { root, ignore: null, name: source.kind === "stage" ? staged.plan.stages[source.index]!.name : source.kind, ownersKept: true }, close: () => closeSync(root) };
}

/** The merged view of layers, read-only; of none an empty directory. The caller closes it. */
export function openView({ paths }: Pick<Staged, "paths">, layers: readonly StageLayer[]): number {
  if (layers.length > 0) return openLayerView(paths, layers.map(({ id }) => id));
  const empty = `${paths.temporary}/empty`;
  mkdirSync(empty, { recursive: true, mode: 0o700 });
  return openSync(empty, O_DIRECTORY | O_NOFOLLOW);
}
