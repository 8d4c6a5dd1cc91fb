/**
 * Docker's flag grammar (spf13/pflag): long and short flags, `-itd`, `-p80:80`, `--flag=false`, repeatable lists,
 * `--` and, for commands that start a program, an end of flags at the first operand. Tables in, values out.
 */
import { EXIT, CommandError } from "../exit.ts";
import { parseSize } from "../../spec/sizes.ts";
import { parseDuration } from "../../spec/duration.ts";

/** The placeholder that the help shows decides how a value is read. */
export type FlagType = "bool" | "string" | "list" | "int" | "uint16" | "bytes" | "decimal" | "map" | "duration";

export interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly type: FlagType;
  readonly help: string;
  /** Docker has it, mdk does not yet: using it is an error that says so. */
  readonly missing?: boolean;
  /** Its value where the flag stands alone: then only "=" gives it another. */
  readonly bare?: string;
  /** Another name of a flag, or one without effect: taken, but not in the help. */
  readonly hidden?: boolean;
  /** What is wrong with a value, in Docker's words; null when nothing is. */
  readonly check?: (value: string) => string | null;
}

/** Those that the help tells of, by their names: Docker's that mdk refuses too, and says so. */
export function shownFlags(flags: readonly Flag[]): readonly Flag[] {
  return flags.filter(({ hidden }) => hidden !== true).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Those that can be used. */
export function usableFlags(flags: readonly Flag[]): readonly Flag[] {
  return shownFlags(flags).filter(({ missing }) => missing !== true);
}

/** What a command declares. Loaded lazily: one file a command. */
export interface Command {
  /** Docker's usage line without the program: "run [OPTIONS] IMAGE [COMMAND] [ARG...]". */
  readonly usage: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
  /** Operands: least and most; a most of Infinity has no limit. */
  readonly operands: readonly [number, number];
  /** False: flags end at the first operand (run, create, exec). */
  readonly interspersed?: boolean;
  /** It touches nothing of the host: root is not asked for. */
  readonly anyUser?: boolean;
  /** What it finishes must not wait for somebody to mend the configuration. */
  readonly enduring?: boolean;
  /** Exit status of errors that name none: 125 for run, else 1. */
  readonly failure?: number;
  /** Returns the exit status. */
  readonly run: (invocation: Invocation) => number | Promise<number>;
}

/** What a command is called with; the context is main's. */
export interface Invocation {
  readonly context: import("../../engine/context.ts").Context;
  readonly flags: Values;
  readonly operands: readonly string[];
}

/** The values that were given. A flag that was not given is null, or the empty list. */
export class Values {
  readonly #values = new Map<string, string[]>();

  add(flag: Flag, value: string): void {
    validate(flag, value);
    const old = flag.type === "list" || flag.type === "map" ? (this.#values.get(flag.name) ?? []) : [];
    this.#values.set(flag.name, [...old, value]);
  }

  /** True when the flag stood on the command line, whatever its value. */
  given(name: string): boolean {
    return this.#values.has(name);
  }

  bool(name: string, otherwise = false): boolean {
    const value = this.string(name);
    return value === null ? otherwise : TRUE.has(value);
  }

  /** An empty value is none: `--name ''` is no name. Where Docker tells the two apart, given() does. */
  string(name: string): string | null {
    return this.#values.get(name)?.at(-1) || null;
  }

  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  int(name: string): number | null {
    const value = this.string(name);
    return value === null ? null : Number(value);
  }

  /** Bytes of "100M"; -1 for "-1". */
  bytes(name: string): number | null {
    const value = this.string(name);
    return value === null ? null : parseSize(value);
  }

  /** Nanoseconds of "1m30s". */
  duration(name: string): number | null {
    const value = this.string(name);
    return value === null ? null : parseDuration(value);
  }

  /** Billionths of "0.25", as Docker's API counts CPUs. */
  nano(name: string): number | null {
    const value = this.string(name);
    return value === null ? null : Math.round(Number(value) * 1e9);
  }
}

const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);

/** Go's strconv.ParseBool; null: neither. */
export function isTrue(value: string): boolean | null {
  return TRUE.has(value) ? true : FALSE.has(value) ? false : null;
}

function problemOf(flag: Flag, value: string): string | null {
  switch (flag.type) {
    case "bool":
      return isTrue(value) !== null ? null : `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`;
    case "int":
      return /^[+-]?\d+$/.test(value) && Number.isSafeInteger(Number(value))
        ? null
        : `strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`;
    case "uint16":
      if (!/^\d+$/.test(value)) return `strconv.ParseUint: parsing ${JSON.stringify(value)}: invalid syntax`;
      return Number(value) < 1 << 16 ? null : `strconv.ParseUint: parsing ${JSON.stringify(value)}: value out of range`;
    case "bytes":
      return parseSize(value) === null ? `invalid size: '${value}'` : null;
    case "decimal":
      return /^\d*\.?\d+$/.test(value) ? null : `failed to parse ${value} as a rational number`;
    case "duration":
      return parseDuration(value) === null ? `time: invalid duration ${JSON.stringify(value)}` : null;
    default:
      return flag.check?.(value) ?? null;
  }
}

function validate(flag: Flag, value: string): void {
  if (flag.missing === true && !(flag.type === "bool" && FALSE.has(value))) {
    throw new UsageError(`--${flag.name} is not supported by this version of mdk`);
  }
  const problem = problemOf(flag, value);
  if (problem === null) return;
  const name = flag.short === undefined ? `--${flag.name}` : `-${flag.short}, --${flag.name}`;
  throw new UsageError(`invalid argument ${JSON.stringify(value)} for "${name}" flag: ${problem}`);
}

/** A command line that Docker's grammar refuses: main prints the usage after it. */
export class UsageError extends CommandError {
  constructor(message: string, status: number = EXIT.engine) {
    super(status, "usage", message);
  }
}

/** Flags that the grammar takes and that ask for what may not be: main says where help is. */
export class RequestError extends CommandError {
  constructor(message: string, hint: string | null) {
    super(EXIT.engine, "invalid-flag", message, hint === null ? {} : { hint });
  }
}

/** `--help` was met: not an error, but it ends parsing. */
export class HelpRequest extends Error {}

export interface Parsed {
  readonly flags: Values;
  readonly operands: readonly string[];
}

/** Splits a command line by the table. Throws UsageError, or HelpRequest at --help. */
export function parseFlags(table: readonly Flag[], argv: readonly string[], interspersed = true): Parsed {
  const flags = new Values();
  const operands: string[] = [];
  let position = 0;
  const next = (name: string): string => {
    const value = argv[position++];
    if (value === undefined) throw new UsageError(`flag needs an argument: ${name}`);
    return value;
  };
  while (position < argv.length) {
    const word = argv[position++]!;
    if (word === "--") {
      operands.push(...argv.slice(position));
      break;
    }
    if (word.startsWith("--")) parseLong(table, word, flags, next);
    else if (word.startsWith("-") && word !== "-") parseShort(table, word, flags, next);
    else if (interspersed) operands.push(word);
    else {
      operands.push(word, ...argv.slice(position));
      break;
    }
  }
  return { flags, operands };
}

type Next = (name: string) => string;

function parseLong(table: readonly Flag[], word: string, flags: Values, next: Next): void {
  const equals = word.indexOf("=");
  const name = word.slice(2, equals === -1 ? undefined : equals);
  const flag = table.find((candidate) => candidate.name === name);
  if (flag === undefined) {
    if (name === "help") throw new HelpRequest();
    throw unknownFlag(table, name);
  }
  if (equals !== -1) flags.add(flag, word.slice(equals + 1));
  else flags.add(flag, flag.type === "bool" ? "true" : (flag.bare ?? next(`--${name}`)));
}

function parseShort(table: readonly Flag[], word: string, flags: Values, next: Next): void {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]!;
    const flag = table.find((candidate) => candidate.short === letter);
    if (flag === undefined) {
      if (letter === "h") throw new HelpRequest();
      const near = nearest(word.slice(1).split("=")[0]!, table.filter((candidate) => candidate.missing !== true).map(({ name }) => name));
      throw new UsageError(`unknown shorthand flag: '${letter}' in ${word}${near === null || word.length < 4 ? "" : `\nDid you mean --${near}?`}`);
    }
    const rest = word.slice(at + 1);
    if (rest.startsWith("=") && rest.length > 1) return flags.add(flag, rest.slice(1));
    if (flag.type !== "bool") return rest === "" ? flags.add(flag, next(`'${letter}' in ${word}`)) : addAttached(table, flag, rest, word, flags);
    flags.add(flag, "true");
  }
}

