/**
 * The part of Go's text/template that people use with -f and --format: text, `{{.A.B}}`, `{{json .A}}`, `{{index .A "b"}}`,
 * `{{len .A}}`, `{{println}}`-free. Values are printed as Go prints them.
 */
import { MdkError } from "../error.ts";
import { json } from "./output.ts";

type Value = unknown;

/** Go methods that a template may call with one string: `{{.Label "a"}}`. */
export type Methods = Readonly<Record<string, (argument: string) => string>>;

/** Renders one object. Throws MdkError for what the subset lacks and for fields that are not there. */
export function renderTemplate(template: string, data: Value, methods: Methods = {}): string {
  let output = "";
  let position = 0;
  for (;;) {
    const open = template.indexOf("{{", position);
    if (open === -1) return output + unescape(template.slice(position));
    const close = template.indexOf("}}", open);
    if (close === -1) throw parsing("unclosed action", template);
    output += unescape(template.slice(position, open));
    output += evaluate(template.slice(open + 2, close).replace(/^-\s|\s-$/g, "").trim(), data, methods);
    position = close + 2;
  }
}

/** Docker replaces \t and \n that a shell left as they are. */
function unescape(text: string): string {
  return text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

function parsing(problem: string, at: string): MdkError {
  return new MdkError("template", `template parsing error: ${problem}: ${at}`, { hint: "mdk knows {{.A.B}}, {{json .A}}, {{index .A \"b\"}} and {{len .A}}" });
}

const WORD = /"(?:[^"\\]|\\.)*"|\S+/g;

function evaluate(action: string, data: Value, methods: Methods): string {
  const words = action.match(WORD) ?? [];
  const [first = "", ...rest] = words;
  if (first === "json" && rest.length === 1) return json(argument(rest[0]!, data));
  if (first === "len" && rest.length === 1) return String(lengthOf(argument(rest[0]!, data), action));
  if (first === "index" && rest.length >= 2) {
    return show(rest.slice(1).reduce((value, key) => member(value, String(argument(key, data)), action), argument(rest[0]!, data)));
  }
  if (rest.length === 1 && first.startsWith(".") && Object.hasOwn(methods, first.slice(1))) return methods[first.slice(1)]!(String(argument(rest[0]!, data)));
  if (words.length === 1 && first.startsWith(".")) return show(argument(first, data));
  throw parsing("unsupported action", `{{${action}}}`);
}

function argument(word: string, data: Value): Value {
  if (word.startsWith('"')) return JSON.parse(word) as string;
  if (/^-?\d+$/.test(word)) return Number(word);
  if (word === ".") return data;
  if (!word.startsWith(".")) throw parsing("unsupported operand", word);
  return word.slice(1).split(".").reduce((value, key) => member(value, key, word), data);
}

function member(value: Value, key: string, at: string): Value {
  if (Array.isArray(value) && /^\d+$/.test(key)) {
    if (Number(key) < value.length) return value[Number(key)];
  } else if (typeof value === "object" && value !== null && Object.hasOwn(value, key)) {
    return (value as Record<string, Value>)[key];
  }
  throw new MdkError("template-field", `template: :1: executing "" at <${at}>: map has no entry for key "${key}"`);
}

function lengthOf(value: Value, at: string): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  if (typeof value === "object" && value !== null) return Object.keys(value).length;
  throw parsing("len of a value that has none", at);
}

/** As Go's fmt prints %v. */
function show(value: Value): string {
  if (value === null || value === undefined) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(show).join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${show(item)}`).join(" ")}]`;
}
