/** A parsed template carried out on a value (text/template/exec.go). Pure. */
import { MdkError } from "../../error.ts";
import { showInner } from "./format.ts";
import { CALLEE, functionOf, suits, type Parameter } from "./functions.ts";
import type { Branch, Call, Node, Operand, Pipeline, Templates } from "./nodes.ts";
import { Float, GoMap, Nil, Problem, Slice, Struct, truth, typeOf, type Value } from "./value.ts";

export interface Executing {
  /** As errors call the template. */
  readonly name: string;
  readonly input: string;
  /** What is not in a map is an error, not "<no value>". */
  readonly strict: boolean;
  /** The heads of a table are rendered: functions that change texts leave them as they are. */
  readonly heads: boolean;
  /** Applied to what values print, not to the template's own text. */
  readonly neutralize: (text: string) => string;
}

/** Go's 100 000 would end JavaScript's stack. */
const DEPTH_MAX = 500;

/** docker/cli's templates.HeaderFunctions. */
const HEAD_FUNCTIONS: ReadonlySet<string> = new Set(["json", "title", "lower", "upper", "truncate"]);

/** No argument came through a pipe. */
const MISSING = Symbol("missing");
type Piped = Value | typeof MISSING;

interface Variable {
  readonly name: string;
  value: Value;
}

/** Throws MdkError "template-execute". */
export function execute(templates: Templates, value: Value, how: Executing): string {
  const out: string[] = [];
  new Execution(templates, how, out).template("", value);
  return out.join("");
}

class Execution {
  readonly #templates: Templates;
  readonly #how: Executing;
  readonly #out: string[];
  #names: string[] = [];
  #variables: Variable[] = [];
  /** What an error names. */
  #here: { readonly position: number; readonly text: string } = { position: 0, text: "" };

  constructor(templates: Templates, how: Executing, out: string[]) {
    this.#templates = templates;
    this.#how = how;
    this.#out = out;
  }

  /** Variables of the caller are not its own. */
  template(name: string, dot: Value): void {
    const nodes = this.#templates.get(name);
    if (nodes === undefined) this.#fail(`template ${JSON.stringify(name)} not defined`);
    if (this.#names.length > DEPTH_MAX) this.#fail("exceeded maximum template depth (100000)");
    const variables = this.#variables;
    this.#variables = [{ name: "$", value: dot }];
    this.#names.push(name === "" ? this.#how.name : name);
    this.#walk(nodes, dot);
    this.#names.pop();
    this.#variables = variables;
  }

  #fail(problem: string): never {
    const before = this.#how.input.slice(0, this.#here.position);
    const line = before.split("\n").length;
    const column = Buffer.byteLength(before.slice(before.lastIndexOf("\n") + 1));
    const place = `${this.#how.name}:${line}:${column}`;
    throw new MdkError("invalid", "template-execute", `template: ${place}: executing ${JSON.stringify(this.#names.at(-1) ?? this.#how.name)} at <${this.#here.text}>: ${problem}`);
  }

