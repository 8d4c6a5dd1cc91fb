/** Words: variables with every modifier, quotes, escapes, splitting. */
import { describe, expect, test } from "bun:test";
import { checkDockerfile } from "../../../src/build/check/check.ts";
import { Budget } from "../../../src/build/language/expand/budget.ts";
import { expandWord, type Lookup, type Style } from "../../../src/build/language/expand/word.ts";
import { buildkit, wordCases } from "../corpus/read.ts";

const PLATFORM = { os: "linux", architecture: "amd64", variant: "" };
const CHECKED = { buildArguments: new Map<string, string>(), target: null, platforms: { build: PLATFORM, target: PLATFORM }, contexts: [], factsOf: () => null, ignore: null };
const of = (values: Readonly<Record<string, string>>): Lookup => (name) => values[name];
const text = (word: string, values: Readonly<Record<string, string>> = {}, style: Style = {}): string => expandWord(word, of(values), style).text;

describe("a word comes out as BuildKit's lexer has it", () => {
  const answers = buildkit().words;
  for (const [index, { text: word, env, escape }] of wordCases().entries()) {
    test(`${word} | ${env.join(";")}`, () => {
      const values = new Map(env.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]));
      const answer = answers[index]!;
      const expand = (): unknown => {
        const { text: result, unmatched, words } = expandWord(word, (name) => values.get(name), { escape });
        return { word: result, unmatched: [...unmatched].sort(), words };
      };
      if (answer.error !== undefined) expect(expand).toThrow(answer.error);
      else expect(expand()).toEqual({ word: answer.word, unmatched: answer.unmatched, words: answer.words ?? [] });
    });
  }
});

describe("where BuildKit's lexer goes wrong", () => {
  test("what stands before a modifier with a word belongs to the same word", () => {
    expect(expandWord("80${X:-81}", of({})).words).toEqual(["8081"]);
  });

  test("a replacement is text: a dollar in it means nothing", () => {
    expect(text("${A//b/$}", { A: "abc" })).toBe("a$c");
  });
});

describe("styles", () => {
  test("keep quotes, escapes and what is not set", () => {
    expect(text(`"a" 'b' \\c $D \${E:-f}`, {}, { keepQuotes: true, keepEscapes: true, keepUnset: true })).toBe(`"a" 'b' \\c $D \${E:-f}`);
  });

  test("text of a heredoc has no quotes", () => {
    expect(text(`it's "$A" \\$A`, { A: "x" }, { ignoreQuotes: true })).toBe(`it's "x" $A`);
  });
});

describe("bounds", () => {
  test("a pattern of many stars takes its length times the value's", () => {
    const began = performance.now();
    expect(text(`\${A##${"*a".repeat(200)}b}`, { A: "a".repeat(5000) })).toHaveLength(5000);
    expect(text(`\${A//${"*a".repeat(50)}b/x}`, { A: "a".repeat(5000) })).toHaveLength(5000);
    expect(performance.now() - began).toBeLessThan(1500);
  });

  test("what variables make is bounded, for one word and for all of a Dockerfile", () => {
    const [quarter, mebibyte] = ["x".repeat(1 << 18), "x".repeat(1 << 20)];
    expect(text("$A$A$A$A", { A: quarter })).toHaveLength(1 << 20);
    for (const word of ["$A$A$A$A$B", '"$A$A$A$A$B"', "${C:-$A$A$A$A$B}", "${A//x/$A}", "${A//$D/$A}"]) {
      expect(() => text(word, { A: quarter, B: "1" })).toThrow(/^failed to process .*: variables make it longer than 1 MiB$/);
    }
    // What is written as it is may be as long as it likes.
    expect(text(`${mebibyte}x$B`, { B: "1" })).toHaveLength((1 << 20) + 2);
    const budget = new Budget();
    for (let word = 0; word < 16; word++) text("$A", { A: mebibyte }, { budget });
    expect(() => text("$A", { A: "x" }, { budget })).toThrow("variables make more than 16 MiB of the Dockerfile");
    const doubled = ["ARG a0=x", ...Array.from({ length: 40 }, (_, index) => `ARG a${index + 1}=$a${index}$a${index}`)].join("\n");
    const { error } = checkDockerfile(`FROM scratch\n${doubled}\n`, CHECKED);
    expect([error?.message, error?.span?.start.line]).toEqual([expect.stringContaining("longer than 1 MiB"), 23]);
    const many = Array.from({ length: 20 }, (_, index) => `FROM scratch\nARG a=${"x".repeat(1000)}\n${Array.from({ length: 8 }, () => "ARG a=$a$a").join("\n")}\nENV ${Array.from({ length: 4 }, (__, at) => `b${index}${at}=$a`).join(" ")}\n`).join("");
    expect(checkDockerfile(many, CHECKED).error?.message).toContain("variables make more than 16 MiB");
  });

  test("patterns are: many long ones end with a sentence", () => {
    const began = performance.now();
    const value = "x".repeat(1 << 17);
    expect(() => text(`\${A//*x*${"x".repeat(5000)}/z}`, { A: value })).toThrow("the patterns of its variables are too long for their values");
    const budget = new Budget();
    expect(() => { for (let time = 0; time < 10_000; time++) text("${A%%*}", { A: value }, { budget }); }).toThrow("the patterns of its variables are too long for their values");
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  test("nesting ends with a sentence, not with the stack", () => {
    expect(() => text("${A:-".repeat(100_000))).toThrow("nested deeper than 200");
    expect(text("${A:-".repeat(100) + "x" + "}".repeat(100))).toBe("x");
  });
});
