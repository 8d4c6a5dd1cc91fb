/** `docker commit`: what a container has changed becomes a layer, on the image that it was made of. */
import { closeSync } from "node:fs";
import { freezeGroup, isFrozen, thawGroup, thawing } from "../../cgroup/freeze.ts";
import { MdkError } from "../../error.ts";
import { historyOf, parseConfig, type ContainerDefaults, type ImageConfig } from "../../image/config.ts";
import { configDocument } from "../../image/config-document.ts";
import type { Digest } from "../../image/digest.ts";
import { LAYERS_MAX } from "../../image/manifest.ts";
import { parseReference, repositoryOf, withDefaultTag } from "../../image/reference.ts";
import { LayerWriter } from "../../layer/apply.ts";
import { finishLayer } from "../../layer/finish.ts";
import { packLayer } from "../../layer/pack.ts";
import { TarReader } from "../../layer/tar.ts";
import { leaveLast } from "../../runtime/last.ts";
import { applyChanges } from "../image/changes.ts";
import { readBlob, writeBlob } from "../../store/blobs.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import { checkpoint } from "../../store/database.ts";
import { addImage, layersOf, type NewImage } from "../../store/images.ts";
import { draftLayer, findLayer, type LayerDraft, type LayerRow } from "../../store/layers.ts";
import { ensureStore, type StorePaths } from "../../store/paths.ts";
import { holdContent, prune } from "../../store/prune.ts";
import { O_DIRECTORY, O_NOFOLLOW, openAt } from "../../sys/at.ts";
import { AT_FDCWD } from "../../sys/mount.ts";
import type { Context } from "../context.ts";
import { withRestOrRun } from "../end/at-rest.ts";
import { takeOpLock } from "../end/settle.ts";
import { runs } from "../end/status.ts";
import { withUpper } from "./diff.ts";

export interface CommitRequest {
  /** "repository[:tag]"; null: the image has no name. */
  readonly name: string | null;
  readonly message: string;
  readonly author: string;
  /** Dockerfile instructions. */
  readonly changes: readonly string[];
  /** A running container stands still while its files are read. */
  readonly pause: boolean;
}

/** Returns the image's id. Errors: "reference-invalid", "invalid-change", those of packLayer and of the disk; nothing is left then. */
export async function commitContainer(context: Context, container: Container, request: CommitRequest): Promise<Digest> {
  const name = request.name === null ? null : parseReference(request.name);
  if (name?.digest) throw new MdkError("invalid", "reference-invalid", "refusing to create a tag with a digest reference");
  if (container.host.Rootfs !== undefined) {
    throw new MdkError("unsupported", "commit-rootfs", `container ${container.id} has the directory ${container.host.Rootfs} as its root: there is no image that its changes could be a layer on`, { hint: "mdk export and mdk import make an image of all its files" });
  }
  const database = context.database();
  const paths = ensureStore(context.root);
  const parent = parseConfig(readBlob(paths, container.image as Digest), container.imageName);
  const config = applyChanges(defaultsOf(container, parent), request.changes);
  if (parent.diffIds.length >= LAYERS_MAX) throw new MdkError("unsupported", "layers-too-many", "max depth exceeded", { hint: `an image has at most ${LAYERS_MAX} layers` });
  const release = await holdContent(paths);
  try {
    const layer = packed(context, container, request, paths);
    const below = layersOf(database, container.image);
    const created = context.now().toISOString();
    const id = writeBlob(paths, Buffer.from(JSON.stringify(documentOf({ parent, container, request, config, created, layer }))));
    const image: NewImage = {
      id, created, architecture: parent.architecture, os: parent.os, variant: parent.variant, pulled: created,
      layers: [...below.map((row) => row.id), ...(layer === null ? [] : [layer.id])], size: below.reduce((sum, { size }) => sum + size, layer?.size ?? 0),
      repository: name === null ? null : repositoryOf(name), tag: name === null ? null : withDefaultTag(name).tag, origin: { kind: "committed", container: container.id, comment: request.message, parent: container.image }, manifest: null,
    };
    if (!addImage(database, image)) throw new MdkError("conflict", "commit-raced", `the image of container ${container.id} was removed while it was committed`);
    return id;
  } finally {
    release();
    // What failed has left a layer or a config that no image has.
    prune(paths, database);
    checkpoint(database);
  }
}

