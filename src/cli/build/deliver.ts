/** What is asked of a build besides an image in the store: files, archives, and the image in its registry. */
import type { Built } from "../../engine/build/build.ts";
import { exportArchive, exportDirectory } from "../../engine/build/export.ts";
import { unpackWritten } from "../../engine/build/context.ts";
import type { BuildProgress, ShownStep } from "../../engine/build/request.ts";
import type { Context } from "../../engine/context.ts";
import type { ContentScope } from "../../engine/image/content.ts";
import type { OwnIndex } from "../../engine/image/own-index.ts";
import { push, pushIndex, type PushOptions } from "../../engine/image/push.ts";
import { saveImages, saveIndex } from "../../engine/image/save.ts";
import type { Descriptor } from "../../image/manifest.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../image/media-types.ts";
import { platformName } from "../../image/platform.ts";
import { canonicalName, parseReference, withDefaultTag } from "../../image/reference.ts";
import { descriptorOf } from "../../image/transfer.ts";
import { stream } from "../output/text.ts";
import { toFile } from "../output/to-file.ts";
import type { Output } from "./outputs.ts";

export interface Delivery {
  readonly context: Context;
  readonly progress: BuildProgress;
  readonly epochMs: number | null;
  /** Of the manifests that others get. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** One after the other. Returns the last manifest or index that others got; null: none. Throws the first error; outputs before it are there then. */
export async function deliver(outputs: readonly Output[], built: Built, scope: ContentScope, delivery: Delivery): Promise<Descriptor | null> {
  let last: Descriptor | null = null;
  const { images, index } = built;
  const { paths } = scope;
  const files = images.map(({ layers, platform }) => ({ paths, layers, epochMs: delivery.epochMs, folder: images.length === 1 ? "" : platformName(platform).replaceAll("/", "_") }));
  for (const output of outputs) {
    switch (output.kind) {
      case "cacheonly": break;
      case "image":
        if (output.isPushed) last = await shownAs(delivery, "pushing to registry", (shown) => pushAll(output, index, { ...delivery, scope }, shown));
        break;
      case "local":
        await shownAs(delivery, "exporting to client directory", () => files.forEach((each) => exportDirectory(each, output.path)));
        break;
      case "tar":
        await shownAs(delivery, "exporting to client tarball", () => written(output.path, (write) => exportArchive(files, write)));
        break;
      case "oci": case "docker":
        last = await shownAs(delivery, `exporting to ${output.kind} image format`, () => archived(output, built, { ...delivery, scope }));
    }
  }
  return last;
}

async function shownAs<T>({ progress }: Delivery, name: string, work: (shown: ShownStep) => T | Promise<T>): Promise<T> {
  const shown = progress.step(name);
  shown.begin();
  try {
    const result = await work(shown);
    shown.done();
    return result;
  } catch (error) {
    shown.failed(error);
    throw error;
  }
}

async function written(path: string | null, work: (write: (bytes: Uint8Array) => void) => void | Promise<void>): Promise<void> {
  if (path === null) await work((bytes) => stream(1, bytes));
  else await toFile(path, "failed to export", (fd) => work((bytes) => stream(fd, bytes)));
}

/** While nobody prunes what was built. */
interface Scoped extends Delivery {
  readonly scope: ContentScope;
}

async function archived({ names, path, isDirectory, packing }: Output & { readonly kind: "oci" | "docker" }, { images: [image], index }: Built, { context, progress, annotations, signal, scope }: Scoped): Promise<Descriptor | null> {
  let top = index === null ? null : descriptorOf(index.fetched);
  const save = async (write: (bytes: Uint8Array) => void): Promise<void> => {
    if (index !== null) await saveIndex(scope, index, names, write);
    else [top = null] = await saveImages(context, [image!.id], write, { names, annotations, packing, signal, warn: (text) => progress.warn(text) });
  };
  if (isDirectory) await unpackWritten(path!, save);
  else await written(path, save);
  return top;
}

async function pushAll({ names, isInsecure, packing }: Output & { readonly kind: "image" }, index: OwnIndex | null, { context, progress, annotations, signal, scope }: Scoped, shown: ShownStep): Promise<Descriptor | null> {
  let last: Descriptor | null = null;
  for (const name of names) {
    const reference = withDefaultTag(parseReference(name));
    const options: PushOptions = {
      insecureRegistries: isInsecure ? [reference.domain] : [], annotations, packing, signal, warn: (text) => progress.warn(text),
      progress: { start() {}, layer() {}, done: (_tag, digest, size) => {
        shown.status(`pushing manifest for ${canonicalName(reference)}@${digest} done`);
        last = { mediaType: index === null ? OCI_MANIFEST : OCI_INDEX, digest, size };
      } },
    };
    if (index === null) await push(context, canonicalName(reference), options);
    else await pushIndex({ ...scope, context }, index, canonicalName(reference), options);
  }
  return last;
}
