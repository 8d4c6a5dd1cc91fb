/**
 * Shell patterns of `${name#pattern}`, `${name%pattern}` and `${name/pattern/replacement}`: "*" and "?" only, no brackets, as BuildKit has them.
 * Matched by filling a table from the end of the value, so that no pattern takes longer than its length times the value's.
 */

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
function endsOf(tokens: readonly Token[], value: readonly string[], atEnd = false): Ends {
  const ends: Ends = { nearest: new Int32Array(value.length + 1), farthest: new Int32Array(value.length + 1) };
  // What the tokens from each index on match, begun at the character behind and at this one.
  let [near, far] = [new Int32Array(tokens.length + 1).fill(-1), new Int32Array(tokens.length + 1).fill(-1)];
  for (let at = value.length; at >= 0; at--) {
    const [nearHere, farHere] = [new Int32Array(tokens.length + 1).fill(-1), new Int32Array(tokens.length + 1).fill(-1)];
    if (!atEnd || at === value.length) nearHere[tokens.length] = farHere[tokens.length] = at;
    for (let index = tokens.length - 1; index >= 0; index--) {
      const token = tokens[index]!;
      const character = value[at];
      // As in a regular expression, no wildcard matches a newline.
      const passes = character !== undefined && (typeof token === "string" ? character !== "\n" : token.literal === character);
      if (token === "*") {
        nearHere[index] = nearHere[index + 1]! !== -1 ? nearHere[index + 1]! : passes ? near[index]! : -1;
        farHere[index] = Math.max(farHere[index + 1]!, passes ? far[index]! : -1);
      } else if (passes) [nearHere[index], farHere[index]] = [near[index + 1]!, far[index + 1]!];
    }
    [near, far] = [nearHere, farHere];
    [ends.nearest[at], ends.farthest[at]] = [near[0]!, far[0]!];
  }
  return ends;
}

/** `${name#pattern}`, and with `longest` `${name##pattern}`. */
export function withoutPrefix(value: string, pattern: string, longest: boolean): string {
  const characters = [...value];
  const { nearest, farthest } = endsOf(tokensOf(pattern), characters);
  const end = (longest ? farthest : nearest)[0]!;
  return end === -1 ? value : characters.slice(end).join("");
}

/** `${name%pattern}`, and with `longest` `${name%%pattern}`. */
export function withoutSuffix(value: string, pattern: string, longest: boolean): string {
  const characters = [...value];
  const { farthest } = endsOf(tokensOf(pattern), characters, true);
  const begin = longest ? farthest.findIndex((end) => end !== -1) : farthest.findLastIndex((end) => end !== -1);
  return begin === -1 ? value : characters.slice(0, begin).join("");
}

/** `${name/pattern/replacement}`, and with `all` `${name//pattern/replacement}`: the longest match, from the left. */
export function replaced(value: string, pattern: string, replacement: string, all: boolean): string {
  const characters = [...value];
  const { farthest } = endsOf(tokensOf(pattern), characters);
  const parts: string[] = [];
  let [at, done] = [0, false];
  for (let previous = -1; at <= characters.length; ) {
    const end = done ? -1 : farthest[at]!;
    // An empty match directly behind another one is none.
    if (end > at || (end === at && previous !== at)) {
      parts.push(replacement);
      [previous, done] = [end, !all];
    }
    if (end > at) at = end;
    else parts.push(characters[at++] ?? "");
  }
  return parts.join("");
}
