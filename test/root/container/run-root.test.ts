/** Run directories: each data root has its own, and two that are given the same one leave one another's containers alone. */
import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { image, stage, useBaseStage } from "../../helpers/base-stage.ts";
import { MDK } from "../../helpers/mdk.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";
import { type Ended } from "../../helpers/stage.ts";

const rootTest = testIf(isRoot, "needs root");

useBaseStage();

rootTest("a data root that shares another's run directory takes nothing of its containers away", async () => {
  const other = (...args: readonly string[]): Promise<Ended> => stage.inside([MDK, "--root", join(stage.folder, "other"), "--run-root", stage.runRoot, ...args]);
  const id = (await stage.mdk("run", "-d", "--name", "kept", image, "sleep", "1000")).out.trim();
  expect(await other("ps", "-a", "-q")).toEqual({ code: 0, out: "", err: "" });
  expect((await other("clean", "-f")).code).toBe(0);
  expect((await stage.mdk("ps", "-q", "--no-trunc")).out.trim()).toBe(id);
  expect((await stage.mdk("exec", "kept", "echo", "there")).out).toBe("there\n");
  await stage.mdk("kill", "kept");
  await other("ps");
  expect((await stage.mdk("wait", "kept")).out).toBe("137\n");
  await stage.mdk("rm", "kept");
});

rootTest("a data root without --run-root has a run directory of its own", async () => {
  const alone = (...args: readonly string[]): Promise<Ended> => stage.inside([MDK, "--root", stage.root, ...args]);
  const told = await alone("info", "--format", "{{.RunRoot}}");
  expect(told.out).toMatch(/^\/run\/mdk-[0-9a-f]{8}\n$/);
  const folder = told.out.trim();
  try {
    const id = (await alone("run", "-d", image, "sleep", "1000")).out.trim();
    expect(readFileSync(join(folder, id, "op.lock"), "utf8")).toContain(stage.root);
    expect((await alone("rm", "-f", id)).code).toBe(0);
    expect((await alone("clean", "-f")).code).toBe(0);
    expect(existsSync(folder)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

rootTest("names of directories may hold whatever a path may: backslash, colon, comma, quotes, blanks", async () => {
  const name = "a\\b:c,d 'e\" \\\\f";
  const root = join(stage.folder, name, "root");
  const odd = (...args: readonly string[]): Promise<Ended> => stage.inside([MDK, "--root", root, "--run-root", join(stage.folder, name, "run"), ...args]);
  mkdirSync(join(stage.folder, name));
  Bun.spawnSync(["cp", "-a", stage.root, root]);
  try {
    expect(await odd("run", "--rm", image, "sh", "-c", "echo x >/file; cat /file")).toEqual({ code: 0, out: "x\n", err: "" });
    const id = (await odd("create", image, "cat", "/file")).out.trim();
    expect((await odd("start", "-a", id)).code).toBe(1);
    expect((await odd("export", "-o", join(stage.folder, "odd.tar"), id)).code).toBe(0);
    expect((await odd("rm", id)).code).toBe(0);
  } finally {
    await odd("clean", "-f");
  }
});
