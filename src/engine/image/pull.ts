/** Brings an image from its registry into the store and names it. A name appears last, when everything it needs is on disk. */
import { MdkError } from "../../error.ts";
import { parseConfig, type ImageConfig } from "../../image/config.ts";
import { digestOf } from "../../image/digest.ts";
import { CONFIG_BYTES_MAX, parseManifest, type Manifest } from "../../image/manifest.ts";
import { choosePlatform, hostPlatform, parsePlatform, platformName, type Platform } from "../../image/platform.ts";
import { canonicalName, DEFAULT_TAG, familiarName, parseReference, repositoryOf, withDefaultTag, type Reference } from "../../image/reference.ts";
import { backingWarning } from "../host/backing.ts";
import { explainUnusable } from "../host/stranded.ts";
import { probeOverlay } from "../../layer/overlay.ts";
import { configPath } from "../../registry/config-file.ts";
import { askCredentials } from "../../registry/credentials.ts";
import { resolveEndpoint } from "../../registry/endpoint.ts";
import { Remote, type FetchedManifest } from "../../registry/remote.ts";
import { cancelled } from "../../registry/transport.ts";
import { writeBlob } from "../../store/blobs.ts";
import { checkpoint, type Database } from "../../store/database.ts";
import { addImage, findByManifest, findByReference, type NewImage } from "../../store/images.ts";
import { ensureStore, type StorePaths } from "../../store/paths.ts";
import { holdPull, prune } from "../../store/prune.ts";
import type { Context } from "../context.ts";
import { pullLayers, type LayerProgress } from "./pull-layers.ts";

export interface PullProgress extends LayerProgress {
  /** The manifest is there and layers follow: Docker's "latest: Pulling from library/ubuntu". */
  start(tag: string, repositoryPath: string): void;
}

