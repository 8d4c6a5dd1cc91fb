/** The verbs of fmt for texts and numbers (fmt/format.go, strconv). Pure. */

export interface VerbFlags {
  readonly plus: boolean;
  readonly minus: boolean;
  readonly sharp: boolean;
  readonly blank: boolean;
  readonly zero: boolean;
  readonly width: number | null;
  readonly precision: number | null;
  /** "%+v", "%#v". */
  readonly plusV: boolean;
  readonly sharpV: boolean;
}

/** Blanks up to the width, counted in characters. */
export function padded(text: string, flags: VerbFlags): string {
  const missing = (flags.width ?? 0) - [...text].length;
  if (missing <= 0) return text;
  return flags.minus ? text + " ".repeat(missing) : (flags.zero ? "0" : " ").repeat(missing) + text;
}

/** %v %s %q %x %X of a string; null: it has no such verb. */
export function formatText(whole: string, verb: string, flags: VerbFlags): string | null {
  const text = flags.precision === null || verb === "x" || verb === "X" ? whole : [...whole].slice(0, flags.precision).join("");
  switch (verb) {
    case "v":
      return padded(flags.sharpV ? quoted(text, flags) : text, flags);
    case "s":
      return padded(text, flags);
    case "q":
      return padded(quoted(text, flags), flags);
    case "x":
    case "X": {
      const bytes = Buffer.from(whole).subarray(0, flags.precision ?? undefined);
      const prefix = flags.sharp && bytes.length > 0 ? "0x" : "";
      const pairs = [...bytes].map((byte) => byte.toString(16).padStart(2, "0"));
      const hex = flags.blank ? pairs.map((pair, index) => (index === 0 || flags.sharp ? prefix : "") + pair).join(" ") : prefix + pairs.join("");
      return padded(verb === "X" ? hex.toUpperCase() : hex, flags);
    }
    default:
      return null;
  }
}

