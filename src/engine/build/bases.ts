/** The images that a build stands on or takes from, each for the platform that wants it: found here, or pulled. */
import { planBuild, type BuildPlan } from "../../build/graph/plan.ts";
import type { BuildSource } from "../../build/graph/sources.ts";
import { locatedAt, type Span } from "../../build/language/error.ts";
import type { Dockerfile } from "../../build/language/parse.ts";
import { MdkError } from "../../error.ts";
import { parseConfig } from "../../image/config.ts";
import type { Digest } from "../../image/digest.ts";
import type { Location } from "../../image/location.ts";
import { hostPlatform, platformName, type Platform } from "../../image/platform.ts";
import { readBlob } from "../../store/blobs.ts";
import { layersOf } from "../../store/images.ts";
import type { Context } from "../context.ts";
import type { ContentScope } from "../image/content.ts";
import { findImage } from "../image/layers.ts";
import { bringLocated } from "../image/located.ts";
import { baseKey, type BaseImage } from "./building.ts";
import type { BuildProgress, BuildRequest, Puller, ShownStep } from "./request.ts";
import { imageOn } from "./stage-image.ts";

export interface Planning {
  readonly context: Context;
  readonly scope: ContentScope;
  readonly dockerfile: Dockerfile;
  readonly request: BuildRequest;
  readonly progress: BuildProgress;
  readonly puller: Puller;
}

export interface Plans {
  /** By baseKey. */
  readonly images: ReadonlyMap<string, BaseImage>;
  /** In the order of the request's platforms. */
  readonly plans: readonly BuildPlan[];
}

/**
 * A plan for each platform, made once to know the images and once more with what they hold back for those who build on them. Throws DockerfileError
 * at the place of what is wrong or cannot be had.
 */
export async function planWithBases(planning: Planning): Promise<Plans> {
  const { dockerfile, request } = planning;
  const images = new Map<string, BaseImage>();
  const build = hostPlatform(process.arch);
  for (;;) {
    const plans = request.platforms.map((target) => planBuild(dockerfile, {
      buildArguments: request.buildArguments, target: request.target, platforms: { build, target }, contexts: [...request.contexts.keys()],
      triggersOf: (base, platform) => triggersOf(images, request, base, platform ?? target),
    }));
    const wanted = plans.flatMap((plan, at) => imagesOf(plan, request.platforms[at]!, request));
    const missing = new Map<string, Wanted>();
    for (const one of wanted) {
      const key = baseKey(one.reference, one.platform);
      if (!images.has(key) && !missing.has(key)) missing.set(key, one);
    }
    if (missing.size === 0) return { images, plans };
    const names = new Set([...missing.values()].map(({ reference }) => reference));
    // A pull takes the tag along: of one name those of this host come last, and keep it.
    await Promise.all([...names].map(async (name) => {
      const platforms = [...missing].filter(([, { reference }]) => reference === name).toSorted(([, a], [, b]) => Number(isSame(a.platform, build)) - Number(isSame(b.platform, build)));
      for (const [key, one] of platforms) images.set(key, await obtain(planning, one));
    }));
  }
}

interface Wanted {
  readonly reference: string;
  readonly written: string;
  readonly location: Location | null;
  readonly platform: Platform;
  /** Where it is asked for first. */
  readonly span: Span;
}

const isSame = (one: Platform, other: Platform): boolean => platformName(one) === platformName(other);

function imagesOf({ needed, stages }: BuildPlan, target: Platform, { contexts }: BuildRequest): Wanted[] {
  const found = needed.flatMap((index) => {
    const { base, platform, stage, steps } = stages[index]!;
    return [{ source: base, platform: platform ?? target, span: stage.from.span }, ...steps.flatMap(({ instruction, sources }) => sources.map((source) => ({ source, platform: target, span: instruction.span })))];
  });
  return found.flatMap(({ source, platform, span }) => {
    const named = namedImage(source, contexts);
    return named === null ? [] : [{ ...named, platform, span }];
  });
}

function namedImage(source: BuildSource | null, contexts: BuildRequest["contexts"]): Omit<Wanted, "platform" | "span"> | null {
  if (source?.kind === "image") return { ...source, location: null };
  const named = source?.kind === "context" ? contexts.get(source.name) : undefined;
  return named?.kind === "image" ? { ...named, written: named.reference } : null;
}

function triggersOf(images: ReadonlyMap<string, BaseImage>, { contexts }: BuildRequest, base: BuildSource, platform: Platform): readonly string[] {
  const named = namedImage(base, contexts);
  return named === null ? [] : (images.get(baseKey(named.reference, platform))?.triggers ?? []);
}

async function obtain({ context, scope, request, progress, puller }: Planning, wanted: Wanted): Promise<BaseImage> {
  const { paths, database } = scope;
  const { reference, written, location, platform, span } = wanted;
  const label = request.platforms.length > 1 ? `${platformName(platform)} internal` : "internal";
  const shown = progress.step(`[${label}] load metadata for ${location === null ? reference : written}`);
  try {
    const id = location === null ? await found(context, wanted, { isPulled: request.pull, shown, puller }) : await bringLocated(context, scope, location, { platform, progress: { layer() {} } });
    shown.done();
    const config = parseConfig(readBlob(paths, id), reference);
    return { id, image: imageOn(id, config, layersOf(database, id)), triggers: config.config.OnBuild ?? [] };
  } catch (error) {
    shown.failed(error);
    throw locatedAt(span, error);
  }
}

interface Finding {
  readonly isPulled: boolean;
  readonly shown: ShownStep;
  readonly puller: Puller;
}

async function found(context: Context, { reference, platform }: Wanted, { isPulled, shown, puller }: Finding): Promise<Digest> {
  const name = platformName(platform);
  shown.begin();
  const here = isPulled ? null : findImage(context, reference, name);
  if (here !== null) return here.id as Digest;
  const { id } = await puller.pull(reference, name, shown);
  if (findImage(context, id, name) === null) throw new MdkError("not-found", "no-such-image", `${reference}: no image for ${name} was found`);
  return id as Digest;
}
