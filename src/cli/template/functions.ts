/** Functions of templates: text/template's own, and those that Docker's command line adds (docker/cli, templates.go). Pure. */
import { compareValues, equal } from "./compare.ts";
import { escapeHtml, escapeJs, escapeQuery } from "./escape.ts";
import { show, sprint, sprintf, sprintln } from "./format.ts";
import { GoMap, JsonNumber, jsonOf, lengthOf, Nil, NIL_TYPES, Problem, Slice, Struct, truth, typeOf, type Value } from "./value.ts";

/** What an argument has to be; "value": anything, nil too. */
export type Parameter = "value" | "string" | "int" | "[]string";

export interface TemplateFunction {
  readonly parameters: readonly Parameter[];
  /** Of all arguments behind them; absent: there may be none. */
  readonly rest?: Parameter;
  /** Throws Problem. */
  readonly call: (...values: Value[]) => Value;
}

/** Its type, looked at through a pointer. */
const pointee = (value: Value): string => typeOf(value).replace(/^\*/, "");

function indexArgument(index: Value, most: number): number {
  if (index === null || index === undefined) throw new Problem("cannot index slice/array with nil");
  if (typeof index !== "number" && typeof index !== "bigint") throw new Problem(`cannot index slice/array with type ${typeOf(index)}`);
  if (index < 0 || index > most) throw new Problem(`index out of range: ${index}`);
  return Number(index);
}

function member(item: Value, index: Value): Value {
  if (item === null || item === undefined || (item instanceof Nil && item.kind === "pointer")) throw new Problem("index of nil pointer");
  if (item instanceof GoMap || (item instanceof Nil && item.kind === "map")) return ofMap(item, index);
  const length = item instanceof Struct ? null : lengthOf(item);
  if (length === null) throw new Problem(`can't index item of type ${pointee(item)}`);
  const at = indexArgument(index, length);
  if (at === length) throw new Problem(`reflect: ${typeof item === "string" ? "string" : "slice"} index out of range`);
  return item instanceof Slice ? item.items[at] : Buffer.from(item instanceof JsonNumber ? item.text : (item as string))[at];
}

function ofMap(item: GoMap | Nil, key: Value): Value {
  if (key === null || key === undefined) throw new Problem("value is nil; should be of type string");
  if (typeof key !== "string") throw new Problem(`value has type ${typeOf(key)}; should be string`);
  if (item instanceof Nil) return "";
  if (item.entries.has(key)) return item.entries.get(key);
  if (item.type.endsWith("interface {}")) {
    // Go knows the type of what is not there; the other entries tell it here.
    const [other] = item.entries.values();
    if (other instanceof Slice) return new Nil("slice", other.type);
    return other instanceof Struct ? new Nil("pointer", NIL_TYPES.pointer) : undefined;
  }
  return "";
}

function index(item: Value, ...indexes: Value[]): Value {
  if (item === null || item === undefined) throw new Problem("index of untyped nil");
  return indexes.reduce(member, item);
}

function slice(item: Value, ...indexes: Value[]): Value {
  if (item === null || item === undefined) throw new Problem("slice of untyped nil");
  if (item instanceof Nil && item.kind === "pointer") throw new Problem("slice of nil pointer");
  if (indexes.length > 3) throw new Problem(`too many slice indexes: ${indexes.length}`);
  const text = typeof item === "string" ? item : item instanceof JsonNumber ? item.text : null;
  if (text !== null && indexes.length === 3) throw new Problem("cannot 3-index slice a string");
  const length = item instanceof GoMap || item instanceof Struct ? null : lengthOf(item);
  if (length === null || (item instanceof Nil && item.kind === "map")) throw new Problem(`can't slice item of type ${pointee(item)}`);
  const given = indexes.map((at) => indexArgument(at, length));
  const [from, to, most] = [given[0] ?? 0, given[1] ?? length, given[2]];
  if (from > to) throw new Problem(`invalid slice index: ${from} > ${to}`);
  if (most !== undefined && to > most) throw new Problem(`invalid slice index: ${to} > ${most}`);
  if (text !== null) return Buffer.from(text).subarray(from, to).toString();
  return item instanceof Slice ? new Slice(item.items.slice(from, to), item.type) : item;
}

function length(item: Value): Value {
  const found = lengthOf(item);
  if (found !== null) return found;
  if (item === undefined) throw new Problem("reflect: call of reflect.Value.Type on zero Value");
  throw new Problem(item === null || item instanceof Nil ? "len of nil pointer" : `len of type ${pointee(item)}`);
}

/** Stands for the word that was called, which only its caller knows. */
export const CALLEE = "\0callee";

