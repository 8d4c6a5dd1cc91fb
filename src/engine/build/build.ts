/** `docker build`: a Dockerfile and its context become an image. */
import { parseDockerfile } from "../../build/language/parse.ts";
import { MdkError } from "../../error.ts";
import { configDocument } from "../../image/config-document.ts";
import { digestOf, hexOf, type Digest } from "../../image/digest.ts";
import { LAYERS_MAX } from "../../image/manifest.ts";
import { choosePlatform, hostPlatform } from "../../image/platform.ts";
import { canonicalName, parseReference, repositoryOf, withDefaultTag, type Reference } from "../../image/reference.ts";
import { writeBlob } from "../../store/blobs.ts";
import type { Database } from "../../store/database.ts";
import { addImage, tagImage } from "../../store/images.ts";
import { addIndex } from "../../store/indexes.ts";
import type { Context } from "../context.ts";
import { writeContent, type ContentScope } from "../image/content.ts";
import { fetchedAgain } from "../image/fetched-again.ts";
import { withEmptyImage } from "../image/located.ts";
import { ownIndex, type Member, type OwnIndex } from "../image/own-index.ts";
import { refuseUnallowed } from "./allowed.ts";
import { planWithBases } from "./bases.ts";
import { openCaches } from "./build-caches.ts";
import { exportCaches, withInlineCache } from "./cache-export.ts";
import { collectCache } from "./cache.ts";
import type { BuildProgress, BuildRequest, Puller, ShownStep } from "./request.ts";
import { refuseForeign } from "./foreign.ts";
import { KnownFiles } from "./known-files.ts";
import { squash } from "./squash.ts";
import { buildStages } from "./stages.ts";
import type { StageImage, StageLayer } from "./stage-image.ts";

export interface BuiltImage extends Member {
  /** Bottom first. */
  readonly layers: readonly StageLayer[];
}

export interface Built {
  /** One a platform, in the order of the request. */
  readonly images: readonly BuiltImage[];
  /** Of several, where one is wanted; open only while it is delivered. */
  readonly index: OwnIndex | null;
}

/** What else is to come of the image, while nobody prunes it. */
export type Deliver = (built: Built, scope: ContentScope) => Promise<void>;

/**
 * Throws DockerfileError for what is wrong with the Dockerfile or fails in a step, and what the registry and the disk throw; nothing but the cache of steps
 * that succeeded is left then.
 */
export async function buildImage(context: Context, request: BuildRequest, progress: BuildProgress, puller: Puller, deliver: Deliver): Promise<Built> {
  request.tags.forEach(checkTag);
  if (request.squash && request.cacheTo.some(({ kind }) => kind === "inline")) {
    throw new MdkError("unsupported", "cache-squashed", "an image with one layer for all of its steps has no cache of them in it: --squash and --cache-to type=inline do not go together");
  }
  const dockerfile = parseDockerfile(request.dockerfile.text);
  return await writeContent(context, request.signal, async (scope) => await withEmptyImage(context, async (empty) => {
    const { images, plans } = await planWithBases({ context, scope, dockerfile, request, progress, puller });
    plans.forEach((plan, at) => {
      refuseUnallowed(plan, request.entitlements);
      refuseForeign(plan, request.platforms[at]!);
    });
    request.planned();
    const files = new KnownFiles(context);
    const caches = await openCaches({ context, scope, request, progress, puller });
    const shared = { ...scope, files, context, request: { ...request, signal: scope.abort.signal }, progress, escape: dockerfile.directives.escape, empty, images, caches, anew: new Map() };
    const built = await allOf(plans.map(async (plan, at) => {
      const building = { ...shared, platform: request.platforms[at]!, turns: new Map() };
      const image = await buildStages(building, plan);
      return { image, squashed: request.squash ? await squash(building, image, digestOf(configOf(context, request, image).bytes)) : null };
    })).finally(() => {
      files.store();
      caches.close();
    });
    const { made } = caches;
    const outcome = await stored(context, scope, request, built.map(({ image, squashed }) => squashed ?? withInlineCache(image, request, made)), progress);
    // With its rows the image shares its layers: of them nothing is too much for the cache.
    collectCache(context);
    try {
      await deliver(outcome, scope);
    } finally {
      outcome.index?.close();
    }
    await exportCaches({ context, scope, request, progress }, built.map(({ image }) => image), made);
    return outcome;
  }));
}

/** All have ended before anybody is told of the first error: nothing is left behind that still works. */
async function allOf<T>(works: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(works);
  return await Promise.all(works);
}

function checkTag(text: string): void {
  let reference: Reference;
  try {
    reference = parseReference(text);
  } catch (error) {
    throw error instanceof MdkError ? new MdkError(error.kind, error.code, `invalid tag ${JSON.stringify(text)}: ${error.message}`, { cause: error }) : error;
  }
  if (reference.digest !== null) throw new MdkError("invalid", "reference-invalid", `invalid tag ${JSON.stringify(text)}: a build cannot give a digest`);
}

