/** Every Dockerfile of the corpus is read as BuildKit reads it: instructions, flags, heredocs, lines, expanded words, mounts, sentences of errors. */
import { describe, expect, test } from "bun:test";
import { buildkit, dockerfileCases } from "../corpus/read.ts";
import { comparable, parsed } from "../corpus/neutral.ts";

/** Where mdk is meant to differ. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  "continuation-alone": "an instruction begins where its keyword is, not at an empty line that is continued",
  "escape-bad": "BuildKit's line is one too low for directives",
  "escape-twice": "the same",
  "directive-syntax-twice": "the same",
  empty: "told by BuildKit's parser otherwise than by its build, whose words mdk has",
  "arg-only": "told by BuildKit's build only",
};

describe("a Dockerfile", () => {
  const answers = buildkit().dockerfiles;
  const cases = dockerfileCases();

  test("is each in the corpus once, and the corpus is large", () => {
    expect(cases.length).toBeGreaterThan(250);
    expect(cases.map(({ name }) => name).sort()).toEqual(Object.keys(answers).sort());
  });

  for (const { name, text } of cases) {
    const mine = comparable(parsed(text));
    const theirs = comparable(answers[name]?.parse);
    if (Object.hasOwn(DIFFERENCES, name)) test(`${name}: ${DIFFERENCES[name]}`, () => expect(mine).not.toEqual(theirs));
    else test(name, () => expect(mine).toEqual(theirs));
  }
});