function call(target: Value): never {
  throw new Problem(target === null || target === undefined ? "call of nil" : `non-function ${CALLEE} of type ${typeOf(target)}`);
}

/** What several values are for html, js and urlquery. */
function joined(values: readonly Value[]): string {
  if (values.length === 1 && typeof values[0] === "string") return values[0];
  return sprint(values.map((value) => value ?? "<no value>"));
}

const items = (list: Value): readonly Value[] => (list instanceof Slice ? list.items : []);
const text = (value: Value): string => (value instanceof JsonNumber ? value.text : String(value));
/** strings.Title: each letter that no letter, digit or underscore goes before. */
const title = (value: string): string => value.replace(/(?<![\p{L}\p{N}_])\p{Ll}/gu, (letter) => letter.toUpperCase());

function split(value: Value, separator: Value): Value {
  return new Slice(separator === "" ? [...text(value)] : text(value).split(text(separator)), "[]string");
}

/** Bytes, as Docker cuts; of a character that is cut nothing stays. */
function truncate(value: Value, most: Value): Value {
  const bytes = Buffer.from(text(value));
  if (Number(most) < 0) throw new Problem(`runtime error: slice bounds out of range [:${most}]`);
  return bytes.length <= Number(most) ? text(value) : bytes.toString("utf8", 0, Number(most)).replace(/\ufffd$/, "");
}

/** Blanks that are no mistake of the template's: a terminal, and the memory, end before. */
const PAD_MAX = 1 << 24;

function pad(value: Value, before: Value, after: Value): Value {
  if (value !== "" && (Number(before) < 0 || Number(after) < 0)) throw new Problem("strings: negative Repeat count");
  if (Number(before) > PAD_MAX || Number(after) > PAD_MAX) throw new Problem("strings: Repeat output length overflow");
  return value === "" ? "" : `${" ".repeat(Number(before))}${text(value)}${" ".repeat(Number(after))}`;
}

const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  // Both are carried out where arguments are evaluated one by one (execute.ts).
  and: { parameters: ["value"], rest: "value", call: () => undefined },
  or: { parameters: ["value"], rest: "value", call: () => undefined },
  not: { parameters: ["value"], call: (value) => !truth(value) },
  call: { parameters: ["value"], rest: "value", call },
  html: { parameters: [], rest: "value", call: (...values) => escapeHtml(joined(values)) },
  js: { parameters: [], rest: "value", call: (...values) => escapeJs(joined(values)) },
  urlquery: { parameters: [], rest: "value", call: (...values) => escapeQuery(joined(values)) },
  index: { parameters: ["value"], rest: "value", call: index },
  slice: { parameters: ["value"], rest: "value", call: slice },
  len: { parameters: ["value"], call: length },
  print: { parameters: [], rest: "value", call: (...values) => sprint(values) },
  println: { parameters: [], rest: "value", call: (...values) => sprintln(values) },
  printf: { parameters: ["string"], rest: "value", call: (format, ...values) => sprintf(text(format), values) },
  eq: { parameters: ["value"], rest: "value", call: (value, ...others) => equal(value, others) },
  ne: { parameters: ["value", "value"], call: (a, b) => !equal(a, [b]) },
  lt: { parameters: ["value", "value"], call: (a, b) => compareValues(a, b) < 0 },
  le: { parameters: ["value", "value"], call: (a, b) => compareValues(a, b) <= 0 },
  gt: { parameters: ["value", "value"], call: (a, b) => compareValues(a, b) > 0 },
  ge: { parameters: ["value", "value"], call: (a, b) => compareValues(a, b) >= 0 },
  json: { parameters: ["value"], call: jsonOf },
  split: { parameters: ["string", "string"], call: split },
  join: { parameters: ["[]string", "string"], call: (list, separator) => items(list).map(show).join(text(separator)) },
  title: { parameters: ["string"], call: (value) => title(text(value)) },
  lower: { parameters: ["string"], call: (value) => text(value).toLowerCase() },
  upper: { parameters: ["string"], call: (value) => text(value).toUpperCase() },
  pad: { parameters: ["string", "int", "int"], call: pad },
  truncate: { parameters: ["string", "int"], call: truncate },
};

export function isFunction(name: string): boolean {
  return Object.hasOwn(FUNCTIONS, name);
}

/** Of a name that isFunction knows. */
export function functionOf(name: string): TemplateFunction {
  return FUNCTIONS[name]!;
}

/** Whether the value can be an argument of this kind. */
export function suits(value: Value, parameter: Parameter): boolean {
  if (parameter === "value") return true;
  if (parameter === "string") return typeof value === "string";
  if (parameter === "int") return typeof value === "number" || typeof value === "bigint";
  return (value instanceof Slice || value instanceof Nil) && value.type === "[]string";
}