/** The rows of the images, and the index of several; under the names is the one of this host. */
async function stored(context: Context, scope: ContentScope, request: BuildRequest, built: readonly StageImage[], progress: BuildProgress): Promise<Built> {
  const { database, paths } = scope;
  const platforms = request.platforms.map((platform, at) => ({ platform, at }));
  const named = (choosePlatform(platforms, hostPlatform(process.arch)) ?? platforms[0]!).at;
  const single = built.length === 1;
  const images = built.map((image, at): BuiltImage => ({ id: store(context, scope, { ...request, tags: single ? request.tags : [] }, image), platform: request.platforms[at]!, layers: image.layers }));
  if (single) {
    if (request.isKept) showStored(progress.step("exporting to image"), [`writing image ${images[0]!.id}`], request.tags);
    return { images, index: null };
  }
  if (request.index === null) return { images, index: null };
  const index = await ownIndex(scope, images, { ...request.index, warn: (text) => progress.warn(text), again: fetchedAgain(context, {}, scope.abort.signal) });
  if (!request.isKept) return { images, index };
  writeBlob(paths, index.fetched.bytes);
  const rows = index.members.map(({ id, own: { image: { fetched } } }) => ({ id, manifest: fetched.digest }));
  addIndex(database, index.fetched.digest, rows);
  nameImage(database, images[named]!.id, request.tags, index.fetched.digest);
  showStored(progress.step("exporting to image"), [...rows.map(({ manifest }) => `exporting manifest ${manifest}`), `exporting manifest list ${index.fetched.digest}`], request.tags);
  return { images, index };
}

/** In BuildKit's words. The layers are in the store since their steps. */
function showStored(shown: ShownStep, parts: readonly string[], tags: readonly string[]): void {
  shown.begin();
  for (const part of ["exporting layers", ...parts]) shown.status(`${part} done`);
  for (const tag of tags) shown.status(`naming to ${canonicalName(withDefaultTag(parseReference(tag)))} done`);
  shown.done();
}

/** As BuildKit has it: what makes no layer is as old as what is before it, the image as its last entry, so that a build that makes nothing new is the same image. */
function timesOf({ baseHistory, history }: StageImage, epochMs: number | null, now: Date): { readonly created: string; readonly history: readonly unknown[] } {
  const epoch = epochMs === null ? null : new Date(epochMs).toISOString();
  const base = baseHistory.findLast((entry) => typeof entry.created === "string")?.created as string | undefined;
  let last = history.length === 0 ? (base ?? now.toISOString()) : base;
  const first = history.find(({ createdMs }) => createdMs !== null)?.createdMs ?? null;
  const entries = history.map(({ createdMs, ...entry }) => {
    if (createdMs !== null) last = new Date(createdMs).toISOString();
    last ??= first === null ? now.toISOString() : new Date(first).toISOString();
    return { created: epoch ?? last, ...entry };
  });
  return { created: epoch ?? last!, history: [...baseHistory, ...entries] };
}

/** What its id is the digest of. */
function configOf(context: Context, request: BuildRequest, image: StageImage): { readonly created: string; readonly bytes: Buffer } {
  const { created, history } = timesOf(image, request.epochMs ?? null, context.now());
  const { architecture, os, variant } = image.platform;
  const config = { ...image.config, Labels: { ...image.config.Labels, ...request.labels } };
  const document = {
    architecture, ...(variant === "" ? {} : { variant }), os, ...image.kept, ...(image.author === "" ? {} : { author: image.author }), config: configDocument(config), created,
    history,
    rootfs: { type: "layers", diff_ids: image.layers.map(({ diffId }) => diffId) },
  };
  return { created, bytes: Buffer.from(JSON.stringify(document)) };
}

/** Config and row of the image, under all of its names. Returns its id. */
function store(context: Context, { paths, database }: ContentScope, request: BuildRequest, image: StageImage): Digest {
  if (image.layers.length > LAYERS_MAX) throw new MdkError("unsupported", "layers-too-many", "max depth exceeded", { hint: `an image has at most ${LAYERS_MAX} layers` });
  const { created, bytes } = configOf(context, request, image);
  const { architecture, os, variant } = image.platform;
  const id = writeBlob(paths, bytes);
  const [name, ...more] = request.isKept ? request.tags : [];
  const first = name === undefined ? undefined : withDefaultTag(parseReference(name));
  const row = {
    id, created, architecture, os, variant, pulled: context.now().toISOString(), layers: image.layers.map((layer) => layer.id), size: image.layers.reduce((sum, { size }) => sum + size, 0),
    repository: first === undefined ? null : repositoryOf(first), tag: first?.tag ?? null, origin: { kind: request.isKept ? "built" as const : "anonymous" as const }, manifest: null,
  };
  if (!addImage(database, row)) throw new MdkError("conflict", "build-raced", `a layer of the image ${hexOf(id).slice(0, 12)} was removed while it was built`);
  nameImage(database, id, more, null);
  return id;
}

function nameImage(database: Database, id: Digest, names: readonly string[], index: Digest | null): void {
  for (const reference of names.map((text) => withDefaultTag(parseReference(text)))) tagImage(database, id, { repository: repositoryOf(reference), tag: reference.tag!, index });
}
