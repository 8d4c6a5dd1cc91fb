/** Every flag that a command declares is read by somebody, but for those that are named here with the reason. */
import { expect, test } from "bun:test";
import { layerOf } from "../../helpers/layers.ts";
import { isNode, readSources, type Node, type Source } from "../../helpers/source.ts";

const src = readSources("src");

/** Of a literal object: what its plain members are. */
function membersOf(node: Node): Map<unknown, unknown> {
  const properties = Array.isArray(node["properties"]) ? node["properties"].filter(isNode) : [];
  return new Map(properties.flatMap((property) => (isNode(property["key"]) && isNode(property["value"]) ? [[property["key"]["name"], property["value"]["value"]]] : [])));
}

const TRUST = "Docker's own default: nothing is verified by Docker Content Trust";
/** Taken as Docker takes them, and rightly without effect: by the file that declares them. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  "src/cli/build/flags.ts --compress": "a context is read where it lies",
  "src/cli/build/flags.ts --disable-content-trust": TRUST,
  "src/cli/build/flags.ts --force-rm": "containers of steps always go",
  "src/cli/build/flags.ts --isolation": "Windows has several",
  "src/cli/container/flags.ts --disable-content-trust": TRUST,
  "src/cli/image/pull.ts --disable-content-trust": TRUST,
  "src/cli/image/push.ts --disable-content-trust": TRUST,
  "src/cli/image/rmi.ts --no-prune": "mdk keeps no untagged parents that would go along",
  "src/cli/network/inspect.ts --verbose": "adds the services of a cluster, of which there are none",
};

test("flags that are declared are read: none is accepted and then forgotten", () => {
  const cli = src.filter(({ path }) => path === "src/main.ts" || layerOf(path) === "cli");
  const ofFlags = (node: unknown): boolean => isNode(node) && /^(flags|globals)$/.test(String(node.type === "MemberExpression" ? (node["property"] as Node)["name"] : node["name"]));
  /** What is asked of flags: flags.bool("all"), pairsOf(flags, "label"), moment("since") of the file's own that asks for what it is given. */
  const asked = (source: Source): unknown[] => {
    const asks = source.nodes.filter((node) => /^(VariableDeclarator|FunctionDeclaration)$/.test(node.type) && /\bflags\.\w+\([a-z]\w*\)/.test(source.text.slice(node.start, node.end)));
    const own = new Set(asks.map((node) => (node["id"] as Node)["name"]));
    return source.nodes.filter((node) => node.type === "CallExpression").flatMap((node) => {
      const [callee, words] = [node["callee"] as Node, node["arguments"] as Node[]];
      return ofFlags(callee["object"]) || words.some(ofFlags) || own.has(callee["name"]) ? words.filter((word) => word.type === "Literal").map((word) => word["value"]) : [];
    });
  };
  /** Flags that a table of others names, as { member, flag }. */
  const tabled = (source: Source): unknown[] => source.nodes.filter((node) => node.type === "ObjectExpression").flatMap((node) => membersOf(node).get("flag") ?? []);
  const isCommand = (source: Source): boolean => /^export const command\b/m.test(source.text);
  /** Read by the file itself, or by what it imports of cli/ but for other commands; a table of flags for several commands: by those who import it. */
  const readBy = (source: Source): Set<unknown> => {
    const seen = new Set(/flags\.ts$/.test(source.path) ? cli.filter(({ imports }) => imports.some((item) => item.path === source.path)) : [source]);
    for (const { imports } of seen) for (const other of cli) if (!isCommand(other) && imports.some((item) => item.path === other.path)) seen.add(other);
    const tables = src.filter((other) => [...seen].some(({ imports }) => imports.some((item) => item.path === other.path)));
    return new Set([...[...seen].flatMap(asked), ...tables.flatMap(tabled)]);
  };
  const unread = cli.flatMap((source) => {
    const flags = source.nodes.filter((node) => node.type === "ObjectExpression").map(membersOf).filter((flag) => ["name", "type", "help"].every((key) => flag.has(key)) && flag.get("missing") !== true);
    const read = flags.length === 0 ? new Set() : readBy(source);
    return flags.map((flag) => String(flag.get("name"))).filter((name) => !read.has(name)).map((name) => `${source.path} --${name}`);
  });
  expect(unread.sort()).toEqual(Object.keys(WITHOUT_EFFECT)); // a reason for what is read, or is gone, is untrue
});
