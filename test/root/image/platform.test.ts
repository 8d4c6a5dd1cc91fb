/** Images and the platform that is asked for. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { imageLayout } from "../../helpers/fixtures.ts";
import { World } from "../../helpers/mdk.ts";
import { push, startRegistry, type Registry } from "../../helpers/registry.ts";

let registry: Registry;
let world: World;
let busybox: string;
beforeAll(async () => {
  registry = await startRegistry();
  world = new World();
  busybox = `${registry.host}/busybox`;
  push(`${imageLayout("busybox")}:latest`, busybox);
});
afterAll(async () => {
  world?.close();
  await registry?.stop();
});

test("one that is there for another platform only is told so, before and after it was pulled", () => {
  for (const _ of ["pulled", "there"]) {
    const { status, stderr } = world.mdk(["run", "--rm", "--platform", "linux/s390x", busybox, "true"]);
    const last = stderr.trimEnd().split("\n").at(-1)!.replace(/actual: .*/, "");
    expect({ status, last }).toEqual({
      status: 125, last: `mdk: image with reference ${busybox} was found but does not match the specified platform: wanted linux/s390x, `,
    });
  }
  expect(world.ok("ps", "-aq")).toBe("");
  expect(world.ok("run", "--rm", busybox, "echo", "here")).toBe("here");
});
