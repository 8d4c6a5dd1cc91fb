/** `docker push`: an image of the store to its registry, byte for byte as it came where it came from one. */
import { MdkError } from "../../error.ts";
import type { Digest } from "../../image/digest.ts";
import { mediaTypeOf } from "../../image/manifest.ts";
import { USUAL_PACKING, type Packing } from "../../image/packing.ts";
import { DEFAULT_TAG, familiarName, familiarRepository, parseReference, repositoryOf, withDefaultTag, type Reference } from "../../image/reference.ts";
import type { Source } from "../../image/transfer.ts";
import { PushTarget } from "../../registry/push-target.ts";
import type { Database } from "../../store/database.ts";
import { addDigest, addIndexed, findByReference, listTags, repositoriesWith, type ImageRow } from "../../store/images.ts";
import type { Context } from "../context.ts";
import { writeContent, type ContentScope } from "./content.ts";
import { copyImage, type Copied, type LayerProgress, type LayerTransfer, type Sink } from "./copy.ts";
import { fetchedAgain } from "./fetched-again.ts";
import { imageOfPlatform, indexNamed } from "./named.ts";
import { ownImage, type OwnOptions } from "./own-image.ts";
import { storedIndex, type OwnIndex } from "./own-index.ts";
import { remoteOptions, type RegistryOptions } from "./registry-options.ts";

export interface PushProgress extends LayerProgress {
  /** "docker.io/library/name" */
  start(repository: string): void;
  /** One tag is there. `size`: bytes of the manifest. */
  done(tag: string, digest: Digest, size: number): void;
}

