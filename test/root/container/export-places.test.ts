/** `mdk export` of a container that starts meanwhile, and to places that are no files. */
import { expect } from "bun:test";
import { closeSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { beginExisting } from "../../../src/engine/start/begin.ts";
import { createContext } from "../../../src/engine/context.ts";
import { detachedStreaming } from "../../../src/engine/start/monitor-plan.ts";
import { startBegun } from "../../../src/engine/start/start.ts";
import { image, stage, useBaseStage } from "../../helpers/base-stage.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && hasTool("strace"), "needs root and strace");

useBaseStage();

rootTest("an export that waits for a start reads the container that runs then, and mounts its upper no second time", async () => {
  const id = (await stage.mdk("create", "--network", "none", image, "sleep", "1000")).out.trim();
  const context = createContext({ root: stage.root, runRoot: stage.runRoot, environment: {}, now: () => new Date() });
  const begun = beginExisting(context, id)!;
  const archive = join(stage.folder, "raced.tar");
  const exporting = Bun.spawn(["strace", "-f", "-qq", "-e", "trace=fsopen,fsmount", "-o", join(stage.folder, "trace"), ...stage.command("export", "-o", archive, id)], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  await Bun.sleep(500);
  expect(exporting.exitCode).toBeNull();
  const { channel } = await startBegun(context, begun, { streaming: detachedStreaming(begun.container), window: null, warn: () => {} });
  closeSync(channel);
  expect([await exporting.exited, await new Response(exporting.stderr).text()]).toEqual([0, ""]);
  expect(statSync(archive).size).toBeGreaterThan(100_000);
  expect(readFileSync(join(stage.folder, "trace"), "utf8")).not.toContain("overlay");
  await stage.mdk("rm", "-f", id);
});

rootTest("an archive does not take the place of a device", async () => {
  const id = (await stage.mdk("create", image)).out.trim();
  mkdirSync(join(stage.folder, "dev"));
  const device = join(stage.folder, "dev/null");
  expect(Bun.spawnSync(["mknod", device, "c", "1", "3"]).exitCode).toBe(0);
  const { code, err } = await stage.mdk("export", "-o", device, id);
  expect([code, err]).toEqual([1, `mdk: failed to export container: invalid output path: "${device}" must be a directory or a regular file: got a device\n`]);
  expect(statSync(device).isCharacterDevice()).toBe(true);
  rmSync(device);
});
