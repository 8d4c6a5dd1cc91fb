/**
 * The corpus that mdk and BuildKit both read, and what BuildKit said of it (buildkit.json, written by test/build/peer/run.sh). In dockerfiles.txt and
 * ignores.txt a case begins with "=== NAME"; ␍ ⇥ ␠ stand for the characters that editors lose.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const here = (name: string): string => join(import.meta.dir, name);

export interface DockerfileCase {
  readonly name: string;
  readonly text: string;
  readonly args: Readonly<Record<string, string>>;
  readonly target: string;
}

export interface WordCase {
  readonly text: string;
  readonly env: readonly string[];
  readonly escape: string;
}

export interface IgnoreCase {
  readonly name: string;
  readonly text: string;
  readonly paths: readonly string[];
}

function cases(file: string): { readonly head: string; readonly text: string }[] {
  const text = readFileSync(here(file), "utf8").replaceAll("␍", "\r").replaceAll("⇥", "\t").replaceAll("␠", " ");
  return text.split(/^=== /m).slice(1).map((part) => {
    const end = part.indexOf("\n");
    return { head: part.slice(0, end), text: part.slice(end + 1) };
  });
}

export function dockerfileCases(): DockerfileCase[] {
  return cases("dockerfiles.txt").map(({ head, text }) => {
    const [name = "", ...flags] = head.split(" ");
    const args: Record<string, string> = {};
    let target = "";
    for (let at = 0; at < flags.length; at += 2) {
      const [key = "", value = ""] = flags[at + 1]!.split("=");
      if (flags[at] === "--target") target = key;
      else args[key] = value;
    }
    return { name, text, args, target };
  });
}

export function wordCases(): WordCase[] {
  return readFileSync(here("words.txt"), "utf8").split("\n").filter((line) => line !== "" && !line.startsWith("# ")).map((line) => {
    const bar = line.lastIndexOf(" |");
    const [first = "", ...rest] = line.slice(bar + 2).trim().split(";");
    const env = [...(first === "`" ? [] : [first]), ...rest].filter((entry) => entry !== "");
    return { text: line.slice(0, bar), env, escape: first === "`" ? "`" : "\\" };
  });
}

export function ignoreCases(): IgnoreCase[] {
  return cases("ignores.txt").map(({ head, text }) => {
    const [patterns = "", paths = ""] = text.split(/^--- ?/m);
    return { name: head, text: patterns, paths: paths.trimEnd().split(" ").filter((path) => path !== "") };
  });
}

/** BuildKit's own words of it all. */
export function buildkit(): BuildkitAnswers {
  return JSON.parse(readFileSync(here("buildkit.json"), "utf8")) as BuildkitAnswers;
}

export interface BuildkitAnswers {
  readonly dockerfiles: Readonly<Record<string, { readonly parse: ParseAnswer; readonly lint: LintAnswer }>>;
  readonly words: readonly { readonly error?: string; readonly word?: string; readonly unmatched?: readonly string[]; readonly words?: readonly string[] | null }[];
  readonly ignores: readonly (readonly (boolean | string)[] | { readonly error: string })[];
}

/** Lines: the first and the last one. */
export type Lines = readonly number[] | null;

export interface ParseAnswer {
  readonly error?: { readonly message: string; readonly lines: Lines };
  readonly args?: readonly unknown[];
  readonly stages?: readonly StageAnswer[];
}

export interface StageAnswer {
  readonly name: string;
  readonly base: string;
  readonly platform: string;
  readonly lines: Lines;
  readonly commands: readonly CommandAnswer[];
}

export interface CommandAnswer {
  readonly name: string;
  readonly lines: Lines;
  readonly code: string;
  readonly parsed: Readonly<Record<string, unknown>>;
  readonly expanded?: Readonly<Record<string, unknown>>;
  readonly expandError?: string;
  readonly mounts?: readonly Readonly<Record<string, unknown>>[];
  readonly network?: string;
  readonly security?: string;
}

export interface LintAnswer {
  readonly warnings: readonly (readonly [rule: string, detail: string, lines: Lines])[] | null;
  readonly error?: readonly [message: string, lines: Lines] | string;
}

/** What run.sh hands to BuildKit. */
if (import.meta.main) console.log(JSON.stringify({ Dockerfiles: dockerfileCases(), Words: wordCases(), Ignores: ignoreCases() }));
