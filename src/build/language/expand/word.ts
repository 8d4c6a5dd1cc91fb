/**
 * Variables, quotes and escapes of one word, or of a line that is split into words, as BuildKit's shell lexer has them. Not a shell: no globs, no
 * commands, no arithmetic.
 */
import { isSpace, quote } from "../text.ts";
import { Budget, tooLong, VALUE_LENGTH_MAX } from "./budget.ts";
import { replaced, withoutPrefix, withoutSuffix } from "./pattern.ts";

/** What a variable is; undefined: it is not set. */
export type Lookup = (name: string) => string | undefined;

export interface Style {
  /** What `# escape=` says; "\" otherwise. */
  readonly escape?: string;
  /** Quotes stay where they are. */
  readonly keepQuotes?: boolean;
  /** Escapes stay before what they escape. */
  readonly keepEscapes?: boolean;
  /** Quotes mean nothing: text of a heredoc. */
  readonly ignoreQuotes?: boolean;
  /** A variable that is not set stays as it is written. */
  readonly keepUnset?: boolean;
  /** What this and other words may become together; without it, this one. */
  readonly budget?: Budget;
}

export interface Expanded {
  readonly text: string;
  /** `text` split at its blanks, but for those in quotes or behind an escape. */
  readonly words: readonly string[];
  /** Names that were looked up and were there, and those that were not, each in its order. */
  readonly matched: ReadonlySet<string>;
  readonly unmatched: ReadonlySet<string>;
}

/** Throws an Error in BuildKit's words: quotes and braces without an end, modifiers there are not, `${name:?message}`; and for what becomes too long. */
export function expandWord(text: string, lookup: Lookup, style: Style = {}): Expanded {
  const lexer = new Lexer(text, lookup, style);
  try {
    const pieces = lexer.pieces(null, style.keepEscapes ?? false, false);
    return { text: joined(pieces), words: splitPieces(pieces), matched: lexer.matched, unmatched: lexer.unmatched };
  } catch (error) {
    throw new Error(`failed to process ${quote(text)}: ${(error as Error).message}`, { cause: error });
  }
}

/** A part of what comes out; blanks in it separate words when it is open. */
interface Piece {
  readonly text: string;
  readonly isOpen: boolean;
}

const joined = (pieces: readonly Piece[]): string => pieces.map(({ text }) => text).join("");

function splitPieces(pieces: readonly Piece[]): string[] {
  const words: string[] = [];
  let word: string[] = [];
  const flush = (): void => {
    if (word.length > 0) words.push(word.join(""));
    word = [];
  };
  for (const { text, isOpen } of pieces) {
    if (!isOpen) {
      if (text !== "") word.push(text);
      continue;
    }
    for (const character of text) {
      if (isSpace(character)) flush();
      else word.push(character);
    }
  }
  flush();
  return words;
}

const MISSING_BRACE = "syntax error: missing '}'";
/** `${a:-${b:-…}}` may not go deeper: each level is one of the stack. */
const DEPTH_MAX = 200;
/** What follows a name of one character that is none: "$?" and the like (POSIX, "Special Parameters"). */
const SPECIAL = new Set("@*#?-$!0");

class Lexer {
  readonly matched = new Set<string>();
  readonly unmatched = new Set<string>();
  readonly #characters: readonly string[];
  readonly #lookup: Lookup;
  readonly #style: Style;
  readonly #escape: string;
  readonly #budget: Budget;
  #at = 0;
  #depth = 0;
  /** What variables have brought. */
  #length = 0;
  #keepEscapes = false;

  constructor(text: string, lookup: Lookup, style: Style) {
    this.#characters = [...text];
    this.#lookup = lookup;
    this.#style = style;
    this.#escape = style.escape ?? "\\";
    this.#budget = style.budget ?? new Budget();
  }

