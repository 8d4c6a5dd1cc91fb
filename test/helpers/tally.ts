/**
 * Counts what the stages of test/all.sh left behind. Pure. The traps it knows: a test file that does not load is missing
 * from Bun's JUnit report; a test that calls process.exit(0) ends everything with status 0 and no report; Zig says its
 * counts in one line only.
 */
import { parseJunit } from "./junit.ts";

export interface Stage {
  /** Exit status; null: the stage never ended, or never began. */
  readonly status: number | null;
  readonly log: string;
}

export interface Results {
  readonly stage: (name: string) => Stage;
  /** Stages that were to run. */
  readonly wanted: readonly string[];
  /** Bun's JUnit report, null if none was written. */
  readonly junit: string | null;
  /** Test files on disk, as the report names them. */
  readonly testFiles: readonly string[];
  /** Content of test/skips.txt. */
  readonly allowedSkips: string;
  readonly onCi: boolean;
}

export interface Tally {
  passed: number;
  /** What failed, a line each. */
  readonly failed: string[];
  /** What a failed test of Bun's said, by its line in `failed`. */
  readonly reasons: Map<string, string>;
  readonly skipped: string[];
}

/** Kernels that test/all.sh boots. */
const KERNELS = ["6.12", "6.1"];

/** Exit status by which test/vm/run.sh says that it could not run. */
const SKIPPED = 77;

export function tally(results: Results): Tally {
  const total: Tally = { passed: 0, failed: [], reasons: new Map(), skipped: [] };
  for (const name of ["check", "build", "images"]) {
    if (name === "check" && !results.wanted.includes(name)) continue;
    count(total, name, results.stage(name));
  }
  if (results.stage("build").status === 0) {
    if (results.wanted.includes("zig")) countZig(total, results.stage("zig"));
    if (results.wanted.includes("bun")) countBun(total, results);
    if (results.wanted.includes("vm")) for (const series of KERNELS) count(total, `vm > smoke test on ${series}`, results.stage(`vm-${series}`));
  }
  if (results.onCi) refuseSkips(total, parseSkips(results.allowedSkips));
  return total;
}

/** One stage that is one test. */
function count(total: Tally, name: string, stage: Stage): void {
  if (stage.status === 0) total.passed++;
  else if (stage.status === SKIPPED) total.skipped.push(name);
  else total.failed.push(`${name}: ${stage.status === null ? "did not run" : `exit status ${stage.status}`}`);
}

function countZig(total: Tally, stage: Stage): void {
  const line = stage.log.split("\n").find((text) => text.startsWith("Build Summary:")) ?? "";
  const number = (pattern: RegExp): number => Number.parseInt(pattern.exec(line)?.[1] ?? "0", 10);
  const passed = number(/(\d+)\/\d+ tests passed/);
  const failed = number(/tests passed.*?(\d+) failed/);
  total.passed += passed;
  for (let i = 0; i < failed; i++) total.failed.push("zig: a test of the shim");
  for (let i = 0; i < number(/(\d+) skipped/); i++) total.skipped.push("zig: a test of the shim");
  if (failed === 0 && (stage.status !== 0 || passed === 0)) total.failed.push(`zig: exit status ${stage.status}, ${passed} tests`);
}

function countBun(total: Tally, results: Results): void {
  const cases = parseJunit(results.junit ?? "");
  const failedBefore = total.failed.length;
  for (const { id, outcome, reason } of cases) {
    if (outcome === "passed") total.passed++;
    else total[outcome].push(id);
    if (outcome === "failed") total.reasons.set(id, reason);
  }
  const status = results.stage("bun").status;
  if (results.junit === null) {
    total.failed.push(`bun: no report (exit status ${status}): a test ended the process, or it took too long`);
    return;
  }
  const loaded = new Set(cases.map((test) => test.file));
  for (const file of results.testFiles) if (!loaded.has(file)) total.failed.push(`${file}: does not load, or holds no test`);
  if (status !== 0 && total.failed.length === failedBefore) total.failed.push(`bun: exit status ${status} though no test failed`);
}

/** Lines "ID  # REASON"; a line without a reason is not valid and allows nothing. */
export function parseSkips(text: string): Map<string, string> {
  const skips = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [id, reason] = line.startsWith("#") ? [] : line.split(/\s+# /, 2);
    if (id !== undefined && reason !== undefined && reason.trim() !== "") skips.set(id.trim(), reason.trim());
  }
  return skips;
}

function refuseSkips(total: Tally, allowed: ReadonlyMap<string, string>): void {
  for (const id of total.skipped) {
    if (!allowed.has(id)) total.failed.push(`${id}: skipped on CI, and test/skips.txt does not name it`);
  }
}
