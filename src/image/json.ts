/** Reading other people's JSON into types: every field is looked at, and the error says which one was wrong. */
import { MdkError } from "../error.ts";

/** Who writes a document again (inspect, commit) or shows a part of it goes down in it call by call: a hundred thousand levels end the stack. */
const LEVELS_MAX = 1000;

export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses UTF-8 JSON that must be an object. `what` opens every error: "the manifest of X". */
export function parseObject(bytes: Uint8Array, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new MdkError("invalid", "json-invalid", `${what} is not valid JSON`, { cause: error });
  }
  if (bytes.length > 2 * LEVELS_MAX && isDeeper(value, LEVELS_MAX)) throw new MdkError("invalid", "json-invalid", `${what} is nested more than ${LEVELS_MAX} levels deep`);
  return objectOf(value, what);
}

/** Level by level, since it may be as deep as it likes. */
function isDeeper(value: unknown, levels: number): boolean {
  let level = [value];
  for (; levels > 0 && level.length > 0; levels--) level = level.flatMap((item) => (typeof item === "object" && item !== null ? Object.values(item) : []));
  return level.some((item) => typeof item === "object" && item !== null);
}

/** The same, for a document that no two readers may take for two: one that has a name twice in an object is refused. */
export function parseUnique(bytes: Uint8Array, what: string): JsonObject {
  const document = parseObject(bytes, what);
  const twice = findRepeatedName(new TextDecoder().decode(bytes));
  if (twice !== null) throw new MdkError("invalid", "json-invalid", `${what} has the name ${twice.slice(0, 60)} twice in one object`);
  return document;
}

/** In valid JSON: a name, as it is written, that one object has more than once. */
function findRepeatedName(text: string): string | null {
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}]/g;
  const colon = /\s*:/y;
  const open: Set<string>[] = [];
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [word] = match;
    if (word === "{") open.push(new Set());
    else if (word === "}") open.pop();
    else {
      colon.lastIndex = token.lastIndex;
      if (!colon.test(text)) continue;
      const name = JSON.parse(word) as string;
      if (open.at(-1)!.has(name)) return word;
      open.at(-1)!.add(name);
    }
  }
  return null;
}

export function objectOf(value: unknown, what: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(what, "an object", value);
  return value as JsonObject;
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(what, "a list", value);
  return value;
}

export function stringOf(value: unknown, what: string): string {
  if (typeof value !== "string") throw wrong(what, "a string", value);
  if (value.includes("\0")) throw new MdkError("invalid", "json-invalid", `${what} holds a NUL byte`);
  return value;
}

/** A size or count: a whole number from 0 to 2^53. */
export function naturalOf(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw wrong(what, "a natural number", value);
  return value;
}

/** A whole number of either sign. */
export function integerOf(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw wrong(what, "a whole number", value);
  return value;
}

export function booleanOf(value: unknown, what: string): boolean {
  if (typeof value !== "boolean") throw wrong(what, "true or false", value);
  return value;
}

export function stringsOf(value: unknown, what: string): readonly string[] {
  return listOf(value, what).map((item, index) => stringOf(item, `${what}[${index}]`));
}

/** Go writes nil lists and maps as null, and leaves fields out: both read as the fallback. */
export function optional<T, F>(value: unknown, read: (value: unknown) => T, fallback: F): T | F {
  return value === undefined || value === null ? fallback : read(value);
}

function wrong(what: string, expected: string, value: unknown): MdkError {
  const shown = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value)).slice(0, 60);
  return new MdkError("invalid", "json-invalid", `${what} must be ${expected}, not ${shown}`);
}
