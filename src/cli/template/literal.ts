/** Literals of Go: strings, runes and numbers (strconv.Unquote, parse.NumberNode). Pure. */
import { Float, type Value } from "./value.ts";

const SIMPLE: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", "\\": "\\", "'": "'", '"': '"' };
const ESCAPE = /\\(?:([abfnrtv\\'"])|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|[^]?)/g;

/** The text of "…", `…` or '…'; null: no literal. Bytes of \x80 and up are taken as code points: JavaScript's strings have no bytes. */
export function unquote(literal: string): string | null {
  const quote = literal[0];
  const inner = literal.slice(1, -1);
  if (quote === "`") return inner.replaceAll("\r", "");
  let sound = true;
  const text = inner.replace(ESCAPE, (whole, simple: string | undefined, ...numbers: (string | undefined)[]) => {
    const [byte, four, eight, octal] = numbers;
    // A quote is escaped in its own kind of literal only.
    if (simple !== undefined && !((simple === "'" || simple === '"') && simple !== quote)) return SIMPLE[simple]!;
    const code = octal !== undefined ? parseInt(octal, 8) : simple === undefined ? parseInt(byte ?? four ?? eight ?? "x", 16) : NaN;
    sound &&= code <= (octal === undefined ? 0x10ffff : 255) && !(code >= 0xd800 && code < 0xe000);
    return sound ? String.fromCodePoint(code) : whole;
  });
  return sound ? text : null;
}

/** Of a rune literal or a number; null: no number. "overflow": an integer of more than 64 bits (one of 64 without a sign is for who uses it to refuse). */
export function parseNumber(text: string): Value | "overflow" {
  if (text.startsWith("'")) {
    const rune = unquote(text);
    return rune === null || [...rune].length !== 1 ? null : rune.codePointAt(0)!;
  }
  const sign = text.startsWith("-") ? -1n : 1n;
  const digits = text.replace(/^[+-]/, "");
  if (!underscoresSound(digits)) return null;
  const plain = digits.replaceAll("_", "");
  if (/^(0[xX][\da-fA-F]+|0[bB][01]+|0[oO][0-7]+|0|[1-9]\d*|0[0-7]+)$/.test(plain)) {
    const whole = sign * BigInt(/^0[0-7]+$/.test(plain) ? `0o${plain.slice(1)}` : plain.toLowerCase());
    if (whole >= 2n ** 64n || whole < -(2n ** 63n)) return "overflow";
    return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
  }
  const hex = /^0[xX]([\da-fA-F]*)(?:\.([\da-fA-F]*))?[pP]([+-]?\d+)$/.exec(plain);
  if (hex !== null) {
    const [, whole = "", fraction = "", exponent = ""] = hex;
    return whole + fraction === "" ? null : new Float(Number(sign) * parseInt(whole + fraction, 16) * 2 ** (Number(exponent) - 4 * fraction.length));
  }
  if (/^0\d+$/.test(plain)) return "overflow"; // 08, in Go's words
  if (!/^(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(plain)) return null;
  const float = Number(sign) * Number(plain);
  // 1e3 is a whole number too, and written with an exponent a float all the same.
  return Number.isFinite(float) && /[.eE]/.test(plain) ? new Float(float) : null;
}

/** Between digits, or behind a prefix. */
function underscoresSound(digits: string): boolean {
  return !digits.includes("_") || (/^(0[xXbBoO]_?)?[\da-fA-F]+(_[\da-fA-F]+)*([.pPeE+-][\d_a-fA-F.+pP-]*)?$/.test(digits) && !/__|_$/.test(digits) && /^0/.test(digits) === /^0(_|[xXbBoO]|\.|$|\d)/.test(digits));
}
