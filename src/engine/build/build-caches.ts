/** Caches of other builders: what they have made is brought here when a step wants it; and what this build has made, for those that it writes. */
import { isOfTheWorld, MdkError, messageOf } from "../../error.ts";
import type { CacheLayer } from "../../image/cache-config.ts";
import { chainIds, type Digest } from "../../image/digest.ts";
import type { LayerRow } from "../../store/layers.ts";
import type { Context } from "../context.ts";
import type { ContentScope } from "../image/content.ts";
import { Slots, transferOf } from "../image/copy.ts";
import { ensureLayer } from "../image/stored-layer.ts";
import { openCache, type OpenCache } from "./cache-import.ts";
import type { BuildProgress, BuildRequest, Puller, ShownStep } from "./request.ts";
import type { StageLayer, StepOutcome } from "./stage-image.ts";

/** With all of the layer's row. */
export interface StepResult extends StepOutcome {
  readonly layer: LayerRow | null;
}

export interface Outcome {
  readonly result: StepResult;
  /** It was there, or somebody else makes it. */
  readonly isThere: boolean;
}

/** A step that was made or found. */
export interface MadeStep extends StepResult {
  readonly key: Digest;
  /** Bottom first. */
  readonly below: readonly StageLayer[];
}

/** One that may have been made elsewhere. */
export interface WantedStep {
  readonly key: Digest;
  readonly below: readonly StageLayer[];
  readonly shown: ShownStep;
}

interface Opening {
  readonly context: Context;
  readonly scope: ContentScope;
  readonly request: BuildRequest;
  readonly progress: BuildProgress;
  readonly puller: Puller;
}

export class BuildCaches {
  readonly #opening: Opening;
  readonly #found: readonly OpenCache[];
  readonly #slots: Slots;
  readonly #made = new Map<Digest, MadeStep>();

  constructor(opening: Opening, found: readonly OpenCache[]) {
    [this.#opening, this.#found, this.#slots] = [opening, found, new Slots(opening.context.settings.registries.downloads)];
  }

  /** In the order in which they have ended. */
  get made(): readonly MadeStep[] {
    return [...this.#made.values()];
  }

  note(step: MadeStep): void {
    this.#made.set(step.key, step);
  }

  /**
   * What the step made elsewhere, in this store; null: nobody has it. The key is of all that is below, so that whoever has it has it on the same
   * layers. A cache that says what is not so is told of, and the step has to be made.
   */
  async bring({ key, below, shown }: WantedStep): Promise<StepResult | null> {
    const { scope, progress } = this.#opening;
    for (const cache of this.#found) {
      const result = cache.results.get(key);
      if (result === undefined) continue;
      const { layer, createdMs } = result;
      if (layer === null) return { layer, createdMs };
      shown.begin();
      try {
        return { layer: await this.#fetch(cache, { ...layer, below, shown }), createdMs };
      } catch (error) {
        scope.abort.signal.throwIfAborted();
        if (!isOfTheWorld(error)) throw error;
        // Nobody waits for a registry that does not answer once for each step.
        if (error instanceof MdkError && error.kind === "unavailable") cache.results.clear();
        else cache.results.delete(key);
        progress.warn(`the cache ${cache.name} is passed over for a step: ${messageOf(error)}`);
      }
    }
    return null;
  }

  async #fetch({ source }: OpenCache, { descriptor, diffId, below, shown }: Fetching): Promise<LayerRow> {
    const { context, scope, puller } = this.#opening;
    const { keepBlobs } = context.settings.layers;
    const way = { source, progress: puller.shownAs(shown), signal: scope.abort.signal, slots: this.#slots };
    return await ensureLayer({ ...scope, keepBlobs, limits: context.settings.layers }, {
      transfer: transferOf(way, { index: below.length, descriptor, diffId }), chainId: chainIds([...below.map((layer) => layer.diffId as Digest), diffId]).at(-1)!,
      below: below.map(async (layer) => layer),
    });
  }

  close(): void {
    for (const cache of this.#found) cache.close();
  }
}

type Fetching = Omit<WantedStep, "key"> & CacheLayer;

/** Those of the request that are there; what is wrong with another one is told. With --no-cache nobody is asked. */
export async function openCaches(opening: Opening): Promise<BuildCaches> {
  const { request, scope, progress } = opening;
  const found = await Promise.all((request.noCache === true ? [] : request.cacheFrom).map(async (from) => {
    const name = from.kind === "registry" ? from.reference : from.path;
    const shown = progress.step(`importing cache manifest from ${name}`);
    shown.begin();
    try {
      return await openCache(opening, from, name);
    } catch (error) {
      scope.abort.signal.throwIfAborted();
      if (!isOfTheWorld(error)) throw error;
      progress.warn(`the cache ${name} is not used: ${messageOf(error)}`);
      return null;
    } finally {
      shown.done();
    }
  }));
  return new BuildCaches(opening, found.filter((cache) => cache !== null));
}
