/**
 * Values of a template as Go has them: JSON's, told apart where Go's types print, range and compare differently. Strings,
 * booleans and whole numbers are JavaScript's; null is a nil interface, undefined no value at all. Pure.
 */

import { duration, moment, Worded } from "./worded.ts";

export type Value = null | undefined | string | boolean | number | bigint | Float | JsonNumber | Worded | Slice | GoMap | Struct | Nil;

/** What a function objects to: told after "error calling NAME: ". */
export class Problem extends Error {}

export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A number of a document that was read without types: Go's json.Number, a kind of string. */
export class JsonNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export class Slice {
  readonly items: readonly Value[];
  readonly type: string;
  constructor(items: readonly Value[], type: string) {
    this.items = items;
    this.type = type;
  }
}

/** Ordered by its keys, as Go prints, ranges and encodes maps. */
export class GoMap {
  readonly entries: ReadonlyMap<string, Value>;
  readonly type: string;
  constructor(entries: readonly (readonly [string, Value])[], type: string) {
    this.entries = new Map([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
    this.type = type;
  }
}

/** Go methods that a template may call on the whole object, with one string: `{{.Label "a"}}`. */
export type Methods = Readonly<Record<string, (argument: string) => string>>;

export class Struct {
  readonly entries: ReadonlyMap<string, Value>;
  readonly type: string;
  /** Other names of members: Go's where JSON's differ. */
  readonly names: Readonly<Record<string, string>>;
  /** Null: it is data. A row of a list has methods instead of members. */
  readonly methods: Methods | null;
  /** Members that JSON leaves out. */
  readonly hidden: readonly string[];
  constructor(type: string, entries: ReadonlyMap<string, Value>, how: Partial<Pick<Struct, "names" | "methods" | "hidden">> = {}) {
    this.type = type;
    this.entries = entries;
    this.names = how.names ?? {};
    this.methods = how.methods ?? null;
    this.hidden = how.hidden ?? [];
  }
}

/** A nil that has a type: JSON has null for it. */
export class Nil {
  readonly kind: "slice" | "map" | "pointer";
  readonly type: string;
  constructor(kind: "slice" | "map" | "pointer", type: string) {
    this.kind = kind;
    this.type = type;
  }
}

/** What Go's types know of a document and its JSON does not say. */
export interface Shape {
  /** Names of the types of structs by the member they are, that of the whole under "". */
  readonly types: Readonly<Record<string, string>>;
  /** Members that are maps in Go ("Labels", or "LogConfig.Config" where the name alone does not tell); objects of others are structs. */
  readonly maps: ReadonlySet<string>;
  /** Members whose null is a nil of this kind; others' are interfaces. */
  readonly nils: Readonly<Record<string, Nil["kind"]>>;
  /** Go's name of a member where JSON's is another. */
  readonly names: Readonly<Record<string, string>>;
  /**
   * Members of a struct in Go's order, by its path ("", "Config", "Mounts.?" for the items of that list), separated by blanks. "Name:KIND": JSON leaves it
   * out while it has the zero value of its type: "slice", "map", "pointer", "string", "number", "bool", or "duration". "Name:time" is a time.Time.
   */
  readonly members: Readonly<Record<string, string>>;
}

/** Stands for the name of what has none: items of lists and maps. */
const ITEM = "?";

/** JSON with Go's types. `path`: where in the document it is. */
export function typed(document: unknown, shape: Shape, path = ""): Value {
  const [name = "", parent = ""] = path.split(".").reverse();
  if (document === null || document === undefined) return Object.hasOwn(shape.nils, name) ? new Nil(shape.nils[name]!, NIL_TYPES[shape.nils[name]!]) : null;
  if (typeof document === "number") return Number.isInteger(document) ? document : new Float(document);
  if (typeof document !== "object") return document as string | boolean;
  const below = (member: string): string => (path === "" ? member : `${path}.${member}`);
  if (Array.isArray(document)) {
    return new Slice(document.map((item) => typed(item, shape, below(ITEM))), document.every((item) => typeof item === "string") ? "[]string" : "[]interface {}");
  }
  const entries = Object.entries(document);
  if (shape.maps.has(name) || shape.maps.has(`${parent}.${name}`)) {
    const type = entries.every(([, value]) => typeof value === "string") ? "map[string]string" : "map[string]interface {}";
    return new GoMap(entries.map(([key, value]) => [key, value === null ? new Nil("slice", NIL_TYPES.slice) : typed(value, shape, below(ITEM))]), type);
  }
  return struct(new Map(entries.map(([key, value]) => [key, typed(value, shape, below(key.replaceAll(".", "_")))])), shape, { path, name });
}

/** The members of the document in Go's order, with those that JSON leaves out. */
function struct(given: ReadonlyMap<string, Value>, shape: Shape, { path, name }: { readonly path: string; readonly name: string }): Struct {
  const hidden: string[] = [];
  const members = new Map<string, Value>();
  for (const [member, kind] of (own(shape.members, path) ?? "").split(" ").map((word) => word.split(":") as [string, string?])) {
    if (given.has(member)) members.set(member, worded(given.get(member), kind));
    else if (kind !== undefined) {
      members.set(member, zeroOf(kind as Zero));
      hidden.push(member);
    }
  }
  for (const [member, value] of given) if (!members.has(member)) members.set(member, value);
  return new Struct(own(shape.types, name) ?? "struct", members, { names: shape.names, hidden });
}

function worded(value: Value, kind: string | undefined): Value {
  if (kind === "duration" && typeof value === "number") return duration(value);
  return kind === "time" && typeof value === "string" ? moment(value) ?? value : value;
}

type Zero = Nil["kind"] | "string" | "number" | "bool" | "duration" | "time";

function zeroOf(kind: Zero): Value {
  switch (kind) {
    case "string":
      return "";
    case "number":
      return 0;
    case "bool":
      return false;
    case "duration":
      return duration(0);
    case "time":
      return moment("0001-01-01T00:00:00Z");
    default:
      return new Nil(kind, NIL_TYPES[kind]);
  }
}

/** A member may be called "constructor". */
function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

export const NIL_TYPES = { slice: "[]string", map: "map[string]string", pointer: "*struct" } as const;

/** JSON as Go reads it into an interface: maps, slices, numbers as they were written. */
export function untyped(document: unknown): Value {
  if (document === null || document === undefined) return null;
  if (typeof document === "number") return new JsonNumber(String(document));
  if (typeof document !== "object") return document as string | boolean;
  if (Array.isArray(document)) return new Slice(document.map(untyped), "[]interface {}");
  return new GoMap(Object.entries(document).map(([key, value]) => [key, untyped(value)]), "map[string]interface {}");
}

/** As Go's %T names it. */
export function typeOf(value: Value): string {
  if (value === null || value === undefined) return "<nil>";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  if (typeof value === "number" || typeof value === "bigint") return "int";
  if (value instanceof Float) return "float64";
  return value instanceof JsonNumber ? "json.Number" : value.type;
}

/** text/template's truth: not the zero value, and not empty. */
export function truth(value: Value): boolean {
  if (value instanceof Float) return value.value !== 0;
  if (value instanceof JsonNumber) return value.text !== "";
  if (value instanceof Worded) return value.value !== 0;
  if (value instanceof Slice) return value.items.length > 0;
  if (value instanceof GoMap) return value.entries.size > 0;
  if (value instanceof Nil) return false;
  return value instanceof Struct || Boolean(value);
}

/** Bytes of a string, items of a list or a map; null: it has no length. */
export function lengthOf(value: Value): number | null {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (value instanceof JsonNumber) return value.text.length;
  if (value instanceof Slice) return value.items.length;
  if (value instanceof GoMap) return value.entries.size;
  return value instanceof Nil && value.kind !== "pointer" ? 0 : null;
}

/** encoding/json's compact form, without its escapes for HTML; a row of a list has them, and its keys in order. */
export function jsonOf(value: Value): string {
  if (value === null || value === undefined || value instanceof Nil) return "null";
  if (typeof value === "string") return JSON.stringify(value).replace(/[\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
  if (value instanceof Float) return String(value.value);
  if (value instanceof JsonNumber) return value.text;
  if (value instanceof Worded) return JSON.stringify(value.value);
  if (value instanceof Slice) return `[${value.items.map(jsonOf).join(",")}]`;
  if (!(value instanceof GoMap || value instanceof Struct)) return String(value);
  const members = [...value.entries].filter(([key]) => !(value instanceof Struct && value.hidden.includes(key)));
  const row = value instanceof Struct && value.methods !== null;
  if (row) members.sort(([a], [b]) => (a < b ? -1 : 1));
  const text = `{${members.map(([key, item]) => `${JSON.stringify(key)}:${jsonOf(item)}`).join(",")}}`;
  return row ? text.replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`) : text;
}
