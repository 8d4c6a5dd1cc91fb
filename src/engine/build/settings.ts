/** Instructions that say something of an image and make no files, and what its history says of them (moby/buildkit dockerfile2llb, convert.go). Pure. */
import { withArguments, withEnvironment, type Given } from "../../build/graph/scope.ts";
import { DEFAULT_SHELL, programWords } from "../../build/language/command-line.ts";
import { exposedPorts, parseExposed } from "../../build/language/expand/ports.ts";
import type { Add, Copy, Healthcheck, Instruction, Run, Single } from "../../build/language/instructions/types.ts";
import type { Pair } from "../../build/language/words.ts";
import { quote } from "../../build/language/text.ts";
import { environmentOf, withWords, type StageImage } from "./stage-image.ts";

export type Setting = Exclude<Instruction, Run | Copy | Add | Single> | (Single & { readonly kind: "user" | "stopsignal" | "maintainer" });

/** The image after an instruction that was expanded. */
export function applySetting(image: StageImage, instruction: Setting, given: Given): StageImage {
  const { config } = image;
  const say = (change: Partial<StageImage["config"]>, words: string, more: Partial<StageImage> = {}): StageImage => withWords({ ...image, config: { ...config, ...change }, ...more }, words);
  switch (instruction.kind) {
    case "env": {
      const scope = withEnvironment(image.scope, instruction.pairs);
      return say({ Env: environmentOf(scope) }, `ENV${textOf(instruction.pairs)}`, { scope });
    }
    case "label":
      return say({ Labels: { ...config.Labels, ...Object.fromEntries(instruction.pairs.map(({ name, value }) => [name, value])) } }, `LABEL${textOf(instruction.pairs)}`);
    case "arg": {
      const scope = withArguments(image.scope, instruction, given);
      const declared = instruction.declared.map(({ name }) => ({ name, value: scope.declared.get(name) ?? null })).map(({ name, value }) => (value === null ? name : `${name}=${value}`));
      return withWords({ ...image, scope }, `ARG ${declared.join(" ")}`);
    }
    case "cmd": {
      const Cmd = programWords(instruction.command, config.Shell ?? DEFAULT_SHELL);
      return say({ Cmd }, `CMD ${listOf(Cmd)}`, { commandSet: true });
    }
    case "entrypoint": {
      const Entrypoint = programWords(instruction.command, config.Shell ?? DEFAULT_SHELL);
      // What the base's command was for another program says nothing to this one.
      return say({ Entrypoint, ...(image.commandSet ? {} : { Cmd: null }) }, `ENTRYPOINT ${listOf(Entrypoint)}`);
    }
    case "expose": {
      const ports = instruction.ports.map(parseExposed).flatMap(exposedPorts);
      return say({ ExposedPorts: [...new Set([...config.ExposedPorts, ...ports.toSorted()])] }, `EXPOSE [${ports.join(" ")}]`);
    }
    case "volume":
      return say({ Volumes: [...new Set([...config.Volumes, ...instruction.paths])] }, `VOLUME [${instruction.paths.join(" ")}]`);
    case "user":
      return say({ User: instruction.value }, `USER ${instruction.value}`);
    case "stopsignal":
      return say({ StopSignal: instruction.value }, `STOPSIGNAL ${instruction.value}`);
    case "shell":
      return say({ Shell: instruction.command }, `SHELL [${instruction.command.join(" ")}]`);
    case "healthcheck":
      return say({ Healthcheck: healthOf(instruction) }, `HEALTHCHECK ${healthWords(instruction)}`);
    case "maintainer":
      return say({}, `MAINTAINER ${instruction.value}`, { author: instruction.value });
    case "onbuild":
      return { ...image, config: { ...config, OnBuild: [...(config.OnBuild ?? []), instruction.expression] } };
  }
}

const textOf = (pairs: readonly Pair[]): string => pairs.map(({ name, value }) => ` ${name}=${value}`).join("");

/** As Go's %q prints a list of texts. */
const listOf = (words: readonly string[]): string => `[${words.map(quote).join(" ")}]`;

function healthOf({ test, interval, timeout, startPeriod, startInterval, retries }: Healthcheck): NonNullable<StageImage["config"]["Healthcheck"]> {
  return { Test: test, Interval: interval, Timeout: timeout, StartPeriod: startPeriod, StartInterval: startInterval, Retries: retries };
}

/** As Go's %+v prints the structure. */
function healthWords({ test, interval, timeout, startPeriod, startInterval, retries }: Healthcheck): string {
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
