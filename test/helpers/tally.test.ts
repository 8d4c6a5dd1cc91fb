/** The counting of test results, against what Bun 1.4 and Zig 0.17 write. */
import { describe, expect, test } from "bun:test";
import { parseJunit } from "./junit.ts";
import { parseSkips, tally, type Results, type Stage } from "./tally.ts";

const junit = `<testsuites name="bun test" tests="4" failures="1" skipped="1">
  <testsuite name="test/a.test.ts" file="test/a.test.ts">
    <testcase name="one &lt;&amp;&gt; &quot;q&quot;" classname="outer" time="0" file="test/a.test.ts" line="2" assertions="0" />
    <testcase name="two" classname="outer" time="0" file="test/a.test.ts"><skipped /></testcase>
    <testcase name="three" classname="" time="0" file="test/a.test.ts"><failure type="A" message="&#10;">x &lt;y&gt;&#10;</failure></testcase>
    <testcase name="four" classname="" time="0" file="test/a.test.ts" />
  </testsuite>
</testsuites>`;
const zig = "Build Summary: 5/5 steps succeeded; 12/13 tests passed (1 skipped)\n";

function results(change: Partial<Omit<Results, "stage">> & { stages?: Record<string, Partial<Stage>> } = {}): Results {
  const logs: Record<string, string> = { zig };
  return {
    stage: (name) => ({ status: 0, log: logs[name] ?? "", ...change.stages?.[name] }),
    wanted: ["check", "zig", "bun", "vm"],
    junit,
    testFiles: ["test/a.test.ts"],
    allowedSkips: "",
    onCi: false,
    ...change,
  };
}

describe("a run's counts", () => {
  test("are those of Bun, Zig and the stages together", () => {
    const total = tally(results({ stages: { bun: { status: 1 } } }));
    expect(total.passed).toBe(2 + 12 + 5);
    expect(total.failed).toEqual(["test/a.test.ts > three"]);
    expect([...total.reasons]).toEqual([["test/a.test.ts > three", "x <y>"]]);
    expect(total.skipped).toEqual(["zig: a test of the shim", "test/a.test.ts > outer > two"]);
  });

  test("hold a failure for a test file that did not load", () => {
    const total = tally(results({ testFiles: ["test/a.test.ts", "test/b.test.ts"] }));
    expect(total.failed).toContain("test/b.test.ts: does not load, or holds no test");
  });

  test("hold a failure where a test ended the process before the report was written", () => {
    expect(tally(results({ junit: null })).failed[0]).toStartWith("bun: no report");
  });

  test("hold a failure where Bun failed outside of any test", () => {
    const passing = junit.replace(/<failure.*<\/failure>/, "");
    expect(tally(results({ junit: passing, stages: { bun: { status: 1 } } })).failed).toEqual(["bun: exit status 1 though no test failed"]);
  });

  test("hold failures of Zig, also where it did not say any", () => {
    const failing = "Build Summary: 3/5 steps succeeded (1 failed); 1/3 tests passed (1 skipped, 1 failed)";
    expect(tally(results({ stages: { zig: { status: 1, log: failing } } })).failed).toContain("zig: a test of the shim");
    expect(tally(results({ stages: { zig: { status: 2, log: "error" } } })).failed).toContain("zig: exit status 2, 0 tests");
  });

  test("stop at a build that failed", () => {
    const total = tally(results({ stages: { build: { status: 1 }, images: { status: null } } }));
    expect(total.failed).toEqual(["build: exit status 1", "images: did not run"]);
  });

  test("count a virtual machine that could not be made as skipped", () => {
    expect(tally(results({ stages: { "vm-6.1": { status: 77 } } })).skipped).toEqual(["zig: a test of the shim", "test/a.test.ts > outer > two", "vm > smoke test on 6.1"]);
  });
});

describe("skips on CI", () => {
  test("fail the run unless they are named with a reason", () => {
    const named = "# comment\nzig: a test of the shim  # why\ntest/a.test.ts > outer > two\n";
    const total = tally(results({ onCi: true, allowedSkips: named }));
    expect(total.failed).toContain("test/a.test.ts > outer > two: skipped on CI, and test/skips.txt does not name it");
    expect(total.failed.some((line) => line.startsWith("zig"))).toBe(false);
  });

  test("are read as an id and a reason", () => {
    expect([...parseSkips("a > b # c  # no: #1 is a number\n\n# x  # y\n")]).toEqual([["a > b", "c"]]);
  });
});

test("names in a JUnit report are unescaped", () => {
  expect(parseJunit(junit)[0]).toEqual({ file: "test/a.test.ts", id: 'test/a.test.ts > outer > one <&> "q"', outcome: "passed", reason: "" });
});
