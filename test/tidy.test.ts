/**
 * The rules of the source, checked: layers, who may touch the world, sizes, the generated file, the contract's steps, dead
 * exports, forbidden words. A rule that is in the way is discussed, not switched off.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { deadExports, doubleExports } from "./helpers/exports.ts";
import { importViolation, layerOf, PROMISED_PURE, pureFiles } from "./helpers/layers.ts";
import { isNode, readSources, type Import, type Node, type Source } from "./helpers/source.ts";
import { foreignHosts } from "./helpers/hosts.ts";

/** Files aim at 300 lines; this much is the end. */
const FILE_LINES_MAX = 330;
const FUNCTION_LINES_MAX = 70;
/** One file by design, declarations and their prose only: the generator reads it whole. */
const CONTRACT = "src/runtime/plan.ts";

const src = readSources("src");
const tooling = readSources("shim", "test");
const pure = pureFiles(src);
const zigFiles = [...new Bun.Glob("shim/*.zig").scanSync("."), "build.zig"].filter((path) => path !== "shim/plan.zig").sort();

function inCliOrMain(path: string): boolean {
  return path === "src/main.ts" || layerOf(path) === "cli";
}

/** "path:line: what" for every import that the rule objects to. */
function badImports(rule: (source: Source, item: Import) => string | null): string[] {
  return src.flatMap((source) =>
    source.imports.flatMap((item) => {
      const reason = rule(source, item);
      return reason === null ? [] : [`${source.path}:${item.line}: ${reason}`];
    }),
  );
}

/** "path:line: what" for every node that the rule objects to, in the files that are not allowed it. */
function badNodes(allowed: (path: string) => boolean, rule: (node: Node, source: Source) => string | null, sources = src): string[] {
  return sources.filter((source) => !allowed(source.path)).flatMap((source) =>
    source.nodes.flatMap((node) => {
      const reason = rule(node, source);
      return reason === null ? [] : [`${source.path}:${source.lineOf(node.start)}: ${reason}`];
    }),
  );
}

function member(pattern: RegExp): (node: Node, source: Source) => string | null {
  return (node, source) => {
    const name = source.members.get(node);
    return name !== undefined && pattern.test(name) ? name : null;
  };
}

describe("imports", () => {
  test("point right or down, and siblings do not import one another", () => {
    expect(badImports((source, item) => (item.path === null ? null : importViolation(source.path, item.path, pure)))).toEqual([]);
  });

  test("make no circle, those of types neither: what is below can be read without what is above", () => {
    const below = new Map(src.map((source) => [source.path, source.imports.flatMap(({ path }) => path ?? [])]));
    const circles: string[] = [];
    const done = new Set<string>();
    const walk = (path: string, way: readonly string[]): void => {
      if (way.includes(path)) return void circles.push([...way.slice(way.indexOf(path)), path].join(" -> "));
      if (done.has(path)) return;
      for (const next of below.get(path) ?? []) walk(next, [...way, path]);
      done.add(path);
    };
    for (const path of below.keys()) walk(path, []);
    expect(circles).toEqual([]);
  });

  test("of bun:ffi and of child processes are in sys/ only", () => {
    const door = /^(bun:ffi|(node:)?(child_process|cluster|worker_threads))$/;
    expect(badImports((source, item) => (layerOf(source.path) !== "sys" && door.test(item.specifier) ? item.specifier : null))).toEqual([]);
    const spawns = /^(spawn|spawnSync|\$)$/;
    expect(badImports((source, item) => (layerOf(source.path) !== "sys" && item.specifier === "bun" && item.names.some((name) => spawns.test(name)) ? "spawn" : null))).toEqual([]);
    expect(badNodes((path) => layerOf(path) === "sys", member(/^Bun\.(spawn|spawnSync|\$|Terminal)$/))).toEqual([]);
  });

  test("of consola are in cli/ and main.ts only", () => {
    expect(badImports((source, item) => (!inCliOrMain(source.path) && item.specifier.startsWith("consola") ? item.specifier : null))).toEqual([]);
  });

  test("are ES imports of files by their names", () => {
    expect(badNodes(() => false, (node) => (node.type === "CallExpression" && isNode(node["callee"]) && node["callee"]["name"] === "require" ? "require()" : null))).toEqual([]);
    // By other names than the globals' the rules below would not know them.
    expect(badImports((_, item) => (/^(node:)?(process|console)$/.test(item.specifier) ? item.specifier : null))).toEqual([]);
    expect(badImports((_, item) => (item.path !== null && !/\.(ts|json)$/.test(item.path) ? `${item.specifier} has no .ts` : null))).toEqual([]);
  });

  test("of the exit are main.ts's only", () => {
    expect(badImports((source, item) => (item.path === "src/sys/exit.ts" && source.path !== "src/main.ts" ? "sys/exit.ts" : null))).toEqual([]);
    expect(badNodes((path) => path === "src/main.ts", member(/^process\.(exit|abort|reallyExit|exitCode)$/))).toEqual([]);
  });
});

