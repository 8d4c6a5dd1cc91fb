/** `build --check`: what is printed, as Docker prints it, and which files are read. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkDockerfile } from "../../../src/build/check/check.ts";
import { checkOutput } from "../../../src/cli/build/check-output.ts";
import { readDockerfile, readIgnoreRules, type BuildDirectory } from "../../../src/cli/build/files.ts";

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

  const signal = new AbortController().signal;
  const own = (): BuildDirectory => ({ path: folder, isFetched: false });

  test("Dockerfile, dockerfile where that is not there, or what is named", async () => {
    expect((await readDockerfile(own(), null, signal)).text).toBe("FROM lower\n");
    expect(await readDockerfile(own(), join(folder, "other"), signal)).toEqual({ name: "other", path: join(folder, "other"), text: "FROM other\n" });
    await expect(readDockerfile(own(), join(folder, "none"), signal)).rejects.toThrow("failed to read dockerfile: open none: no such file or directory");
  });

  const ignored = async (path: string | null): Promise<boolean[]> => {
    const rules = await readIgnoreRules(own(), { path }, signal);
    return ["a", "b"].map((name) => rules!.at(name, null).isIgnored);
  };

  test("the Dockerfile's own ignore file before the directory's", async () => {
    expect([await ignored(null), await ignored(join(folder, "other"))]).toEqual([[true, false], [false, true]]);
    await expect(ignored(join(folder, "bad"))).rejects.toThrow("bad.dockerignore: syntax error in pattern");
  });

  test("regular files only: nothing waits for who writes a pipe that nobody named", async () => {
    const held = mkdtempSync(join(folder, "held-"));
    expect(Bun.spawnSync(["mkfifo", join(held, "Dockerfile"), join(held, "x.dockerignore"), join(held, "named")]).exitCode).toBe(0);
    symlinkSync("/dev/zero", join(held, ".dockerignore"));
    for (const isFetched of [false, true]) await expect(readDockerfile({ path: held, isFetched }, null, signal)).rejects.toThrow("Dockerfile is no regular file");
    await expect(readDockerfile({ path: held, isFetched: true }, "named", signal)).rejects.toThrow("named is no regular file");
    await expect(readIgnoreRules({ path: held, isFetched: false }, { path: null }, signal)).rejects.toThrow("failed to read .dockerignore: it is no regular file");
    for (const isFetched of [false, true]) await expect(readIgnoreRules({ path: held, isFetched }, { path: join(held, "x") }, signal)).rejects.toThrow("failed to read x.dockerignore: it is no regular file");
    // The user's own may be one, and is waited for until there is no more patience.
    const waited = readDockerfile({ path: held, isFetched: false }, join(held, "named"), signal);
    await Bun.sleep(50);
    writeFileSync(join(held, "named"), "FROM piped\n");
    expect((await waited).text).toBe("FROM piped\n");
    await expect(readDockerfile({ path: held, isFetched: false }, join(held, "named"), AbortSignal.timeout(50))).rejects.toThrow("timed out");
  });

  test("of what was fetched nothing that is not in it", async () => {
    const held = mkdtempSync(join(folder, "fetched-"));
    const fetched = { path: held, isFetched: true };
    for (const name of ["Dockerfile", ".dockerignore"]) symlinkSync("../bad.dockerignore", join(held, name));
    await expect(readDockerfile(fetched, null, signal)).rejects.toThrow("failed to read dockerfile: Dockerfile leads out of the build context");
    await expect(readIgnoreRules(fetched, { path: null }, signal)).rejects.toThrow("failed to read .dockerignore: .dockerignore leads out of the build context");
    // As the kernel has it for who has the context as "/".
    writeFileSync(join(held, "real"), "FROM within\n");
    symlinkSync("/real", join(held, "led"));
    expect((await readDockerfile(fetched, "led", signal)).text).toBe("FROM within\n");
    await expect(readDockerfile(fetched, "../other", signal)).rejects.toThrow("failed to read dockerfile: open other: no such file or directory");
  });
});
