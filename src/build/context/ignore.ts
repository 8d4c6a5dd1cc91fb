/**
 * .dockerignore, and patterns of its kind (--exclude): what of a tree is left out, by moby's rules (its patternmatcher). Pure: who walks a tree asks for each
 * name, and hands in what was said of the directory that it is in.
 */
import { posix } from "node:path";
import { MdkError } from "../../error.ts";
import { compilePattern } from "./pattern.ts";

/** What was said of one name, for those below it: which patterns have matched. Made by `IgnoreRules.at` only. */
export interface IgnoreVerdict {
  readonly isIgnored: boolean;
  /** Bit by bit, one for each pattern. */
  readonly matched: readonly boolean[];
}

interface Rule {
  readonly pattern: string;
  /** "!": what matches is taken in again. */
  readonly includes: boolean;
  readonly matches: (path: string) => boolean;
  /** Its components, as far as they say something of directories: "any" from there on. */
  readonly components: readonly (Rule["matches"] | "any")[];
}

/** moby has no bounds; what nobody writes would be asked of each name of a tree. */
const RULES_MAX = 10_000;
const LENGTH_MAX = 1 << 20;

/** The patterns of a .dockerignore, in their order: comments and empty lines left out, paths cleaned, a slash in front taken away. */
export function parseIgnoreFile(text: string): string[] {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  return lines.filter((line) => !line.startsWith("#")).map((line) => line.trim()).filter((line) => line !== "").map((line) => {
    const includes = line.startsWith("!");
    const path = includes ? line.slice(1).trim() : line;
    const clean = path === "" ? "" : cleaned(path);
    return `${includes ? "!" : ""}${clean.length > 1 && clean.startsWith("/") ? clean.slice(1) : clean}`;
  });
}

/** Go's filepath.Clean: node's normalize keeps a slash at the end. */
function cleaned(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}

export class IgnoreRules {
  readonly #rules: readonly Rule[];
  /** Whether any pattern takes something in again. */
  readonly hasInclusions: boolean;

  /** `patterns`: as parseIgnoreFile gives them, or as a user wrote them. Throws MdkError "invalid" for brackets without an end, "!" alone, and for too many. */
  constructor(patterns: readonly string[]) {
    if (patterns.length > RULES_MAX) throw new MdkError("invalid", "ignore-pattern", `more than ${RULES_MAX} patterns`);
    if (patterns.reduce((sum, { length }) => sum + length, 0) > LENGTH_MAX) throw new MdkError("invalid", "ignore-pattern", `patterns of more than ${LENGTH_MAX >> 20} MiB`);
    this.#rules = patterns.map((pattern) => pattern.trim()).filter((pattern) => pattern !== "").map((pattern) => ruleOf(cleaned(pattern)));
    this.hasInclusions = this.#rules.some(({ includes }) => includes);
  }

  /**
   * Whether a name is left out. `path`: from the root of the tree, with slashes and none in front. `parent`: what was said of the directory that it is in; null
   * where nothing was, and then each directory above is looked at. What matches a directory matches all below it, until a later "!" pattern matches that.
   */
  at(path: string, parent: IgnoreVerdict | null): IgnoreVerdict {
    const matched: boolean[] = [];
    let isIgnored = false;
    for (const [index, rule] of this.#rules.entries()) {
      // A rule that could change nothing is not asked; those below have it asked then.
      const isAsked = rule.includes === isIgnored;
      const matches = parent?.matched[index] === true || (isAsked && (rule.matches(path) || (parent === null && ancestorsOf(path).some(rule.matches))));
      matched.push(matches);
      if (matches) isIgnored = !rule.includes;
    }
    return { isIgnored, matched };
  }

  /** Whether something below an ignored directory may be taken in again, so that it must be walked. Never says no where there is something. */
  mayIncludeBelow(directory: string): boolean {
    return this.#rules.some(({ includes, components }) => includes && mayMatchBelow(components, directory));
  }

  /** Whether all of the context is left out by one pattern. */
  get ignoresEverything(): boolean {
    return this.#rules.some(({ includes, pattern }) => !includes && (pattern === "*" || pattern === "**" || pattern === "**/*"));
  }
}

function ancestorsOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

function ruleOf(text: string): Rule {
  if (text === "!") throw new MdkError("invalid", "ignore-pattern", 'illegal exclusion pattern: "!"');
  const includes = text.startsWith("!");
  const pattern = includes ? text.slice(1) : text;
  checkBrackets(pattern);
  // Nobody asks the others.
  return { pattern, includes, matches: matcherOf(pattern), components: includes ? pattern.split("/").map(componentOf) : [] };
}

/** Go's filepath.Match refuses these whatever they are compared with. */
function checkBrackets(pattern: string): void {
  const bad = new MdkError("invalid", "ignore-pattern", "syntax error in pattern", { hint: `look at ${JSON.stringify(pattern)}` });
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] === "\\" && ++at === pattern.length) throw bad;
    if (pattern[at] !== "[") continue;
    const set = /^\[\^?((?:\\.|[^\]\\-])(?:-(?:\\.|[^\]\\-]))?)+\]/su.exec(pattern.slice(at));
    if (set === null) throw bad;
    at += set[0].length - 1;
  }
}

/** Patterns without wildcards, or with "**" at one end only, compare text. "**" in front without a slash behind it is then any text, as moby has it. */
function matcherOf(pattern: string): Rule["matches"] {
  if (!/[*?[\]\\]/.test(pattern)) return (path) => path === pattern;
  const [, prefix] = /^([^*?[\]\\]*)\*\*\/?$/.exec(pattern) ?? [];
  if (prefix !== undefined) return (path) => path.startsWith(prefix);
  const [, suffix] = /^\*\*([^*?[\]\\]+)$/.exec(pattern) ?? [];
  if (suffix !== undefined) return (path) => path.endsWith(suffix) || (suffix.startsWith("/") && path === suffix.slice(1));
  return compilePattern(pattern);
}

/** A bracket or an escape may reach over a slash: then nothing is known. */
function componentOf(part: string): Rule["matches"] | "any" {
  return part.includes("**") || /[[\]\\]/.test(part) ? "any" : matcherOf(part);
}

/** Component by component: a pattern may match below a directory when the directory's own names match as far as the pattern goes without "**". */
function mayMatchBelow(components: Rule["components"], directory: string): boolean {
  for (const [index, name] of directory.split("/").entries()) {
    const component = components[index];
    if (component === undefined || component === "any") return true;
    if (!component(name)) return false;
  }
  return true;
}
