/**
 * `commit --change`: the Dockerfile instructions that change an image's config and nothing else (moby daemon/commit.go,
 * builder/dockerfile/dispatchers.go), in the errors' words too. Pure.
 */
import { MdkError } from "../error.ts";
import { parseDuration } from "./duration.ts";
import type { ContainerDefaults, Healthcheck } from "../image/config.ts";
import { cleanPath } from "./mount-types.ts";
import { parseExpose } from "./ports.ts";

type Config = { -readonly [Key in keyof ContainerDefaults]: ContainerDefaults[Key] };

/** A config that is being changed, and what Docker remembers on the way. */
interface Changing {
  readonly config: Config;
  commandSet: boolean;
}

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-change", message);

/** The config after all instructions, in their order. Throws MdkError "invalid-change" in Docker's words, and "invalid-port". */
export function applyChanges(config: ContainerDefaults, changes: readonly string[]): ContainerDefaults {
  const changing: Changing = { config: { ...config }, commandSet: false };
  const lines = linesOf(changes);
  if (changes.length > 0 && lines.length === 0) throw invalid("file with no instructions");
  const known = lines.map((line) => {
    const [, word = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
    const name = word.toLowerCase();
    const apply = Object.hasOwn(INSTRUCTIONS, name) ? INSTRUCTIONS[name] : undefined;
    if (apply === undefined) throw invalid(`${name} is not a valid change command`);
    return () => apply(changing, rest.trim());
  });
  for (const apply of known) apply();
  return changing.config;
}

/** Comments and empty lines are none; a backslash at the end continues a line. */
function linesOf(changes: readonly string[]): string[] {
  const lines: string[] = [];
  let begun = "";
  for (const line of changes.join("\n").split("\n")) {
    if (/^\s*(#|$)/.test(line)) continue;
    if (line.trimEnd().endsWith("\\")) {
      begun += line.trimEnd().slice(0, -1);
      continue;
    }
    lines.push((begun + line).trim());
    begun = "";
  }
  return begun.trim() === "" ? lines : [...lines, begun.trim()];
}

const INSTRUCTIONS: Readonly<Record<string, (changing: Changing, rest: string) => void>> = {
  cmd(changing, rest) {
    changing.config.Cmd = commandOf(changing.config, rest);
    changing.commandSet = true;
  },
  entrypoint(changing, rest) {
    const command = commandOf(changing.config, rest);
    changing.config.Entrypoint = command.length === 0 ? null : command;
    // What the command was for another program says nothing to this one.
    if (!changing.commandSet) changing.config.Cmd = null;
  },
  env({ config }, rest) {
    const before = config.Env;
    for (const [name, value] of pairs("ENV", rest, before)) {
      const kept = config.Env.some((entry) => nameOf(entry) === name);
      config.Env = kept ? config.Env.map((entry) => (nameOf(entry) === name ? `${name}=${value}` : entry)) : [...config.Env, `${name}=${value}`];
    }
  },
  expose({ config }, rest) {
    const ports = words(needed("EXPOSE", rest)).flatMap((word) => exposed(expand(word, config.Env)));
    config.ExposedPorts = [...new Set([...config.ExposedPorts, ...ports])];
  },
  healthcheck({ config }, rest) {
    config.Healthcheck = healthcheckOf(needed("HEALTHCHECK", rest));
  },
  label({ config }, rest) {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairs("LABEL", rest, config.Env)) };
  },
  onbuild({ config }, rest) {
    const trigger = needed("ONBUILD", rest);
    const word = trigger.split(/\s/)[0]!.toUpperCase();
    if (word === "ONBUILD") throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (word === "MAINTAINER" || word === "FROM") throw invalid(`${word} isn't allowed as an ONBUILD trigger`);
    config.OnBuild = [...(config.OnBuild ?? []), trigger];
  },
  user({ config }, rest) {
    config.User = expand(single("USER", rest), config.Env);
  },
  volume({ config }, rest) {
    const volumes = (list(rest) ?? words(needed("VOLUME", rest))).map((word) => expand(word, config.Env));
    if (volumes.length === 0) throw invalid("VOLUME requires at least one argument");
    if (volumes.some((volume) => volume.trim() === "")) throw invalid("VOLUME specified can not be an empty string");
    config.Volumes = [...new Set([...config.Volumes, ...volumes])];
  },
  workdir({ config }, rest) {
    const path = expand(single("WORKDIR", rest), config.Env);
    config.WorkingDir = cleanPath(path.startsWith("/") ? path : `${config.WorkingDir}/${path}`);
  },
};

const nameOf = (entry: string): string => entry.split("=", 1)[0]!;

function needed(instruction: string, rest: string): string {
  if (rest === "") throw invalid(`${instruction} requires at least one argument`);
  return rest;
}

/** The whole rest of the line is the one argument. */
function single(instruction: string, rest: string): string {
  if (rest === "") throw invalid(`${instruction} requires exactly one argument`);
  return rest;
}

function exposed(word: string): string[] {
  try {
    return parseExpose(word);
  } catch (error) {
    throw error instanceof MdkError ? invalid(`Invalid containerPort: ${word}`) : error;
  }
}

/** A JSON list of strings; null for anything else. */
function list(text: string): string[] | null {
  if (!text.startsWith("[")) return null;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : null;
  } catch {
    return null;
  }
}

