/**
 * The tests of mdk, some files at once, each in a process of its own: `bun test/helpers/shares.ts RESULTS [FILE…]`. Most of their time they wait for processes;
 * whoever is done takes the next file, the longest first. A few that failed run once more, alone: what a busy machine did to them is
 * told as unstable, what fails again has failed. Leaves bun.xml and unstable.txt in RESULTS, prints what each file said in one piece,
 * and ends with status 1 if one failed.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseJunit } from "./junit.ts";

/** So many files at once: more, and tests that measure time see one another. */
const WORKERS = 3;

/** Of more that failed, the machine is not the reason. */
const ALONE_MAX = 3;

/** Where the long ones are: they come first, so that none of them is left for the end. */
const LONG = ["test/nested/", "test/fault/", "test/root/store/", "test/root/security/", "test/root/container/", "test/root/network/", "test/engine/"];

function rank(file: string): number {
  const index = LONG.findIndex((folder) => file.startsWith(folder));
  return index === -1 ? LONG.length : index;
}

/** They count the host's loop devices that hold a store: one after the other. */
const LOOPS = ["test/nested/matrix.test.ts", "test/root/store/lacking.test.ts", "test/root/store/root-store.test.ts"];

async function runFiles(files: readonly string[], report: string): Promise<boolean> {
  const child = Bun.spawn([process.execPath, "test", "--timeout", "120000", "--reporter=junit", `--reporter-outfile=${report}`, ...files], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  process.stdout.write(out + err);
  return status === 0;
}

const read = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");

const [results = "", ...asked] = process.argv.slice(2);
const files = (asked.length > 0 ? asked : [...new Bun.Glob("test/**/*.test.ts").scanSync(".")]).toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
const loops = files.filter((file) => LOOPS.includes(file));
const shares = [...(loops.length > 0 ? [loops] : []), ...files.filter((file) => !loops.includes(file)).map((file) => [file])];
const folder = join(results, "bun");
mkdirSync(folder, { recursive: true });
const reports = shares.map((_, index) => join(folder, `${index}.xml`));
let next = 0;
let failed: number[] = [];

async function work(): Promise<void> {
  for (let index = next++; index < shares.length; index = next++) if (!(await runFiles(shares[index]!, reports[index]!))) failed.push(index);
}

await Promise.all(Array.from({ length: WORKERS }, work));
const unstable: string[] = [];
for (const index of failed.length > ALONE_MAX ? [] : [...failed]) {
  console.log(`\nonce more, alone: ${shares[index]!.join(" ")}`);
  const before = parseJunit(read(reports[index]!)).filter(({ outcome }) => outcome === "failed");
  if (!(await runFiles(shares[index]!, reports[index]!))) continue;
  failed = failed.filter((other) => other !== index);
  unstable.push(...(before.length > 0 ? before.map(({ id }) => id) : shares[index]!));
}
writeFileSync(join(results, "bun.xml"), reports.map(read).join("\n"));
writeFileSync(join(results, "unstable.txt"), unstable.join("\n"));
console.log(`${shares.length - failed.length} of ${shares.length} processes passed`);
process.exitCode = failed.length === 0 ? 0 : 1;
