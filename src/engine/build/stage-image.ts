/** An image while its stage is worked on: layers, config, history, and the variables of the next instruction. Pure. */
import { stageScope, type StageScope } from "../../build/graph/scope.ts";
import { historyOf, type ContainerDefaults, type ImageConfig } from "../../image/config.ts";
import { chainIds, type Digest } from "../../image/digest.ts";
import type { JsonObject } from "../../image/json.ts";
import type { Platform } from "../../image/platform.ts";
import { MdkError } from "../../error.ts";
import type { LayerRow } from "../../store/layers.ts";

export type StageLayer = Pick<LayerRow, "id" | "diffId" | "size">;

/** What a step made, in this build or before. */
export interface StepOutcome {
  /** Null: it changed nothing. */
  readonly layer: StageLayer | null;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
}

export interface HistoryEntry {
  /** Milliseconds since 1970 when its step was carried out; null: it only says something. */
  readonly createdMs: number | null;
  readonly created_by?: string;
  readonly comment: string;
  readonly empty_layer?: true;
}

export interface StageImage {
  /** Bottom first. */
  readonly layers: readonly StageLayer[];
  readonly config: ContainerDefaults;
  readonly author: string;
  /** The image that all of it stands on, below whatever stages; a null id: none. */
  readonly base: { readonly id: Digest | null; readonly layers: readonly StageLayer[] };
  /** The base's, as they were. */
  readonly baseHistory: readonly JsonObject[];
  readonly history: readonly HistoryEntry[];
  /** Of its words, in UTF-16 units. */
  readonly historyLength: number;
  /** What else the base's config says: "os.version" and its like. */
  readonly kept: JsonObject;
  readonly platform: Platform;
  readonly scope: StageScope;
  /** The stage itself has said what the command is: ENTRYPOINT leaves it then. */
  readonly commandSet: boolean;
}

const NOTHING: ContainerDefaults = {
  User: "", WorkingDir: "", StopSignal: "", Env: [], Entrypoint: null, Cmd: null, Shell: null, OnBuild: null, ExposedPorts: [], Volumes: [], Labels: {}, Healthcheck: null,
};

/** FROM scratch. */
export function emptyImage(platform: Platform): StageImage {
  const scope = stageScope([]);
  return {
    layers: [], config: { ...NOTHING, Env: stageEnvironment(scope), WorkingDir: "/" }, author: "", base: { id: null, layers: [] }, baseHistory: [], history: [], historyLength: 0, kept: {}, platform, scope, commandSet: false,
  };
}

/** FROM an image: its triggers are the plan's business, and not inherited. */
export function imageOn(id: Digest, { config, author, document, architecture, os, variant }: ImageConfig, layers: readonly StageLayer[]): StageImage {
  const scope = stageScope(config.Env);
  const kept = Object.fromEntries(["os.version", "os.features"].filter((key) => document[key] !== undefined).map((key) => [key, document[key]]));
  return {
    layers, author, scope, kept, base: { id, layers }, config: { ...config, Env: stageEnvironment(scope), OnBuild: null }, baseHistory: historyOf(document), history: [], historyLength: 0,
    platform: { architecture, os, variant }, commandSet: false,
  };
}

/** FROM a stage: its arguments are inherited (Dockerfile reference, "ARG", "Scope"). */
export function stageOn(image: StageImage): StageImage {
  return { ...image, config: { ...image.config, OnBuild: null }, commandSet: false };
}

/** Of its layers together; null: it has none. */
export function chainOf(layers: readonly StageLayer[]): Digest | null {
  return chainIds(layers.map(({ diffId }) => diffId as Digest)).at(-1) ?? null;
}

export function stageEnvironment({ environment }: StageScope): string[] {
  return [...environment.entries()].map(([name, value]) => `${name}=${value}`);
}

const COMMENT = "buildkit.dockerfile.v0";

/** After an instruction that was carried out, in BuildKit's words. */
export function withLayer(image: StageImage, { layer, createdMs }: StepOutcome, words: string): StageImage {
  const entry: HistoryEntry = { createdMs, created_by: `${words} # buildkit`, comment: COMMENT, ...(layer === null ? { empty_layer: true } : {}) };
  return { ...withEntry(image, entry), layers: layer === null ? image.layers : [...image.layers, layer] };
}

/** After one that says something of the image. */
export function withWords(image: StageImage, words: string): StageImage {
  return withEntry(image, { createdMs: null, created_by: words, comment: COMMENT, empty_layer: true });
}

/** What an instruction says may be much more than how it is written: its variables, and a range of ports. */
const HISTORY_LENGTH_MAX = 16 << 20;

function withEntry(image: StageImage, entry: HistoryEntry): StageImage {
  const historyLength = image.historyLength + (entry.created_by?.length ?? 0);
  if (historyLength > HISTORY_LENGTH_MAX) throw new MdkError("invalid", "history-too-long", `the history of the image would be longer than ${HISTORY_LENGTH_MAX >> 20} MiB`);
  return { ...image, history: [...image.history, entry], historyLength };
}
