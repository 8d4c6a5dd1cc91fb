/** Functions of templates: Docker's and Go's own; and how Go prints and judges values. Pure. */
import { MdkError } from "../../error.ts";

export type Value = unknown;

/** As Go's fmt prints %v. */
export function show(value: Value): string {
  if (value === null || value === undefined) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(show).join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${show(item)}`).join(" ")}]`;
}

/** Fields of Docker's answers that are lists, maps and pointers in Go: JSON has null for each that is not set. */
const NIL: Readonly<Record<string, string>> = {
  ...Object.fromEntries(["Aliases", "Binds", "CapAdd", "CapDrop", "Cmd", "Entrypoint", "ExecIDs", "ExtraHosts", "Links"].map((name) => [name, "[]"])),
  DriverOpts: "map[]", Volumes: "map[]", IPAMConfig: "<nil>", PidsLimit: "<nil>",
};

/** How Go prints a field of this name that is not set. */
export function showNil(name: string): string {
  return Object.hasOwn(NIL, name) ? NIL[name]! : show(null);
}

/** text/template's truth: not the zero value, and not empty. */
export function truth(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

function failed(name: string, problem: string): MdkError {
  return new MdkError("template", `template: :1: executing "" at <${name}>: error calling ${name}: ${problem}`);
}

function member(value: Value, key: Value): Value {
  if (Array.isArray(value)) {
    if (typeof key === "number" && key >= 0 && key < value.length) return value[key];
    throw failed("index", `index out of range: ${show(key)}`);
  }
  if (typeof value === "object" && value !== null) return Object.hasOwn(value, String(key)) ? (value as Record<string, Value>)[String(key)] : "";
  if (value === null || value === undefined) throw failed("index", "index of untyped nil");
  throw failed("index", `can't index item of type ${typeof value}`);
}

function lengthOf(value: Value): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === "object" && value !== null) return Object.keys(value).length;
  throw failed("len", `len of type ${typeof value}`);
}

/** The verbs %s %v %d %q %t %x %f %%. */
function printf(format: string, values: readonly Value[]): string {
  let next = 0;
  return format.replace(/%(-?\d*)(?:\.(\d+))?([svdqtxf%])/g, (_all, width: string, digits: string | undefined, verb: string) => {
    if (verb === "%") return "%";
    if (next >= values.length) return `%!${verb}(MISSING)`;
    const value = values[next++];
    const text = verb === "q" ? JSON.stringify(String(value)) : verb === "x" ? Number(value).toString(16) : verb === "f" ? Number(value).toFixed(Number(digits ?? 6)) : show(value).slice(0, Number(digits ?? Infinity));
    return width.startsWith("-") ? text.padEnd(Number(width.slice(1))) : text.padStart(Number(width));
  });
}

function compare(a: Value, b: Value): number {
  if (typeof a !== typeof b) throw failed("eq", "incompatible types for comparison");
  return a === b ? 0 : (a as string) < (b as string) ? -1 : 1;
}

const FUNCTIONS: Readonly<Record<string, readonly [least: number, call: (...values: Value[]) => Value]>> = {
  json: [1, (value) => JSON.stringify(value ?? null).replaceAll("<", "\\u003c").replaceAll(">", "\\u003e").replaceAll("&", "\\u0026")],
  index: [1, (value, ...keys) => keys.reduce(member, value)],
  len: [1, lengthOf],
  slice: [1, (value, from, to) => (value as string | Value[]).slice(Number(from ?? 0), to === undefined ? undefined : Number(to))],
  print: [0, (...values) => values.map(show).join(values.some((value) => typeof value === "string") ? "" : " ")],
  println: [0, (...values) => `${values.map(show).join(" ")}\n`],
  printf: [1, (format, ...values) => printf(String(format), values)],
  join: [2, (list, separator) => (Array.isArray(list) ? list.map(show) : [show(list)]).join(String(separator))],
  split: [2, (text, separator) => String(text).split(String(separator))],
  lower: [1, (text) => String(text).toLowerCase()],
  upper: [1, (text) => String(text).toUpperCase()],
  title: [1, (text) => String(text).replace(/\b[a-z]/g, (letter) => letter.toUpperCase())],
  truncate: [2, (text, length) => String(text).slice(0, Number(length))],
  pad: [3, (text, before, after) => (text === "" ? "" : `${" ".repeat(Number(before))}${String(text)}${" ".repeat(Number(after))}`)],
  not: [1, (value) => !truth(value)],
  // By index: what is found may be nil.
  and: [1, (...values) => values.at(values.findIndex((value) => !truth(value)))],
  or: [1, (...values) => values.at(values.findIndex(truth))],
  eq: [2, (value, ...others) => others.some((other) => compare(value, other) === 0)],
  ne: [2, (a, b) => compare(a, b) !== 0],
  lt: [2, (a, b) => compare(a, b) < 0],
  le: [2, (a, b) => compare(a, b) <= 0],
  gt: [2, (a, b) => compare(a, b) > 0],
  ge: [2, (a, b) => compare(a, b) >= 0],
};

export function isFunction(name: string): boolean {
  return Object.hasOwn(FUNCTIONS, name);
}

/** Throws MdkError for too few arguments and for values that the function does not take. */
export function callFunction(name: string, values: readonly Value[]): Value {
  const [least, call] = FUNCTIONS[name]!;
  if (values.length < least) throw failed(name, `wrong number of args for ${name}: want at least ${least} got ${values.length}`);
  return call(...values);
}
