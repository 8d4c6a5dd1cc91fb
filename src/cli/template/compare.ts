/** eq, lt and their kin of text/template: by kinds, with Go's words for those that do not go together. Pure. */
import { show } from "./format.ts";
import { Float, JsonNumber, Nil, Problem, typeOf, type Value } from "./value.ts";
import { Worded } from "./worded.ts";

type Basic = "bool" | "int" | "float" | "string";

function kindOf(value: Value): Basic | null {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" || typeof value === "bigint") return "int";
  if (value instanceof Float) return "float";
  if (value instanceof Worded) return typeof value.value === "number" ? "int" : null;
  return typeof value === "string" || value instanceof JsonNumber ? "string" : null;
}

function plain(value: Value): string | number | bigint | boolean {
  if (value instanceof Float || value instanceof Worded) return value.value;
  return value instanceof JsonNumber ? value.text : (value as string | number | bigint | boolean);
}

const isNil = (value: Value): boolean => value === null || value === undefined || value instanceof Nil;

/** Whether the value is one of the others. Throws Problem. */
export function equal(value: Value, others: readonly Value[]): boolean {
  if (others.length === 0) throw new Problem("missing argument for comparison");
  const kind = kindOf(value);
  return others.some((other) => {
    if (kind !== kindOf(other)) {
      if (value === null || value === undefined || other === null || other === undefined) return false;
      throw incompatible(value, other);
    }
    if (kind !== null) return plain(value) == plain(other); // a number and a bigint may be one
    if (isNil(value) || isNil(other)) return isNil(value) === isNil(other);
    if (value!.constructor !== other!.constructor) throw new Problem(`non-comparable types ${show(value)}: ${typeOf(value)}, ${typeOf(other)}: ${show(other)}`);
    throw new Problem(`non-comparable type ${show(other)}: ${typeOf(other)}`);
  });
}

/** Below, at or above 0. Throws Problem. */
export function compareValues(a: Value, b: Value): number {
  const kinds = [kindOf(a), kindOf(b)];
  if (kinds.includes(null)) throw new Problem("invalid type for comparison");
  if (kinds[0] !== kinds[1]) throw incompatible(a, b);
  if (kinds[0] === "bool") throw new Problem("invalid type for comparison");
  const [x, y] = [plain(a), plain(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function incompatible(a: Value, b: Value): Problem {
  return new Problem(`incompatible types for comparison: ${typeOf(a)} and ${typeOf(b)}`);
}
