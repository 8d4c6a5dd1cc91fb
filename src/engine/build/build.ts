/** `docker build`: a Dockerfile and its context become an image. */
import { planBuild, type BuildPlan, type PlanOptions } from "../../build/graph/plan.ts";
import type { Source } from "../../build/graph/sources.ts";
import { parseDockerfile, type Dockerfile } from "../../build/language/parse.ts";
import { MdkError } from "../../error.ts";
import { configDocument } from "../../image/config-document.ts";
import { parseConfig } from "../../image/config.ts";
import { hexOf, type Digest } from "../../image/digest.ts";
import type { Location } from "../../image/location.ts";
import { LAYERS_MAX } from "../../image/manifest.ts";
import { hostPlatform, platformName, type Platform } from "../../image/platform.ts";
import { canonicalName, parseReference, repositoryOf, withDefaultTag } from "../../image/reference.ts";
import { readBlob, writeBlob } from "../../store/blobs.ts";
import { addImage, layersOf, tagImage } from "../../store/images.ts";
import type { Context } from "../context.ts";
import { writeContent, type ContentScope } from "../image/content.ts";
import { findImage } from "../image/layers.ts";
import { bringLocated, withEmptyImage } from "../image/located.ts";
import { refuseUnallowed } from "./allowed.ts";
import { openCaches } from "./build-caches.ts";
import type { BaseImage } from "./building.ts";
import { exportCaches, withInlineCache } from "./cache-export.ts";
import { collectCache } from "./cache.ts";
import type { BuildProgress, BuildRequest, Puller, ShownStep } from "./request.ts";
import { refuseForeign } from "./foreign.ts";
import { KnownFiles } from "./known-files.ts";
import { buildStages } from "./stages.ts";
import { imageOn, type StageImage, type StageLayer } from "./stage-image.ts";

export interface Built {
  readonly id: Digest;
  /** Bottom first. */
  readonly layers: readonly StageLayer[];
}

/** What else is to come of the image, while nobody prunes it. */
export type Deliver = (built: Built, scope: ContentScope) => Promise<void>;

/**
 * Throws DockerfileError for what is wrong with the Dockerfile or fails in a step, and what the registry and the disk throw; nothing but the cache of steps
 * that succeeded is left then.
 */
export async function buildImage(context: Context, request: BuildRequest, progress: BuildProgress, puller: Puller, deliver: Deliver): Promise<Built> {
  request.tags.forEach(checkTag);
  const dockerfile = parseDockerfile(request.dockerfile.text);
  return await writeContent(context, request.signal, async (scope) => await withEmptyImage(context, async (empty) => {
    const { images, plan } = await withBases(context, scope, dockerfile, request, progress, puller);
    refuseUnallowed(plan, request.entitlements);
    refuseForeign(plan, request.platform);
    const files = new KnownFiles(context);
    const caches = await openCaches({ context, scope, request, progress, puller });
    const building = { ...scope, files, context, request: { ...request, signal: scope.abort.signal }, progress, escape: dockerfile.directives.escape, empty, images, caches };
    const image = await buildStages(building, plan).finally(() => {
      files.store();
      caches.close();
    });
    const { made } = caches;
    const built = { id: store(context, scope, request, withInlineCache(image, request, made), progress), layers: image.layers };
    collectCache(context);
    await deliver(built, scope);
    await exportCaches({ context, scope, request, progress }, image, made);
    return built;
  }));
}

function checkTag(text: string): void {
  if (parseReference(text).digest !== null) throw new MdkError("invalid", "reference-invalid", `invalid tag ${JSON.stringify(text)}: a build cannot give a digest`);
}

/** The plan, made once to know the images and once more with what they hold back for those who build on them. */
async function withBases(context: Context, scope: ContentScope, dockerfile: Dockerfile, request: BuildRequest, progress: BuildProgress, puller: Puller): Promise<{ readonly images: Map<string, BaseImage>; readonly plan: BuildPlan }> {
  const images = new Map<string, BaseImage>();
  const build = hostPlatform(process.arch);
  const options: PlanOptions = {
    buildArguments: request.buildArguments, target: request.target, platforms: { build, target: request.platform }, contexts: [...request.contexts.keys()],
    triggersOf: (base) => triggersOf(images, request, base),
  };
  for (;;) {
    const plan = planBuild(dockerfile, options);
    const missing = imagesOf(plan, request).filter(({ reference }) => !images.has(reference));
    if (missing.length === 0) return { images, plan };
    await Promise.all(missing.map(async ({ reference, written, location, platform }) => void images.set(reference, await obtain(context, scope, { reference, written, location, platform: platform ?? request.platform, pull: request.pull }, progress, puller))));
  }
}

interface Wanted {
  readonly reference: string;
  readonly written: string;
  readonly location: Location | null;
  readonly platform: Platform | null;
}

function imagesOf(plan: BuildPlan, { contexts }: BuildRequest): Wanted[] {
  const found = plan.needed.flatMap((index) => {
    const { base, platform, steps } = plan.stages[index]!;
    return [{ source: base, platform }, ...steps.flatMap(({ sources }) => sources.map((source) => ({ source, platform: null })))];
  });
  const wanted = found.flatMap(({ source, platform }) => {
    const named = namedImage(source, contexts);
    return named === null ? [] : [{ ...named, platform }];
  });
  return [...new Map(wanted.map((one) => [one.reference, one])).values()];
}

