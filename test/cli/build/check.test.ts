/** `build --check`: what is printed, as Docker prints it, and which files are read. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkDockerfile } from "../../../src/build/check/check.ts";
import { checkOutput } from "../../../src/cli/build/check-output.ts";
import { readDockerfile, readIgnoreRules } from "../../../src/cli/build/files.ts";

const PLATFORM = { os: "linux", architecture: "amd64", variant: "" };

function output(text: string): string {
  const result = checkDockerfile(text, { buildArguments: new Map(), target: null, platforms: { build: PLATFORM, target: PLATFORM }, contexts: [], factsOf: () => null, ignore: null });
  return checkOutput(result, "Dockerfile", text);
}

describe("printed is", () => {
  test("that all is well", () => expect(output("FROM a\n")).toBe("Check complete, no warnings found."));

  test("each warning with its page and its lines", () => {
    expect(output("FROM a\nCMD x\nRUN y\nRUN z\n")).toBe(`Check complete, 1 warning has been found!

WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/
JSON arguments recommended for CMD to prevent unintended behavior related to OS signals
Dockerfile:2
--------------------
   1 |     FROM a
   2 | >>> CMD x
   3 |     RUN y
   4 |     RUN z
--------------------`);
  });

  test("the error behind the warnings, several lines marked, nothing that moves a terminal", () => {
    expect(output("FROM a AS B\nRUN --x \\\r\n  \x1b[2J\n")).toBe(`Check complete, 1 warning has been found!

WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/
Stage name 'B' should be lowercase
Dockerfile:1
--------------------
   1 | >>> FROM a AS B
   2 |     RUN --x \\
   3 |       \\x1b[2J
--------------------

dockerfile parse error on line 2: unknown flag: --x
Dockerfile:2
--------------------
   1 |     FROM a AS B
   2 | >>> RUN --x \\
   3 | >>>   \\x1b[2J
   4 |     
--------------------`);
  });

  test("only that warnings are errors, where the file says so", () => {
    expect(output("# check=error=true\nFROM a\nCMD x\n")).toEndWith("--------------------\n\nlint violation found for rules: JSONArgsRecommended");
  });
});

describe("read are", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "mdk-check-"));
    for (const [name, text] of Object.entries({ dockerfile: "FROM lower\n", other: "FROM other\n", ".dockerignore": "a\n", "other.dockerignore": "b\n", "bad.dockerignore": "[\n" })) writeFileSync(join(folder, name), text);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("Dockerfile, dockerfile where that is not there, or what is named", () => {
    expect(readDockerfile(folder, null).text).toBe("FROM lower\n");
    expect(readDockerfile(folder, join(folder, "other"))).toEqual({ name: "other", path: join(folder, "other"), text: "FROM other\n" });
    expect(() => readDockerfile(folder, join(folder, "none"))).toThrow(`failed to read dockerfile: open none: no such file or directory`);
  });

  test("the Dockerfile's own ignore file before the directory's", () => {
    const ignored = (path: string | null): boolean[] => ["a", "b"].map((name) => readIgnoreRules(folder, { name: "", text: "", path })!.at(name, null).isIgnored);
    expect([ignored(null), ignored(join(folder, "other"))]).toEqual([[true, false], [false, true]]);
    expect(() => ignored(join(folder, "bad"))).toThrow("bad.dockerignore: syntax error in pattern");
  });
});
