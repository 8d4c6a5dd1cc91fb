/** `build --check` finds what BuildKit's finds, in the same sentences, at the same lines. */
import { describe, expect, test } from "bun:test";
import { checkDockerfile, type BaseFacts, type CheckOptions, type CheckResult } from "../../../src/build/check/check.ts";
import { pageOf } from "../../../src/build/check/rules.ts";
import { IgnoreRules } from "../../../src/build/context/ignore.ts";
import { buildkit, dockerfileCases, type LintAnswer } from "../corpus/read.ts";

const PLATFORM = { os: "linux", architecture: "amd64", variant: "" };
const FACTS: BaseFacts = { environment: ["PATH=/bin", "BASE_VAR=base"], hasShell: false, triggers: [] };

function check(text: string, options: Partial<CheckOptions> = {}): CheckResult {
  return checkDockerfile(text, { buildArguments: new Map(), target: null, platforms: { build: PLATFORM, target: PLATFORM }, contexts: [], factsOf: () => FACTS, ignore: null, ...options });
}

const lines = ({ warnings }: CheckResult): string[] => warnings.map(({ rule, detail, span }) => `${span.start.line} ${rule}: ${detail}`).sort();
const theirLines = ({ warnings }: LintAnswer): string[] => (warnings ?? []).map(([rule, detail, at]) => `${at?.[0]} ${rule}: ${detail}`).sort();

/** Where mdk is meant to differ. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  "escape-bad": "the line of a directive is the directive's", "escape-twice": "the same", "directive-syntax-twice": "the same",
  "from-four-arguments": "what is refused has no warnings of its own", "from-not-as": "the same", "maintainer-none": "the same", "env-modifier-bad": "the same",
  "expose-host-bad": "the same", "expose-range-mismatch": "the same",
  "from-platform": "of an image's platform the build itself tells", "from-platform-named": "the same",
  "copy-from-circle": "at the instruction that closes the circle",
  "copy-variables": "what --chmod says is looked at when files are copied", add: "what --checksum says is looked at when files are fetched",
  stopsignal: "what a signal is, is looked at when it is set",
  "arg-use-in-default": "names of the same ARG are not proposed",
};

describe("of the corpus", () => {
  const answers = buildkit().dockerfiles;
  for (const { name, text, args, target } of dockerfileCases()) {
    const answer = answers[name]!.lint;
    const result = check(text, { buildArguments: new Map(Object.entries(args)), target: target || null });
    const [message, at] = Array.isArray(answer.error) ? (answer.error as [string, number[] | null]) : [null, null];
    const mine = { warnings: lines(result), error: result.error?.message ?? null, line: at?.[0] === undefined ? null : (result.error?.span?.start.line ?? null) };
    const theirs = { warnings: theirLines(answer), error: message, line: at?.[0] ?? null };
    if (Object.hasOwn(DIFFERENCES, name)) test(`${name}: ${DIFFERENCES[name]}`, () => expect(mine).not.toEqual(theirs));
    else test(name, () => expect(mine).toEqual(theirs));
  }
});

describe("without BuildKit", () => {
  test("files that are left out of the context are told, where nothing is taken in again", () => {
    const text = "FROM a\nCOPY node_modules/x src/ . /\nADD ./x.md https://example.com/x.md /\nCOPY --from=b x.md /\n";
    expect(lines(check(text, { ignore: new IgnoreRules(["node_modules", "*.md"]) }))).toEqual([
      '2 CopyIgnoredFile: Attempting to Copy file "node_modules/x" that is excluded by .dockerignore', '3 CopyIgnoredFile: Attempting to Add file "x.md" that is excluded by .dockerignore',
    ]);
    expect(lines(check(text, { ignore: new IgnoreRules(["node_modules", "!x"]) }))).toEqual([]);
    expect(lines(check("FROM a\nCOPY . /\n", { ignore: new IgnoreRules(["*"]) }))).toHaveLength(1);
  });

  test("nothing is said of variables above an image that nobody knows", () => {
    const text = "FROM a AS one\nCOPY $X $Y /\nFROM one\nUSER $X\nFROM scratch\nCOPY $X /\n";
    expect(lines(check(text, { factsOf: () => null }))).toEqual(["6 UndefinedVar: Usage of undefined variable '$X'"]);
  });

  test("an image's shell and ONBUILD count", () => {
    const facts: BaseFacts = { environment: [], hasShell: true, triggers: ["COPY $X /"] };
    expect(lines(check("FROM a\nCMD x\n", { factsOf: () => facts }))).toEqual(["1 UndefinedVar: Usage of undefined variable '$X'"]);
  });

  test("each rule has its page", () => {
    expect([pageOf("JSONArgsRecommended"), pageOf("FromPlatformFlagConstDisallowed"), pageOf("UndefinedVar")]).toEqual(
      ["json-args-recommended", "from-platform-flag-const-disallowed", "undefined-var"].map((name) => `https://docs.docker.com/go/dockerfile/rule/${name}/`),
    );
  });
});
