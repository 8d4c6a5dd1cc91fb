/** What is asked of a build, and who is told how far it is. */
import type { Digest } from "../../image/digest.ts";
import type { Location } from "../../image/location.ts";
import type { Packing } from "../../image/packing.ts";
import type { Platform } from "../../image/platform.ts";
import type { BuildArguments } from "../../build/graph/scope.ts";
import type { IgnoreRules } from "../../build/context/ignore.ts";
import type { HostConfig } from "../../spec/container.ts";
import type { LayerProgress } from "../image/copy.ts";
import type { Pulled } from "../image/pull.ts";
import type { Begun } from "../start/begin.ts";

/** Where files come from that are not of an image: a directory of the host. */
export interface DirectoryContext {
  readonly kind: "directory";
  /** O_PATH descriptor; the caller's. */
  readonly root: number;
  readonly ignore: IgnoreRules | null;
}

/** Of --build-context. */
export type NamedContext = DirectoryContext | { readonly kind: "image"; readonly reference: string; /** Where it lies; null: in the store, or in a registry. */ readonly location: Location | null };

export interface BuildRequest {
  readonly dockerfile: { readonly name: string; readonly text: string };
  /** Null: there is none, as with `build -`. */
  readonly context: DirectoryContext | null;
  readonly contexts: ReadonlyMap<string, NamedContext>;
  readonly buildArguments: BuildArguments;
  /** Null: the last stage. */
  readonly target: string | null;
  /** At least one, none of them twice. */
  readonly platforms: readonly Platform[];
  /** What the manifests of several have; null: nobody wants them. */
  readonly index: { readonly annotations: Readonly<Record<string, string>>; readonly packing: Packing } | null;
  /** "repository[:tag]", each. */
  readonly tags: readonly string[];
  /** Whether the store keeps the image; else it is there while the build is, for its outputs. */
  readonly isKept: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** The layers that it makes become one. */
  readonly squash: boolean;
  /** Steps run whether they have run before or not: of all stages, or of those named. */
  readonly noCache: boolean | readonly string[];
  /** Bases are asked for in their registries though they are here. */
  readonly pull: boolean;
  /** How RUN's containers are confined and joined to the host: limits, network, hosts. */
  readonly host: HostConfig;
  /** Milliseconds since 1970 that everything made gets as its time; null: the time it is. */
  readonly epochMs: number | null;
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly agents: ReadonlyMap<string, AgentSource>;
  /** What RUN may ask for. */
  readonly entitlements: ReadonlySet<Entitlement>;
  /** --debug-shell: stays with the container of a shell, on the user's terminal, until it ends; null: nobody asked for one. */
  readonly debug: ((shell: Begun) => Promise<void>) | null;
  /** Asked in this order, for what this store has not. */
  readonly cacheFrom: readonly CacheSource[];
  readonly cacheTo: readonly CacheTarget[];
  /** Called when the bases are here, before anything is made; what it throws ends the build. */
  readonly planned: () => void;
  readonly signal: AbortSignal;
}

/** Of --cache-from: a repository, or a layout in a directory. */
export type CacheSource =
  | { readonly kind: "registry"; readonly reference: string; /** Without TLS. */ readonly isInsecure: boolean }
  /** `tag`: null for the only one there, or "latest". */
  | { readonly kind: "local"; readonly path: string; readonly digest: Digest | null; readonly tag: string | null };

/** Of --cache-to: the config of the image itself, a repository, a layout in a directory. */
export type CacheTarget = { readonly kind: "inline" } | WrittenCache;

export type WrittenCache = CacheOptions & ({ readonly kind: "registry"; readonly reference: string; readonly isInsecure: boolean } | { readonly kind: "local"; readonly path: string; readonly tag: string });

interface CacheOptions {
  /** Of all stages, not only of what the image is made of. */
  readonly isMax: boolean;
  /** A manifest, as of an image; else an index, as BuildKit had it at first. */
  readonly isManifest: boolean;
  /** What fails is told, and the build goes on. */
  readonly mayFail: boolean;
  readonly packing: Packing;
}

/** Of --allow. */
export type Entitlement = "network.host" | "security.insecure";

/** Of --ssh: the socket of an agent, or files with keys, which are read when a step wants them. */
export type AgentSource = { readonly kind: "socket"; readonly path: string } | { readonly kind: "keys"; readonly paths: readonly string[] };

/** Of --secret: read when a step wants it. */
export type Secret = { readonly kind: "file"; readonly path: string } | { readonly kind: "environment"; readonly name: string };

/** A line of the progress: one step. */
export interface ShownStep {
  /** The step has begun to work; not called for one that was there. */
  begin(): void;
  output(stream: "stdout" | "stderr", bytes: Uint8Array): void;
  /** A part of the step is done: "exporting layers done". `key`: it takes the place of what was under way by that name. */
  status(text: string, key?: string): void;
  /** How far a part is, for who can rewrite what was said. */
  underway(key: string, text: string): void;
  /** What it made was there from an earlier build. */
  cached(): void;
  done(): void;
  failed(error: unknown): void;
}

export interface BuildProgress {
  /** "[build 2/3] RUN make". */
  step(name: string): ShownStep;
  warn(text: string): void;
}

/** What the engine asks of whoever knows registries and their credentials. */
export interface Puller {
  /** Layers on their way, as parts of a step. */
  shownAs(step: ShownStep): LayerProgress;
  pull(reference: string, platform: string, step: ShownStep): Promise<Pulled>;
}