  get #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  get #isAtEnd(): boolean {
    return this.#at >= this.#characters.length;
  }

  /** Up to `stop`, which is passed over; null: to the end. `asPattern`: what is quoted is escaped once more, for the pattern that it becomes. */
  pieces(stop: string | null, keepEscapes: boolean, asPattern: boolean): Piece[] {
    if (++this.#depth > DEPTH_MAX) throw new Error(`substitutions are nested deeper than ${DEPTH_MAX}`);
    const outer = this.#keepEscapes;
    this.#keepEscapes = keepEscapes;
    const pieces: Piece[] = [];
    while (!this.#isAtEnd && this.#peek !== stop) pieces.push(this.#piece(asPattern));
    if (stop !== null && this.#isAtEnd) throw new Error(`unexpected end of statement while looking for matching ${stop}`);
    if (stop !== null) this.#at++;
    this.#keepEscapes = outer;
    this.#depth--;
    return pieces;
  }

  #piece(asPattern: boolean): Piece {
    const character = this.#peek!;
    if (character === "$") return { text: this.#dollar(), isOpen: true };
    if (character === "<") return { text: this.#less(), isOpen: false };
    if (character === "'" && this.#style.ignoreQuotes !== true) return { text: this.#single(asPattern), isOpen: false };
    if (character === '"' && this.#style.ignoreQuotes !== true) return { text: this.#double(asPattern), isOpen: false };
    this.#at++;
    if (character !== this.#escape) return { text: character, isOpen: true };
    // An escape at the end escapes nothing, and is dropped.
    return { text: `${this.#keepEscapes ? character : ""}${this.#characters[this.#at++] ?? ""}`, isOpen: false };
  }

  /** "<<" and the blanks behind it are one: what follows may be the name of a heredoc. */
  #less(): string {
    const begin = this.#at++;
    if (this.#peek !== "<") return "<";
    this.#at++;
    while (/[ \t\r]/.test(this.#characters[this.#at] ?? "")) this.#at++;
    return this.#characters.slice(begin, this.#at).join("");
  }

  #single(asPattern: boolean): string {
    const end = this.#characters.indexOf("'", this.#at + 1);
    if (end === -1) throw this.#unended("single-quote");
    const inside = this.#characters.slice(this.#at + 1, end).map((character) => (asPattern && character === this.#escape ? character + character : character)).join("");
    this.#at = end + 1;
    return this.#style.keepQuotes === true ? `'${inside}'` : inside;
  }

  #double(asPattern: boolean): string {
    const parts: string[] = [];
    const mark = this.#style.keepQuotes === true ? '"' : "";
    this.#at++;
    while (this.#peek !== '"') {
      if (this.#isAtEnd) throw this.#unended("double-quote");
      parts.push(this.#peek === "$" ? this.#dollar() : this.#inDouble(asPattern));
    }
    this.#at++;
    return `${mark}${parts.join("")}${mark}`;
  }

  /** sh(1): between double quotes an escape is one before a quote, a dollar or itself only. */
  #inDouble(asPattern: boolean): string {
    const character = this.#characters[this.#at++]!;
    if (character !== this.#escape) return character;
    const next = this.#peek;
    if (next === undefined) return "";
    if (next === '"' || next === "$" || next === this.#escape) {
      this.#at++;
      return `${this.#keepEscapes ? character : ""}${next}`;
    }
    return this.#keepEscapes && (this.#style.keepQuotes !== true || asPattern) ? character + character : character;
  }

  #unended(what: string): Error {
    this.#at = this.#characters.length;
    return new Error(`unexpected end of statement while looking for matching ${what}`);
  }

  #value(name: string): string | undefined {
    const value = this.#lookup(name);
    (value === undefined ? this.unmatched : this.matched).add(name);
    return value;
  }

  #dollar(): string {
    const text = this.#substitution();
    // What is within braces is counted when it comes out of them.
    if (this.#depth === 1) this.#length += text.length;
    if (this.#length > VALUE_LENGTH_MAX) throw tooLong();
    this.#budget.grow(text.length);
    return text;
  }

  #substitution(): string {
    this.#at++;
    if (this.#peek === "{") {
      this.#at++;
      return this.#braces();
    }
    const name = this.#name();
    if (name === "") return "$";
    return this.#value(name) ?? (this.#style.keepUnset === true ? `$${name}` : "");
  }

  /** Digits, one special character, or letters, digits and "_"; "": none of these is here. */
  #name(): string {
    const first = this.#peek;
    if (first === undefined) return "";
    const begin = this.#at;
    const part = /\p{Nd}/u.test(first) ? /\p{Nd}/u : /[\p{L}\p{Nd}_]/u;
    if (SPECIAL.has(first) && first !== "0") this.#at++;
    else while (this.#peek !== undefined && part.test(this.#peek)) this.#at++;
    return this.#characters.slice(begin, this.#at).join("");
  }

  #braces(): string {
    if (this.#isAtEnd) throw new Error(MISSING_BRACE);
    if ("{}:".includes(this.#peek!)) throw new Error("syntax error: bad substitution");
    const name = this.#name();
    const sign = this.#characters[this.#at++] ?? "\ufffd";
    if (sign === "}") return this.#value(name) ?? (this.#style.keepUnset === true ? `\${${name}}` : "");
    if (sign === "/") return this.#replacement(name);
    const modifier = sign === ":" ? (this.#characters[this.#at++] ?? "\ufffd") : sign;
    const asPattern = modifier === "#" || modifier === "%";
    const unsupported = new Error(`unsupported modifier (${sign === ":" ? sign : ""}${modifier}) in substitution`);
    if ((sign === ":" && asPattern) || (sign !== ":" && !"+-?#%".includes(sign))) throw unsupported;
    const word = this.#operand("}", asPattern, asPattern, MISSING_BRACE);
    const value = this.#value(name);
    if (value === undefined && this.#style.keepUnset === true) return `\${${name}${sign === ":" ? sign : ""}${modifier}${word}}`;
    if (!"+-?#%".includes(modifier)) throw unsupported;
    return modified({ name, value, modifier, word, isEmptyUnset: sign === ":" }, this.#budget);
  }

  /** The word of a modifier, up to `stop`. */
  #operand(stop: string, keepEscapes: boolean, asPattern: boolean, unended: string): string {
    try {
      return joined(this.pieces(stop, keepEscapes, asPattern));
    } catch (error) {
      throw this.#isAtEnd ? new Error(unended) : error;
    }
  }

  #replacement(name: string): string {
    const all = this.#peek === "/";
    if (all) this.#at++;
    const pattern = this.#operand("/", true, true, "syntax error: missing '/' in ${}");
    const replacement = this.#operand("}", true, false, MISSING_BRACE);
    const value = this.#value(name);
    if (value === undefined && this.#style.keepUnset === true) return `\${${name}/${pattern}/${replacement}}`;
    return replaced(value ?? "", pattern, { replacement, all, budget: this.#budget });
  }
}

interface Modification {
  readonly name: string;
  readonly value: string | undefined;
  readonly modifier: string;
  readonly word: string;
  /** With ":", an empty value counts as none. */
  readonly isEmptyUnset: boolean;
}

function modified({ name, value, modifier, word, isEmptyUnset }: Modification, budget: Budget): string {
  const isUnset = value === undefined || (isEmptyUnset && value === "");
  switch (modifier) {
    case "-":
      return isUnset ? word : value;
    case "+":
      return isUnset ? "" : word;
    case "?":
      if (!isUnset) return value;
      throw new Error(`${name}: ${word || `is not allowed to be ${value === undefined ? "unset" : "empty"}`}`);
    default: {
      const longest = word.startsWith(modifier);
      const pattern = longest ? word.slice(1) : word;
      return (modifier === "#" ? withoutPrefix : withoutSuffix)(value ?? "", pattern, { longest, budget });
    }
  }
}
