/** `npm run fuzz`: all targets for ten minutes, or what the environment says; prints how many cases there were. Status 1 at a finding. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fuzz } from "./fuzz.ts";
import { targets } from "./targets.ts";

const environment = process.env;
const seed = Number(environment["MDK_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const seconds = Number(environment["MDK_FUZZ_SECONDS"] ?? 600);
const only = environment["MDK_FUZZ_CASE"] === undefined ? null : Number(environment["MDK_FUZZ_CASE"]);
const folder = mkdtempSync(join(tmpdir(), "mdk-fuzz-"));
let status = 0;
try {
  const chosen = targets(folder, process.getuid?.() === 0).filter(({ name }) => (environment["MDK_FUZZ_TARGET"] ?? name) === name);
  let total = 0;
  console.log(`seed ${seed}, ${seconds} s`);
  for (const target of chosen) {
    try {
      const { cases, refused } = await fuzz(target, { seed, ms: (seconds * 1000) / chosen.length, only });
      total += cases;
      console.log(`${target.name}: ${cases} cases, ${refused} of them refused`);
    } catch (error) {
      status = 1;
      console.log(`FOUND ${(error as Error).message}`);
    }
  }
  console.log(`${total} cases in all`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(status);
