/** Wildcards in the sources of COPY and ADD, by the rules of Go's filepath.Match: "*" and "?" stop at a slash, there is no "**". Pure. */
import { MdkError } from "../../error.ts";

/** A path cut before its first component with a wildcard. */
export interface WildcardPath {
  /** Components as they are written. */
  readonly fixed: readonly string[];
  /** One matcher of names for each component behind. */
  readonly patterns: readonly ((name: string) => boolean)[];
}

/** `path`: cleaned, without a slash in front. Throws MdkError "invalid" for brackets without an end. */
export function parseWildcards(path: string): WildcardPath {
  const parts = path.split("/").filter((part) => part !== "");
  const first = parts.findIndex(hasWildcard);
  if (first === -1) return { fixed: parts, patterns: [] };
  return { fixed: parts.slice(0, first), patterns: parts.slice(first).map(matcherOf) };
}

export function hasWildcard(text: string): boolean {
  return /^(?:[^\\]|\\.)*?[*?[]/su.test(text);
}

type Token = "star" | ((character: string) => boolean);

function matcherOf(pattern: string): (name: string) => boolean {
  const tokens = tokensOf(pattern);
  return (name) => matches(tokens, [...name]);
}

const TOKEN = /\*+|\?|\[(\^?)((?:(?:\\.|[^\]\\-])(?:-(?:\\.|[^\]\\-]))?)+)\]|\\(.)|([^[\\])/suy;

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < pattern.length) {
    const found = TOKEN.exec(pattern);
    if (found === null) throw new MdkError("invalid", "wildcard", "syntax error in pattern", { hint: `look at ${JSON.stringify(pattern)}` });
    const [text, negated, set, escaped, plain] = found;
    if (text.startsWith("*")) tokens.push("star");
    else if (text === "?") tokens.push(() => true);
    else if (set !== undefined) tokens.push(setOf(set, negated === "^"));
    else tokens.push((character) => character === (escaped ?? plain));
  }
  return tokens;
}

function setOf(set: string, isNegated: boolean): Token {
  const point = (text: string): number => text.replace(/^\\/, "").codePointAt(0) ?? 0;
  const ranges = [...set.matchAll(/(\\.|[^\\-])(?:-(\\.|[^\\-]))?/gsu)].map(([, from = "", to = from]) => [point(from), point(to)] as const);
  return (character) => ranges.some(([from, to]) => from <= point(character) && point(character) <= to) !== isNegated;
}

/** Goes back to the last star only: never longer than the pattern's length times the name's. */
function matches(tokens: readonly Token[], characters: readonly string[]): boolean {
  let [at, token] = [0, 0];
  let back: readonly [at: number, token: number] | null = null;
  while (at < characters.length) {
    const wanted = tokens[token];
    if (wanted === "star") back = [at, ++token];
    else if (wanted !== undefined && wanted(characters[at]!)) [at, token] = [at + 1, token + 1];
    else if (back === null) return false;
    else {
      back = [back[0] + 1, back[1]];
      [at, token] = back;
    }
  }
  return tokens.slice(token).every((rest) => rest === "star");
}
