/** Pulls and removals of the same images by many commands at once: none may fail for what another one does. */
import { expect } from "bun:test";
import { join } from "node:path";
import { image, stage, useBaseStage } from "../../helpers/base-stage.ts";
import { archive, directory, file } from "../../helpers/archive.ts";
import { makeImage, push, startRegistry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

useBaseStage();

testIf(isRoot && ["docker-registry", "skopeo", "umoci"].every(hasTool), "needs root, docker-registry, skopeo and umoci")("six times twelve rounds of pull and rmi at once", async () => {
  const registry = await startRegistry();
  try {
    const common = archive([directory("./"), ...Array.from({ length: 200 }, (_, index) => file(`common-${index}`, "x"))]);
    const names = ["a", "b"].map((name) => `${registry.host}/${name}:1`);
    for (const name of names) push(makeImage(join(stage.folder, name.replaceAll(/[/:]/g, "-")), [common, archive([file(name.slice(-3, -2), name)])]), name);
    const mdk = async (...args: readonly string[]): Promise<{ code: number; err: string }> => {
      const child = Bun.spawn(stage.command(...args), { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
      return { err: await new Response(child.stderr).text(), code: await child.exited };
    };
    const rounds = async (worker: number): Promise<string[]> => {
      const wrong: string[] = [];
      for (let round = 0; round < 12; round++) {
        const name = names[(worker + round) % 2]!;
        const pulled = await mdk("pull", "-q", name);
        if (pulled.code !== 0) wrong.push(`pull: ${pulled.err}`);
        const removed = await mdk("rmi", "-f", name);
        // Another one was first.
        if (removed.code !== 0 && !removed.err.includes("No such image")) wrong.push(`rmi: ${removed.err}`);
      }
      return wrong;
    };
    expect((await Promise.all([0, 1, 2, 3, 4, 5].map(rounds))).flat()).toEqual([]);
    expect((await stage.mdk("images", "-q")).out.trim().split("\n")).toHaveLength(1);
    expect((await stage.mdk("run", "--rm", image, "true")).code).toBe(0);
  } finally {
    await registry.stop();
  }
});