function namedImage(source: Source | null, contexts: BuildRequest["contexts"]): Omit<Wanted, "platform"> | null {
  if (source?.kind === "image") return { ...source, location: null };
  const named = source?.kind === "context" ? contexts.get(source.name) : undefined;
  return named?.kind === "image" ? { ...named, written: named.reference } : null;
}

function triggersOf(images: ReadonlyMap<string, BaseImage>, { contexts }: BuildRequest, base: Source): readonly string[] {
  const named = namedImage(base, contexts);
  return named === null ? [] : (images.get(named.reference)?.triggers ?? []);
}

async function obtain(context: Context, scope: ContentScope, wanted: Wanted & { readonly platform: Platform; readonly pull: boolean }, progress: BuildProgress, puller: Puller): Promise<BaseImage> {
  const { paths, database } = scope;
  const { reference, written, location, platform } = wanted;
  const shown = progress.step(`[internal] load metadata for ${location === null ? reference : written}`);
  try {
    const id = location === null ? await found(context, wanted, shown, puller) : await bringLocated(context, scope, location, { platform, progress: { layer() {} } });
    shown.done();
    const config = parseConfig(readBlob(paths, id), reference);
    return { id, image: imageOn(config, layersOf(database, id)), triggers: config.config.OnBuild ?? [] };
  } catch (error) {
    shown.failed(error);
    throw error;
  }
}

async function found(context: Context, { reference, platform, pull }: Wanted & { readonly platform: Platform; readonly pull: boolean }, shown: ShownStep, puller: Puller): Promise<Digest> {
  const name = platformName(platform);
  shown.begin();
  const here = pull ? null : findImage(context, reference, name);
  if (here !== null) return here.id as Digest;
  await puller.pull(reference, name, shown);
  const pulled = findImage(context, reference, name);
  if (pulled === null) throw new MdkError("not-found", "no-such-image", `${reference}: no image for ${name} was found`);
  return pulled.id as Digest;
}

/** In BuildKit's words. The layers are in the store since their steps. */
function showStored(shown: ShownStep, id: Digest, tags: readonly string[]): void {
  shown.begin();
  shown.status("exporting layers done");
  shown.status(`writing image ${id} done`);
  for (const tag of tags) shown.status(`naming to ${canonicalName(withDefaultTag(parseReference(tag)))} done`);
  shown.done();
}

/** As BuildKit has it: what makes no layer is as old as what is before it, the image as its last entry, so that a build that makes nothing new is the same image. */
function timesOf({ baseHistory, history }: StageImage, epochMs: number | null, now: Date): { readonly created: string; readonly history: readonly unknown[] } {
  const epoch = epochMs === null ? null : new Date(epochMs).toISOString();
  const base = (baseHistory as readonly { readonly created?: unknown }[]).findLast((entry) => typeof entry.created === "string")?.created as string | undefined;
  let last = history.length === 0 ? (base ?? now.toISOString()) : base;
  const first = history.find(({ createdMs }) => createdMs !== null)?.createdMs ?? null;
  const entries = history.map(({ createdMs, ...entry }) => {
    if (createdMs !== null) last = new Date(createdMs).toISOString();
    last ??= first === null ? now.toISOString() : new Date(first).toISOString();
    return { created: epoch ?? last, ...entry };
  });
  return { created: epoch ?? last!, history: [...baseHistory, ...entries] };
}

/** Config and row of the image, under all of its names. Returns its id. */
function store(context: Context, { paths, database }: ContentScope, request: BuildRequest, image: StageImage, progress: BuildProgress): Digest {
  if (image.layers.length > LAYERS_MAX) throw new MdkError("unsupported", "layers-too-many", "max depth exceeded", { hint: `an image has at most ${LAYERS_MAX} layers` });
  const { created, history } = timesOf(image, request.epochMs ?? null, context.now());
  const { architecture, os, variant } = image.platform;
  const config = { ...image.config, Labels: { ...image.config.Labels, ...request.labels } };
  const document = {
    architecture, ...(variant === "" ? {} : { variant }), os, ...image.kept, ...(image.author === "" ? {} : { author: image.author }), config: configDocument(config), created,
    history,
    rootfs: { type: "layers", diff_ids: image.layers.map(({ diffId }) => diffId) },
  };
  const id = writeBlob(paths, Buffer.from(JSON.stringify(document)));
  const [first, ...more] = request.isKept ? request.tags.map((text) => withDefaultTag(parseReference(text))) : [];
  const row = {
    id, created, architecture, os, variant, pulled: context.now().toISOString(), layers: image.layers.map((layer) => layer.id), size: image.layers.reduce((sum, { size }) => sum + size, 0),
    repository: first === undefined ? null : repositoryOf(first), tag: first?.tag ?? null, origin: { kind: request.isKept ? "built" as const : "anonymous" as const }, manifest: null,
  };
  if (!addImage(database, row)) throw new MdkError("conflict", "build-raced", `a layer of the image ${hexOf(id).slice(0, 12)} was removed while it was built`);
  for (const reference of more) tagImage(database, id, { repository: repositoryOf(reference), tag: reference.tag! });
  if (request.isKept) showStored(progress.step("exporting to image"), id, request.tags);
  return id;
}
