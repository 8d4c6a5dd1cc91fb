/** A step that makes a layer: found where it was made before, here or by whoever keeps a cache for others, else made, once however many builds come to it at the same time. */
import { chmodSync, closeSync, constants, mkdirSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { digestOf, type Digest } from "../../image/digest.ts";
import { packLayer } from "../../layer/pack.ts";
import { keepCached, useCached } from "../../store/build-cache.ts";
import { draftLayer, type LayerDraft, type LayerRow } from "../../store/layers.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import { openLayerView } from "../image/layer-view.ts";
import { makeLike } from "../start/root.ts";
import type { Outcome } from "./build-caches.ts";
import type { Building } from "./building.ts";
import { clampTimes } from "./clamp.ts";
import type { ShownStep } from "./request.ts";
import { chainOf, type StageLayer, type StepOutcome } from "./stage-image.ts";

export interface LayerStep {
  /** All that the outcome depends on. */
  readonly key: Digest;
  readonly description: string;
  readonly shown: ShownStep;
  /** It is made though it was made before. */
  readonly anew: boolean;
  /** What lies below, bottom first: a layer that stands for itself has none. */
  readonly below: readonly StageLayer[];
  /** Fills the upper directory of an overlay on what lies below. `work`: an empty directory beside it. */
  readonly fill: (place: LayerPlace) => Promise<void>;
}

export interface LayerPlace {
  readonly upper: string;
  readonly work: string;
  /** For files of the step that are none of its outcome. */
  readonly scratch: string;
}

/** Of whatever parts, none of which is taken for another. */
export function stepKey(parts: readonly unknown[]): Digest {
  return digestOf(JSON.stringify(parts));
}

const WAIT_MS = 20;

/** Throws what the work throws; nothing is left then. */
export async function cachedLayer(building: Building, step: LayerStep): Promise<StepOutcome> {
  const { epochMs } = building.request;
  const key = epochMs === null ? step.key : stepKey(["times", epochMs, step.key]);
  const { result, isThere } = step.anew ? await madeOnce(building, step, key) : await foundOrMade(building, step, key);
  building.caches.note({ key, below: step.below, ...result });
  if (isThere) step.shown.cached();
  else step.shown.done();
  return result;
}

/** What is twice in a Dockerfile is done twice, what several platforms have in common once. */
async function madeOnce(building: Building, step: LayerStep, key: Digest): Promise<Outcome> {
  const turn = (building.turns.get(key) ?? 0) + 1;
  building.turns.set(key, turn);
  const begun = building.anew.get(`${turn} ${key}`);
  if (begun !== undefined) return { result: (await begun).result, isThere: true };
  const made = foundOrMade(building, step, key);
  building.anew.set(`${turn} ${key}`, made);
  return await made;
}

async function foundOrMade(building: Building, step: LayerStep, key: Digest): Promise<Outcome> {
  const { context, paths, database, request, caches } = building;
  const now = (): number => context.now().getTime();
  for (let waited = false; ; waited = true) {
    const found = step.anew && !waited ? null : useCached(database, key, now());
    if (found !== null) return { result: found, isThere: true };
    const draft = draftLayer(paths, database, key);
    if (draft !== null) {
      try {
        // Who had it until now may just have made it.
        const made = step.anew ? null : useCached(database, key, now());
        if (made !== null) return { result: made, isThere: true };
        const brought = step.anew ? null : await caches.bring({ ...step, key });
        if (brought === null) step.shown.begin();
        const result = brought ?? { layer: await makeLayer(building, draft, step), createdMs: now() };
        keepCached(database, { key, layer: result.layer?.id ?? null, description: step.description, createdMs: result.createdMs, nowMs: now() });
        return { result, isThere: brought !== null };
      } finally {
        draft.release();
      }
    }
    request.signal.throwIfAborted();
    await Bun.sleep(WAIT_MS);
  }
}

async function makeLayer(building: Building, draft: LayerDraft, { below, fill }: LayerStep): Promise<LayerRow | null> {
  const { paths } = building;
  const directory = dirname(draft.tree);
  const [work, scratch] = [join(directory, "work"), join(directory, "scratch")];
  const top = below.at(-1);
  if (top === undefined) chmodSync(draft.tree, 0o755);
  else makeLike(draft.tree, paths.layerTree(top.id));
  for (const each of [work, scratch]) mkdirSync(each, { mode: 0o700 });
  await fill({ upper: draft.tree, work, scratch });
  for (const each of [work, scratch]) removeTree(each);
  const packed = pack(building, draft.tree, below);
  return packed === null ? null : draft.commit({ ...packed, blob: packed.diffId, kept: null, chainId: below.length === 0 ? null : chainWith(below, packed.diffId) });
}

function chainWith(below: readonly StageLayer[], diffId: Digest): Digest {
  return digestOf(`${chainOf(below)!} ${diffId}`);
}

/** The diff id of what is in the directory, and its bytes; null: nothing. */
function pack({ paths, request: { epochMs } }: Building, tree: string, below: readonly StageLayer[]): { readonly diffId: Digest; readonly size: number } | null {
  const upper = openSync(tree, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  let lower: number | null = null;
  const hash = new Bun.CryptoHasher("sha256");
  try {
    if (epochMs !== null) clampTimes(upper, Math.floor(epochMs / 1000));
    lower = below.length === 0 ? null : openLayerView(paths, below.map(({ id }) => id));
    const { entries, size } = packLayer(upper, lower, (bytes) => void hash.update(bytes));
    return entries === 0 ? null : { diffId: `sha256:${hash.digest("hex")}` as Digest, size };
  } finally {
    closeSync(upper);
    if (lower !== null) closeSync(lower);
  }
}
