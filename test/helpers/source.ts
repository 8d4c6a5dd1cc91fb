/** The project's TypeScript, parsed: what test/tidy.test.ts and its rules look at. */
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { parseSync } from "oxc-parser";

/** A node of the syntax tree as a walker sees it; the rules look at few kinds, by name. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [property: string]: unknown;
}

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Path of the project's file, null for a package or a built-in module. */
  readonly path: string | null;
  readonly typeOnly: boolean;
  readonly dynamic: boolean;
  /** Names taken; "*" for a whole namespace and for a dynamic import. */
  readonly names: readonly string[];
  readonly line: number;
}

export interface Source {
  /** Relative to the project, "src/main.ts". */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  /** Every node, parents first. */
  readonly nodes: readonly Node[];
  /** "process.env" and the like: members of names that the file itself does not declare where they stand. */
  readonly members: ReadonlyMap<Node, string>;
  readonly lineOf: (offset: number) => number;
}

export function readSource(path: string): Source {
  const text = readFileSync(path, "utf8");
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const starts = [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)];
  const lineOf = (offset: number): number => starts.findLastIndex((start) => start <= offset) + 1;
  const nodes = [...walk(program as unknown as Node)];
  const imports = nodes.flatMap((node) => importOf(node, path, lineOf) ?? []);
  return { path, text, lines: starts.length - (text.endsWith("\n") ? 1 : 0), imports, nodes, members: globalMembers(nodes), lineOf };
}

/** Every TypeScript file below the folders. */
export function readSources(...folders: readonly string[]): Source[] {
  const paths = folders.flatMap((folder) => [...new Bun.Glob(`${folder}/**/*.ts`).scanSync(".")]);
  return paths.filter((path) => !path.endsWith(".d.ts")).sort().map(readSource);
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

export function* walk(node: Node): Generator<Node> {
  yield node;
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) yield* walk(child);
  }
}

/** A parameter or variable named `process` hides the global one in the function that declares it. */
function globalMembers(nodes: readonly Node[]): Map<Node, string> {
  const scopes = nodes.filter((node) => node.type.includes("Function") || node.type === "Program");
  const isBinding = new Set(nodes.flatMap(boundNames));
  const bindings = nodes.filter((node) => node.type === "Identifier" && isBinding.has(node));
  const found = new Map<Node, string>();
  for (const node of nodes) {
    const name = memberName(node);
    if (name === null) continue;
    const declared = bindings.filter((binding) => binding["name"] === name.split(".")[0]).map((binding) => scopes.findLast((scope) => holds(scope, binding)));
    if (!declared.some((scope) => scope !== undefined && holds(scope, node))) found.set(node, name);
  }
  return found;
}

function holds(outer: Node, inner: Node): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

/** The identifiers that a function's parameters or a variable's declaration bind, destructured ones too. */
function boundNames(node: Node): Node[] {
  if (node.type === "VariableDeclarator") return patternNames(node["id"]);
  return node.type.includes("Function") && Array.isArray(node["params"]) ? node["params"].flatMap(patternNames) : [];
}

function patternNames(pattern: unknown): Node[] {
  if (!isNode(pattern)) return [];
  if (pattern.type === "Identifier") return [pattern];
  const parts = [pattern["left"], pattern["argument"], pattern["value"], pattern["parameter"], pattern["elements"], pattern["properties"]];
  return parts.flat().flatMap(patternNames);
}

/** "process.env" of a member expression on a plain name, `process["env"]` alike; null for anything else. */
function memberName(node: Node): string | null {
  if (node.type !== "MemberExpression" || !isNode(node["object"]) || !isNode(node["property"])) return null;
  const object = node["object"].type === "Identifier" ? node["object"]["name"] : null;
  const property = node["property"];
  const name = property.type === "Literal" ? property["value"] : node["computed"] === true ? null : property["name"];
  return typeof object === "string" && typeof name === "string" ? `${object}.${name}` : null;
}

const IMPORTS = new Set(["ImportDeclaration", "ExportNamedDeclaration", "ExportAllDeclaration", "ImportExpression"]);

function importOf(node: Node, path: string, lineOf: (offset: number) => number): Import | null {
  const source = node["source"];
  if (!IMPORTS.has(node.type) || !isNode(source) || typeof source["value"] !== "string") return null;
  const specifiers = Array.isArray(node["specifiers"]) ? node["specifiers"].filter(isNode) : [];
  const kinds = specifiers.map((specifier) => specifier["importKind"] ?? specifier["exportKind"]);
  return {
    specifier: source["value"],
    path: resolveImport(path, source["value"]),
    typeOnly: node["importKind"] === "type" || node["exportKind"] === "type" || (kinds.length > 0 && kinds.every((kind) => kind === "type")),
    dynamic: node.type === "ImportExpression",
    names: node.type === "ImportDeclaration" || node.type === "ExportNamedDeclaration" ? specifiers.map(importedName) : ["*"],
    line: lineOf(node.start),
  };
}

function importedName(specifier: Node): string {
  if (specifier.type === "ImportDefaultSpecifier") return "default";
  if (specifier.type === "ImportNamespaceSpecifier") return "*";
  const name = specifier["imported"] ?? specifier["local"];
  return isNode(name) ? String(name["name"] ?? name["value"]) : "*";
}

function resolveImport(from: string, specifier: string): string | null {
  return specifier.startsWith(".") ? normalize(join(dirname(from), specifier)) : null;
}
