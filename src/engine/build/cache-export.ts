/** --cache-to: what a build has made, for other builds: into the config of its image, a repository, a layout. Of a step its key is told, and nothing that it says. */
import { isOfTheWorld, messageOf } from "../../error.ts";
import { cacheConfig, INLINE_CACHE, inlineCache, type WrittenLayer, type WrittenRecord } from "../../image/cache-config.ts";
import { digestOf, type Digest } from "../../image/digest.ts";
import type { Descriptor } from "../../image/manifest.ts";
import { CACHE_CONFIG, OCI_INDEX, OCI_MANIFEST } from "../../image/media-types.ts";
import { parseReference, withDefaultTag } from "../../image/reference.ts";
import type { Context } from "../context.ts";
import type { ContentScope } from "../image/content.ts";
import { copyImage, type Copied } from "../image/copy.ts";
import { fetchedAgain } from "../image/fetched-again.ts";
import { LayoutSink } from "../image/layout-sink.ts";
import { openLayerBlobs, type LayerBlobs } from "../image/own-image.ts";
import { send } from "../image/push.ts";
import type { MadeStep } from "./build-caches.ts";
import type { BuildProgress, BuildRequest, ShownStep, WrittenCache } from "./request.ts";
import type { StageImage, StageLayer } from "./stage-image.ts";

/** The image with the steps that it is made of in its config, where the request has such a cache. */
export function withInlineCache(image: StageImage, { cacheTo }: BuildRequest, made: readonly MadeStep[]): StageImage {
  if (!cacheTo.some(({ kind }) => kind === "inline")) return image;
  const records = stepsOf(image, made).map(({ key, layer, createdMs }) => ({ key, createdMs, layer: layer === null ? null : indexOf(image, layer) }));
  return { ...image, kept: { ...image.kept, [INLINE_CACHE]: inlineCache(records) } };
}

const indexOf = ({ layers }: StageImage, layer: Pick<StageLayer, "id">): number => layers.findIndex(({ id }) => id === layer.id);

/** Steps whose layers are those of the image, on what they have below there. */
function stepsOf(image: StageImage, made: readonly MadeStep[]): MadeStep[] {
  return made.filter(({ below, layer }) => (layer === null || indexOf(image, layer) !== -1) && below.every(({ id }, at) => image.layers[at]?.id === id));
}

interface Exporting {
  readonly context: Context;
  readonly scope: ContentScope;
  readonly request: BuildRequest;
  readonly progress: BuildProgress;
}

/** All that the request asks for, one after the other. Throws the errors of packLayer, of the registry and of the disk, for one that must not fail. */
export async function exportCaches(exporting: Exporting, images: readonly StageImage[], made: readonly MadeStep[]): Promise<void> {
  const { request, scope, progress } = exporting;
  for (const target of request.cacheTo) {
    if (target.kind === "inline") continue;
    const shown = progress.step(`exporting cache to ${target.kind === "registry" ? "registry" : "client directory"}`);
    shown.begin();
    try {
      await exportCache(exporting, target, { shown, steps: target.isMax ? made : [...new Set(images.flatMap((image) => stepsOf(image, made)))] });
      shown.done();
    } catch (error) {
      scope.abort.signal.throwIfAborted();
      if (!target.mayFail || !isOfTheWorld(error)) {
        shown.failed(error);
        throw error;
      }
      progress.warn(`the cache is not written: ${messageOf(error)}`);
      shown.done();
    }
  }
}

interface Export {
  readonly shown: ShownStep;
  readonly steps: readonly MadeStep[];
}

async function exportCache({ context, scope }: Exporting, target: WrittenCache, { shown, steps }: Export): Promise<void> {
  // What fails here is not the end of everything else.
  const abort = new AbortController();
  const giveUp = (): void => abort.abort(scope.abort.signal.reason);
  scope.abort.signal.addEventListener("abort", giveUp);
  const blobs = openLayerBlobs({ ...scope, abort }, fetchedAgain(context, {}, abort.signal), target.packing);
  try {
    const image = await cacheImage(blobs, steps, target.isManifest);
    shown.status("preparing build cache for export done");
    const progress = { layer: (id: string, status: string) => void (/^(Pushed|Layer already exists|Mounted .*|Saved)$/.test(status) && shown.status(`writing layer sha256:${id} done`)) };
    if (target.kind === "local") {
      const sink = new LayoutSink(target.path, target.tag);
      try {
        await copyImage({ source: blobs.source, sink, image, progress, abort });
      } finally {
        sink.close();
      }
    } else {
      const reference = withDefaultTag(parseReference(target.reference));
      await send({ ...scope, context, abort }, { image, source: blobs.source }, reference, { insecureRegistries: target.isInsecure ? [reference.domain] : [], progress: { ...progress, start() {}, done() {} } });
    }
    shown.status(`writing config ${image.manifest.config.digest} done`);
    shown.status(`writing cache image manifest ${image.fetched.digest} done`);
  } finally {
    blobs.close();
    scope.abort.signal.removeEventListener("abort", giveUp);
  }
}

/** As an image: its layers are those of the steps, each once; what they stand on besides is none of the cache. */
async function cacheImage(blobs: LayerBlobs, steps: readonly MadeStep[], isManifest: boolean): Promise<Copied> {
  const [layers, records, places] = [[] as WrittenLayer[], [] as WrittenRecord[], new Map<string, number>()];
  const chainOf = (all: readonly Pick<StageLayer, "id">[]): string => all.map(({ id }) => id).join(" ");
  for (const { key, layer, below, createdMs } of steps) {
    if (layer === null) {
      records.push({ key, layer, createdMs });
      continue;
    }
    const chain = chainOf([...below, layer]);
    let place = places.get(chain);
    if (place === undefined) {
      const { descriptor, diffId } = await blobs.pack([...below, layer]);
      // Packed anew it is another layer than the one that later steps were made on.
      if (diffId !== layer.diffId) continue;
      place = layers.push({ descriptor, diffId: diffId as Digest, parent: places.get(chainOf(below)) ?? -1, createdMs }) - 1;
      places.set(chain, place);
    }
    records.push({ key, layer: place, createdMs });
  }
  const configBytes = cacheConfig(layers, records);
  const config = { mediaType: CACHE_CONFIG, digest: digestOf(configBytes), size: configBytes.length };
  const own = [...new Map(layers.map((layer) => [layer.descriptor.digest, layer])).values()];
  return imageOf(config, configBytes, own, isManifest);
}

/** Where containerd, and BuildKit's importer, look for a layer's diff id. */
const UNCOMPRESSED = "containerd.io/uncompressed";

function imageOf(config: Descriptor, configBytes: Uint8Array, own: readonly WrittenLayer[], isManifest: boolean): Copied {
  const descriptors = own.map(({ descriptor, diffId }) => ({ ...descriptor, annotations: { [UNCOMPRESSED]: diffId } }));
  const mediaType = isManifest ? OCI_MANIFEST : OCI_INDEX;
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...(isManifest ? { config, layers: descriptors } : { manifests: [...descriptors, config] }) }));
  return { fetched: { bytes, contentType: mediaType, digest: digestOf(bytes) }, configBytes, manifest: { kind: "manifest", config, layers: descriptors }, config: { diffIds: own.map(({ diffId }) => diffId) } };
}
