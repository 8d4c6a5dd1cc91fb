/** `mdk clean -f`: what it cannot take away, it names, and goes on with the rest. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { run } from "../../helpers/registry.ts";

useBusyboxWorld();

test("a file that may not be removed is named with its path, and the other containers are gone", () => {
  const [stuck = "", other = ""] = ["stuck", "other"].map((name) => world.ok("create", "--name", name, busybox, "true"));
  const directory = join(world.root, "containers", stuck, "upper/some/where");
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "fixed");
  writeFileSync(file, "");
  // The file itself, then the directory that it is to go from.
  for (const [path, gone] of [[file, `${other}\n`], [directory, ""]] as const) {
    run("chattr", "+i", path);
    try {
      expect(world.mdk(["clean", "-f"])).toEqual({ status: 1, stdout: gone, stderr: `mdk: unlinkat ${file}: operation not permitted\n` });
    } finally {
      run("chattr", "-i", path);
    }
  }
  expect(world.mdk(["clean", "-f"])).toEqual({ status: 0, stdout: `${stuck}\n`, stderr: "" });
  expect(existsSync(join(world.root, "containers", stuck))).toBe(false);
});
