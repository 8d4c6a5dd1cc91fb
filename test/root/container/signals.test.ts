/** Signals of a terminal to a program that runs without one of its own: each arrives once. */
import { expect } from "bun:test";
import { image, stage, useBaseStage } from "../../helpers/base-stage.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";
import { Screen } from "../../helpers/terminal.ts";

const rootTest = testIf(isRoot, "needs root");

useBaseStage();

const COUNTING = "n=0; trap 'n=$((n+1)); echo count=$n.' INT; echo up; while [ $n -lt 100 ]; do read -t 0 nothing </dev/null; done";

rootTest("Ctrl-C reaches a program without a terminal once", async () => {
  const screen = new Screen(stage.command("run", "--rm", "--network", "none", "-i=true", "-t=false", "--name", "counts", image, "sh", "-c", COUNTING));
  await screen.expect("up\r\n");
  for (let count = 1; count <= 5; count++) {
    screen.type("\x03");
    await screen.expect(`count=${count}.\r\n`);
    await Bun.sleep(100);
  }
  expect(screen.text).not.toContain("count=6");
  await stage.mdk("kill", "counts");
  expect(await screen.ended()).toBe(137);
}, 30_000);
