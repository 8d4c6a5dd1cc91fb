/** Lines and columns of what is wrong, in the file as it stands; and that nothing takes long, whatever the file. */
import { describe, expect, test } from "bun:test";
import { DockerfileError } from "../../../src/build/language/error.ts";
import { parseDockerfile, parseTrigger } from "../../../src/build/language/parse.ts";
import { expandInstruction } from "../../../src/build/language/expand/instruction.ts";

function errorOf(text: string): DockerfileError {
  try {
    parseDockerfile(text);
  } catch (error) {
    if (error instanceof DockerfileError) return error;
    throw error;
  }
  throw new Error("nothing is wrong");
}

function place(text: string): string {
  const { span: { start }, message } = errorOf(text);
  return `${start.line}:${start.column} ${message.replace(/^dockerfile parse error on line \d+: /, "")}`;
}

describe("an error is at", () => {
  const cases: readonly [name: string, text: string, expected: string][] = [
    ["the keyword", "FROM a\n  RNU x\n", "2:3 unknown instruction: RNU (did you mean RUN?)"],
    ["a flag on a continued line", "FROM a\nRUN --network=none \\\n  # comment\n\n  --netwrok=x ls\n", "5:3 unknown flag: --netwrok (did you mean network?)"],
    ["a flag's second time", "FROM a\nCOPY --chown=1 --chown=2 a b\n", "2:16 duplicate flag specified: --chown"],
    ["a mount", "FROM a\nRUN --mount=type=cache,target=/x --mount=from=$A,target=/y ls\n", "2:34 'from' doesn't support variable expansion, define alias stage instead"],
    ["a mode of the network", "FROM a\nRUN --security=sandbox --network=x ls\n", '2:24 invalid network mode "x"'],
    ["a device", "FROM a\nRUN --device=x ls\n", "2:5 RUN --device asks for devices by CDI, which mdk does not have"],
    ["a word of FROM", "FROM a b\n", "1:8 FROM requires either one or three arguments"],
    ["a stage's name", "FROM a AS ü/x\n", `1:11 invalid name for build stage: "ü/x", name can't start with a number or contain symbols`],
    ["a column of code points", "FROM a\nENV 😀 = 1\nENV x y=\nRUN --x y\n", "4:5 unknown flag: --x"],
    ["a blank name", "FROM a\nARG a \\\n  =b\n", "3:3 ARG names can not be blank"],
    ["a time", "FROM a\nHEALTHCHECK --interval=1s --timeout=soon CMD x\n", '2:27 time: invalid duration "soon"'],
    ["a heredoc without an end", "FROM a\nRUN cat <<EOF\nx\n", "2:9 unterminated heredoc"],
    ["a heredoc where none may be", "FROM a\nCOPY a <<EOF\nEOF\n", "2:8 COPY cannot accept a heredoc as a destination"],
    ["an array of other things", 'FROM a\nCMD ["a", 1]\n', "2:5 when using JSON array syntax, arrays must be comprised of strings only"],
    ["a directive", "# escape=`\n# escape=`\nFROM a\n", "2:1 only one escape parser directive can be used"],
    ["what ONBUILD holds back", "FROM a\nONBUILD  FROM x\n", "2:10 FROM isn't allowed as an ONBUILD trigger"],
    ["single quotes in an exec form", "FROM a\nSHELL ['a']\n", "2:7 SHELL requires the arguments to be in JSON form: strings need double quotes"],
    ["behind a byte order mark and carriage returns", "\ufeffFROM a\r\n\r\nRUN --x y\r\n", "3:5 unknown flag: --x"],
  ];
  for (const [name, text, expected] of cases) test(name, () => expect(place(text)).toBe(expected));

  test("the whole of an instruction, when its variables are wrong", () => {
    const [stage] = parseDockerfile("FROM a\nCOPY a \\\n  ${B:?say-B} \\\n  c\n").stages;
    const expand = (): unknown => expandInstruction(stage!.instructions[0]!, { lookup: () => undefined, escape: "\\" });
    expect(expand).toThrow("B: say-B");
    try {
      expand();
    } catch (error) {
      expect((error as DockerfileError).span).toEqual({ start: { line: 2, column: 1 }, end: { line: 4, column: 3 } });
    }
  });

  test("the FROM that brings a trigger", () => {
    const span = { start: { line: 7, column: 1 }, end: { line: 7, column: 9 } };
    expect(() => parseTrigger("FOO", span)).toThrow("unknown instruction: FOO");
    expect(() => parseTrigger("RUN a\nRUN b", span)).toThrow("onbuild trigger should be a single expression");
    expect(parseTrigger("RUN a", span)).toMatchObject({ kind: "run", span });
  });
});

describe("bounds", () => {
  const within = (ms: number, work: () => void): void => {
    const began = performance.now();
    work();
    expect(performance.now() - began).toBeLessThan(ms);
  };

  test("a line of 16 MB is refused as BuildKit refuses one over 64 KiB", () => {
    within(500, () => expect(place(`FROM a\nRUN ${"x".repeat(16 << 20)}\n`)).toBe("2:1 dockerfile line greater than max allowed size of 65535"));
    within(500, () => expect(place("x".repeat(16 << 20))).toStartWith("1:1 dockerfile line greater"));
    expect(place(`FROM a\nRUN <<E\n${"é".repeat(32_768)}\nE\n`)).toStartWith("3:1 dockerfile line greater");
    expect(() => parseDockerfile(`FROM a\nRUN ${"x".repeat(65_531)}\n`)).not.toThrow();
  });

  test("an instruction of many lines, of blanks, of escapes, of quotes, of flags, of brackets", () => {
    within(1500, () => parseDockerfile(`FROM a\nRUN x \\\n${"  y \\\n".repeat(200_000)} z\n`));
    within(500, () => parseDockerfile(`FROM a\nRUN x${" ".repeat(60_000)}y${"\t".repeat(5000)}\n`));
    within(500, () => parseDockerfile(`FROM a\nENV A="${"\\\\".repeat(20_000)}" B=${"'x'".repeat(5000)}\n`));
    within(500, () => place(`FROM a\nRUN ${"--x ".repeat(16_000)} y\n`));
    within(500, () => parseDockerfile(`FROM a\nRUN ${"[".repeat(60_000)}\n`));
    within(500, () => parseDockerfile(`FROM a\nRUN ${"\r".repeat(60_000)}x\n`));
  });

  test("ONBUILD in itself, stages and heredocs by the thousand", () => {
    within(500, () => place(`FROM a\n${"ONBUILD ".repeat(8000)}RUN x\n`));
    within(1000, () => parseDockerfile("FROM a\n".repeat(20_000)));
    within(1000, () => parseDockerfile(`FROM a\n${"RUN <<A <<B cat\nx\nA\ny\nB\n".repeat(5000)}`));
  });
});
