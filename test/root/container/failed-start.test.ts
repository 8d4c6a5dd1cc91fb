/** Starts that fail, and what they leave: with --rm nothing, as Docker's. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";

useBusyboxWorld();

test("create --rm of a command that is not there: the start fails and the container is gone, attached or not", () => {
  for (const attached of [[], ["-a"]]) {
    const id = world.ok("create", "--rm", busybox, "no-such-command");
    const { status, stderr } = world.mdk(["start", ...attached, id]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("no-such-command");
    expect(world.ok("ps", "-aq")).toBe("");
    expect(existsSync(join(world.root, "containers", id))).toBe(false);
    expect(existsSync(join(world.runRoot, id))).toBe(false);
  }
});

test("without --rm it stays, as Created, and can be started again", () => {
  const id = world.ok("create", busybox, "no-such-command");
  for (let attempt = 0; attempt < 2; attempt++) expect(world.mdk(["start", id])).toMatchObject({ status: 1, stderr: expect.stringContaining("no-such-command") });
  expect(world.inspect(id, ".State.Status")).toBe("created");
});

test("an --rm container whose start was cut off is started again, over what its volatile mount left", () => {
  const id = world.ok("create", "--rm", "--name", "cut-off", busybox, "echo", "ran");
  // What the kernel makes at a volatile mount, and refuses the next one for (Documentation/filesystems/overlayfs.rst).
  mkdirSync(join(world.root, "containers", id, "work/work/incompat/volatile"), { recursive: true });
  expect(world.mdk(["start", "-a", "cut-off"])).toEqual({ status: 0, stdout: "ran\n", stderr: "" });
  expect(readdirSync(join(world.root, "containers"))).toEqual([]);
});
