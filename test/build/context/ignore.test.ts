/** .dockerignore: what is left out, asked name by name on the way down a tree, and what may be passed over unseen. */
import { describe, expect, test } from "bun:test";
import { IgnoreRules, parseIgnoreFile, type IgnoreVerdict } from "../../../src/build/context/ignore.ts";
import { buildkit, ignoreCases } from "../corpus/read.ts";

/** moby makes "\d" of "c\d" a class of digits, as its expressions have it: mdk takes an escaped letter for the letter. */
const DIFFERENCES = new Set(["escapes: cd"]);

describe("patterns match as moby's do", () => {
  const answers = buildkit().ignores;
  for (const [index, { name, text, paths }] of ignoreCases().entries()) {
    test(name, () => {
      const answer = answers[index]!;
      if ("error" in answer) return void expect(() => new IgnoreRules(parseIgnoreFile(text))).toThrow(answer.error);
      const rules = new IgnoreRules(parseIgnoreFile(text));
      const say = (ignored: (path: string, at: number) => unknown): string[] => paths.map((path, at) => (DIFFERENCES.has(`${name}: ${path}`) ? "" : `${path}: ${ignored(path, at)}`));
      expect(say((path) => rules.at(path, null).isIgnored)).toEqual(say((_, at) => answer[at]));
    });
  }
});

/** Asks for each directory on the way down, as a walk does. */
function walked(rules: IgnoreRules, path: string): { readonly isIgnored: boolean; readonly isSeen: boolean } {
  let verdict: IgnoreVerdict | null = { isIgnored: false, matched: [] };
  let isSeen = true;
  const parts = path.split("/");
  for (let depth = 1; depth <= parts.length; depth++) {
    verdict = rules.at(parts.slice(0, depth).join("/"), verdict);
    if (depth < parts.length && verdict.isIgnored && !rules.mayIncludeBelow(parts.slice(0, depth).join("/"))) isSeen = false;
  }
  return { isIgnored: verdict.isIgnored, isSeen };
}

describe("a walk", () => {
  test("hears of each name what somebody hears who asks for it alone", () => {
    for (const { text, paths } of ignoreCases()) {
      let rules: IgnoreRules;
      try {
        rules = new IgnoreRules(parseIgnoreFile(text));
      } catch {
        continue;
      }
      const plain = paths.filter((path) => /^[^/.].*[^/]$/.test(path));
      expect(plain.map((path) => [path, walked(rules, path).isIgnored])).toEqual(plain.map((path) => [path, rules.at(path, null).isIgnored]));
    }
  });

  test("sees all that is taken in again, whatever is left out around it", () => {
    const names = ["a", "b", "ab", "c"];
    const paths = names.flatMap((x) => [x, ...names.flatMap((y) => [`${x}/${y}`, ...names.map((z) => `${x}/${y}/${z}`)])]);
    for (const patterns of [["*", "!a/b"], ["**", "!**/c"], ["*", "!a*/b"], ["a", "!a/b/c", "b", "!b"], ["*", "!?/[ab]"], ["**", "!a**b"], ["*", "!a/**", "a/b"], ["*/*", "!*/b/*"]]) {
      const rules = new IgnoreRules(patterns);
      const unseen = paths.filter((path) => !rules.at(path, null).isIgnored && !walked(rules, path).isSeen);
      expect([patterns, unseen]).toEqual([patterns, []]);
    }
  });

  test("passes over what no pattern takes in again", () => {
    const rules = new IgnoreRules(["*", "!src/lib/*.ts"]);
    expect(["node_modules", "src", "src/lib", "src/test", "srcs"].map((path) => rules.mayIncludeBelow(path))).toEqual([false, true, true, false, false]);
    expect(new IgnoreRules(["node_modules"]).mayIncludeBelow("node_modules")).toBe(false);
  });
});

test("a pattern of many stars takes its length times the path's", () => {
  const began = performance.now();
  const rules = new IgnoreRules([`${"*a".repeat(50)}b`, `${"**/a".repeat(50)}/b`]);
  const root: IgnoreVerdict = { isIgnored: false, matched: [] };
  expect(rules.at("a".repeat(4000), root).isIgnored).toBe(false);
  expect(rules.at("a/".repeat(2000), root).isIgnored).toBe(false);
  expect(performance.now() - began).toBeLessThan(1000);
});

test("hundreds of such patterns over hundreds of long names end in time; more of them than anybody writes end with a sentence", () => {
  const began = performance.now();
  const rules = new IgnoreRules(Array.from({ length: 200 }, () => "*a".repeat(20)));
  const root: IgnoreVerdict = { isIgnored: false, matched: [] };
  for (let name = 0; name < 1000; name++) expect(rules.at(`${"a".repeat(250)}${name}`, root).isIgnored).toBe(false);
  expect(performance.now() - began).toBeLessThan(4000);
  expect(() => new IgnoreRules(parseIgnoreFile("a\n".repeat(300_000)))).toThrow("more than 10000 patterns");
  expect(() => new IgnoreRules(["a".repeat(2 << 20)])).toThrow("patterns of more than 1 MiB");
});

test("long patterns, those of more than a word of states, are no others", () => {
  const is = (pattern: string, path: string): boolean => new IgnoreRules([pattern]).at(path, { isIgnored: false, matched: [] }).isIgnored;
  for (const length of [30, 31, 32, 33, 63, 64, 65, 200]) {
    const text = "abcd".repeat(50).slice(0, length);
    expect([is(`${text}*`, text), is(`*${text}`, `x${text}`), is(`*${text}`, `x/${text}`), is(`**/${text}?`, `x/${text}\u{1f600}`), is(`${text}[^é]`, `${text}é`), is(`${text}/**/z*`, `${text}/a/b/z`)]).toEqual([true, true, false, true, false, true]);
  }
});
