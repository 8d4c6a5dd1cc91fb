/** A moment of each fuzzing target, with the same cases every time: MDK_FUZZ_SEED for others, `npm run fuzz` for ten minutes of them. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRoot } from "../helpers/requires.ts";
import { fuzz } from "./fuzz.ts";
import { targets } from "./targets.ts";

const SECONDS = Number(process.env["MDK_FUZZ_SECONDS"] ?? 18);
const folder = mkdtempSync(join(tmpdir(), "mdk-fuzz-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const all = targets(folder, isRoot);
for (const target of all) {
  test(`what strangers write: ${target.name}`, async () => {
    const { cases, refused } = await fuzz(target, { seed: Number(process.env["MDK_FUZZ_SEED"] ?? 1), ms: (SECONDS * 1000) / all.length, only: null });
    expect(cases).toBeGreaterThan(50);
    expect(refused).toBeLessThan(cases);
  });
}
