/** `mdk logs -f` of a program that fills several log files between two looks. */
import { expect } from "bun:test";
import { image, stage, useBaseStage } from "../../helpers/base-stage.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot, "needs root");

useBaseStage();

rootTest("lines in files that were rotated meanwhile are shown, in order, as long as the files are there", async () => {
  const script = "sleep 0.5; i=100; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done";
  await stage.mdk("run", "-d", "--name", "fast", "--log-opt", "max-size=1k", "--log-opt", "max-file=50", image, "sh", "-c", script);
  const { out } = await stage.mdk("logs", "-f", "fast");
  expect(out).toBe(Array.from({ length: 200 }, (_, index) => `line ${100 + index}\n`).join(""));
});
