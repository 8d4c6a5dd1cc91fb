/** `mdk build`. */
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Context } from "../../engine/context.ts";
import { MdkError } from "../../error.ts";
import { checkDockerfile, type BaseFacts, type CheckResult } from "../../build/check/check.ts";
import { DockerfileError } from "../../build/language/error.ts";
import { withoutPasswords } from "../../build/context/remote.ts";
import { parseCsv } from "../../build/language/csv.ts";
import type { BuildSource } from "../../build/graph/sources.ts";
import type { AgentSource, BuildRequest, Secret } from "../../engine/build/request.ts";
import { findImage } from "../../engine/image/layers.ts";
import type { Descriptor } from "../../image/manifest.ts";
import { USUAL_PACKING } from "../../image/packing.ts";
import { hostPlatform, parsePlatform, platformName, type Platform } from "../../image/platform.ts";
import { storePaths } from "../../store/paths.ts";
import { isTerminal } from "../../sys/terminal.ts";
import { requestOf } from "../container/request.ts";
import { EXIT } from "../exit.ts";
import { UsageError, type Command, type Invocation, type Values } from "../grammar/flags.ts";
import { givenUp } from "../image/given-up.ts";
import { defaultPlatform } from "../platform.ts";
import { print, printable, printError } from "../output/text.ts";
import { annotationsOf, checkAccepted, entitlementsOf } from "./accepted.ts";
import { parseCacheFrom, parseCacheTo } from "./caches.ts";
import { checkOutput, excerptOf } from "./check-output.ts";
import { openContext, type OpenContext } from "./context.ts";
import { openContexts } from "./contexts.ts";
import type { DockerfileText } from "./files.ts";
import { debugShell, refuseWithoutTerminal } from "./debug-shell.ts";
import { deliver } from "./deliver.ts";
import { BUILD_FLAGS } from "./flags.ts";
import { commonPacking, hasManifest, parseOutputs, refuseSingle, type Output } from "./outputs.ts";
import { idOf, writeResult } from "./result.ts";
import { pulledAs, showRead } from "./internal.ts";
import { isMode, showBuild, type BuildProgressMode } from "./progress.ts";

export const command: Command = {
  usage: "build [OPTIONS] PATH | URL | -",
  summary: "Build an image from a Dockerfile",
  flags: BUILD_FLAGS,
  operands: [1, 1],
  run,
};

async function run({ context, flags, operands: [word = ""] }: Invocation): Promise<number> {
  return await givenUp(async (signal) => {
    const opened = await openContext(context, word, flags.string("file"), { signal, keepsGit: keepsGit(context, flags) });
    try {
      return isCheck(flags) ? check(context, flags, opened) : await build(context, flags, opened, signal);
    } finally {
      opened.close();
    }
  });
}

/** --check, or what buildx calls it. */
function isCheck(flags: Values): boolean {
  const call = flags.string("call") ?? "build";
  if (call !== "build" && call !== "check" && call !== "lint") throw new MdkError("unsupported", "build-call", `--call=${call} is not supported by this version of mdk`, { hint: "build and check are" });
  return flags.bool("check") || call !== "build";
}

function check(context: Context, flags: Values, opened: OpenContext): number {
  const { name, text } = opened.dockerfile;
  const result = checked(context, flags, opened);
  print(checkOutput(result, name, text));
  return result.error === null && result.warnings.length === 0 ? 0 : EXIT.failure;
}

/** --progress, or else BUILDKIT_PROGRESS; -q is for itself. */
function modeOf({ environment }: Context, flags: Values): BuildProgressMode {
  const [said, asked] = [flags.string("progress") ?? "auto", environment["BUILDKIT_PROGRESS"] ?? ""];
  if (flags.bool("quiet")) {
    if (said !== "auto" && said !== "quiet") throw new MdkError("invalid", "progress", `progress=${said} and quiet cannot be used together`);
    return "quiet";
  }
  if (said !== "auto" || asked === "") return said as BuildProgressMode;
  if (!isMode(asked)) throw new UsageError(`invalid progress mode ${JSON.stringify(asked)} in BUILDKIT_PROGRESS`);
  return asked;
}

/** After a build, in docker's words. */
function warn({ warnings }: CheckResult): void {
  if (warnings.length === 0) return;
  const count = warnings.length === 1 ? "1 warning found" : `${warnings.length} warnings found`;
  printError(["", ` ${count} (use build --check to expand):`, ...warnings.map(({ rule, detail, span }) => ` - ${rule}: ${printable(withoutPasswords(detail))} (line ${span.start.line})`)].join("\n"));
}

/** Of rules that the file, or a build argument, makes errors. */
function refuseViolation({ error }: CheckResult): void {
  if (error !== null && error.span === null) throw new MdkError("failed", "lint", `failed to solve: ${error.message}`);
}