describe("the world", () => {
  test("is out of reach of the files that the design calls pure", () => {
    const promised = src.map((source) => source.path).filter((path) => PROMISED_PURE.some((pattern) => pattern.test(path)));
    expect(promised.filter((path) => !pure.has(path))).toEqual([]);
  });

  test("gets text from cli/ and main.ts only", () => {
    expect(badNodes(inCliOrMain, member(/^(console\.\w+|process\.(stdout|stderr|stdin)|Bun\.(stdout|stderr|stdin))$/))).toEqual([]);
    const writesTo = (node: Node, source: Source): string | null => {
      if (node.type !== "CallExpression" || !isNode(node["callee"])) return null;
      const name = source.members.get(node["callee"])?.split(".")[1] ?? node["callee"]["name"];
      const [first] = Array.isArray(node["arguments"]) ? node["arguments"] : [];
      return name === "writeSync" && isNode(first) && (first["value"] === 1 || first["value"] === 2) ? `writeSync(${first["value"]})` : null;
    };
    expect(badNodes(inCliOrMain, writesTo)).toEqual([]);
  });

  test("has its terminal and its signals in cli/ only: the engine is handed a client's", () => {
    expect(badImports((source, item) => (item.path === "src/sys/terminal.ts" && layerOf(source.path) !== "cli" ? "sys/terminal.ts" : null))).toEqual([]);
    expect(badNodes(inCliOrMain, member(/^process\.(on|once|off|addListener|removeListener)$/))).toEqual([]);
  });

  test("gives environment and clock to cli/ and main.ts only", () => {
    expect(badNodes(inCliOrMain, member(/^(process\.env|Bun\.env|Date\.now)$/))).toEqual([]);
    const now = (node: Node): string | null =>
      node.type === "NewExpression" && isNode(node["callee"]) && node["callee"]["name"] === "Date" && (node["arguments"] as unknown[]).length === 0 ? "new Date()" : null;
    expect(badNodes(inCliOrMain, now)).toEqual([]);
  });
});

