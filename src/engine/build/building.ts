/** A build under way: what all of its steps share. */
import type { BuildPlan } from "../../build/graph/plan.ts";
import type { PlannedStep } from "../../build/graph/planned.ts";
import type { Digest } from "../../image/digest.ts";
import { platformName, type Platform } from "../../image/platform.ts";
import type { Context } from "../context.ts";
import type { ContentScope } from "../image/content.ts";
import type { GatherOptions } from "./files/gather.ts";
import type { FileDigests, FileTree } from "./files/source.ts";
import type { ImageFacts } from "../image/layers.ts";
import type { BuildCaches, Outcome } from "./build-caches.ts";
import type { BuildProgress, BuildRequest, ShownStep } from "./request.ts";
import type { StageImage, StageLayer } from "./stage-image.ts";

export interface Building extends ContentScope {
  readonly files: FileDigests;
  readonly context: Context;
  readonly request: BuildRequest;
  readonly progress: BuildProgress;
  readonly escape: string;
  /** An image without layers, which the containers of steps have as theirs. */
  readonly empty: ImageFacts;
  /** What is built for. */
  readonly platform: Platform;
  /** What is made though it was made before, by turn and key: of all platforms. */
  readonly anew: Map<string, Promise<Outcome>>;
  /** How often each key of these has come up, for this platform. */
  readonly turns: Map<Digest, number>;
  /** By baseKey. */
  readonly images: ReadonlyMap<string, BaseImage>;
  readonly caches: BuildCaches;
}

/** Of the reference that a plan has, for a platform. */
export function baseKey(reference: string, platform: Platform): string {
  return `${platformName(platform)} ${reference}`;
}

export interface BaseImage {
  readonly id: Digest;
  readonly image: StageImage;
  /** What it holds back for those who build on it. */
  readonly triggers: readonly string[];
}

export interface Staged extends Building {
  readonly plan: BuildPlan;
  /** The finished image of a stage that is needed, by its index. */
  readonly stage: (index: number) => Promise<StageImage>;
}

/** One step that makes files. */
export interface StepContext {
  readonly step: PlannedStep;
  readonly shown: ShownStep;
  /** "[build 2/3] RUN make". */
  readonly description: string;
  /** It is done though it was done before. */
  readonly anew: boolean;
}

/** Directories of layers, the uppermost first. */
export function stageLayerDirectories({ paths }: Pick<Building, "paths">, layers: readonly StageLayer[]): string[] {
  return layers.map(({ id }) => paths.layerTree(id)).reverse();
}

/** For gatherFiles from that tree. Of an overlay nothing is kept: its device has another number at each mount. */
export function gathering({ context, paths, abort, files }: Building, tree: Pick<FileTree, "ownersKept"> | null): GatherOptions {
  return { signal: abort.signal, environment: context.environment, paths, limits: context.settings.layers, fileDigests: tree?.ownersKept === true ? null : files };
}