export interface PullOptions {
  /** `--platform`; null: the host's. */
  readonly platform?: string | null;
  /** "host" or "host:port". */
  readonly insecureRegistries?: readonly string[];
  readonly progress?: PullProgress | null;
  /** Ctrl-C: the pull ends with "pull-cancelled" and leaves nothing. */
  readonly signal?: AbortSignal | null;
  /** The user's config.json; default: of DOCKER_CONFIG, or ~/.docker. */
  readonly configFile?: string | null;
  /** /etc/docker/certs.d */
  readonly certificates?: string;
  /** process.arch */
  readonly architecture?: string;
  /** As the transport has it: tests make it short. */
  readonly patienceMs?: number;
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
/** Layers may be pruned between two looks at them; this often is more than chance. */
const TRIES = 3;

/**
 * Pulls what `text` names. Errors: those of the reference ("reference-invalid"), of the registry, of the archives, of the
 * disk; nothing of the image is left then, except layers that other images use.
 */
export async function pull(context: Context, text: string, options: PullOptions = {}): Promise<Pulled> {
  try {
    return await pullHere(context, text, options);
  } catch (error) {
    // What does not fit below a loop store is no ENOSPC, but an I/O error that makes the file system in it read-only.
    const full = /^(EIO|EROFS|store-unreadable)$/.test(String((error as { code?: unknown }).code)) ? backingWarning(context.root) : null;
    throw full === null ? error : new MdkError("exhausted", "store-backing-full", `no space left on device: ${full}`, { cause: error });
  }
}

async function pullHere(context: Context, text: string, options: PullOptions): Promise<Pulled> {
  const reference = withDefaultTag(parseReference(text));
  const host = hostPlatform(options.architecture ?? process.arch);
  const platform = options.platform ? parsePlatform(options.platform, host) : host;
  const database = context.database();
  const paths = ensureStore(context.root);
  const abort = new AbortController();
  const giveUp = (): void => abort.abort(cancelled());
  options.signal?.addEventListener("abort", giveUp);
  if (options.signal?.aborted === true) giveUp();
  const release = await holdPull(paths);
  let pulled: Pulled | null = null;
  try {
    const unusable = probeOverlay(paths.temporary);
    if (unusable !== null) throw explainUnusable(context.root, unusable);
    const remote = openRemote(context, reference, options, abort.signal);
    pulled = await pullFrom({ context, paths, database, reference, platform, remote, abort, progress: options.progress ?? SILENT });
    return pulled;
  } catch (error) {
    throw abort.signal.aborted && !(error instanceof MdkError) ? abort.signal.reason : error;
  } finally {
    abort.abort(cancelled());
    options.signal?.removeEventListener("abort", giveUp);
    release();
    tidyUp(paths, database, pulled !== null);
  }
}

/** What fails here is told unless the pull itself failed: then its error is the one that matters (a full disk fails twice). */
function tidyUp(paths: StorePaths, database: Database, told: boolean): void {
  try {
    prune(paths, database);
    checkpoint(database);
  } catch (error) {
    if (told) throw error;
  }
}

function openRemote(context: Context, reference: Reference, options: PullOptions, signal: AbortSignal): Remote {
  const { environment } = context;
  return new Remote(reference, {
    endpoint: resolveEndpoint(reference.domain, {
      insecure: options.insecureRegistries ?? [], environment, certificates: options.certificates ?? "/etc/docker/certs.d",
    }),
    credentials: askCredentials({ path: options.configFile ?? configPath(environment), environment }, reference.domain),
    userAgent: "mdk",
    signal,
    ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
  });
}

interface Job {
  readonly context: Context;
  readonly paths: StorePaths;
  readonly database: Database;
  readonly reference: Reference;
  readonly platform: Platform;
  readonly remote: Remote;
  readonly abort: AbortController;
  readonly progress: PullProgress;
}

async function pullFrom(job: Job): Promise<Pulled> {
  const { paths, database, reference, remote, progress } = job;
  const top = await remote.manifest(reference.digest ?? reference.tag ?? DEFAULT_TAG);
  const { manifest, fetched } = await selectManifest(job, top);
  progress.start(reference.digest ?? reference.tag ?? DEFAULT_TAG, reference.path);
  const result = { digest: top.digest, name: canonicalName(reference) };
  const before = findByReference(database, reference);
  const known = findByManifest(database, { repository: repositoryOf(reference), digest: top.digest, manifest: digestOf(fetched.bytes) });
  // An image whose row is there has all its layers and blobs: the rows refer to one another.
  if (before !== null && before.id === known) return { ...result, id: known, upToDate: true };
  const configBytes = await remote.blobBytes(manifest.config, CONFIG_BYTES_MAX);
  const config = parseConfig(configBytes, familiarName(reference));
  checkConfig(config, manifest, reference);
  for (let attempt = 1; ; attempt++) {
    const id = writeBlob(paths, configBytes);
    const manifestDigest = writeBlob(paths, fetched.bytes);
    const layers = await pullLayers({ ...job, descriptors: manifest.layers, diffIds: config.diffIds });
    const size = layers.reduce((sum, layer) => sum + layer.size, 0);
    const image = row(job, { id, config, layers: layers.map((layer) => layer.id), size, origin: { kind: "pulled", digest: top.digest, manifest: manifestDigest } });
    // Another index or manifest of the same image is nothing new to who runs it.
    if (addImage(database, image)) return { ...result, id, upToDate: before?.id === id };
    if (attempt === TRIES) throw new MdkError("conflict", "pull-raced", `the layers of ${familiarName(reference)} were removed while it was pulled`);
  }
}

function row(
  { context, reference }: Job,
  image: Pick<NewImage, "id" | "layers" | "size" | "origin"> & { readonly config: ImageConfig },
): NewImage {
  const { config, ...rest } = image;
  const { created, architecture, os, variant } = config;
  return {
    ...rest, created, architecture, os, variant, pulled: context.now().toISOString(),
    repository: repositoryOf(reference), tag: reference.digest === null ? reference.tag : null,
  };
}

/** Through an index to the manifest that suits the platform; an index in an index is followed once. */
async function selectManifest(job: Job, top: FetchedManifest): Promise<{ manifest: Manifest; fetched: FetchedManifest }> {
  const name = familiarName(job.reference);
  let fetched = top;
  for (let depth = 0; depth < 3; depth++) {
    const document = parseManifest(fetched.bytes, fetched.contentType, name);
    if (document.kind === "manifest") return { manifest: document, fetched };
    const entry = choosePlatform(document.manifests, job.platform);
    if (entry === null) {
      throw new MdkError("invalid", "no-matching-platform", `no matching manifest for ${platformName(job.platform)} in the manifest list entries`, {
        hint: `${name} has: ${[...new Set(document.manifests.flatMap(({ platform }) => (platform === null ? [] : platformName(platform))))].join(", ") || "none"}`,
      });
    }
    fetched = await job.remote.manifest(entry.digest);
    if (fetched.bytes.length !== entry.size) {
      throw new MdkError("corrupt", "digest-mismatch", `the manifest ${entry.digest} has ${fetched.bytes.length} bytes, not the ${entry.size} its index says`);
    }
  }
  throw new MdkError("corrupt", "manifest-invalid", `the index of ${name} leads to indexes only`);
}

function checkConfig(config: ImageConfig, manifest: Manifest, reference: Reference): void {
  const name = familiarName(reference);
  if (config.diffIds.length !== manifest.layers.length) {
    throw new MdkError("invalid", "config-invalid", `the config of ${name} names ${config.diffIds.length} layers, its manifest ${manifest.layers.length}`);
  }
  if (config.os !== "" && config.os !== "linux") {
    throw new MdkError("invalid", "no-matching-platform", `image operating system "${config.os}" cannot be used on this platform`);
  }
}