export interface PushOptions extends RegistryOptions {
  /** `--all-tags` */
  readonly all?: boolean;
  /** Only the image for it; else all that the tag stands for. */
  readonly platform?: string | null;
  readonly packing?: Packing;
  /** Of the manifest, which is made anew then. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly warn?: (text: string) => void;
  readonly progress?: PushProgress | null;
  readonly signal?: AbortSignal | null;
}

/**
 * Pushes the tag that `text` names, or all of its repository. Errors: "reference-invalid", "no-such-image", "other-platform", those of ownImage, "push-denied"
 * and what else the registry says; tags before the bad one are there then.
 */
export async function push(context: Context, text: string, options: PushOptions = {}): Promise<void> {
  const reference = parseReference(text);
  if (reference.digest !== null) throw new MdkError("invalid", "reference-invalid", "cannot push a digest reference");
  if (options.all === true && reference.tag !== null) throw new MdkError("invalid", "reference-invalid", "tag can't be used with --all-tags/-a");
  const progress = options.progress ?? { start() {}, layer() {}, done() {} };
  progress.start(repositoryOf(reference));
  const images = chooseImages(context.database(), reference, options.all === true);
  await writeContent(context, options.signal ?? null, async (scope) => {
    for (const { tag, image } of images) await pushTag({ ...scope, context, options, progress }, image, { ...reference, tag });
  });
}

function chooseImages(database: Database, reference: Reference, all: boolean): { readonly tag: string; readonly image: ImageRow }[] {
  const repository = repositoryOf(reference);
  const there = listTags(database).flatMap((name) => (name.repository === repository && name.tag !== null ? [name.tag] : []));
  const tags = all ? there : [reference.tag ?? DEFAULT_TAG];
  const images = tags.flatMap((tag) => {
    const image = findByReference(database, { ...reference, tag });
    return image === null ? [] : [{ tag, image }];
  });
  if (images.length > 0) return images;
  const familiar = familiarRepository(repository);
  throw new MdkError("not-found", "no-such-image", there.length === 0 ? `An image does not exist locally with the tag: ${familiar}` : `tag does not exist: ${familiar}:${tags[0]}`);
}

/** An index and all that it names, within writeContent. Errors as of push; what is not named by a tag may be there then. */
export async function pushIndex(scope: ContentScope & { readonly context: Context }, index: OwnIndex, text: string, options: PushOptions): Promise<void> {
  const reference = withDefaultTag(parseReference(text));
  const { database } = scope;
  for (const { own } of index.members) await send(scope, own, { ...reference, tag: null }, options);
  const target = new PushTarget(reference, [], remoteOptions(scope.context, reference, options, scope.abort.signal));
  const { bytes, digest } = index.fetched;
  await target.manifest(bytes, mediaTypeOf(index.fetched), reference.tag);
  const repository = repositoryOf(reference);
  // Of those that the store does not keep the rows go, and these with them.
  addIndexed(database, { repository, digest }, index.members.filter(({ own }) => !own.anew).map(({ id, own }) => ({ id, manifest: own.image.fetched.digest })));
  options.progress?.done(reference.tag!, digest, bytes.length);
}

interface Job extends ContentScope {
  readonly context: Context;
  readonly options: PushOptions;
  readonly progress: PushProgress;
}

async function pushTag(job: Job, image: ImageRow, reference: Reference & { readonly tag: string }): Promise<void> {
  const { options, database } = job;
  const word = familiarName(reference);
  const { platform = null } = options;
  if (platform !== null) return await pushOne(job, imageOfPlatform(database, { image, reference }, { word, platform }), reference);
  const digest = indexNamed(database, reference);
  if (digest === null) return await pushOne(job, image, reference);
  const index = await storedIndex(job, digest, ownOptions(job));
  try {
    await pushIndex(job, index, word, { ...options, progress: job.progress });
  } finally {
    index.close();
  }
}

function ownOptions({ context, options, abort }: Job): Pick<OwnOptions, "annotations" | "warn" | "again" | "packing"> {
  return { packing: options.packing ?? USUAL_PACKING, annotations: options.annotations ?? {}, warn: options.warn ?? (() => {}), again: fetchedAgain(context, options, abort.signal) };
}

async function pushOne(job: Job, row: ImageRow, reference: Reference & { readonly tag: string }): Promise<void> {
  const { options, progress, ...scope } = job;
  const repository = repositoryOf(reference);
  const own = await ownImage(scope, row, { repository, name: familiarName(reference), ...ownOptions(job) });
  try {
    await send(scope, own, reference, { ...options, progress });
  } finally {
    own.close();
  }
  const { fetched } = own.image;
  if (!own.anew) addDigest(scope.database, row.id, { repository, digest: fetched.digest });
  progress.done(reference.tag, fetched.digest, fetched.bytes.length);
}

/** What is sent, and where its blobs are. */
interface Sent {
  readonly image: Copied;
  readonly source: Source;
}

/** The reference's tag is the image's then; without one it is known by its digest only. Within writeContent. Errors as of PushTarget. */
export async function send({ context, database, abort }: ContentScope & { readonly context: Context }, { image, source }: Sent, reference: Reference, options: PushOptions): Promise<void> {
  const mounts = mountsOf(database, image, reference);
  const target = new PushTarget(reference, [...new Set(mounts.values())], remoteOptions(context, reference, options, abort.signal));
  await copyImage({ source, sink: new RegistrySink(target, { mounts, tag: reference.tag, concurrent: context.settings.registries.uploads }), image, progress: options.progress ?? { layer() {} }, abort });
}

/** Paths of repositories of the same registry that have layers of the image, by the layers' digests. */
function mountsOf(database: Database, { manifest }: Copied, reference: Reference): Map<Digest, string> {
  return new Map(manifest.layers.flatMap(({ digest }) => {
    const there = repositoriesWith(database, digest).filter((other) => other.startsWith(`${reference.domain}/`));
    const from = there.includes(repositoryOf(reference)) ? undefined : there[0];
    return from === undefined ? [] : [[digest, from.slice(reference.domain.length + 1)] as const];
  }));
}

class RegistrySink implements Sink<Copied> {
  readonly concurrent: number;
  readonly #target: PushTarget;
  readonly #mounts: ReadonlyMap<Digest, string>;
  readonly #tag: string | null;
  /** A layer that an image has twice is sent once. */
  readonly #begun = new Map<Digest, Promise<void>>();

  constructor(target: PushTarget, { mounts, tag, concurrent }: { readonly mounts: ReadonlyMap<Digest, string>; readonly tag: string | null; readonly concurrent: number }) {
    [this.#target, this.#mounts, this.#tag, this.concurrent] = [target, mounts, tag, concurrent];
  }

  async layer(transfer: LayerTransfer): Promise<void> {
    const { digest } = transfer.descriptor;
    const work = this.#begun.get(digest) ?? this.#send(transfer);
    this.#begun.set(digest, work);
    await work;
  }

  async #send({ descriptor, slots, signal, open, report }: LayerTransfer): Promise<void> {
    report("Preparing", 0);
    await slots.take();
    try {
      signal.throwIfAborted();
      const from = this.#mounts.get(descriptor.digest) ?? null;
      const placed = await this.#target.blob({ descriptor, from, open: () => open("Pushing") });
      report(placed === "there" ? "Layer already exists" : placed === "mounted" ? `Mounted from ${from}` : "Pushed", descriptor.size);
    } finally {
      slots.give();
    }
  }

  async finish({ manifest, configBytes, fetched }: Copied): Promise<void> {
    await this.#target.blob({ descriptor: manifest.config, from: null, open: async function* () { yield configBytes; } });
    await this.#target.manifest(fetched.bytes, mediaTypeOf(fetched), this.#tag);
  }
}
