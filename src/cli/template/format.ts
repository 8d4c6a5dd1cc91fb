/** How Go prints values: fmt's Sprint, Sprintln and Sprintf. Pure. */
import { formatFloat, formatInteger, formatText, padded, type VerbFlags } from "./verbs.ts";
import { Float, GoMap, JsonNumber, Nil, Slice, Struct, typeOf, type Value } from "./value.ts";
import { Worded } from "./worded.ts";

const PLAIN: VerbFlags = { plus: false, minus: false, sharp: false, blank: false, zero: false, width: null, precision: null, plusV: false, sharpV: false };

/** %v. */
export function show(value: Value): string {
  return formatValue(value, "v", PLAIN);
}

/** %v of what something else holds: not as a pointer. */
export function showInner(value: Value): string {
  return formatValue(value, "v", PLAIN, true);
}

/** fmt.Sprint: blanks between two of which neither is a string. */
export function sprint(values: readonly Value[]): string {
  return values.map((value, index) => (index > 0 && typeof value !== "string" && typeof values[index - 1] !== "string" ? " " : "") + show(value)).join("");
}

/** fmt.Sprintln. */
export function sprintln(values: readonly Value[]): string {
  return `${values.map(show).join(" ")}\n`;
}

/** fmt.Sprintf, its complaints ("%!d(string=x)") included. */
export function sprintf(format: string, values: readonly Value[]): string {
  return new Printing(format, values).run();
}

/** Of a width, a precision (fmt/print.go, tooLarge). */
const NUMBER_MAX = 1e6;

class Printing {
  readonly #format: string;
  readonly #values: readonly Value[];
  #at = 0;
  #next = 0;
  /** An index was given: then nothing is too many. */
  #reordered = false;
  #goodIndex = true;

  constructor(format: string, values: readonly Value[]) {
    this.#format = format;
    this.#values = values;
  }

