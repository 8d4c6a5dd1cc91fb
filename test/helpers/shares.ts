/**
 * The tests of mdk, some files at once, each in a process of its own: `bun test/helpers/shares.ts RESULTS [FILE…]`. Most of their time they wait for processes;
 * whoever is done takes the next file, the longest first. Leaves bun.xml in RESULTS, prints what each file said in one piece, and
 * ends with status 1 if one failed.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** So many files at once: more, and tests that measure time see one another. */
const WORKERS = 3;

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

const [results = "", ...asked] = process.argv.slice(2);
const files = (asked.length > 0 ? asked : [...new Bun.Glob("test/**/*.test.ts").scanSync(".")]).toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
const loops = files.filter((file) => LOOPS.includes(file));
const shares = [...(loops.length > 0 ? [loops] : []), ...files.filter((file) => !loops.includes(file)).map((file) => [file])];
const folder = join(results, "bun");
mkdirSync(folder, { recursive: true });
const reports = shares.map((_, index) => join(folder, `${index}.xml`));
let next = 0;
let failed = 0;

async function work(): Promise<void> {
  for (let index = next++; index < shares.length; index = next++) if (!(await runFiles(shares[index]!, reports[index]!))) failed++;
}

await Promise.all(Array.from({ length: WORKERS }, work));
writeFileSync(join(results, "bun.xml"), reports.filter(existsSync).map((path) => readFileSync(path, "utf8")).join("\n"));
console.log(`${shares.length - failed} of ${shares.length} processes passed`);
process.exitCode = failed === 0 ? 0 : 1;
