/** `mdk build`: as yet its --check only. */
import { existsSync, statSync } from "node:fs";
import type { Context } from "../../engine/context.ts";
import { MdkError } from "../../error.ts";
import { checkDockerfile, type BaseFacts } from "../../build/check/check.ts";
import type { BuildPlatforms } from "../../build/graph/scope.ts";
import type { Source } from "../../build/graph/sources.ts";
import { findImage } from "../../engine/image/layers.ts";
import { hostPlatform, parsePlatform } from "../../image/platform.ts";
import { storePaths } from "../../store/paths.ts";
import { EXIT } from "../exit.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { print } from "../output/text.ts";
import { checkOutput } from "./check-output.ts";
import { readDockerfile, readIgnoreRules } from "./files.ts";

export const command: Command = {
  usage: "build [OPTIONS] PATH",
  summary: "Check a Dockerfile; building is still to come",
  flags: [
    { name: "build-arg", type: "list", help: "Set build-time variables" },
    { name: "build-context", type: "list", help: "Additional build contexts (e.g., name=path)" },
    { name: "check", type: "bool", help: "Only check the Dockerfile, do not build" },
    { name: "file", short: "f", type: "string", help: 'Name of the Dockerfile (default: "PATH/Dockerfile")' },
    { name: "platform", type: "string", help: "Set target platform for build" },
    { name: "target", type: "string", help: "Set the target build stage to build" },
    { name: "tag", short: "t", type: "list", help: 'Image identifier (format: "[registry/]repository[:tag]")', missing: true },
    { name: "quiet", short: "q", type: "bool", help: "Suppress the build output and print image ID on success", missing: true },
    { name: "no-cache", type: "bool", help: "Do not use cache when building the image", missing: true },
    { name: "pull", type: "bool", help: "Always attempt to pull all referenced images", missing: true },
  ],
  operands: [1, 1],
  run,
};

function run({ context, flags, operands: [directory = ""] }: Invocation): number {
  if (!flags.bool("check")) throw new MdkError("unsupported", "build-missing", "this version of mdk does not build images yet", { hint: "build --check checks a Dockerfile" });
  if (!existsSync(directory) || !statSync(directory).isDirectory()) {
    throw new MdkError("not-found", "context-missing", `unable to prepare context: path ${JSON.stringify(directory)} not found`);
  }
  const dockerfile = readDockerfile(directory, flags.string("file"));
  const host = hostPlatform(process.arch);
  const target = flags.string("platform");
  const platforms: BuildPlatforms = { build: host, target: target === null ? host : parsePlatform(target, host) };
  const result = checkDockerfile(dockerfile.text, {
    buildArguments: buildArguments(flags.list("build-arg"), context.environment), target: flags.string("target"), platforms,
    contexts: flags.list("build-context").map((text) => text.split("=")[0]!), factsOf: (base) => factsOf(context, base), ignore: readIgnoreRules(directory, dockerfile),
  });
  print(checkOutput(result, dockerfile.name, dockerfile.text));
  return result.error === null && result.warnings.length === 0 ? 0 : EXIT.failure;
}

/** "NAME" alone is taken from the environment, and is nothing where it is not there. */
function buildArguments(words: readonly string[], environment: Readonly<Record<string, string | undefined>>): Map<string, string> {
  return new Map(words.flatMap((text): [string, string][] => {
    const equals = text.indexOf("=");
    if (equals !== -1) return [[text.slice(0, equals), text.slice(equals + 1)]];
    const value = environment[text];
    return value === undefined ? [] : [[text, value]];
  }));
}

/** What this store knows of an image. Nothing is fetched for a check, and no store is made. */
function factsOf(context: Context, base: Source): BaseFacts | null {
  if (base.kind !== "image" || !existsSync(storePaths(context.root).database)) return null;
  const image = findImage(context, base.written, null);
  return image === null ? null : { environment: image.config.Env, hasShell: (image.config.Shell ?? []).length > 0, triggers: image.config.OnBuild ?? [] };
}