describe("form", () => {
  test("no file is longer than a reader's patience", () => {
    const long = [...src, ...tooling].filter((source) => source.lines > FILE_LINES_MAX && source.path !== CONTRACT).map((source) => `${source.path}: ${source.lines} lines`);
    const longZig = zigFiles.map((path) => [path, readFileSync(path, "utf8").split("\n").length - 1] as const).filter(([, lines]) => lines > FILE_LINES_MAX);
    expect([...long, ...longZig.map(([path, lines]) => `${path}: ${lines} lines`)]).toEqual([]);
  });

  test("functions fit a screen", () => {
    const kinds = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);
    const long = src.flatMap((source) =>
      source.nodes.filter((node) => kinds.has(node.type)).flatMap((node) => {
        const lines = source.lineOf(node.end) - source.lineOf(node.start) + 1;
        return lines > FUNCTION_LINES_MAX ? [`${source.path}:${source.lineOf(node.start)}: ${lines} lines`] : [];
      }),
    );
    expect([...long, ...zigFiles.flatMap(longZigFunctions)]).toEqual([]);
  });

  test("a file opens with what it is responsible for", () => {
    expect([...src, ...tooling].filter((source) => !/^(#!.*\n)?\/\*\*/.test(source.text)).map((source) => source.path)).toEqual([]);
    expect(zigFiles.filter((path) => !readFileSync(path, "utf8").startsWith("//!"))).toEqual([]);
  });

  test("every test of the shim's is run: its file is named where they are collected", () => {
    const texts = new Map(zigFiles.map((path) => [path, readFileSync(path, "utf8")]));
    const collected = [...texts.values()].join("\n");
    const tested = [...texts].filter(([path, text]) => path !== "shim/main.zig" && /^test "/m.test(text)).map(([path]) => path.replace("shim/", ""));
    expect(tested.filter((name) => !collected.includes(`_ = @import("${name}");`))).toEqual([]);
  });

  test("files are named in kebab-case", () => {
    expect([...src, ...tooling].map((source) => source.path).filter((path) => !/^[a-z0-9/-]+(\.test)?\.ts$/.test(path))).toEqual([]);
  });

  test("nothing is of type any", () => {
    expect(badNodes(() => false, (node) => (node.type === "TSAnyKeyword" ? "any" : null), [...src, ...tooling])).toEqual([]);
  });

  test("nothing is exported that nobody imports", () => {
    expect(deadExports(src, tooling)).toEqual([]);
  });

  test("no two files export one name", () => {
    // Each command of cli/ is the `command` of its file: cli/commands.ts takes them by it.
    expect(doubleExports(src, (path, name) => layerOf(path) === "cli" && name === "command")).toEqual([]);
  });
});

/** Zig's functions by zig fmt's own indentation: from "fn" to the brace at the same depth. */
function longZigFunctions(path: string): string[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.flatMap((line, index) => {
    const indent = /^(\s*)((pub|export|inline|noinline) )*fn \w+/.exec(line)?.[1];
    if (indent === undefined || line.trimEnd().endsWith(";") || line.trimEnd().endsWith("}")) return [];
    const end = lines.findIndex((text, at) => at > index && text === `${indent}}`);
    const length = end - index + 1;
    return length > FUNCTION_LINES_MAX ? [`${path}:${index + 1}: ${length} lines`] : [];
  });
}

describe("words", () => {
  test("of what was thrown are messageOf's: an Error's own message may be JavaScript's", () => {
    // Pure files meet their own errors only; whoever narrowed to MdkError or SysError has words made for people.
    const plainError = (node: unknown): boolean => isNode(node) && ((node["typeName"] as Node | undefined)?.["name"] === "Error" || (Array.isArray(node["members"]) && node["members"].filter(isNode).some((item) => isNode(item["key"]) && item["key"]["name"] === "message")));
    const unwrapped = (node: unknown): Node | null => (isNode(node) && node.type === "ParenthesizedExpression" ? unwrapped(node["expression"]) : isNode(node) ? node : null);
    /** Names that are an Error and no more by what the file says: `(error: Error) =>`, `error instanceof Error`. */
    const errorsOf = (source: Source): Set<unknown> => new Set(source.nodes.flatMap((node) => {
      if (node.type === "Identifier" && isNode(node["typeAnnotation"]) && plainError(node["typeAnnotation"]["typeAnnotation"])) return [node["name"]];
      return node.type === "BinaryExpression" && node["operator"] === "instanceof" && isNode(node["left"]) && isNode(node["right"]) && node["right"]["name"] === "Error" ? [node["left"]["name"]] : [];
    }));
    const byFile = new Map(src.map((source) => [source, errorsOf(source)]));
    const untold = (node: Node, source: Source): string | null => {
      if (node.type !== "MemberExpression" || !isNode(node["property"]) || node["property"]["name"] !== "message") return null;
      const object = unwrapped(node["object"]);
      const isError = object?.type === "TSAsExpression" ? plainError(object["typeAnnotation"]) : object?.type === "Identifier" && byFile.get(source)!.has(object["name"]);
      return isError ? source.text.slice(node.start, node.end) : null;
    };
    expect(badNodes((path) => path === "src/error.ts" || pure.has(path), untold)).toEqual([]);
    expect(badNodes((path) => path === "src/error.ts" || pure.has(path), (node, source) => (node.type === "TemplateLiteral" && /\$\{(error|failure|cause)\}/.test(source.text.slice(node.start, node.end)) ? "an error as text" : null))).toEqual([]);
  });
});

describe("rooms", () => {
  test("exit statuses are decided in cli/ and main.ts only", () => {
    expect(badImports((source, item) => (item.path === "src/cli/exit.ts" && !inCliOrMain(source.path) ? item.specifier : null))).toEqual([]);
    const status = (node: Node): string | null => (node.type === "Literal" && [125, 126, 127].includes(node["value"] as number) ? String(node["value"]) : null);
    const asCodes = new Set(["src/engine/start/start.ts"]); // what inspect shows as State.ExitCode of a failed start
    expect(badNodes((path) => inCliOrMain(path) || asCodes.has(path) || !path.startsWith("src/engine/"), status)).toEqual([]);
  });

  test("the op lock of a container that was there before is taken by whoever starts or ends it; others work by engine/end/at-rest.ts", () => {
    const own = new Set(["src/engine/container/create.ts", "src/engine/container/commit.ts"]); // a container that is made; a look, without waiting, at who has frozen it
    const takes = (path: string): boolean => /^src\/engine\/(start|end)\//.test(path) || own.has(path);
    expect(badImports((source, item) => (!takes(source.path) && item.names.includes("takeOpLock") ? "takeOpLock" : null))).toEqual([]);
  });

  test("SQL is in store/ only", () => {
    const sql = (node: Node): string | null => {
      const text = node.type === "Literal" ? node["value"] : node.type === "TemplateElement" ? (node["value"] as { raw?: unknown }).raw : null;
      return typeof text === "string" && /^\s*(SELECT|INSERT|UPDATE|DELETE FROM|CREATE TABLE|PRAGMA|BEGIN)\b/.test(text) ? text.slice(0, 60) : null;
    };
    expect(badNodes((path) => layerOf(path) === "store", sql)).toEqual([]);
    expect(badImports((source, item) => (layerOf(source.path) !== "store" && item.specifier === "bun:sqlite" ? item.specifier : null))).toEqual([]);
  });

  test("a comment that names a file names one that is there", () => {
    const paths = [...new Bun.Glob("{src,shim,test}/**/*.{ts,zig}").scanSync("."), "build.zig"];
    const known = (from: string, mentioned: string): boolean =>
      mentioned.includes("/")
        ? ["", "src", "shim", "test", dirname(from)].some((folder) => paths.includes(join(folder, mentioned)))
        : paths.some((path) => basename(path) === mentioned);
    const missing = paths.filter((path) => !path.startsWith("test/")).flatMap((path) =>
      readFileSync(path, "utf8").split("\n").flatMap((line, index) => {
        const comment = /(?:\/\/|\/\*|^\s*\*)(.*)/.exec(line)?.[1] ?? "";
        const names = [...comment.matchAll(/(?<![\w/.-])(?:[\w-]+\/)*[\w-]+\.(?:ts|zig)\b/g)].map(([name]) => name);
        return names.filter((name) => !known(path, name)).map((name) => `${path}:${index + 1}: ${name}`);
      }),
    );
    expect(missing).toEqual([]);
  });
});

describe("the contract", () => {
  test("the generated file says from where and by what", () => {
    expect(readFileSync("shim/plan.zig", "utf8").split("\n")[0]).toMatch(/Generated by shim\/generate\.ts from src\/runtime\/plan\.ts/);
  });

  test("every step is used by a golden plan", () => {
    const used = new Set([...new Bun.Glob("test/plan/*.json").scanSync(".")].flatMap((path) => stepNames(JSON.parse(readFileSync(path, "utf8")))));
    expect(declaredSteps().filter((name) => !used.has(name))).toEqual([]);
  });
});

/** Names of the members of the union Step. */
function declaredSteps(): string[] {
  const plan = src.find((source) => source.path === CONTRACT);
  const alias = plan?.nodes.find((node) => node.type === "TSTypeAliasDeclaration" && isNode(node["id"]) && node["id"]["name"] === "Step");
  const union = isNode(alias?.["typeAnnotation"]) ? alias["typeAnnotation"]["types"] : [];
  return (Array.isArray(union) ? union.filter(isNode) : []).flatMap((type) => {
    const [first] = Array.isArray(type["members"]) ? type["members"].filter(isNode) : [];
    return isNode(first?.["key"]) ? [String(first["key"]["name"])] : [];
  });
}

/** Keys of the one-member objects in every list named "steps". */
function stepNames(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => (key === "steps" && Array.isArray(child) ? child.flatMap((step) => Object.keys(step as object)) : stepNames(child)));
}

test("no file names the machine that it was written on, nor where its packages came from", () => {
  const words = [...["main", "shared", "steering", ".library"].map((name) => ["", "work", name].join("/")), ...foreignHosts()];
  const files = [...new Bun.Glob("{src,shim,test,vagrant}/**/*").scanSync("."), ...new Bun.Glob("*.{json,toml,md,zig}").scanSync("."), ".npmrc"];
  const found = files.flatMap((path) => {
    const text = readFileSync(path, "utf8");
    return words.filter((word) => text.includes(word)).map((word) => `${path}: ${word}`);
  });
  expect(found).toEqual([]);
});