  /** What ends the loop around: null at the end of the nodes. */
  #walk(nodes: readonly Node[], dot: Value): "break" | "continue" | null {
    for (const node of nodes) {
      const jump = this.#node(node, dot);
      if (jump !== null) return jump;
    }
    return null;
  }

  #node(node: Node, dot: Value): "break" | "continue" | null {
    switch (node.kind) {
      case "text":
        this.#out.push(node.text);
        return null;
      case "break":
      case "continue":
        return node.kind;
      case "action": {
        this.#here = node;
        const value = this.#pipeline(node.pipeline, dot);
        if (node.pipeline.variables.length === 0) this.#out.push(this.#how.neutralize(value === undefined ? "<no value>" : showInner(value)));
        return null;
      }
      case "template":
        this.#here = node;
        if (!this.#templates.has(node.name)) this.#fail(`template ${JSON.stringify(node.name)} not defined`);
        this.template(node.name, node.pipeline === null ? undefined : this.#pipeline(node.pipeline, dot));
        return null;
      default:
        return this.#scoped(() => {
          if (node.kind === "range") return this.#range(node, dot);
          const value = this.#pipeline(node.pipeline, dot);
          return truth(value) ? this.#walk(node.body, node.kind === "with" ? value : dot) : this.#walk(node.otherwise, dot);
        });
    }
  }

  #scoped<T>(work: () => T): T {
    const mark = this.#variables.length;
    const result = work();
    this.#variables.length = mark;
    return result;
  }

  #range(node: Branch, dot: Value): "break" | "continue" | null {
    const { variables, assigns } = node.pipeline;
    const value = this.#pipeline(node.pipeline, dot);
    let empty = true;
    for (const [key, item] of this.#entries(value, variables.length)) {
      empty = false;
      const given = variables.length === 2 ? [key, item] : [item];
      for (const [index, name] of variables.entries()) {
        if (assigns) this.#variable(name).value = given[index];
        else this.#variables[this.#variables.length - variables.length + index]!.value = given[index];
      }
      const jump = this.#scoped(() => this.#walk(node.body, item));
      if (jump === "break") break;
    }
    return empty ? this.#walk(node.otherwise, dot) : null;
  }

  *#entries(value: Value, variables: number): Iterable<readonly [Value, Value]> {
    if (value instanceof Slice) yield* value.items.map((item, index) => [index, item] as const);
    else if (value instanceof GoMap) yield* value.entries;
    else if (typeof value === "number" || typeof value === "bigint") {
      if (variables > 1) this.#fail(`can't use ${value} to iterate over more than one variable`);
      for (let index = 0; index < value; index++) yield [undefined, index];
    } else if (value !== null && value !== undefined && !(value instanceof Nil)) this.#fail(`range can't iterate over ${showInner(value)}`);
    else if (value instanceof Nil && value.kind === "pointer") this.#fail("range can't iterate over <nil>");
  }

  /** The parser knows of it, but it may not be set yet: `{{$x := $x}}`. */
  #variable(name: string): Variable {
    const variable = this.#variables.findLast((candidate) => candidate.name === name);
    if (variable === undefined) this.#fail(`undefined variable: ${name}`);
    return variable;
  }

  #pipeline(pipeline: Pipeline, dot: Value): Value {
    this.#here = pipeline;
    let value: Piped = MISSING;
    // What is in an interface is looked at, the interface is forgotten.
    for (const call of pipeline.calls) value = this.#call(call, dot, value) ?? undefined;
    const result = value === MISSING ? undefined : value;
    for (const name of pipeline.variables) {
      if (pipeline.assigns) this.#variable(name).value = result;
      else this.#variables.push({ name, value: result });
    }
    return result;
  }

  #call(call: Call, dot: Value, piped: Piped): Value {
    const first = call.words[0]!;
    switch (first.kind) {
      case "field":
      case "chain":
        return this.#path(first, dot, { words: call.words, piped });
      case "variable":
        if (first.path.length > 0) return this.#path(first, dot, { words: call.words, piped });
        this.#here = first;
        break;
      case "identifier":
        return this.#function(first, dot, { call, words: call.words, piped });
      case "pipeline":
        break;
      default:
        this.#here = first;
    }
    if (call.words.length > 1 || piped !== MISSING) this.#fail(`can't give argument to non-function ${first.text}`);
    if (first.kind === "nil") this.#fail("nil is not a command");
    return this.#operand(first, dot);
  }

  /** The value of one word. */
  #operand(operand: Operand, dot: Value): Value {
    this.#here = operand.kind === "pipeline" ? this.#here : operand;
    switch (operand.kind) {
      case "literal":
        if (typeof operand.value === "bigint" && operand.value >= 2n ** 63n) this.#fail(`${operand.text} overflows int`);
        return operand.value;
      case "dot":
        return dot;
      case "nil":
        return undefined;
      case "pipeline":
        return this.#pipeline(operand, dot);
      case "identifier":
        return this.#function(operand, dot, { call: operand, words: [operand], piped: MISSING });
      case "variable":
        if (operand.path.length === 0) return this.#variable(operand.name).value;
        return this.#path(operand, dot, { words: [operand], piped: MISSING });
      default:
        return this.#path(operand, dot, { words: [operand], piped: MISSING });
    }
  }

  /** Fields of fields; arguments go to the last. */
  #path(operand: Extract<Operand, { kind: "field" | "variable" | "chain" }>, dot: Value, given: { readonly words: readonly Operand[]; readonly piped: Piped }): Value {
    this.#here = operand;
    let value: Value = dot;
    if (operand.kind === "variable") value = this.#variable(operand.name).value;
    if (operand.kind === "chain") {
      if (operand.of.kind === "nil") this.#fail(`indirection through explicit nil in ${operand.text}`);
      value = this.#operand(operand.of, dot);
    }
    for (const [index, name] of operand.path.entries()) {
      const last = index === operand.path.length - 1;
      value = this.#field(value, name, { dot, words: last ? given.words.slice(1) : [], piped: last ? given.piped : MISSING });
    }
    return value;
  }

  #field(receiver: Value, name: string, given: { readonly dot: Value; readonly words: readonly Operand[]; readonly piped: Piped }): Value {
    if (receiver === undefined) {
      if (this.#how.strict) this.#fail(`nil data; no entry for key ${JSON.stringify(name)}`);
      return undefined;
    }
    if (receiver === null) this.#fail(`nil pointer evaluating interface {}.${name}`);
    const count = given.words.length + (given.piped === MISSING ? 0 : 1);
    if (receiver instanceof Struct) {
      const key = receiver.entries.has(name) ? name : receiver.names[name];
      const method = receiver.methods !== null && Object.hasOwn(receiver.methods, name) ? receiver.methods[name]! : null;
      const known = method !== null || (key !== undefined && receiver.entries.has(key));
      if (known && receiver.methods !== null) {
        const wanted = method === null ? 0 : 1;
        if (count !== wanted) this.#fail(`wrong number of args for ${name}: want ${wanted} got ${count}`);
      }
      if (method !== null) return method(String(this.#arguments(given.words, given.dot, { parameters: ["string"], piped: given.piped })[0]));
      if (known && count > 0) this.#fail(`${name} has arguments but cannot be invoked as function`);
      if (known) return receiver.entries.get(key!);
    }
    if (receiver instanceof GoMap) {
      if (count > 0) this.#fail(`${name} is not a method but has arguments`);
      if (receiver.entries.has(name)) return receiver.entries.get(name);
      if (this.#how.strict) this.#fail(`map has no entry for key ${JSON.stringify(name)}`);
      return undefined;
    }
    if (receiver instanceof Nil && receiver.kind === "map") return undefined;
    if (receiver instanceof Nil && receiver.kind === "pointer") this.#fail(`nil pointer evaluating ${receiver.type}.${name}`);
    this.#fail(`can't evaluate field ${name} in type ${typeOf(receiver)}`);
  }

  #function(operand: Extract<Operand, { kind: "identifier" }>, dot: Value, given: { readonly call: Pick<Call, "position" | "text">; readonly words: readonly Operand[]; readonly piped: Piped }): Value {
    this.#here = operand;
    const name = operand.text;
    const { parameters, rest, call } = functionOf(name);
    const words = given.words.slice(1);
    const count = words.length + (given.piped === MISSING ? 0 : 1);
    if (rest === undefined ? count !== parameters.length : count < parameters.length) {
      this.#fail(`wrong number of args for ${name}: want ${rest === undefined ? "" : "at least "}${parameters.length} got ${rest === undefined ? count : words.length}`);
    }
    if (name === "and" || name === "or") return this.#shortCircuit(name, words, dot, given.piped);
    const values = this.#arguments(words, dot, { parameters, rest, piped: given.piped });
    if (this.#how.heads && HEAD_FUNCTIONS.has(name)) return values[0];
    try {
      return call(...values);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#here = given.call;
      this.#fail(`error calling ${name}: ${name === "call" ? error.message.replace(CALLEE, () => words[0]?.text ?? calleeOf(values[0])) : error.message}`);
    }
  }

  /** The first that decides, or the last. */
  #shortCircuit(name: "and" | "or", words: readonly Operand[], dot: Value, piped: Piped): Value {
    let value: Value;
    for (const word of words) {
      value = this.#operand(word, dot);
      if (truth(value) === (name === "or")) return value;
    }
    return piped === MISSING ? value : piped;
  }

  #arguments(words: readonly Operand[], dot: Value, how: { readonly parameters: readonly Parameter[]; readonly rest?: Parameter | undefined; readonly piped: Piped }): Value[] {
    const parameterOf = (index: number): Parameter => how.parameters[index] ?? how.rest ?? "value";
    const values = words.map((word, index) => this.#argument(word, dot, parameterOf(index)));
    if (how.piped !== MISSING) values.push(this.#checked(how.piped, parameterOf(words.length)));
    return values;
  }

  #argument(word: Operand, dot: Value, parameter: Parameter): Value {
    if (word.kind === "literal" && parameter !== "value") {
      this.#here = word;
      if (parameter === "[]string") this.#fail(`can't handle ${word.text} for arg of type []string`);
      const sound = parameter === "int" ? word.of === "number" && !(word.value instanceof Float) : word.of === parameter;
      if (!sound) this.#fail(`expected ${parameter === "int" ? "integer" : parameter}; found ${word.text}`);
    }
    const value = this.#operand(word, dot);
    if (word.kind === "nil" && (parameter === "string" || parameter === "int")) this.#fail(`cannot assign nil to ${parameter}`);
    return this.#checked(value, parameter);
  }

  #checked(value: Value, parameter: Parameter): Value {
    if (suits(value, parameter)) return value;
    if (value === undefined && parameter === "[]string") return new Nil("slice", parameter);
    if (value === undefined) this.#fail(`invalid value; expected ${parameter}`);
    this.#fail(`wrong type for value; expected ${parameter}; got ${value === null ? "interface {}" : typeOf(value)}`);
  }
}

/** reflect.Value's String. */
function calleeOf(value: Value): string {
  return typeof value === "string" ? value : `<${typeOf(value)} Value>`;
}
