/** What is asked of a build besides an image in the store: files, archives, and the image in its registry. */
import type { Built } from "../../engine/build/build.ts";
import { exportArchive, exportDirectory } from "../../engine/build/export.ts";
import { unpackInto } from "../../engine/build/context.ts";
import type { BuildProgress, ShownStep } from "../../engine/build/request.ts";
import type { Context } from "../../engine/context.ts";
import type { ContentScope } from "../../engine/image/content.ts";
import { push } from "../../engine/image/push.ts";
import { saveImages } from "../../engine/image/save.ts";
import { canonicalName, parseReference, withDefaultTag } from "../../image/reference.ts";
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

/** One after the other. Throws the first error; outputs before it are there then. */
export async function deliver(outputs: readonly Output[], built: Built, { paths }: ContentScope, delivery: Delivery): Promise<void> {
  const files = { paths, layers: built.layers, epochMs: delivery.epochMs };
  for (const output of outputs) {
    switch (output.kind) {
      case "image":
        if (output.isPushed) await shownAs(delivery, "pushing to registry", (shown) => pushAll(output, delivery, shown));
        break;
      case "local":
        await shownAs(delivery, "exporting to client directory", () => exportDirectory(files, output.path));
        break;
      case "tar":
        await shownAs(delivery, "exporting to client tarball", () => written(output.path, (write) => exportArchive(files, write)));
        break;
      case "oci": case "docker":
        await shownAs(delivery, `exporting to ${output.kind} image format`, () => archived(output, built, delivery));
    }
  }
}

async function shownAs({ progress }: Delivery, name: string, work: (shown: ShownStep) => void | Promise<void>): Promise<void> {
  const shown = progress.step(name);
  shown.begin();
  try {
    await work(shown);
    shown.done();
  } catch (error) {
    shown.failed(error);
    throw error;
  }
}

async function written(path: string | null, work: (write: (bytes: Uint8Array) => void) => void | Promise<void>): Promise<void> {
  if (path === null) await work((bytes) => stream(1, bytes));
  else await toFile(path, "failed to export", (fd) => work((bytes) => stream(fd, bytes)));
}

async function archived({ names, path, isDirectory }: Output & { readonly kind: "oci" | "docker" }, { id }: Built, { context, progress, annotations, signal }: Delivery): Promise<void> {
  const save = (write: (bytes: Uint8Array) => void): Promise<void> => saveImages(context, [id], write, { names, annotations, signal, warn: (text) => progress.warn(text) });
  if (isDirectory) await unpackInto(path!, save);
  else await written(path, save);
}

async function pushAll({ names, isInsecure }: Output & { readonly kind: "image" }, { context, progress, annotations, signal }: Delivery, shown: ShownStep): Promise<void> {
  for (const name of names) {
    const reference = withDefaultTag(parseReference(name));
    await push(context, canonicalName(reference), {
      insecureRegistries: isInsecure ? [reference.domain] : [], annotations, signal, warn: (text) => progress.warn(text),
      progress: { start() {}, layer() {}, done: (_tag, digest) => shown.status(`pushing manifest for ${canonicalName(reference)}@${digest} done`) },
    });
  }
}
