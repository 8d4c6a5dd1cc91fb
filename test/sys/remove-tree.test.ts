/** Removing trees that somebody else filled: any depth, any names, no link followed. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "../../src/sys/remove-tree.ts";
import { hasTool, testIf } from "../helpers/requires.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "mdk-remove-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

testIf(hasTool("perl"), "needs perl")("a tree deeper than any path, with names that are no text, goes in linear time", () => {
  const tree = join(folder, "tree");
  mkdirSync(tree);
  Bun.spawnSync(["perl", "-e", 'for (1..3000) { mkdir "d"; open F, ">\\xff"; chdir "d" }'], { cwd: tree });
  expect(existsSync(join(tree, "d/d/d/d"))).toBe(true);
  removeTree(tree);
  expect(existsSync(tree)).toBe(false);
}, 30_000);

test("links are removed, not followed", () => {
  const tree = join(folder, "tree");
  mkdirSync(join(tree, "inner"), { recursive: true });
  mkdirSync(join(folder, "other"));
  writeFileSync(join(folder, "other/file"), "kept");
  symlinkSync(join(folder, "other"), join(tree, "inner/link"));
  symlinkSync(join(folder, "other/file"), join(tree, "file"));
  removeTree(tree);
  expect(existsSync(tree)).toBe(false);
  expect(readFileSync(join(folder, "other/file"), "utf8")).toBe("kept");
});

test("what is not there is fine", () => {
  removeTree(join(folder, "none"));
});

test("six that remove one tree at once all succeed", async () => {
  for (let round = 0; round < 12; round++) {
    const tree = join(folder, `tree-${round}`);
    for (let index = 0; index < 40; index++) {
      const deep = join(tree, String(index % 8), ...Array.from({ length: index % 3 === 0 ? 70 : 3 }, () => "d"));
      mkdirSync(deep, { recursive: true });
      writeFileSync(join(deep, "file"), "");
    }
    const script = 'import { removeTree } from "./src/sys/remove-tree.ts"; removeTree(process.argv[1]);';
    const all = Array.from({ length: 6 }, () => Bun.spawn([process.execPath, "-e", script, tree], { stdin: "ignore", stdout: "ignore", stderr: "pipe" }));
    expect(await Promise.all(all.map(async (child) => [await child.exited, await new Response(child.stderr).text()]))).toEqual(all.map(() => [0, ""]));
    expect(existsSync(tree)).toBe(false);
  }
}, 60_000);
