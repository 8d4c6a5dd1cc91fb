/** Finds exports of src/ that no other file imports, and names that several files export. */
import { isNode, type Node, type Source } from "./source.ts";

interface Export {
  readonly name: string;
  readonly line: number;
  /** Interfaces and type aliases: also alive when their own file uses them, in the signature of something exported. */
  readonly isType: boolean;
}

/** "path:line: name" for each; `others` import too (tests, the generator). */
export function deadExports(src: readonly Source[], others: readonly Source[]): string[] {
  const all = [...src, ...others];
  const imported = new Map<string, Set<string>>();
  for (const item of all.flatMap((source) => source.imports)) {
    if (item.path === null) continue;
    const names = imported.get(item.path) ?? new Set();
    imported.set(item.path, names);
    for (const name of item.names) names.add(name);
  }
  return src.flatMap((source) => {
    const names = imported.get(source.path) ?? new Set();
    return exportsOf(source).filter((item) => !isAlive(source, item, names, all)).map((item) => `${source.path}:${item.line}: ${item.name}`);
  });
}

/** "name: path:line, path:line" for each that more than one file exports, what is passed on from another file too; `isShared`: one contract of many files. */
export function doubleExports(src: readonly Source[], isShared: (path: string, name: string) => boolean): string[] {
  const places = new Map<string, string[]>();
  for (const source of src) {
    for (const { name, line } of exportsOf(source)) if (!isShared(source.path, name)) places.set(name, [...(places.get(name) ?? []), `${source.path}:${line}`]);
  }
  return [...places].filter(([, all]) => all.length > 1).map(([name, all]) => `${name}: ${all.join(", ")}`);
}

function isAlive(source: Source, item: Export, imported: ReadonlySet<string>, all: readonly Source[]): boolean {
  if (imported.has(item.name)) return true;
  const word = new RegExp(`\\b${item.name.replaceAll("$", "\\$")}\\b`, "g");
  if (item.isType && [...source.text.matchAll(word)].length > 1) return true;
  // A namespace or a dynamic import takes everything; then somebody must at least say the name.
  return imported.has("*") && all.some((other) => other.path !== source.path && other.text.match(word) !== null);
}

function exportsOf(source: Source): Export[] {
  return source.nodes.flatMap((node) => {
    if (node.type === "ExportDefaultDeclaration") return [{ name: "default", line: source.lineOf(node.start), isType: false }];
    if (node.type !== "ExportNamedDeclaration") return [];
    const line = source.lineOf(node.start);
    if (isNode(node["declaration"])) return declaredNames(node["declaration"]).map((item) => ({ ...item, line }));
    const specifiers = Array.isArray(node["specifiers"]) ? node["specifiers"].filter(isNode) : [];
    return specifiers.flatMap((specifier) => {
      const exported = specifier["exported"];
      const isType = node["exportKind"] === "type" || specifier["exportKind"] === "type";
      return isNode(exported) ? [{ name: String(exported["name"]), line, isType }] : [];
    });
  });
}

function declaredNames(declaration: Node): Omit<Export, "line">[] {
  const isType = declaration.type === "TSInterfaceDeclaration" || declaration.type === "TSTypeAliasDeclaration";
  const list = declaration.type === "VariableDeclaration" ? declaration["declarations"] : [declaration];
  return (Array.isArray(list) ? list.filter(isNode) : []).flatMap((item) => {
    const id = item["id"];
    return isNode(id) && typeof id["name"] === "string" ? [{ name: id["name"], isType }] : [];
  });
}