/** "-cpushare" is -c with a value for pflag: where that is none, a long flag may have been meant. */
function addAttached(table: readonly Flag[], flag: Flag, value: string, word: string, flags: Values): void {
  try {
    flags.add(flag, value);
  } catch (error) {
    const near = error instanceof UsageError ? nearest(word.slice(1), usableFlags(table).map(({ name }) => name)) : null;
    throw near === null ? error : new UsageError(`${(error as UsageError).message}\nDid you mean --${near}?`);
  }
}

/** Other tools' words for a flag of Docker's. */
const SYNONYMS: Readonly<Record<string, string>> = {
  port: "publish", ports: "publish", cpu: "cpus", mem: "memory", background: "detach", daemon: "detach",
  environment: "env", mount: "volume", net: "network", remove: "rm", dir: "workdir", cwd: "workdir",
};

function unknownFlag(table: readonly Flag[], name: string): UsageError {
  const synonym = SYNONYMS[name];
  const near = synonym !== undefined && table.some((flag) => flag.name === synonym)
    ? synonym
    : nearest(name, table.filter((flag) => flag.missing !== true).map((flag) => flag.name));
  return new UsageError(`unknown flag: --${name}${near === null ? "" : `\nDid you mean --${near}?`}`);
}

/** The closest of the candidates, or null when none is near (edit distance of at most a third of the word). */
export function nearest(word: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's, with a swap of two neighbours counted as one. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}
