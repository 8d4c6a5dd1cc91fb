/** The empty ext4: e2fsck, as an independent reader, finds nothing to mend, at the smallest size and at large ones. */
import { expect, test } from "bun:test";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emptyExt4 } from "../../src/layer/ext4.ts";

for (const groups of [2, 3, 129, 512, 8192]) {
  test(`of ${groups} groups is clean, whatever e2fsck looks at`, () => {
    const folder = mkdtempSync(join(tmpdir(), "mdk-ext4-"));
    try {
      const file = join(folder, "image");
      const image = emptyExt4({
        groups, uuid: crypto.getRandomValues(new Uint8Array(16)), hashSeed: crypto.getRandomValues(new Uint8Array(16)), now: 1_700_000_000, mode: 0o711,
      });
      const fd = openSync(file, "w");
      ftruncateSync(fd, image.bytes);
      for (const { offset, content } of image.blocks) writeSync(fd, content, 0, content.length, offset);
      closeSync(fd);
      expect(statSync(file).size).toBe(groups * 128 * 1024 * 1024);
      expect(statSync(file).blocks * 512).toBeLessThan(400_000);
      const { exitCode, stdout } = Bun.spawnSync(["e2fsck", "-f", "-n", file], { stdout: "pipe", stderr: "pipe" });
      expect([exitCode, stdout.toString()]).toEqual([0, expect.stringContaining("11/")]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