/** Exec form, or words for the shell. */
function commandOf({ Shell }: ContainerDefaults, rest: string): string[] {
  return list(rest) ?? (rest === "" ? [] : [...(Shell ?? ["/bin/sh", "-c"]), rest]);
}

const TIMES: Readonly<Record<string, "Interval" | "Timeout" | "StartPeriod" | "StartInterval">> = {
  "interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod", "start-interval": "StartInterval",
};
const NS_PER_MS = 1_000_000;

/** `[--interval=… --timeout=… --start-period=… --start-interval=… --retries=N] CMD …`, or NONE. */
function healthcheckOf(text: string): Healthcheck {
  const health = { Test: [] as string[], Interval: 0, Timeout: 0, StartPeriod: 0, StartInterval: 0, Retries: 0 };
  let rest = text;
  for (let option = OPTION.exec(rest); option !== null; option = OPTION.exec(rest)) {
    const [whole, name = "", value = ""] = option;
    rest = rest.slice(whole.length);
    if (name === "retries") health.Retries = retriesOf(value);
    else if (Object.hasOwn(TIMES, name)) health[TIMES[name]!] = timeOf(name, value);
    else throw invalid(`unknown flag: --${name}`);
  }
  const [, kind = "", command = ""] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
  if (kind.toUpperCase() === "NONE") {
    if (command !== "") throw invalid("HEALTHCHECK NONE takes no arguments");
    return { ...health, Test: ["NONE"] };
  }
  if (kind.toUpperCase() !== "CMD") throw invalid(`unknown type ${JSON.stringify(kind.toUpperCase())} in HEALTHCHECK (try CMD)`);
  const words = list(command);
  if (words === null ? command === "" : words.length === 0) throw invalid("missing command after HEALTHCHECK CMD");
  return { ...health, Test: words === null ? ["CMD-SHELL", command] : ["CMD", ...words] };
}

const OPTION = /^--([a-z-]+)(?:=(\S*))?(?:\s+|$)/;

function timeOf(name: string, value: string): number {
  const time = parseDuration(value);
  if (time === null) throw invalid(`time: invalid duration ${JSON.stringify(value)}`);
  if (time !== 0 && time < NS_PER_MS) throw invalid(`Interval ${JSON.stringify(name)} cannot be less than 1ms`);
  return time;
}

function retriesOf(value: string): number {
  if (!/^-?\d{1,9}$/.test(value)) throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
  if (Number(value) < 0) throw invalid(`--retries cannot be negative (${value})`);
  return Number(value);
}

/** "a=b c=d", or "a b": names with their values, quotes taken off and variables filled in. */
function pairs(instruction: string, rest: string, env: readonly string[]): [string, string][] {
  const all = words(needed(instruction, rest));
  if (!all[0]!.includes("=")) {
    const [, name = "", value = ""] = /^(\S+)\s+(.*)$/s.exec(rest) ?? [];
    if (name === "") throw invalid(`${instruction} must have two arguments`);
    return [[expand(name, env), expand(value, env)]];
  }
  return all.map((word) => {
    const equals = word.indexOf("=");
    if (equals === -1) throw invalid(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    const name = expand(word.slice(0, equals), env);
    if (name === "") throw invalid(`${instruction} names can not be blank`);
    return [name, expand(word.slice(equals + 1), env)];
  });
}

/** Split at blanks outside of quotes; quotes and backslashes stay. */
function words(text: string): string[] {
  return text.match(/(?:\\.|"(?:\\.|[^"\\])*"?|'[^']*'?|[^\s"'\\]|\\$)+/gs) ?? [];
}

/** What a word comes to: quotes taken off, `$NAME`, `${NAME}`, `${NAME:-other}` and `${NAME:+other}` filled in. */
function expand(word: string, env: readonly string[]): string {
  const valueOf = (name: string): string => env.find((entry) => nameOf(entry) === name)?.slice(name.length + 1) ?? "";
  const variable = (text: string): string => text.replace(/\$(?:(\w+)|\{(\w+)(?::([-+])((?:[^}\\]|\\.)*))?\})/gs, (_, plain?: string, braced?: string, kind?: string, other = "") => {
    const value = valueOf(plain ?? braced ?? "");
    if (kind === undefined) return value;
    if (kind === "-") return value === "" ? expand(other, env) : value;
    return value === "" ? "" : expand(other, env);
  });
  const part = /'([^']*)'?|"((?:\\.|[^"\\])*)"?|\\(.?)|(\$(?:\w+|\{[^}]*\}))|([^'"\\$]+|\$)/gs;
  return word.replace(part, (_, literal?: string, quoted?: string, escaped?: string, name?: string, plain?: string) => {
    if (literal !== undefined) return literal;
    if (quoted !== undefined) return quoted.replace(/\\(["$\\])|(\$(?:\w+|\{[^}]*\}))/g, (whole: string, sign?: string) => sign ?? variable(whole));
    if (escaped !== undefined) return escaped;
    return name === undefined ? (plain ?? "") : variable(name);
  });
}