  run(): string {
    const parts: string[] = [];
    while (this.#at < this.#format.length) {
      const percent = this.#format.indexOf("%", this.#at);
      parts.push(this.#format.slice(this.#at, percent === -1 ? undefined : percent));
      if (percent === -1) break;
      this.#at = percent + 1;
      parts.push(this.#verb());
    }
    const rest = this.#values.slice(this.#next);
    if (!this.#reordered && rest.length > 0) {
      parts.push(`%!(EXTRA ${rest.map((value) => (value === null || value === undefined ? "<nil>" : `${typeOf(value)}=${show(value)}`)).join(", ")})`);
    }
    return parts.join("");
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#format)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  /** "[2]": the number of the argument that is next. */
  #index(): boolean {
    if (this.#format[this.#at] !== "[") return false;
    this.#reordered = true;
    const text = this.#match(/\[[^\]]*\]?/y);
    const number = /^\[(\d+)\]$/.exec(text)?.[1];
    const sound = number !== undefined && Number(number) >= 1 && Number(number) <= this.#values.length;
    if (sound) this.#next = Number(number) - 1;
    else this.#goodIndex = false;
    return true;
  }

  /** A width or precision: digits, or "*" for the next argument. Undefined: there is none. Null: an argument that is no number. */
  #number(): number | null | undefined {
    if (this.#format[this.#at] !== "*") {
      const digits = this.#match(/\d+/y);
      // Go's parsenum gives up, and with it the rest of the format, at a digit behind more than a million.
      if (Number(digits.slice(0, -1)) > NUMBER_MAX) this.#at = this.#format.length;
      return digits === "" ? undefined : Number(digits);
    }
    this.#at++;
    const value = this.#values[this.#next++];
    return typeof value === "number" && Math.abs(value) <= NUMBER_MAX ? value : null;
  }

  #verb(): string {
    this.#goodIndex = true;
    const given = this.#match(/[+\-# 0]*/y);
    const has = (flag: string): boolean => given.includes(flag);
    const complaints: string[] = [];
    let after = this.#index();
    let width = this.#number();
    if (width === null) complaints.push("%!(BADWIDTH)");
    if (after && width !== undefined && width !== null && this.#format[this.#at - 1] !== "*") this.#goodIndex = false;
    const left = has("-") || (width ?? 0) < 0;
    if (width !== undefined && width !== null) width = Math.abs(width);
    let precision: number | null | undefined;
    if (this.#format[this.#at] === ".") {
      this.#at++;
      after = this.#index();
      precision = this.#number();
      if (precision === null || (precision ?? 0) < 0) complaints.push("%!(BADPREC)");
      if (precision === undefined) precision = 0;
    }
    this.#index();
    const verb = String.fromCodePoint(this.#format.codePointAt(this.#at) ?? 0);
    if (this.#at >= this.#format.length) return `${complaints.join("")}%!(NOVERB)`;
    this.#at += verb.length;
    if (verb === "%") return `${complaints.join("")}%`;
    if (!this.#goodIndex) return `${complaints.join("")}%!${verb}(BADINDEX)`;
    if (this.#next >= this.#values.length) return `${complaints.join("")}%!${verb}(MISSING)`;
    const v = verb === "v";
    const flags: VerbFlags = {
      plus: has("+") && !v, minus: left, sharp: has("#") && !v, blank: has(" "), zero: has("0") && !left,
      width: width ?? null, precision: precision === undefined || precision === null || precision < 0 ? null : precision, plusV: has("+") && v, sharpV: has("#") && v,
    };
    return complaints.join("") + formatValue(this.#values[this.#next++], verb, flags);
  }
}

/** One argument of one verb. */
function formatValue(value: Value, verb: string, flags: VerbFlags, inner = false): string {
  if (verb === "T" && !inner) return padded(typeOf(value), flags);
  if (value === null || value === undefined) return verb === "v" ? padded(inner && flags.sharpV ? "interface {}(nil)" : "<nil>", flags) : `%!${verb}(<nil>)`;
  if (typeof value === "boolean") return verb === "v" || verb === "t" ? padded(String(value), flags) : wrong(value, verb, flags);
  if (typeof value === "string" || value instanceof JsonNumber) return formatText(typeof value === "string" ? value : value.text, verb, flags) ?? wrong(value, verb, flags);
  if (typeof value === "number" || typeof value === "bigint") return formatInteger(BigInt(value), verb, flags) ?? wrong(value, verb, flags);
  if (value instanceof Float) return formatFloat(value.value, verb, flags) ?? wrong(value, verb, flags);
  if (value instanceof Worded) return formatText(value.text, verb, flags) ?? (typeof value.value === "number" ? formatInteger(BigInt(value.value), verb, flags) : null) ?? wrong(value, verb, flags);
  return (!inner && value instanceof Struct && value.type.startsWith("*") ? "&" : "") + formatComposite(value, verb, flags);
}

function formatComposite(value: Slice | GoMap | Struct | Nil, verb: string, flags: VerbFlags): string {
  const item = (inner: Value): string => formatValue(inner, verb, flags, true);
  if (value instanceof Nil) {
    if (value.kind === "pointer") return verb === "v" ? padded(flags.sharpV ? `(${value.type})(nil)` : "<nil>", flags) : `%!${verb}(${value.type}=<nil>)`;
    if (flags.sharpV) return `${value.type}(nil)`;
    return value.kind === "map" ? "map[]" : "[]";
  }
  if (value instanceof Slice) {
    return flags.sharpV ? `${value.type}{${value.items.map(item).join(", ")}}` : `[${value.items.map(item).join(" ")}]`;
  }
  const key = (name: string): string => (value instanceof GoMap ? item(name) : name);
  const pairs = [...value.entries].map(([name, inner]) => [key(name), item(inner)] as const);
  if (flags.sharpV) return `${value.type}{${pairs.map((pair) => pair.join(":")).join(", ")}}`;
  if (value instanceof GoMap) return `map[${pairs.map((pair) => pair.join(":")).join(" ")}]`;
  return `{${pairs.map(([name, inner]) => (flags.plusV ? `${name}:${inner}` : inner)).join(" ")}}`;
}

/** A verb that the value has not. */
function wrong(value: Value, verb: string, flags: VerbFlags): string {
  return `%!${verb}(${typeOf(value)}=${formatValue(value, "v", flags, true)})`;
}
