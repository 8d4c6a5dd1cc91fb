/** From the text of a Go template to nodes (text/template/parse/parse.go), with Go's words for what is wrong. Pure. */
import { isFunction } from "./functions.ts";
import { KEYWORDS, type Kind, type Token } from "./lex.ts";
import { parseNumber, unquote } from "./literal.ts";
import type { Call, Node, Operand, Pipeline, Templates } from "./nodes.ts";
import { Reader } from "./reader.ts";

/** `name`: as errors call the template. Throws MdkError "template-parse". */
export function parseTemplate(input: string, name: string): Templates {
  return new Parser(input, name).run();
}

/** How deep parentheses may be; Go's 10 000 would end JavaScript's stack. */
const DEPTH_MAX = 1000;
const OPERANDS: ReadonlySet<Kind> = new Set<Kind>(["bool", "rune", "complex", "dot", "field", "identifier", "number", "nil", "raw", "string", "variable", "("]);

const isEnd = (node: Node | End): node is End => node.kind === "end" || node.kind === "else";

type End = { readonly kind: "end" | "else"; readonly text: string };

class Parser extends Reader {
  readonly #templates = new Map<string, readonly Node[]>();
  #variables = ["$"];
  #ranges = 0;
  #depth = 0;

  run(): Templates {
    const top: Node[] = [];
    while (this.peek().kind !== "end of file") {
      if (this.peek().kind === "left" && this.tokens.slice(this.at + 1).find(({ kind }) => kind !== "space")?.kind === "define") {
        this.next();
        this.skipBlanks();
        this.next();
        this.#define();
        continue;
      }
      const node = this.#textOrAction();
      if (isEnd(node)) this.fail(`unexpected ${node.text}`);
      else top.push(node);
    }
    this.#templates.set("", top);
    return this.#templates;
  }

  /** Variables of a definition are its own. */
  #isolated<T>(work: () => T): T {
    const [variables, ranges] = [this.#variables, this.#ranges];
    [this.#variables, this.#ranges] = [["$"], 0];
    const result = work();
    [this.#variables, this.#ranges] = [variables, ranges];
    return result;
  }

  #define(): void {
    const context = "define clause";
    const name = this.#templateName(this.nextSolid(), context);
    this.expect("right", context);
    this.#add(name, this.#isolated(() => this.#body(context)));
  }

  #body(context: string): readonly Node[] {
    const { nodes, end } = this.#list();
    if (end.kind !== "end") this.fail(`unexpected ${end.text} in ${context}`);
    return nodes;
  }

  /** The later one counts, unless it is empty and the earlier is not. */
  #add(name: string, nodes: readonly Node[]): void {
    const empty = nodes.every((node) => node.kind === "text" && node.text.trim() === "");
    if (!empty && this.#templates.has(name)) this.fail(`template: multiple definition of template ${JSON.stringify(name)}`);
    if (!empty || !this.#templates.has(name)) this.#templates.set(name, nodes);
  }

  #list(): { readonly nodes: readonly Node[]; readonly end: End } {
    const nodes: Node[] = [];
    while (this.skipBlanks().kind !== "end of file") {
      const node = this.#textOrAction();
      if (isEnd(node)) return { nodes, end: node };
      nodes.push(node);
    }
    this.next();
    this.fail("unexpected EOF");
  }

