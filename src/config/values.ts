/** Values of the configuration, each with a sentence at its place where it is none. Pure. */
import { MdkError } from "../error.ts";
import { parseSize } from "../spec/sizes.ts";
import { Misplaced, type JsonMember, type JsonValue } from "./json.ts";

const KINDS: Readonly<Record<JsonValue["kind"], string>> = { object: "an object", list: "a list", string: "a string", number: "a number", boolean: "true or false", null: "null" };

const wrong = (value: JsonValue, wanted: string): Misplaced => new Misplaced(value.at, `${wanted} is expected, not ${KINDS[value.kind]}`);

export function textOf(value: JsonValue): string {
  if (value.kind !== "string") throw wrong(value, KINDS.string);
  if (value.text.includes("\0")) throw new Misplaced(value.at, "a NUL byte in it");
  return value.text;
}

export function flagOf(value: JsonValue): boolean {
  if (value.kind !== "boolean") throw wrong(value, KINDS.boolean);
  return value.flag;
}

/** A whole number of `least` and more. */
export function countOf(value: JsonValue, least: number): number {
  if (value.kind !== "number") throw wrong(value, KINDS.number);
  if (!Number.isSafeInteger(value.number) || value.number < least) throw new Misplaced(value.at, `a whole number of ${least} or more is expected, not ${value.number}`);
  return value.number;
}

/** Bytes: "64M", or their number, as dockerd's sizes. */
export function bytesOf(value: JsonValue): number {
  if (value.kind === "number") return countOf(value, 1);
  const text = textOf(value);
  const bytes = parseSize(text);
  if (bytes === null || bytes <= 0) throw new Misplaced(value.at, `invalid size: '${text}'`);
  return bytes;
}

/** "5%", below 100. */
export function percentOf(value: JsonValue): number {
  const text = textOf(value);
  if (!/^\d{1,2}(\.\d{1,3})?%$/.test(text)) throw new Misplaced(value.at, `a share of the disk ("5%") is expected, not ${JSON.stringify(text)}`);
  return Number(text.slice(0, -1));
}

export function oneOf<T extends string>(value: JsonValue, words: readonly T[]): T {
  const text = textOf(value);
  const word = words.find((each) => each === text);
  if (word === undefined) throw new Misplaced(value.at, `${words.map((each) => JSON.stringify(each)).join(" or ")} is expected, not ${JSON.stringify(text)}`);
  return word;
}

export function pathOf(value: JsonValue): string {
  const path = textOf(value);
  if (!path.startsWith("/")) throw new Misplaced(value.at, `an absolute path is expected, not ${JSON.stringify(path)}`);
  return path;
}

export function itemsOf<T>(value: JsonValue, read: (item: JsonValue) => T): T[] {
  if (value.kind !== "list") throw wrong(value, KINDS.list);
  return value.items.map(read);
}

/** Texts, each judged by `check`, which throws MdkError. */
export function checkedTexts(value: JsonValue, check: (text: string) => void): string[] {
  return itemsOf(value, (item) => {
    const text = textOf(item);
    checked(item, () => check(text));
    return text;
  });
}

export function membersOf(value: JsonValue): readonly JsonMember[] {
  if (value.kind !== "object") throw wrong(value, KINDS.object);
  return value.members;
}

/** Go's map[string]string. */
export function pairsOf(value: JsonValue): Record<string, string> {
  return Object.fromEntries(membersOf(value).map(({ name, value: item }) => [name, textOf(item)]));
}

/** Members of an object that has these names only. */
export function fieldsOf(value: JsonValue, names: readonly string[]): ReadonlyMap<string, JsonValue> {
  const members = membersOf(value);
  const stranger = members.find(({ name }) => !names.includes(name));
  if (stranger !== undefined) throw new Misplaced(stranger.at, `unknown key ${JSON.stringify(stranger.name)}; there are ${names.join(", ")}`);
  return new Map(members.map(({ name, value: item }) => [name, item]));
}

/** What a function that judges flags too says of a value: its sentence, in one line, at the value's place. */
export function checked<T>(value: { readonly at: number }, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof MdkError ? new Misplaced(value.at, error.message.replace(/\n(\* )?/g, " ")) : error;
  }
}

/** The text of a value without the blanks, to be compared. */
export function compact(value: JsonValue): string {
  if (value.kind === "object") return `{${value.members.map((member) => `${JSON.stringify(member.name)}:${compact(member.value)}`).join(",")}}`;
  if (value.kind === "list") return `[${value.items.map(compact).join(",")}]`;
  if (value.kind === "string") return JSON.stringify(value.text);
  return value.kind === "number" ? String(value.number) : value.kind === "boolean" ? String(value.flag) : "null";
}
