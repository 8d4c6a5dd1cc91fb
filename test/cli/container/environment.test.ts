/** -e, --env-file and --label-file: what a container's environment is asked to be, and how files of flags are read. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NO_DEFAULTS } from "../../../src/spec/host-defaults.ts";
import { parseFlags, type Flag } from "../../../src/cli/grammar/flags.ts";
import { RUN_FLAGS } from "../../../src/cli/container/flags.ts";
import { environmentFlags, requestOf } from "../../../src/cli/container/request.ts";

const FLAGS: readonly Flag[] = [{ name: "env", short: "e", type: "list", help: "" }, { name: "env-file", type: "list", help: "" }];
const read = (...argv: string[]): string[] => environmentFlags(parseFlags(FLAGS, argv).flags, { HAVE: "caller's" });

test("a name without a value takes the caller's, and stays alone where the caller has none: the image's variable goes", () => {
  expect(read("-e", "HAVE", "-e", "LACK", "-e", "A=1", "-e", "A=2=3")).toEqual(["HAVE=caller's", "LACK", "A=2=3"]);
});

test("a file without an end is not read to it, one of labels neither", () => {
  expect(() => read("--env-file", "/dev/zero")).toThrow("/dev/zero is larger than 1 MiB");
  const attachment = { stdin: false, stdout: true, stderr: true, terminal: false };
  const labels = (path: string): unknown => requestOf({ flags: parseFlags(RUN_FLAGS, ["--label-file", path], false).flags, image: "x", arguments: [], attachment, interactive: false, environment: {}, defaults: NO_DEFAULTS });
  expect(() => labels("/dev/zero")).toThrow("/dev/zero is larger than 1 MiB");
});

test("a line of a file without a value takes the caller's, or says nothing; only a file's names must not hold blanks", () => {
  const folder = mkdtempSync(join(tmpdir(), "mdk-env-"));
  try {
    const file = join(folder, "env");
    writeFileSync(file, "# comment\nHAVE\nLACK\nA=1\n");
    expect(read("--env-file", file, "-e", "A=2", "-e", "b c=d")).toEqual(["HAVE=caller's", "A=2", "b c=d"]);
    writeFileSync(file, "b c=d\n");
    expect(() => read("--env-file", file, "-e", "b c=d")).toThrow("variable 'b c' contains whitespaces");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
