/** `mdk export` of a container that starts meanwhile, and to places that are no files. */
import { expect } from "bun:test";
import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
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
  await startBegun(context, begun, { streaming: detachedStreaming(begun.container), window: null, warn: () => {} });
  expect([await exporting.exited, await new Response(exporting.stderr).text()]).toEqual([0, ""]);
  expect(statSync(archive).size).toBeGreaterThan(100_000);
  expect(readFileSync(join(stage.folder, "trace"), "utf8")).not.toContain("overlay");
  await stage.mdk("rm", "-f", id);
});

rootTest("an export whose reader stalls keeps nobody waiting: the container starts, ends and is removed meanwhile", async () => {
  const id = (await stage.mdk("create", "--network", "none", image, "sh", "-c", "echo new >/new")).out.trim();
  const exporting = Bun.spawn(["sh", "-c", `exec "$@" | { sleep 1000 & echo $! >"$0"; wait; tar -t; }`, join(stage.folder, "sleeper"), ...stage.command("export", id)], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const sleeper = async (): Promise<number> => Number(await Bun.file(join(stage.folder, "sleeper")).text().catch(() => "0"));
  while ((await sleeper()) === 0) await Bun.sleep(5);
  await Bun.sleep(200); // the pipe is full by then: the image is larger
  for (const words of [["start", "-a", id], ["start", "-a", id], ["rm", id]]) expect([words, (await stage.mdk(...words)).code]).toEqual([words, 0]);
  process.kill(await sleeper());
  const names = (await new Response(exporting.stdout).text()).trim().split("\n");
  expect([await exporting.exited, await new Response(exporting.stderr).text()]).toEqual([0, ""]);
  expect(names).toContain("bin/busybox");
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
