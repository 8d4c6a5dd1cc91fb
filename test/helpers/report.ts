/** The end of test/all.sh: `bun test/helpers/report.ts RESULTS "STAGES"` prints what failed and was skipped, and the counts. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tally, type Stage } from "./tally.ts";

const REASON_LINES = 25;

const [results = "", stages = ""] = process.argv.slice(2);

function read(path: string): string | null {
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}

function stage(name: string): Stage {
  const status = Number.parseInt(read(join(results, `${name}.status`)) ?? "", 10);
  return { status: Number.isNaN(status) ? null : status, log: read(join(results, `${name}.log`)) ?? "" };
}

const total = tally({
  stage,
  wanted: stages.split(" "),
  junit: read(join(results, "bun.xml")),
  testFiles: [...new Bun.Glob("test/**/*.test.ts").scanSync(".")].sort(),
  allowedSkips: read("test/skips.txt") ?? "",
  onCi: process.env["CI"] === "true",
});
const unstable = read(join(results, "unstable.txt")) ?? "";
for (const line of unstable.split("\n").filter((id) => id !== "")) console.log(`unstable: ${line}: failed beside other files, passed alone`);
for (const line of total.skipped) console.log(`skipped: ${line}`);
for (const line of total.failed) {
  console.log(`FAILED: ${line}`);
  // What a runner keeps of a long output is often its end.
  const reason = (total.reasons.get(line) ?? "").split("\n").filter((text) => text.trim() !== "");
  for (const text of reason.slice(0, REASON_LINES)) console.log(`    ${text.slice(0, 400)}`);
}
console.log(`${total.passed} passed, ${total.failed.length} failed, ${total.skipped.length} skipped`);
process.exitCode = total.failed.length === 0 ? 0 : 1;
