/** Instructions that say something of an image and make no files, and what its history says of them (moby/buildkit dockerfile2llb, convert.go). Pure. */
import { withArguments, withEnvironment, type Given } from "../../build/graph/scope.ts";
import type { ArgInstruction, HealthcheckInstruction, OnbuildInstruction, PairsInstruction, SingleInstruction } from "../../build/language/instructions/types.ts";
import type { Pair } from "../../build/language/words.ts";
import { quote } from "../../build/language/text.ts";
import { changedConfig, exposedOf, type Saying } from "../image/config-change.ts";
import { stageEnvironment, withWords, type StageImage } from "./stage-image.ts";

export type Setting = Saying | ArgInstruction | (PairsInstruction & { readonly kind: "env" }) | (SingleInstruction & { readonly kind: "maintainer" });

/** The image after an instruction that was expanded. */
export function applySetting(image: StageImage, instruction: Setting, given: Given): StageImage {
  const { config } = image;
  switch (instruction.kind) {
    case "env": {
      const scope = withEnvironment(image.scope, instruction.pairs);
      return withWords({ ...image, config: { ...config, Env: stageEnvironment(scope) }, scope }, `ENV${textOf(instruction.pairs)}`);
    }
    case "arg": {
      const scope = withArguments(image.scope, instruction, given);
      const declared = instruction.declared.map(({ name }) => ({ name, value: scope.declared.get(name) ?? null })).map(({ name, value }) => (value === null ? name : `${name}=${value}`));
      return withWords({ ...image, scope }, `ARG ${declared.join(" ")}`);
    }
    case "maintainer":
      return withWords({ ...image, author: instruction.value }, `MAINTAINER ${instruction.value}`);
    case "onbuild":
      return { ...image, config: changedConfig(config, instruction, image.commandSet) };
    default: {
      const changed = changedConfig(config, instruction, image.commandSet);
      return withWords({ ...image, config: changed, commandSet: image.commandSet || instruction.kind === "cmd" }, wordsOf(instruction, changed));
    }
  }
}

function wordsOf(instruction: Exclude<Saying, OnbuildInstruction>, { Cmd, Entrypoint }: StageImage["config"]): string {
  switch (instruction.kind) {
    case "label":
      return `LABEL${textOf(instruction.pairs)}`;
    case "cmd":
      return `CMD ${listOf(Cmd ?? [])}`;
    case "entrypoint":
      return `ENTRYPOINT ${listOf(Entrypoint ?? [])}`;
    case "expose":
      return `EXPOSE [${exposedOf(instruction).join(" ")}]`;
    case "volume":
      return `VOLUME [${instruction.paths.join(" ")}]`;
    case "user":
      return `USER ${instruction.value}`;
    case "stopsignal":
      return `STOPSIGNAL ${instruction.value}`;
    case "shell":
      return `SHELL [${instruction.command.join(" ")}]`;
    case "healthcheck":
      return `HEALTHCHECK ${healthWords(instruction)}`;
  }
}

const textOf = (pairs: readonly Pair[]): string => pairs.map(({ name, value }) => ` ${name}=${value}`).join("");

/** As Go's %q prints a list of texts. */
const listOf = (words: readonly string[]): string => `[${words.map(quote).join(" ")}]`;

/** As Go's %+v prints the structure. */
function healthWords({ test, interval, timeout, startPeriod, startInterval, retries }: HealthcheckInstruction): string {
  const times = { Interval: interval, Timeout: timeout, StartPeriod: startPeriod, StartInterval: startInterval };
  return `{Test:[${test.join(" ")}] ${Object.entries(times).map(([name, nanoseconds]) => `${name}:${goDuration(nanoseconds)}`).join(" ")} Retries:${retries}}`;
}

/** time.Duration.String: "1m30s", "0s", "1.5s", "500ms". */
function goDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  for (const [unit, size] of [["ns", 1], ["µs", 1e3], ["ms", 1e6]] as const) {
    if (nanoseconds < size * 1000) return `${nanoseconds / size}${unit}`;
  }
  const seconds = nanoseconds / 1e9;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = Number((seconds % 60).toFixed(9));
  return `${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${rest}s`;
}
