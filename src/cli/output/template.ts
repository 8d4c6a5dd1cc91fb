/**
 * Go's text/template as far as people use it with -f and --format: text, `{{.A.B}}`, pipelines, variables, if, with, range,
 * Docker's functions (json, join, split, upper, lower, title, pad, truncate, println) and Go's own (index, len, print, printf,
 * eq …, and, or, not). Values are printed as Go prints them. Pure.
 */
import { MdkError } from "../../error.ts";
import { callFunction, show, showNil, truth, type Value } from "./template-functions.ts";
import { parseTemplate, type Command, type Node, type Operand, type Pipeline } from "./template-parse.ts";

/** Go methods that a template may call with one string: `{{.Label "a"}}`. */
export type Methods = Readonly<Record<string, (argument: string) => string>>;

/** Renders one object. Throws MdkError for what the subset lacks and for fields that are not there. */
export function renderTemplate(template: string, data: Value, methods: Methods = {}): string {
  return new Rendering(methods, data).nodes(parseTemplate(template), { dot: data, variables: new Map([["$", data]]) });
}

interface Scope {
  readonly dot: Value;
  readonly variables: Map<string, Value>;
}

class Rendering {
  readonly #methods: Methods;
  readonly #root: Value;

  constructor(methods: Methods, root: Value) {
    this.#methods = methods;
    this.#root = root;
  }

  nodes(nodes: readonly Node[], scope: Scope): string {
    return nodes.map((node) => this.#node(node, scope)).join("");
  }

  #node(node: Node, scope: Scope): string {
    switch (node.kind) {
      case "text":
        return node.text;
      case "action": {
        const value = this.#pipeline(node.pipeline, scope);
        if (node.pipeline.variables.length > 0) return "";
        return value === null ? showNil(nameOf(node.pipeline)) : show(value);
      }
      case "if": {
        const inner = inside(scope);
        return this.nodes(truth(this.#pipeline(node.pipeline, inner)) ? node.body : node.otherwise, inner);
      }
      case "with": {
        const inner = inside(scope);
        const value = this.#pipeline(node.pipeline, inner);
        return truth(value) ? this.nodes(node.body, { ...inner, dot: value }) : this.nodes(node.otherwise, inner);
      }
      case "range":
        return this.#range(node, scope);
    }
  }

  #range(node: Extract<Node, { kind: "range" }>, scope: Scope): string {
    const entries = entriesOf(this.#commands(node.pipeline.commands, scope));
    if (entries.length === 0) return this.nodes(node.otherwise, inside(scope));
    const names = node.pipeline.variables;
    return entries.map(([key, value]) => {
      const inner = inside(scope);
      if (names.length > 0) inner.variables.set(names.at(-1)!, value);
      if (names.length === 2) inner.variables.set(names[0]!, key);
      return this.nodes(node.body, { ...inner, dot: value });
    }).join("");
  }

  #pipeline(pipeline: Pipeline, scope: Scope): Value {
    const value = this.#commands(pipeline.commands, scope);
    for (const name of pipeline.variables) scope.variables.set(name, value);
    return value;
  }

  /** Each command's value is the last argument of the next. */
  #commands(commands: readonly Command[], scope: Scope): Value {
    return commands.reduce<Value>((piped, command, index) => this.#command(command, scope, index === 0 ? [] : [piped]), null);
  }

  #command(command: Command, scope: Scope, piped: readonly Value[]): Value {
    const [first, ...rest] = command;
    const values = [...rest.map((operand) => this.#operand(operand, scope)), ...piped];
    if (first!.kind === "function") return callFunction(first!.name, values);
    if (first!.kind === "field" && first!.of === null && first!.path.length === 1 && values.length === 1) {
      const name = first!.path[0]!;
      if (Object.hasOwn(this.#methods, name) && scope.dot === this.#root) return this.#methods[name]!(String(values[0]));
    }
    if (values.length > 0) throw new MdkError("template", "template parsing error: can't give an argument to something that is no function");
    return this.#operand(first!, scope);
  }

  #operand(operand: Operand, scope: Scope): Value {
    switch (operand.kind) {
      case "literal":
        return operand.value;
      case "function":
        return callFunction(operand.name, []);
      case "pipeline":
        return fieldOf(this.#pipeline(operand.pipeline, scope), operand.path);
      case "field": {
        if (operand.of !== null && !scope.variables.has(operand.of)) throw new MdkError("template", `template parsing error: undefined variable "${operand.of}"`);
        return fieldOf(operand.of === null ? scope.dot : scope.variables.get(operand.of), operand.path);
      }
    }
  }
}

/** The last field of a pipeline that is nothing but a path; "" for others. */
function nameOf({ commands }: Pipeline): string {
  const [operand, ...more] = commands[0] ?? [];
  return commands.length === 1 && more.length === 0 && operand?.kind === "field" ? (operand.path.at(-1) ?? "") : "";
}

function inside(scope: Scope): Scope {
  return { dot: scope.dot, variables: new Map(scope.variables) };
}

function fieldOf(value: Value, path: readonly string[]): Value {
  return path.reduce<Value>((of, key) => {
    if (typeof of === "object" && of !== null && !Array.isArray(of) && Object.hasOwn(of, key)) return (of as Record<string, Value>)[key];
    throw new MdkError("template-field", `template: :1: executing "" at <.${path.join(".")}>: map has no entry for key "${key}"`);
  }, value);
}

/** As Go ranges: lists by index, maps by their sorted keys, nothing for nil. */
function entriesOf(value: Value): readonly (readonly [Value, Value])[] {
  if (Array.isArray(value)) return value.map((item: Value, index) => [index, item] as const);
  if (typeof value === "object" && value !== null) return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  if (value === null || value === undefined) return [];
  throw new MdkError("template", `template: :1: executing "": range can't iterate over ${show(value)}`);
}
