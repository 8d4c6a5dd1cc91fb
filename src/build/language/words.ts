/** How the arguments of an instruction become words, before any variable is looked at: one function for each of the ways there are. */
import type { FlagWord } from "./flags.ts";
import { isSpace, quote, trimStart } from "./text.ts";

/** What separates words where quotes mean nothing; also the name of an instruction from the rest. */
export const BLANKS = /[\t\v\f\r ]+/g;

/** FROM, EXPOSE, and COPY, ADD and VOLUME in their shell form. */
export function splitBlanks(text: string, at: number): FlagWord[] {
  const words: FlagWord[] = [];
  let begin = 0;
  for (const match of text.matchAll(BLANKS)) {
    words.push({ text: text.slice(begin, match.index), at: at + begin });
    begin = match.index + match[0].length;
  }
  return text === "" ? [] : [...words, { text: text.slice(begin), at: at + begin }];
}

/** ENV, LABEL and ARG: blanks in quotes, or behind an escape, separate nothing. Quotes and escapes stay, for the expansion. */
export function splitQuoted(text: string, at: number, escape: string): FlagWord[] {
  const words: FlagWord[] = [];
  for (let index = 0; index < text.length; ) {
    while (index < text.length && isSpace(text[index]!)) index++;
    if (index === text.length) break;
    const begin = index;
    const { end, dropped } = endOfQuoted(text, index, escape);
    // An escape with nothing behind it is dropped.
    const word = text.slice(begin, dropped ? end - 1 : end);
    if (word !== "") words.push({ text: word, at: at + begin });
    index = end;
  }
  return words;
}

function endOfQuoted(text: string, from: number, escape: string): { readonly end: number; readonly dropped: boolean } {
  let open = "";
  for (let at = from; at < text.length; at++) {
    const character = text[at]!;
    if (open === "" && isSpace(character)) return { end: at, dropped: false };
    if (open === "" && (character === "'" || character === '"')) open = character;
    else if (open !== "" && character === open) open = "";
    // Nothing can be escaped between single quotes.
    else if (character === escape && open !== "'") {
      if (at + 1 === text.length) return { end: text.length, dropped: true };
      at++;
    }
  }
  return { end: text.length, dropped: false };
}

/** A JSON array of strings: the exec form; null: it is none, so it is the shell form. Throws for an array of something else. */
export function parseExecForm(text: string): string[] | null {
  const array = trimStart(text);
  if (!array.startsWith("[")) return null;
  let values: unknown;
  try {
    values = JSON.parse(array);
  } catch {
    return null;
  }
  if (!Array.isArray(values)) return null;
  if (!values.every((value) => typeof value === "string")) throw new Error("when using JSON array syntax, arrays must be comprised of strings only");
  return values.map((value) => value.toWellFormed());
}

/** `name=value`, or the first two words of the old form. */
export interface Pair {
  readonly name: string;
  readonly value: string;
  /** `ENV name value`: separated by a blank. */
  readonly isLegacy: boolean;
}

/** ENV and LABEL. `keyword`: as errors name it. Throws an Error for words that are no pairs. */
export function splitPairs(text: string, keyword: string, escape: string): Pair[] {
  const words = splitQuoted(text, 0, escape);
  const [first] = words;
  if (first === undefined) return [];
  if (!first.text.includes("=")) {
    const { index, 0: blank } = text.matchAll(BLANKS).next().value ?? { index: -1, 0: "" };
    if (index === -1) throw new Error(`${keyword} must have two arguments`);
    return [{ name: text.slice(0, index), value: text.slice(index + blank.length), isLegacy: true }];
  }
  return words.map(({ text: word }) => {
    const equals = word.indexOf("=");
    if (equals === -1) throw new Error(`Syntax error - can't find = in ${quote(word)}. Must be of the form: name=value`);
    return { name: word.slice(0, equals), value: word.slice(equals + 1), isLegacy: false };
  });
}
