/** From the text of a Go template to nodes (text/template/parse). Pure. */
import { MdkError } from "../../error.ts";
import { isFunction, type Value } from "./template-functions.ts";

export type Operand =
  | { readonly kind: "literal"; readonly value: Value }
  | { readonly kind: "function"; readonly name: string }
  /** `of`: a variable's name, or null for the dot. */
  | { readonly kind: "field"; readonly of: string | null; readonly path: readonly string[] }
  | { readonly kind: "pipeline"; readonly pipeline: Pipeline; readonly path: readonly string[] };

/** A function or an operand, and arguments. */
export type Command = readonly Operand[];

export interface Pipeline {
  /** Names that are set to its value, with their "$". */
  readonly variables: readonly string[];
  readonly commands: readonly Command[];
}

interface Block {
  readonly pipeline: Pipeline;
  readonly body: Node[];
  readonly otherwise: Node[];
}

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipeline: Pipeline }
  | ({ readonly kind: "if" } & Block)
  | ({ readonly kind: "with" } & Block)
  | ({ readonly kind: "range" } & Block);

function parsing(problem: string): MdkError {
  return new MdkError("template", `template parsing error: template: :1: ${problem}`);
}

interface Open {
  readonly into: Node[];
  /** What `{{else}}` turns to; null at the top, and after it was met. */
  readonly otherwise: Node[] | null;
  /** Blocks that one `{{end}}` closes: an `{{else if}}` adds one. */
  readonly ends: number;
}

/** Throws MdkError "template". */
export function parseTemplate(template: string): readonly Node[] {
  const top: Node[] = [];
  const open: Open[] = [{ into: top, otherwise: null, ends: 0 }];
  let position = 0;
  let trim = false;
  for (;;) {
    const start = template.indexOf("{{", position);
    let text = template.slice(position, start === -1 ? undefined : start);
    if (trim) text = text.trimStart();
    const before = start !== -1 && /^-\s/.test(template.slice(start + 2));
    if (before) text = text.trimEnd();
    if (text !== "") open.at(-1)!.into.push({ kind: "text", text: unescape(text) });
    if (start === -1) break;
    const end = endOfAction(template, start + 2);
    const action = template.slice(start + 2, end);
    trim = /\s-$/.test(action);
    addAction(action.slice(before ? 1 : 0, trim ? -1 : undefined).trim(), open);
    position = end + 2;
  }
  if (open.length > 1) throw parsing("unexpected EOF");
  return top;
}

/** Docker replaces \t and \n that a shell left as they are. */
function unescape(text: string): string {
  return text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

function endOfAction(template: string, from: number): number {
  const found = /^(?:"(?:[^"\\]|\\.)*"|`[^`]*`|\/\*[^]*?\*\/|(?!\}\})[^])*?\}\}/.exec(template.slice(from));
  if (found === null) throw parsing("unclosed action");
  return from + found[0].length - 2;
}

function addAction(action: string, open: Open[]): void {
  if (action.startsWith("/*")) return;
  const [word = "", rest = ""] = /^(\w+)\b\s*([^]*)$/.exec(action)?.slice(1) ?? [];
  const current = open.at(-1)!;
  if (word === "if" || word === "with" || word === "range") return openBlock(word, rest, current.into, open, 1);
  if (word === "end" && rest === "") {
    if (open.length === 1) throw parsing("unexpected {{end}}");
    for (let count = current.ends; count > 0; count--) open.pop();
    return;
  }
  if (word === "else") {
    if (current.otherwise === null) throw parsing("unexpected {{else}}");
    const chained = /^(if|with)\b\s*([^]*)$/.exec(rest);
    open.pop();
    if (chained !== null) {
      open.push({ into: current.otherwise, otherwise: null, ends: current.ends });
      openBlock(chained[1] as "if", chained[2]!, current.otherwise, open, current.ends + 1);
    } else if (rest === "") open.push({ into: current.otherwise, otherwise: null, ends: current.ends });
    else throw parsing(`unexpected ${JSON.stringify(rest)} in else`);
    return;
  }
  current.into.push({ kind: "action", pipeline: parsePipeline(action) });
}

function openBlock(kind: "if" | "with" | "range", text: string, into: Node[], open: Open[], ends: number): void {
  const block: Block = { pipeline: parsePipeline(text), body: [], otherwise: [] };
  into.push({ kind, ...block });
  open.push({ into: block.body, otherwise: block.otherwise, ends });
}

const TOKEN = /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|:=|[|(),]|\$?\w*(?:\.\w+)+|\$\w*|-?\d+(?:\.\d+)?|\.|\w+|\S)/y;

function parsePipeline(text: string): Pipeline {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) tokens.push(match[1]!);
  const pipeline = readPipeline(tokens);
  if (tokens.length > 0) throw parsing(`unexpected ${JSON.stringify(tokens[0])} in operand`);
  return pipeline;
}

/** Takes its tokens away. */
function readPipeline(tokens: string[]): Pipeline {
  const variables: string[] = [];
  const assigned = tokens.indexOf(":=");
  if (assigned !== -1 && tokens.slice(0, assigned).every((token) => token === "," || /^\$\w+$/.test(token))) {
    variables.push(...tokens.splice(0, assigned + 1).filter((token) => token.startsWith("$")));
  }
  const commands: Operand[][] = [[]];
  while (tokens.length > 0 && tokens[0] !== ")") {
    const token = tokens.shift()!;
    if (token === "|") commands.push([]);
    else commands.at(-1)!.push(readOperand(token, tokens));
  }
  if (commands.some((command) => command.length === 0)) throw parsing("missing value for command");
  return { variables, commands };
}

function readOperand(token: string, tokens: string[]): Operand {
  if (token === "(") {
    const pipeline = readPipeline(tokens);
    if (tokens.shift() !== ")") throw parsing("unclosed left paren");
    const path = /^(?:\.\w+)+$/.test(tokens[0] ?? "") ? tokens.shift()!.slice(1).split(".") : [];
    return { kind: "pipeline", pipeline, path };
  }
  if (token.startsWith('"')) return { kind: "literal", value: JSON.parse(token) as string };
  if (token.startsWith("`")) return { kind: "literal", value: token.slice(1, -1) };
  if (/^-?\d/.test(token)) return { kind: "literal", value: Number(token) };
  if (token === "true" || token === "false") return { kind: "literal", value: token === "true" };
  if (token === "nil") return { kind: "literal", value: null };
  if (token === ".") return { kind: "field", of: null, path: [] };
  const [head = "", ...path] = token.split(".");
  if (head === "") return { kind: "field", of: null, path };
  if (head.startsWith("$")) return { kind: "field", of: head, path };
  if (path.length === 0 && isFunction(head)) return { kind: "function", name: head };
  throw parsing(`function ${JSON.stringify(head)} not defined`);
}
