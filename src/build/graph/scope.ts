/**
 * Which variables an instruction sees: the global scope before the first FROM, and the scope of a stage as it grows from instruction to instruction
 * (Dockerfile reference, "Understand how ARG and FROM interact" and "Scope").
 */
import { platformName, type Platform } from "../../image/platform.ts";
import { DockerfileError } from "../language/error.ts";
import { Budget } from "../language/expand/budget.ts";
import { word } from "../language/expand/instruction.ts";
import type { ArgInstruction } from "../language/instructions/types.ts";
import type { Pair } from "../language/words.ts";
import { Layered } from "./layered.ts";

/** Names and values of --build-arg. */
export type BuildArguments = ReadonlyMap<string, string>;

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** What tells a scanner of the result what to look at: declared as any ARG, but no variable. */
export const SCANNER_ARGUMENTS: ReadonlySet<string> = new Set(["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"]);
/** Given with --build-arg they need no ARG, reach every RUN and stay out of the history. */
const PROXIES: ReadonlySet<string> = new Set(["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"]);

export interface BuildPlatforms {
  /** What the build runs on. */
  readonly build: Platform;
  /** What it is for. */
  readonly target: Platform;
}

/** The arguments that nobody has to declare for FROM; in a stage ARG brings them in. `target`: the name of the stage that is built, "" for one without. */
export function predefinedArguments({ build, target }: BuildPlatforms, targetName: string, given: BuildArguments): Map<string, string> {
  const of = (prefix: string, { os, architecture, variant }: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, platformName({ os, architecture, variant })], [`${prefix}OS`, os], [`${prefix}OSVERSION`, ""], [`${prefix}ARCH`, architecture], [`${prefix}VARIANT`, variant],
  ];
  const values: [string, string][] = [...of("BUILD", build), ...of("TARGET", target), ["TARGETSTAGE", targetName || "default"]];
  return new Map(values.map(([name, value]) => [name, given.get(name) ?? value]));
}

export interface GlobalScope {
  /** What FROM's words may name, and ARG in a stage without a default takes its value from. */
  readonly values: ReadonlyMap<string, string>;
  /** Declared before the first FROM, with a value or without. */
  readonly declared: ReadonlySet<string>;
  /** Of all the words of the Dockerfile. */
  readonly budget: Budget;
}

/** Throws DockerfileError at the ARG whose default cannot be expanded. */
export function globalScope(globals: readonly ArgInstruction[], predefined: ReadonlyMap<string, string>, given: BuildArguments, escape: string): GlobalScope {
  const values = new Map(predefined);
  const declared = new Set<string>();
  const budget = new Budget();
  for (const arg of globals) {
    for (const { name, value } of arg.declared) {
      declared.add(name);
      const own = given.get(name) ?? (value === null ? null : defaultOf(arg, value, { lookup: (wanted) => values.get(wanted), escape, budget }));
      if (own !== null) values.set(name, own);
    }
  }
  return { values, declared, budget };
}

function defaultOf({ span }: ArgInstruction, value: string, scope: Parameters<typeof word>[1]): string {
  try {
    return word(value, scope);
  } catch (error) {
    throw new DockerfileError((error as Error).message, span, error);
  }
}

/** HTTP_PROXY and its like as they were given, in both cases of letters: the environment of each RUN, beneath what its stage says. */
export function proxyEnvironment(given: BuildArguments): Map<string, string> {
  const proxies = [...given].filter(([name]) => PROXIES.has(name.toLowerCase()));
  return new Map(proxies.flatMap(([name, value]) => [[name.toUpperCase(), value], [name.toLowerCase(), value]]));
}

/** Of a stage, at one of its instructions. */
export interface StageScope {
  /** What the words of the next instruction see, and a RUN's environment: ENV and ARG, of one name the later one. */
  readonly variables: Layered<string>;
  /** What goes into the image's config: ENV only. */
  readonly environment: Layered<string>;
  /** Each ARG up to here with its value, null where it has none, those of the stages below it too: RUN's history says them. */
  readonly declared: Layered<string | null>;
}

/** At the beginning of a stage whose base is an image with this environment ("NAME=VALUE"), or none. */
export function stageScope(environment: readonly string[]): StageScope {
  const entries = environment.map((entry): [string, string] => {
    const equals = entry.indexOf("=");
    return equals === -1 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
  });
  const all = new Map(entries);
  if (!all.has("PATH")) all.set("PATH", DEFAULT_PATH);
  return { variables: Layered.of(all), environment: Layered.of(all), declared: Layered.of([]) };
}

/** After an ENV whose pairs have been expanded. */
export function withEnvironment(scope: StageScope, pairs: readonly Pair[]): StageScope {
  const entries = pairs.map(({ name, value }): [string, string] => [name, value]);
  return { ...scope, variables: scope.variables.with(entries), environment: scope.environment.with(entries) };
}

export interface Given {
  readonly globals: GlobalScope;
  readonly buildArguments: BuildArguments;
  readonly escape: string;
  readonly onUnset?: (name: string) => void;
}

/**
 * After an ARG: of --build-arg, its default and the global scope the first that says a value. Each default sees those before it. Throws DockerfileError at
 * the ARG whose default cannot be expanded.
 */
export function withArguments(scope: StageScope, arg: ArgInstruction, { globals, buildArguments, escape, onUnset }: Given): StageScope {
  return arg.declared.reduce((before, { name, value }) => {
    const lookup = (wanted: string): string | undefined => before.variables.get(wanted);
    const known = buildArguments.get(name) ?? (value === null ? (globals.values.get(name) ?? null) : null);
    const tell = (unset: string): void => {
      // Declared without a value it is no mistake.
      if (!before.declared.has(unset)) onUnset?.(unset);
    };
    const own = known ?? (value === null ? null : defaultOf(arg, value, { lookup, escape, onUnset: tell, budget: globals.budget }));
    const isVariable = own !== null && !SCANNER_ARGUMENTS.has(name);
    return { ...before, variables: isVariable ? before.variables.with([[name, own]]) : before.variables, declared: before.declared.with([[name, own]]) };
  }, scope);
}