/** Null: nothing has changed. */
function packed(context: Context, container: Container, { pause }: CommitRequest, paths: StorePaths): LayerRow | null {
  const draft = draftLayer(paths, context.database(), null) as LayerDraft;
  const writer = new LayerWriter(openAt(AT_FDCWD, draft.tree, O_DIRECTORY | O_NOFOLLOW));
  try {
    const diffId = standingStill(context, container, pause, () => unpackChanges(context, container, writer));
    if (diffId === null) return null;
    // Committed before, and nothing has changed since.
    const there = findLayer(context.database(), { diffId, chainId: diffId, blob: diffId });
    if (there !== null) return there;
    finishLayer(writer, null);
    return draft.commit({ diffId, blob: diffId, kept: null, chainId: null, size: writer.size });
  } finally {
    writer.release();
    draft.release();
  }
}

/** In one pass: packed, hashed, and unpacked into the new layer, as the archive would be elsewhere. Null: there is nothing. */
function unpackChanges(context: Context, container: Container, writer: LayerWriter): Digest | null {
  const hash = new Bun.CryptoHasher("sha256");
  const reader = new TarReader(writer);
  const entries = withUpper(context, container, (upper, lower) => upper === null ? 0 : packLayer(upper, lower, (bytes) => {
    hash.update(bytes);
    reader.push(bytes);
  }).entries);
  if (entries === 0) return null;
  reader.end();
  return `sha256:${hash.digest("hex")}` as Digest;
}

/** The work with nobody writing: at rest under the op lock, running and frozen. */
function standingStill<T>(context: Context, container: Container, pause: boolean, work: () => T): T {
  return withRestOrRun(context, container.id, { atRest: work, running: () => (runs(context, container.id) ? { value: frozen(context, container, pause, work) } : null) });
}

/** A container that is paused already stays so, and one that is paused meanwhile, too. */
function frozen<T>(context: Context, container: Container, pause: boolean, work: () => T): T {
  const { id, cgroup } = container;
  const cgroups = context.cgroups();
  if (!pause || isFrozen(cgroups, cgroup)) return work();
  const { file, text } = thawing(cgroups, cgroup);
  const done = leaveLast(context.runRoot, file, text);
  try {
    freezeGroup(cgroups, cgroup);
    return work();
  } finally {
    thawUnpaused(context, id, cgroup);
    done();
  }
}

function thawUnpaused(context: Context, id: string, cgroup: string): void {
  if (readContainer(context.database(), id) === null) return;
  // Who pauses it holds the lock from the freezing to the row. Somebody else's long work on it keeps nobody frozen.
  const lock = takeOpLock(context, id, false);
  try {
    if (readContainer(context.database(), id)?.paused !== true) thawGroup(context.cgroups(), cgroup);
  } catch (error) {
    // It has ended meanwhile, and its group is gone.
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  } finally {
    if (lock !== null) closeSync(lock);
  }
}

/** The container's config as an image's; what a container of an older store does not have, the image's. */
function defaultsOf({ config }: Container, { config: parent }: ImageConfig): ContainerDefaults {
  return {
    User: config.User, WorkingDir: config.WorkingDir, StopSignal: config.StopSignal ?? "", Env: config.Env, Entrypoint: config.Entrypoint, Cmd: config.Cmd, Shell: config.Shell ?? parent.Shell,
    OnBuild: null, ExposedPorts: Object.keys(config.ExposedPorts ?? {}), Volumes: Object.keys(config.Volumes ?? {}), Labels: config.Labels, Healthcheck: config.Healthcheck ?? parent.Healthcheck,
  };
}

interface Document {
  readonly parent: ImageConfig;
  readonly container: Container;
  readonly request: CommitRequest;
  readonly config: ContainerDefaults;
  readonly created: string;
  readonly layer: LayerRow | null;
}

/** moby image/image.go, NewChildImage. */
function documentOf({ parent, container, request: { author, message }, config, created, layer }: Document): Record<string, unknown> {
  const { document } = parent;
  const kept = Object.fromEntries(["architecture", "variant", "os", "os.version", "os.features"].filter((key) => document[key] !== undefined).map((key) => [key, document[key]]));
  const said = { ...(author === "" ? {} : { author }) };
  return {
    ...kept, ...said, config: configDocument(config), container: container.id, created,
    history: [
      ...historyOf(document),
      { created, ...said, created_by: (container.config.Cmd ?? []).join(" "), ...(message === "" ? {} : { comment: message }), ...(layer === null ? { empty_layer: true } : {}) },
    ],
    rootfs: { type: "layers", diff_ids: [...parent.diffIds, ...(layer === null ? [] : [layer.diffId])] },
  };
}
