/** Brings an image from its registry into the store and names it. A name appears last, when everything it needs is on disk. */
import { MdkError } from "../../error.ts";
import { algorithmOf, digestOf } from "../../image/digest.ts";
import { hostPlatform, parsePlatform, type Platform } from "../../image/platform.ts";
import { canonicalName, DEFAULT_TAG, familiarName, parseReference, repositoryOf, withDefaultTag, type Reference } from "../../image/reference.ts";
import type { Source } from "../../image/transfer.ts";
import { Remote } from "../../registry/remote.ts";
import type { RemoteOptions } from "../../registry/session.ts";
import type { Database } from "../../store/database.ts";
import { findByManifest, findByReference } from "../../store/images.ts";
import { isKept } from "../../store/layers.ts";
import type { Context } from "../context.ts";
import { writeContent, type ContentScope } from "./content.ts";
import { copyImage, type LayerProgress } from "./copy.ts";
import { mirrorsOf, remoteOptions, type RegistryOptions } from "./registry-options.ts";
import { readImage, selectManifest, type SelectedManifest } from "./select.ts";
import { StoreSink } from "./store-sink.ts";

export interface PullProgress extends LayerProgress {
  /** The manifest is there and layers follow: Docker's "latest: Pulling from library/ubuntu". */
  start(tag: string, repositoryPath: string): void;
}

export interface PullOptions extends RegistryOptions {
  /** `--platform`; null: the host's. */
  readonly platform?: string | null;
  readonly progress?: PullProgress | null;
  /** Ctrl-C: the pull ends with "pull-cancelled" and leaves only what the next one goes on from. */
  readonly signal?: AbortSignal | null;
  /** process.arch */
  readonly architecture?: string;
}

export interface Pulled {
  readonly id: string;
  /** Of what the name stands for in the registry: an index or a manifest. */
  readonly digest: string;
  /** "docker.io/library/ubuntu:latest" */
  readonly name: string;
  /** Nothing changed: the store had it under this name. */
  readonly upToDate: boolean;
}

const SILENT: PullProgress = { start() {}, layer() {} };
/**
 * Pulls what `text` names. Errors: those of the reference ("reference-invalid"), of the registry, of the archives, of the
 * disk; nothing of the image is left then, except layers that other images use and, where only the way was bad, what the next pull goes on from.
 */
export async function pull(context: Context, text: string, options: PullOptions = {}): Promise<Pulled> {
  const reference = withDefaultTag(parseReference(text));
  const host = hostPlatform(options.architecture ?? process.arch);
  const platform = options.platform ? parsePlatform(options.platform, host) : host;
  return await writeContent(context, options.signal ?? null, async (scope) => {
    const { signal } = scope.abort;
    const registry = new Remote(reference, remoteOptions(context, reference, options, signal));
    const mirrors = mirrorsOf(context, reference, options, signal);
    const remote = mirrors.length === 0 ? registry : await mirrored(mirrors, reference, registry, signal);
    return await pullFrom({ ...scope, context, reference, platform, remote, progress: options.progress ?? SILENT });
  });
}

/** Tags that the repository of a name has in its registry. Throws "reference-invalid" for a name with a tag, and the errors of the registry. */
export async function listRemoteTags(context: Context, text: string, options: PullOptions = {}): Promise<string[]> {
  const reference = parseReference(text);
  if (reference.tag !== null || reference.digest !== null) throw new MdkError("invalid", "reference-invalid", "tag can't be used with --all-tags/-a");
  return await new Remote(reference, remoteOptions(context, reference, options, options.signal ?? null)).tags();
}

async function mirrored(mirrors: readonly RemoteOptions[], reference: Reference, registry: Remote, signal: AbortSignal): Promise<Source> {
  const { Mirrored } = await import("./mirrored.ts");
  return new Mirrored([...mirrors.map((options) => new Remote(reference, options)), registry], signal);
}

interface Job extends ContentScope {
  readonly context: Context;
  readonly reference: Reference;
  readonly platform: Platform;
  readonly remote: Source;
  readonly progress: PullProgress;
}

async function pullFrom(job: Job): Promise<Pulled> {
  const { context, paths, database, reference, platform, remote, abort, progress } = job;
  const name = familiarName(reference);
  const target = reference.digest ?? reference.tag ?? DEFAULT_TAG;
  const selected = await selectManifest(remote, await remote.manifest(target), { name, platform });
  const { top, fetched } = selected;
  const { keepBlobs } = context.settings.layers;
  progress.start(target, reference.path);
  const repository = repositoryOf(reference);
  const before = findByReference(database, reference);
  const known = findByManifest(database, { repository, digest: top.digest, manifest: digestOf(fetched.bytes) });
  const result = { digest: top.digest, name: canonicalName(reference) };
  // An image whose row is there has all its layers: the rows refer to one another. Blobs it has if it came with an mdk that keeps them.
  if (before !== null && before.id === known && (!keepBlobs || isWhole(database, selected))) return { ...result, id: known, upToDate: true };
  const image = await readImage(remote, selected, name);
  const sink = new StoreSink({
    paths, database, diffIds: image.config.diffIds, pulled: context.now().toISOString(), repository, tag: reference.digest === null ? reference.tag : null,
    origin: (stored) => ({ kind: "pulled", digest: stored.top, manifest: stored.manifest }), keepManifest: true,
    keepBlobs, limits: context.settings.layers, concurrent: context.settings.registries.downloads,
  });
  await copyImage({ source: remote, sink, image, progress, abort });
  const id = digestOf(image.configBytes);
  // Another index or manifest of the same image is nothing new to who runs it.
  return { ...result, id, upToDate: before?.id === id };
}

function isWhole(database: Database, { manifest }: SelectedManifest): boolean {
  return manifest.layers.every(({ digest }) => algorithmOf(digest) !== "sha256" || isKept(database, digest));
}
