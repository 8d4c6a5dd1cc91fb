/** Words: variables with every modifier, quotes, escapes, splitting. */
import { describe, expect, test } from "bun:test";
import { expandWord, type Lookup, type Style } from "../../../src/build/language/expand/word.ts";
import { buildkit, wordCases } from "../corpus/read.ts";

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

  test("nesting ends with a sentence, not with the stack", () => {
    expect(() => text("${A:-".repeat(100_000))).toThrow("nested deeper than 200");
    expect(text("${A:-".repeat(100) + "x" + "}".repeat(100))).toBe("x");
  });
});
