/** The image config (image-spec config.md, with Docker's additions): what an image says about itself. Pure. */
import { MdkError } from "../error.ts";
import { parseDigest, type Digest } from "./digest.ts";
import { listOf, naturalOf, objectOf, optional, parseObject, stringOf, stringsOf, type JsonObject } from "./json.ts";

export interface Healthcheck {
  readonly Test: readonly string[];
  /** Nanoseconds; 0 is "inherit". */
  readonly Interval: number;
  readonly Timeout: number;
  readonly StartPeriod: number;
  readonly StartInterval: number;
  readonly Retries: number;
}

/** The fields of `config` in the spec's spelling, which is also Docker's. Lists are null where the image names none. */
export interface ContainerDefaults {
  readonly User: string;
  readonly WorkingDir: string;
  readonly StopSignal: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[] | null;
  readonly Cmd: readonly string[] | null;
  readonly Shell: readonly string[] | null;
  readonly OnBuild: readonly string[] | null;
  /** "80/tcp", "53/udp", "8000-8010/tcp". */
  readonly ExposedPorts: readonly string[];
  readonly Volumes: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly Healthcheck: Healthcheck | null;
}

export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant: string;
  /** RFC 3339, as the image has it; "" when it does not say. */
  readonly created: string;
  readonly author: string;
  readonly config: ContainerDefaults;
  /** Bottom first. */
  readonly diffIds: readonly Digest[];
  /** Everything else, as it was. */
  readonly document: JsonObject;
}

/** Reads a config. `name` is for errors. Throws "json-invalid", "digest-invalid", "config-invalid". */
export function parseConfig(bytes: Uint8Array, name: string): ImageConfig {
  const what = `the config of ${name}`;
  const document = parseObject(bytes, what);
  const rootfs = objectOf(document.rootfs, `${what}: rootfs`);
  if (rootfs.type !== undefined && rootfs.type !== "layers") {
    throw new MdkError("invalid", "config-invalid", `${what} has a rootfs of the unsupported type ${JSON.stringify(rootfs.type)}`);
  }
  const diffIds = optional(rootfs.diff_ids, (value) => listOf(value, `${what}: rootfs.diff_ids`), []);
  const text = (field: string): string => optional(document[field], (value) => stringOf(value, `${what}: ${field}`), "");
  return {
    architecture: text("architecture"),
    os: text("os"),
    variant: text("variant"),
    created: text("created"),
    author: text("author"),
    config: readDefaults(optional(document.config, (value) => objectOf(value, `${what}: config`), {}), `${what}: config`),
    diffIds: diffIds.map((value, index) => parseDigest(value, `${what}: rootfs.diff_ids[${index}]`)),
    document,
  };
}

/** The steps that a config tells of. What is no object says nothing, as null does to Docker. */
export function historyOf({ history }: JsonObject): JsonObject[] {
  return Array.isArray(history) ? history.map((step: unknown) => (typeof step === "object" && step !== null && !Array.isArray(step) ? (step as JsonObject) : {})) : [];
}

function readDefaults(config: JsonObject, what: string): ContainerDefaults {
  const text = (field: string): string => optional(config[field], (value) => stringOf(value, `${what}.${field}`), "");
  const list = (field: string): readonly string[] | null =>
    optional(config[field], (value) => stringsOf(value, `${what}.${field}`), null);
  const keys = (field: string): readonly string[] =>
    optional(config[field], (value) => Object.keys(objectOf(value, `${what}.${field}`)).map((key) => stringOf(key, `${what}.${field}`)), []);
  return {
    User: text("User"), WorkingDir: text("WorkingDir"), StopSignal: text("StopSignal"),
    Env: list("Env") ?? [], Entrypoint: command(config.Entrypoint, `${what}.Entrypoint`), Cmd: command(config.Cmd, `${what}.Cmd`),
    Shell: list("Shell"), OnBuild: list("OnBuild"),
    ExposedPorts: keys("ExposedPorts"), Volumes: keys("Volumes"),
    Labels: optional(config.Labels, (value) => readLabels(value, `${what}.Labels`), {}),
    Healthcheck: optional(config.Healthcheck, (value) => readHealthcheck(value, `${what}.Healthcheck`), null),
  };
}

/** Old images have a command as one string: Docker runs it as a list of one. */
function command(value: unknown, what: string): readonly string[] | null {
  if (typeof value === "string") return [stringOf(value, what)];
  return optional(value, (given) => stringsOf(given, what), null);
}

function readLabels(value: unknown, what: string): Readonly<Record<string, string>> {
  const labels = Object.entries(objectOf(value, what)).map(([key, label]) => [key, stringOf(label, `${what}.${key}`)] as const);
  return Object.fromEntries(labels);
}

function readHealthcheck(value: unknown, what: string): Healthcheck {
  const check = objectOf(value, what);
  const number = (field: string): number => optional(check[field], (given) => naturalOf(given, `${what}.${field}`), 0);
  return {
    Test: optional(check.Test, (given) => stringsOf(given, `${what}.Test`), []),
    Interval: number("Interval"), Timeout: number("Timeout"), StartPeriod: number("StartPeriod"),
    StartInterval: number("StartInterval"), Retries: number("Retries"),
  };
}