function checked(context: Context, flags: Values, { dockerfile, directory }: OpenContext): CheckResult {
  return checkDockerfile(dockerfile.text, {
    buildArguments: argumentsOf(flags.list("build-arg"), context.environment), target: flags.string("target"), platforms: { build: hostPlatform(process.arch), target: platformsOf(context, flags)[0]! },
    contexts: flags.list("build-context").map((text) => text.split("=")[0]!), factsOf: (base) => factsOf(context, base), ignore: directory?.ignore ?? null,
  });
}

async function build(context: Context, flags: Values, opened: OpenContext, signal: AbortSignal): Promise<number> {
  checkAccepted(flags);
  if (flags.bool("debug-shell")) refuseWithoutTerminal();
  const outputs = parseOutputs({ words: flags.list("output"), tags: flags.list("tag"), isPushed: flags.bool("push"), isLoaded: flags.bool("load"), isTerminal: isTerminal(1) });
  const named = await openContexts(context, flags.list("build-context"), { signal, keepsGit: keepsGit(context, flags) });
  try {
    return await buildWith(context, flags, opened, buildRequest(context, flags, opened, { outputs, contexts: named.contexts, signal }), outputs);
  } finally {
    named.close();
  }
}

async function buildWith(context: Context, flags: Values, opened: OpenContext, request: BuildRequest, outputs: readonly Output[]): Promise<number> {
  const { signal } = request;
  const annotations = annotationsOf(flags.list("annotation"));
  if (Object.keys(annotations).length > 0 && !outputs.some(hasManifest)) throw new MdkError("invalid", "annotation", "annotations are those of a manifest, which an image of the store has not", { hint: "push it, or give --output type=oci" });
  const mode = modeOf(context, flags);
  const quiet = mode === "quiet";
  const shown = showBuild(mode);
  const { buildImage } = await import("../../engine/build/build.ts");
  const { pull } = await import("../../engine/image/pull.ts");
  showRead(shown, opened);
  try {
    let delivered: Descriptor | null = null;
    let result: CheckResult | null = null;
    // When the bases are here, and what they hold is known.
    const planned = (): void => refuseViolation((result = checked(context, flags, opened)));
    const built = await buildImage(context, { ...request, debug: flags.bool("debug-shell") ? debugShell(context, shown) : null, planned }, shown, { pull: (reference, platform, step) => pull(context, reference, { platform, signal, insecureRegistries: [], progress: pulledAs(step) }), shownAs: pulledAs },
      async (built, scope) => {
        delivered = await deliver(outputs, built, scope, { context, progress: shown, epochMs: request.epochMs, annotations, signal });
      });
    shown.end();
    if (!quiet && mode !== "rawjson" && result !== null) warn(result);
    writeResult(flags, built, delivered, request.tags);
    if (quiet && outputs.every((output) => !("path" in output) || output.path !== null)) print(idOf(built));
    return 0;
  } catch (error) {
    shown.end();
    throw located(error, opened.dockerfile);
  }
}

/** What fails in a Dockerfile is shown where it stands, before the one line that says what. */
function located(error: unknown, { name, text }: DockerfileText): unknown {
  if (!(error instanceof DockerfileError)) return error;
  printError(excerptOf(text, error.span, name));
  return new MdkError("failed", error.code, `failed to solve: ${withoutPasswords(error.message)}`, { cause: error, ...(error.hint === null ? {} : { hint: error.hint }) });
}

interface Prepared {
  readonly outputs: readonly Output[];
  readonly contexts: BuildRequest["contexts"];
  readonly signal: AbortSignal;
}

function buildRequest(context: Context, flags: Values, { dockerfile, directory }: OpenContext, { outputs, contexts, signal }: Prepared): BuildRequest {
  const { host } = requestOf({ flags, image: "", arguments: [], attachment: { stdin: false, stdout: false, stderr: false, terminal: false }, interactive: false, environment: context.environment, defaults: context.settings.host });
  const buildArguments = argumentsOf(flags.list("build-arg"), context.environment);
  const epoch = buildArguments.get("SOURCE_DATE_EPOCH") ?? context.environment["SOURCE_DATE_EPOCH"];
  if (epoch !== undefined && !/^\d{1,12}$/.test(epoch)) throw new UsageError(`invalid SOURCE_DATE_EPOCH: ${epoch}`);
  if (epoch !== undefined) buildArguments.set("SOURCE_DATE_EPOCH", epoch);
  const stages = flags.list("no-cache-filter");
  const images = outputs.filter((output) => output.kind === "image");
  const platforms = platformsOf(context, flags);
  if (platforms.length > 1) refuseSingle(outputs);
  return {
    index: images.length > 0 || outputs.some(hasManifest) ? { annotations: annotationsOf(flags.list("annotation")), packing: platforms.length > 1 ? commonPacking(outputs) : USUAL_PACKING } : null,
    squash: flags.bool("squash"), isKept: images.length > 0, tags: [...new Set(images.flatMap(({ names }) => names))],
    dockerfile, context: directory, contexts, buildArguments, target: flags.string("target"), platforms, labels: pairsOf(flags.list("label")),
    noCache: flags.bool("no-cache") || (stages.length > 0 && stages), pull: flags.bool("pull"), host, epochMs: epoch === undefined ? null : Number(epoch) * 1000,
    secrets: new Map(flags.list("secret").map((text) => secretOf(text, context))), agents: new Map(flags.list("ssh").map((text) => agentOf(text, context))), signal,
    debug: null, planned: () => {}, cacheFrom: parseCacheFrom(flags.list("cache-from")), cacheTo: parseCacheTo(flags.list("cache-to")), entitlements: entitlementsOf(flags.list("allow"), flags.string("network")),
  };
}