const SHORT: Readonly<Record<string, string>> = { "\x07": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\" };

/** strconv.Quote; with "#" in backquotes where that can be, with "+" in ASCII. */
function quoted(text: string, flags: VerbFlags): string {
  if (flags.sharp && !/[\0-\x08\x0a-\x1f\x7f`\ufeff]/.test(text)) return `\`${text}\``;
  return `"${[...text].map((c) => escaped(c, '"', flags.plus)).join("")}"`;
}

function escaped(c: string, quote: string, ascii: boolean): string {
  if (c === quote) return `\\${c}`;
  if (Object.hasOwn(SHORT, c)) return SHORT[c]!;
  const code = c.codePointAt(0)!;
  if (code < 0x80 ? code >= 0x20 && code !== 0x7f : !ascii && isPrintable(c)) return c;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** unicode.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII blank. */
function isPrintable(c: string): boolean {
  return c === " " || /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(c);
}

const BASES: Readonly<Record<string, readonly [base: number, prefix: string]>> = { v: [10, ""], d: [10, ""], b: [2, "0b"], o: [8, "0"], O: [8, "0o"], x: [16, "0x"], X: [16, "0X"] };

/** %v %d %b %o %O %x %X %c %q %U of a whole number. */
export function formatInteger(value: bigint, verb: string, flags: VerbFlags): string | null {
  if (verb === "c" || verb === "q") {
    const c = value >= 0n && value <= 0x10ffffn && !(value >= 0xd800n && value < 0xe000n) ? String.fromCodePoint(Number(value)) : "\ufffd";
    return padded(verb === "c" ? c : `'${escaped(c, "'", flags.plus)}'`, flags);
  }
  if (verb === "U") {
    const code = `U+${value.toString(16).toUpperCase().padStart(Math.max(4, flags.precision ?? 4), "0")}`;
    const c = value <= 0x10ffffn ? String.fromCodePoint(Number(value)) : "";
    return padded(flags.sharp && isPrintable(c) ? `${code} '${c}'` : code, { ...flags, zero: false });
  }
  const how = BASES[verb];
  if (how === undefined) return null;
  const [base, prefix] = how;
  if (flags.precision === 0 && value === 0n) return padded("", { ...flags, zero: false });
  const magnitude = (value < 0n ? -value : value).toString(base);
  const sign = value < 0n ? "-" : flags.plus ? "+" : flags.blank ? " " : "";
  const least = flags.precision ?? (flags.zero && flags.width !== null ? flags.width - sign.length : 0);
  let digits = magnitude.padStart(least, "0");
  if (verb === "X") digits = digits.toUpperCase();
  const shownPrefix = verb === "O" || (flags.sharp && !(base === 8 && digits.startsWith("0"))) ? prefix : "";
  return padded(sign + shownPrefix + digits, { ...flags, zero: false });
}

/** %v %e %E %f %F %g %G %b %x %X of a float. */
export function formatFloat(value: number, verb: string, flags: VerbFlags): string | null {
  const digits = digitsOf(Math.abs(value), verb, flags);
  if (digits === null) return null;
  const sign = value < 0 || Object.is(value, -0) ? "-" : flags.plus ? "+" : flags.blank ? " " : "";
  // Zeros stand behind the sign.
  if (flags.zero && flags.width !== null && Number.isFinite(value)) return sign + digits.padStart(flags.width - sign.length, "0");
  return padded(sign + digits, { ...flags, zero: false });
}

function digitsOf(value: number, verb: string, { precision, sharp }: VerbFlags): string | null {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : "+Inf";
  switch (verb) {
    case "e":
    case "E": {
      const text = exponential(value, precision ?? 6);
      return verb === "E" ? text.toUpperCase() : text;
    }
    case "f":
    case "F":
      return fixed(value, precision ?? 6);
    case "v":
    case "g":
    case "G": {
      const text = general(value, precision, sharp);
      return verb === "G" ? text.toUpperCase() : text;
    }
    case "b":
      return binary(value);
    case "x":
    case "X": {
      const text = hexadecimal(value, precision);
      return verb === "X" ? text.toUpperCase() : text;
    }
    default:
      return null;
  }
}

/** The value times 10 to the power of `decimals`, rounded half to even, which JavaScript's own functions do not. */
function scaled(value: number, decimals: number): bigint {
  const [mantissa, exponent] = parts(value);
  const above = mantissa * 10n ** BigInt(Math.max(0, decimals)) * 2n ** BigInt(Math.max(0, exponent));
  const below = 10n ** BigInt(Math.max(0, -decimals)) * 2n ** BigInt(Math.max(0, -exponent));
  const [whole, rest] = [above / below, (above % below) * 2n];
  return rest > below || (rest === below && whole % 2n === 1n) ? whole + 1n : whole;
}

/** One digit, `digits` behind the point, and two of exponent at least; null: as many as tell it apart from its neighbours. */
function exponential(value: number, digits: number | null): string {
  let [mantissa = "", exponent = ""] = value.toExponential().split("e");
  if (digits !== null && value !== 0) {
    const all = scaled(value, digits - Number(exponent)).toString();
    // 9.99 becomes 10.0.
    if (all.length > digits + 1) exponent = String(Number(exponent) + 1);
    mantissa = all[0] + (digits === 0 ? "" : `.${all.slice(1, digits + 1)}`);
  } else if (digits !== null) mantissa = digits === 0 ? "0" : `0.${"0".repeat(digits)}`;
  const sign = Number(exponent) < 0 ? "-" : "+";
  return `${mantissa}e${sign}${String(Math.abs(Number(exponent))).padStart(2, "0")}`;
}

function fixed(value: number, digits: number): string {
  const all = scaled(value, digits).toString().padStart(digits + 1, "0");
  return digits === 0 ? all : `${all.slice(0, -digits)}.${all.slice(-digits)}`;
}

/** The shorter of both forms: an exponent below -4, and from `precision` digits on (six, for as many digits as it takes). */
function general(value: number, precision: number | null, sharp: boolean): string {
  const wanted = precision === null ? null : Math.max(1, precision);
  const [mantissa = "", power = ""] = exponential(value, wanted === null ? null : wanted - 1).split("e");
  const exponent = Number(power);
  const significant = mantissa.replace(".", "").replace(/0+$/, "").length || 1;
  const least = wanted === null ? 6 : wanted > significant && significant >= exponent + 1 ? significant : wanted;
  const trimmed = (digits: string): string => (digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits);
  const short = exponent < -4 || exponent >= least;
  const text = trimmed(short ? mantissa : fixed(value, Math.max(0, (wanted ?? significant) - 1 - exponent)));
  const missing = sharp ? (wanted ?? 6) - text.replace(".", "").replace(/^0+/, "").length : 0;
  const full = missing > 0 ? `${text}${text.includes(".") ? "" : "."}${"0".repeat(missing)}` : text;
  return short ? `${full}e${power}` : full;
}

/** Of a double: its whole mantissa and the power of two. */
function parts(value: number): readonly [mantissa: bigint, exponent: number] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & ((1n << 52n) - 1n);
  return exponent === 0 ? [fraction, -1074] : [fraction | (1n << 52n), exponent - 1075];
}

function binary(value: number): string {
  const [mantissa, exponent] = parts(value);
  return `${mantissa}p${exponent < 0 ? "" : "+"}${exponent}`;
}

function hexadecimal(value: number, precision: number | null): string {
  let [mantissa, exponent] = parts(value);
  if (mantissa === 0n) return `0x0${precision ? `.${"0".repeat(precision)}` : ""}p+00`;
  while (mantissa < 1n << 52n) [mantissa, exponent] = [mantissa << 1n, exponent - 1];
  exponent += 52;
  if (precision !== null && precision < 13) {
    const drop = BigInt(4 * (13 - precision));
    const half = 1n << (drop - 1n);
    const rest = mantissa & ((1n << drop) - 1n);
    let kept = mantissa >> drop;
    if (rest > half || (rest === half && (kept & 1n) === 1n)) kept++;
    mantissa = kept << drop;
    if (mantissa >> 53n) [mantissa, exponent] = [mantissa >> 1n, exponent + 1];
  }
  const hex = mantissa.toString(16).slice(1);
  const fraction = precision === null ? hex.replace(/0+$/, "") : hex.slice(0, precision).padEnd(precision, "0");
  return `0x1${fraction === "" ? "" : `.${fraction}`}p${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