  #textOrAction(): Node | End {
    const token = this.nextSolid();
    if (token.kind === "text") return { kind: "text", text: token.text };
    if (token.kind !== "left") this.unexpected(token, "input");
    this.action = token.position;
    const node = this.#oneAction();
    this.action = null;
    return node;
  }

  #oneAction(): Node | End {
    const { kind } = this.skipBlanks();
    if (KEYWORDS.has(kind) && kind !== "nil" && kind !== "define") this.next();
    switch (kind) {
      case "break":
      case "continue":
        return this.#jump(kind);
      case "else": {
        const { kind: following } = this.skipBlanks();
        if (following !== "if" && following !== "with") this.expect("right", "else");
        return { kind: "else", text: "{{else}}" };
      }
      case "end":
        this.expect("right", "end");
        return { kind: "end", text: "{{end}}" };
      case "if":
      case "with":
      case "range":
        return this.#branch(kind);
      case "block":
      case "template":
        return this.#template(kind);
      default: {
        const pipeline = this.#pipeline("command", "right");
        return { kind: "action", pipeline, position: pipeline.position, text: `{{${pipeline.text}}}` };
      }
    }
  }

  #jump(kind: "break" | "continue"): Node {
    const token = this.nextSolid();
    if (token.kind !== "right") this.unexpected(token, `{{${kind}}}`);
    if (this.#ranges === 0) this.fail(`{{${kind}}} outside {{range}}`);
    return { kind };
  }

  #branch(kind: "if" | "with" | "range"): Node {
    const mark = this.#variables.length;
    const pipeline = this.#pipeline(kind, "right");
    if (kind === "range") this.#ranges++;
    const { nodes: body, end } = this.#list();
    if (kind === "range") this.#ranges--;
    let otherwise: readonly Node[] = [];
    if (end.kind === "else" && kind !== "range" && this.peek().kind === kind) {
      // Its {{end}} is this one's too.
      this.next();
      otherwise = [this.#branch(kind)];
    } else if (end.kind === "else") {
      const last = this.#list();
      if (last.end.kind !== "end") this.fail(`expected end; found ${last.end.text}`);
      otherwise = last.nodes;
    }
    this.#variables.length = mark;
    return { kind, pipeline, body, otherwise, position: pipeline.position, text: `{{${kind} ${pipeline.text}}}` };
  }

  #template(kind: "block" | "template"): Node {
    const context = `${kind} clause`;
    const token = this.nextSolid();
    const name = this.#templateName(token, context);
    let pipeline: Pipeline | null = null;
    if (kind === "template" && this.skipBlanks().kind === "right") this.next();
    else pipeline = this.#pipeline(context, "right");
    if (kind === "block") this.#add(name, this.#isolated(() => this.#body(context)));
    return { kind: "template", name, pipeline, position: token.position, text: `{{template ${JSON.stringify(name)}${pipeline === null ? "" : ` ${pipeline.text}`}}}` };
  }

  #templateName(token: Token, context: string): string {
    if (token.kind !== "string" && token.kind !== "raw") this.unexpected(token, context);
    return unquote(token.text) ?? this.fail("invalid syntax");
  }

  #pipeline(context: string, end: "right" | ")"): Pipeline {
    const { position } = this.skipBlanks();
    const { variables, assigns } = this.#declarations(context);
    const calls: Call[] = [];
    for (;;) {
      const token = this.nextSolid();
      if (token.kind === end) break;
      if (!OPERANDS.has(token.kind)) this.unexpected(token, context);
      this.at--;
      calls.push(this.#call());
    }
    if (calls.length === 0) this.fail(`missing value for ${context}`);
    const inert = calls.slice(1).findIndex(({ words }) => ["literal", "dot", "nil"].includes(words[0]!.kind));
    if (inert !== -1) this.fail(`non executable command in pipeline stage ${inert + 2}`);
    const names = variables.length === 0 ? "" : `${variables.join(", ")} ${assigns ? "=" : ":="} `;
    return { kind: "pipeline", variables, assigns, calls, position, text: names + calls.map(({ text }) => text).join(" | ") };
  }

  #declarations(context: string): { readonly variables: readonly string[]; readonly assigns: boolean } {
    const variables: string[] = [];
    for (;;) {
      const start = this.at;
      const name = this.skipBlanks();
      if (name.kind !== "variable") {
        this.at = start;
        return { variables, assigns: false };
      }
      this.next();
      const next = this.skipBlanks();
      const list = next.kind === "char" && next.text === ",";
      if (next.kind !== "assign" && next.kind !== "declare" && !list) {
        this.at = start;
        return { variables, assigns: false };
      }
      this.next();
      variables.push(name.text);
      this.#variables.push(name.text);
      if (!list) return { variables, assigns: next.kind === "assign" };
      if (context !== "range" || variables.length === 2) this.fail(`too many declarations in ${context}`);
      if (!["variable", "right", ")"].includes(this.skipBlanks().kind)) this.fail("range can only initialize variables");
    }
  }

  #call(): Call {
    const { position } = this.skipBlanks();
    const words: Operand[] = [];
    for (;;) {
      this.skipBlanks();
      const operand = this.#operand();
      if (operand !== null) words.push(operand);
      const token = this.next();
      if (token.kind === "space") continue;
      if (token.kind === "right" || token.kind === ")") this.at--;
      else if (token.kind !== "pipe") this.unexpected(token, "operand");
      break;
    }
    if (words.length === 0) this.fail("empty command");
    return { words, position, text: words.map(argument).join(" ") };
  }

  #operand(): Operand | null {
    const term = this.#term();
    if (term === null || this.peek().kind !== "field") return term;
    const { position } = this.peek();
    const more: string[] = [];
    while (this.peek().kind === "field") more.push(this.next().text.slice(1));
    const text = `${argument(term)}.${more.join(".")}`;
    if (term.kind === "field" || term.kind === "variable") return { ...term, path: [...term.path, ...more], position, text };
    if (term.kind === "literal" || term.kind === "dot" || term.kind === "nil") this.fail(`unexpected . after term ${JSON.stringify(term.text)}`);
    return { kind: "chain", of: term, path: more, position, text };
  }

  #term(): Operand | null {
    const token = this.nextSolid();
    const { text, position } = token;
    switch (token.kind) {
      case "identifier":
        if (!isFunction(text)) this.fail(`function ${JSON.stringify(text)} not defined`);
        return { kind: "identifier", text, position };
      case "dot":
      case "nil":
        return { kind: token.kind, text, position };
      case "variable":
        if (!this.#variables.includes(text)) this.fail(`undefined variable ${JSON.stringify(text)}`);
        return { kind: "variable", name: text, path: [], text, position };
      case "field":
        return { kind: "field", path: [text.slice(1)], text, position };
      case "bool":
        return { kind: "literal", of: "bool", value: text === "true", text, position };
      case "number":
      case "rune":
      case "complex": {
        const value = parseNumber(text);
        if (value === null) this.fail(token.kind === "rune" ? `malformed character constant: ${text}` : `illegal number syntax: ${JSON.stringify(text)}`);
        if (value === "overflow") this.fail(`integer overflow: ${JSON.stringify(text)}`);
        return { kind: "literal", of: "number", value, text, position };
      }
      case "string":
      case "raw":
        return { kind: "literal", of: "string", value: unquote(text) ?? this.fail("invalid syntax"), text, position };
      case "(": {
        if (++this.#depth > DEPTH_MAX) this.fail("max expression depth exceeded");
        const pipeline = this.#pipeline("parenthesized pipeline", ")");
        this.#depth--;
        return pipeline;
      }
      default:
        this.at--;
        return null;
    }
  }
}

/** An operand within a call: pipelines stand in parentheses. */
function argument(operand: Operand): string {
  return operand.kind === "pipeline" ? `(${operand.text})` : operand.text;
}