/** Several in one word, and several words; "local" is this host. */
function platformsOf({ environment }: Context, flags: Values): Platform[] {
  const host = hostPlatform(process.arch);
  const said = flags.list("platform");
  const words = (said.length > 0 ? said : [defaultPlatform(environment) ?? "local"]).flatMap((text) => text.split(",")).map((text) => text.trim());
  const platforms = words.map((text) => (text === "local" ? host : parsePlatform(text, host)));
  return [...new Map(platforms.map((platform) => [platformName(platform), platform])).values()];
}

/** BuildKit's own build argument for contexts. */
function keepsGit({ environment }: Context, flags: Values): boolean {
  return /^(1|t|true)$/i.test(argumentsOf(flags.list("build-arg"), environment).get("BUILDKIT_CONTEXT_KEEP_GIT_DIR") ?? "");
}

/** "NAME" alone is taken from the environment, and is nothing where it is not there. */
function argumentsOf(words: readonly string[], environment: Readonly<Record<string, string | undefined>>): Map<string, string> {
  return new Map(words.flatMap((text): [string, string][] => {
    const equals = text.indexOf("=");
    if (equals !== -1) return [[text.slice(0, equals), text.slice(equals + 1)]];
    const value = environment[text];
    return value === undefined ? [] : [[text, value]];
  }));
}

function pairsOf(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map((text) => (text.includes("=") ? [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)] : [text, ""])));
}

/** "id=NAME[,src=FILE|,env=NAME]". */
function secretOf(text: string, { environment }: Context): [string, Secret] {
  const fields = new Map(parseCsv(text).map((field): [string, string] => {
    const equals = field.indexOf("=");
    return equals === -1 ? [field, ""] : [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
  }));
  const id = fields.get("id") ?? "";
  for (const key of fields.keys()) if (!["id", "type", "src", "source", "env"].includes(key)) throw new UsageError(`unexpected key '${key}' in '${text}'`);
  if (id === "") throw new UsageError(`secret must have an id: ${text}`);
  const [path, name] = [fields.get("src") ?? fields.get("source"), fields.get("env")];
  if (fields.get("type") === "env" || name !== undefined || (path === undefined && environment[id] !== undefined)) return [id, { kind: "environment", name: name ?? path ?? id }];
  return [id, { kind: "file", path: resolve(path ?? id) }];
}

/** "default", "ID=SOCKET", "ID=KEY,KEY". */
function agentOf(text: string, { environment }: Context): [string, AgentSource] {
  const equals = text.indexOf("=");
  const where = equals === -1 ? environment["SSH_AUTH_SOCK"] : text.slice(equals + 1);
  const id = equals === -1 ? text : text.slice(0, equals);
  if (where === undefined || where === "") throw new MdkError("invalid", "no-agent", `invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set`);
  const paths = where.split(",");
  const kinds = paths.map((path) => statSync(path, { throwIfNoEntry: false }));
  if (kinds.length === 1 && kinds[0]?.isSocket() === true) return [id, { kind: "socket", path: resolve(where) }];
  kinds.forEach((stat, at) => {
    if (stat?.isFile() !== true) throw new MdkError("invalid", "no-agent", `${paths[at]} is no ${paths.length > 1 ? "" : "socket of an SSH agent, and no "}file with a key`);
  });
  return [id, { kind: "keys", paths: paths.map((path) => resolve(path)) }];
}

/** What this store knows of an image. Nothing is fetched for a check, and no store is made. */
function factsOf(context: Context, base: BuildSource): BaseFacts | null {
  if (base.kind !== "image" || !existsSync(storePaths(context.root).database)) return null;
  const image = findImage(context, base.written, null);
  return image === null ? null : { environment: image.config.Env, hasShell: (image.config.Shell ?? []).length > 0, triggers: image.config.OnBuild ?? [] };
}
