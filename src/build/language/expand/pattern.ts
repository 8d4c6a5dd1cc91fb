/**
 * Shell patterns of `${name#pattern}`, `${name%pattern}` and `${name/pattern/replacement}`: "*" and "?" only, no brackets, as BuildKit has them.
 * Matched by filling a table from the end of the value, so that no pattern takes longer than its length times the value's, which a budget bounds.
 */
import { tooLong, VALUE_LENGTH_MAX, type Budget } from "./budget.ts";

type Token = "*" | "?" | { readonly literal: string };

/** Throws an Error in BuildKit's words for an escape of what needs none. */
function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*" || character === "?") tokens.push(character);
    else if (character !== "\\") tokens.push({ literal: character });
    else {
      const next = characters[++at];
      if (next === undefined || !"*?\\}/".includes(next)) throw new Error(`invalid pattern (${pattern}) in substitution: invalid escape '\\${next ?? "\ufffd"}'`);
      tokens.push({ literal: next });
    }
  }
  return tokens;
}

/** For each beginning the nearest and the farthest end of a match, -1 where there is none. */
interface Ends {
  readonly nearest: Int32Array;
  readonly farthest: Int32Array;
}

/** `atEnd`: only matches that reach the end of the value count. */
function endsOf(pattern: string, value: readonly string[], budget: Budget, atEnd = false): Ends {
  const tokens = tokensOf(pattern);
  budget.match(tokens.length, value.length);
  const ends: Ends = { nearest: new Int32Array(value.length + 1), farthest: new Int32Array(value.length + 1) };
  const row = (): Int32Array => new Int32Array(tokens.length + 1).fill(-1);
  // What the tokens from each index on match, begun at the character behind and at this one.
  let [near, far, nearHere, farHere] = [row(), row(), row(), row()];
  for (let at = value.length; at >= 0; at--) {
    nearHere[tokens.length] = farHere[tokens.length] = !atEnd || at === value.length ? at : -1;
    for (let index = tokens.length - 1; index >= 0; index--) {
      const token = tokens[index]!;
      const character = value[at];
      // As in a regular expression, no wildcard matches a newline.
      const passes = character !== undefined && (typeof token === "string" ? character !== "\n" : token.literal === character);
      if (token === "*") {
        nearHere[index] = nearHere[index + 1]! !== -1 ? nearHere[index + 1]! : passes ? near[index]! : -1;
        farHere[index] = Math.max(farHere[index + 1]!, passes ? far[index]! : -1);
      } else {
        nearHere[index] = passes ? near[index + 1]! : -1;
        farHere[index] = passes ? far[index + 1]! : -1;
      }
    }
    [ends.nearest[at], ends.farthest[at]] = [nearHere[0]!, farHere[0]!];
    [near, far, nearHere, farHere] = [nearHere, farHere, near, far];
  }
  return ends;
}

interface Trimming {
  readonly longest: boolean;
  readonly budget: Budget;
}

/** `${name#pattern}`, and with `longest` `${name##pattern}`. */
export function withoutPrefix(value: string, pattern: string, { longest, budget }: Trimming): string {
  const characters = [...value];
  const { nearest, farthest } = endsOf(pattern, characters, budget);
  const end = (longest ? farthest : nearest)[0]!;
  return end === -1 ? value : characters.slice(end).join("");
}

/** `${name%pattern}`, and with `longest` `${name%%pattern}`. */
export function withoutSuffix(value: string, pattern: string, { longest, budget }: Trimming): string {
  const characters = [...value];
  const { farthest } = endsOf(pattern, characters, budget, true);
  const begin = longest ? farthest.findIndex((end) => end !== -1) : farthest.findLastIndex((end) => end !== -1);
  return begin === -1 ? value : characters.slice(0, begin).join("");
}

interface Replacing {
  readonly replacement: string;
  readonly all: boolean;
  readonly budget: Budget;
}

/** `${name/pattern/replacement}`, and with `all` `${name//pattern/replacement}`: the longest match, from the left. Throws an Error for what becomes too long. */
export function replaced(value: string, pattern: string, { replacement, all, budget }: Replacing): string {
  const characters = [...value];
  const { farthest } = endsOf(pattern, characters, budget);
  const parts: string[] = [];
  let [at, done, length] = [0, false, value.length];
  for (let previous = -1; at <= characters.length; ) {
    const end = done ? -1 : farthest[at]!;
    // An empty match directly behind another one is none.
    if (end > at || (end === at && previous !== at)) {
      parts.push(replacement);
      [previous, done] = [end, !all];
      length += replacement.length;
      if (length > 2 * VALUE_LENGTH_MAX) throw tooLong();
    }
    if (end > at) at = end;
    else parts.push(characters[at++] ?? "");
  }
  return parts.join("");
}
