/** Groups on a directory in the place of a hierarchy: whom they may never mean. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cgroups } from "../../src/cgroup/detect.ts";
import { describe, removeGroup } from "../../src/cgroup/group.ts";
import { killGroup } from "../../src/cgroup/kill.ts";

const mountpoint = mkdtempSync(join(tmpdir(), "mdk-group-"));
afterAll(() => rmSync(mountpoint, { recursive: true }));

test("a path that is no group of its own is refused: the root of a hierarchy has everybody's processes", async () => {
  const cgroups: Cgroups = { mode: "v1", hierarchies: [{ kind: "v1", controllers: ["freezer"], mountpoint, path: "/", readOnly: false }] };
  const bystander = Bun.spawn(["sleep", "100"], { stdin: "ignore" });
  writeFileSync(join(mountpoint, "cgroup.procs"), `${bystander.pid}\n`);
  mkdirSync(join(mountpoint, "other"));
  try {
    for (const path of ["", ".", "..", "mdk/..", "/", "mdk//x"]) {
      for (const work of [describe, killGroup, removeGroup]) expect(() => work(cgroups, path)).toThrow("is no path of a cgroup");
    }
    expect([bystander.exitCode, bystander.signalCode]).toEqual([null, null]);
    expect(existsSync(join(mountpoint, "other"))).toBe(true);
  } finally {
    bystander.kill();
    await bystander.exited;
  }
});
