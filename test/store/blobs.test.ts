/** Blobs by digest, written by several at once. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, hexOf } from "../../src/image/digest.ts";
import { readBlob, writeBlob } from "../../src/store/blobs.ts";
import { ensureStore } from "../../src/store/paths.ts";

const folder = mkdtempSync(join(tmpdir(), "mdk-blobs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("what a process of the same pid in another pid namespace is writing is left alone", () => {
  const paths = ensureStore(join(folder, "root"));
  const bytes = Buffer.from("a manifest");
  const other = join(paths.temporary, `blob-${hexOf(digestOf(bytes)).slice(0, 16)}-${process.pid}`);
  writeFileSync(other, "half of a mani");
  const digest = writeBlob(paths, bytes);
  expect(Buffer.from(readBlob(paths, digest)).toString()).toBe("a manifest");
  expect(readdirSync(paths.temporary)).toEqual([other.slice(paths.temporary.length + 1)]);
  expect(readFileSync(other, "utf8")).toBe("half of a mani");
});
