/** Docker's JSON of an image (GET /images/{name}/json). Pure. */
import { healthcheckJson } from "./healthcheck.ts";
import type { InspectedImage } from "../../engine/image/inspect.ts";
import type { ContainerDefaults } from "../../image/config.ts";
import { familiarRepository } from "../../image/reference.ts";

/** What Go prints for a time that was never set. */
const NEVER = "0001-01-01T00:00:00Z";

export function imageJson({ image, config, tags, digests, parent, layers }: InspectedImage): Record<string, unknown> {
  const { document } = config;
  const [upper, ...lower] = layers;
  return {
    Id: image.id, RepoTags: tags.map(({ repository, tag }) => `${familiarRepository(repository)}:${tag}`),
    RepoDigests: digests.map(({ repository, digest }) => `${familiarRepository(repository)}@${digest}`),
    Parent: parent ?? "", Comment: text(document.comment) || lastComment(document.history), Created: image.created === "" ? NEVER : image.created,
    Container: text(document.container), DockerVersion: text(document.docker_version), Author: config.author,
    Config: configOf(config.config), Architecture: image.architecture, ...(image.variant === "" ? {} : { Variant: image.variant }), Os: image.os,
    ...(typeof document["os.version"] === "string" ? { OsVersion: document["os.version"] } : {}),
    Size: image.size, VirtualSize: image.size,
    GraphDriver: { Data: { ...(lower.length === 0 ? {} : { LowerDir: lower.join(":") }), UpperDir: upper ?? "" }, Name: "overlay2" },
    RootFS: { Type: "layers", Layers: config.diffIds },
    Metadata: { LastTagTime: image.pulled },
  };
}

/** The members that Docker shows of every image's config, and those that this image sets. */
function configOf(config: ContainerDefaults): Record<string, unknown> {
  const set = (keys: readonly string[]): Record<string, object> => Object.fromEntries(keys.map((key) => [key, {}]));
  return {
    Hostname: "", Domainname: "", User: config.User, AttachStdin: false, AttachStdout: false, AttachStderr: false,
    ...(config.ExposedPorts.length === 0 ? {} : { ExposedPorts: set(config.ExposedPorts) }),
    Tty: false, OpenStdin: false, StdinOnce: false, Env: config.Env, Cmd: config.Cmd,
    ...(config.Healthcheck === null ? {} : { Healthcheck: healthcheckJson(config.Healthcheck) }),
    Image: "", Volumes: config.Volumes.length === 0 ? null : set(config.Volumes), WorkingDir: config.WorkingDir, Entrypoint: config.Entrypoint,
    OnBuild: config.OnBuild, Labels: Object.keys(config.Labels).length === 0 ? null : config.Labels,
    ...(config.StopSignal === "" ? {} : { StopSignal: config.StopSignal }), ...(config.Shell === null ? {} : { Shell: config.Shell }),
  };
}

/** A committed image has it in its history only. */
function lastComment(history: unknown): string {
  const last: unknown = Array.isArray(history) ? history.at(-1) : null;
  return typeof last === "object" && last !== null ? text((last as { comment?: unknown }).comment) : "";
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
