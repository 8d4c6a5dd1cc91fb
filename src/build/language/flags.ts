/** The flags between an instruction's name and its arguments: `--name=value`, `--name`. */
import { isSpace, suggestion } from "./text.ts";

/** As written, quotes and escapes undone, and where it begins. */
export interface FlagWord {
  readonly text: string;
  readonly at: number;
}

/** Splits flags off: ends at the first word that does not begin with "--", or behind "--" alone. `end`: where the arguments begin. */
export function splitFlags(text: string, from: number, escape: string): { readonly flags: readonly FlagWord[]; readonly end: number } {
  const flags: FlagWord[] = [];
  for (let at = from; ; ) {
    while (at < text.length && isSpace(text[at]!)) at++;
    if (!text.startsWith("--", at)) return { flags, end: at };
    const { word, quoted, end } = readFlag(text, at, escape);
    if (word === "--" && end < text.length) return { flags, end };
    if (word !== "--" && (word !== "" || quoted)) flags.push({ text: word, at });
    at = end;
  }
}

function readFlag(text: string, from: number, escape: string): { readonly word: string; readonly quoted: boolean; readonly end: number } {
  let [word, open, quoted, at] = ["", "", false, from];
  for (; at < text.length; at++) {
    const character = text[at]!;
    if (open === "" && isSpace(character)) break;
    if (open === "" && (character === "'" || character === '"')) [open, quoted] = [character, true];
    else if (open !== "" && character === open) open = "";
    else if (character !== escape) word += character;
    else if (at + 1 < text.length) word += text[++at]!;
  }
  return { word, quoted, end: at };
}

/** A switch is a flag with or without "=true"; a list may be given more than once. */
export type FlagKind = "switch" | "value" | "list";

/** What was given, and where. */
export class InstructionFlags {
  readonly #given: ReadonlyMap<string, readonly string[]>;

  constructor(given: ReadonlyMap<string, readonly string[]>) {
    this.#given = given;
  }

  value(name: string): string | null {
    return this.#given.get(name)?.[0] ?? null;
  }

  list(name: string): readonly string[] {
    return this.#given.get(name) ?? [];
  }

  /** Null: not given. */
  switch(name: string): boolean | null {
    const value = this.value(name);
    return value === null ? null : value === "true";
  }
}

/** Throws, by `refuse`, BuildKit's sentences for flags that are unknown, doubled, or without a value. */
export function parseInstructionFlags(words: readonly FlagWord[], table: Readonly<Record<string, FlagKind>>, refuse: (message: string, at: number) => Error): InstructionFlags {
  const given = new Map<string, string[]>();
  for (const { text, at } of words) {
    const equals = text.indexOf("=");
    const name = text.slice(2, equals === -1 ? undefined : equals);
    const value = equals === -1 ? null : text.slice(equals + 1);
    const kind = Object.hasOwn(table, name) ? table[name] : undefined;
    if (kind === undefined) throw refuse(`unknown flag: --${name}${suggestion(name, Object.keys(table))}`, at);
    const before = given.get(name);
    if (before !== undefined && kind !== "list") throw refuse(`duplicate flag specified: --${name}`, at);
    const said = valueOf(kind, name, value, (message) => refuse(message, at));
    if (before === undefined) given.set(name, [said]);
    else before.push(said);
  }
  return new InstructionFlags(given);
}

function valueOf(kind: FlagKind, name: string, value: string | null, refuse: (message: string) => Error): string {
  if (kind !== "switch") {
    if (value === null) throw refuse(`missing a value on flag: --${name}`);
    return value;
  }
  if (value === "") throw refuse(`missing a value on flag: --${name}`);
  const word = (value ?? "true").toLowerCase();
  if (word !== "true" && word !== "false") throw refuse(`expecting boolean value for flag --${name}, not: ${value}`);
  return word;
}
