/** A world, a registry, and a context of a program and a file: what tests of a build's outputs begin with. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { World } from "./mdk.ts";
import { startRegistry, type Registry } from "./registry.ts";

export async function openOutputs(): Promise<{ readonly world: World; readonly registry: Registry; readonly context: string }> {
  const world = new World();
  const context = join(world.folder, "context");
  mkdirSync(context);
  copyFileSync("/bin/busybox", join(context, "busybox"));
  writeFileSync(join(context, "f"), "content\n");
  return { world, registry: await startRegistry(), context };
}
