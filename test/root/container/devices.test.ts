/** `--device`, `--device-cgroup-rule`, `--privileged`: which nodes there are, and what the kernel lets the container do with them. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { startWorld } from "../../helpers/mdk.ts";

let world: Awaited<ReturnType<typeof startWorld>>;
let busybox: string;
/** A folder of nodes of our own: the kernel's log (may be opened for writing by anybody), once more in a directory, and a link. */
let nodes: string;
beforeAll(async () => {
  world = await startWorld("busybox");
  busybox = world.image("busybox");
  nodes = join(world.folder, "nodes");
  mkdirSync(join(nodes, "sub"), { recursive: true });
  for (const name of ["log", "sub/log"]) Bun.spawnSync(["mknod", "-m", "640", join(nodes, name), "c", "1", "11"]);
  Bun.spawnSync(["sh", "-c", `chown 12:34 ${nodes}/log; ln -s log ${nodes}/link; ln -s .. ${nodes}/sub/round; echo text >${nodes}/file`]);
});
afterEach(() => world.removeAll());
afterAll(() => world?.close());

/** What opening a node says, for reading and for writing: nothing is read or written. */
const opened = (flags: readonly string[], node: string): string =>
  world.ok("run", "--rm", ...flags, busybox, "sh", "-c", `for way in '<' '>'; do sh -c "exec 3$way${node}" 2>&1 | grep -o 'not permitted' || echo yes; done`);

test("a node is there with its owner and mode, and may be used as the mode says", () => {
  expect(world.ok("run", "--rm", "--device", `${nodes}/log:/dev/mine`, busybox, "stat", "-c", "%t:%T %a %u:%g", "/dev/mine")).toBe("1:b 640 12:34");
  expect(opened(["--cap-add", "SYSLOG", "--device", `${nodes}/log:/dev/mine`], "/dev/mine")).toBe("yes\nyes");
  expect(opened(["--cap-add", "SYSLOG", "--device", `${nodes}/log:/dev/mine:w`], "/dev/mine")).toBe("not permitted\nyes");
  expect(opened(["--cap-add", "SYSLOG", "--device", `${nodes}/link:/dev/mine:r`], "/dev/mine")).toBe("yes\nnot permitted");
});

test("a node that the container makes itself is used by leave of a rule only", () => {
  const made = "mknod /x c 1 11; exec 3>/x && echo yes";
  expect(world.mdk(["run", "--rm", busybox, "sh", "-c", made]).stderr).toContain("not permitted");
  for (const rule of ["c 1:11 w", "c *:* rwm", "a *:* rwm", "c 1:* rw"]) expect([rule, world.ok("run", "--rm", "--device-cgroup-rule", rule, busybox, "sh", "-c", made)]).toEqual([rule, "yes"]);
  for (const rule of ["c 1:11 r", "b 1:11 w", "c 2:11 w"]) expect([rule, world.mdk(["run", "--rm", "--device-cgroup-rule", rule, busybox, "sh", "-c", made]).stdout]).toEqual([rule, ""]);
});

test("a directory stands for the nodes in it, links of directories aside", () => {
  expect(world.ok("run", "--rm", "--device", `${nodes}:/dev/all:w`, busybox, "sh", "-c", "cd /dev/all; find . ! -type d | sort")).toBe("./link\n./log\n./sub/log");
});

test("outside of /dev, and again when the container is started again; in place of one that is there", () => {
  const id = world.ok("create", "--device", `${nodes}/log:/opt/deep/log`, "--device", `${nodes}/log:/dev/null`, busybox, "stat", "-c", "%t:%T", "/opt/deep/log", "/dev/null");
  for (const _ of ["once", "twice"]) expect(world.ok("start", "-a", id)).toBe("1:b\n1:b");
  expect(world.ok("run", "--rm", "--read-only", "--device", `${nodes}/log:/opt/log`, busybox, "stat", "-c", "%t:%T", "/opt/log")).toBe("1:b");
});

test("--privileged: every node of the host", () => {
  const host = readdirSync("/dev").filter((name) => {
    const stat = statSync(`/dev/${name}`, { throwIfNoEntry: false });
    return stat !== undefined && (stat.isBlockDevice() || stat.isCharacterDevice());
  });
  const inside = world.ok("run", "--rm", "--privileged", busybox, "ls", "/dev").split("\n");
  expect(host.filter((name) => !inside.includes(name) && name !== "console")).toEqual([]);
  expect(world.ok("run", "--rm", "--privileged", "--device", `${nodes}/log:/dev/mine`, busybox, "stat", "-c", "%t:%T", "/dev/mine")).toBe("1:b");
});

test("an exec may use what the container may", () => {
  world.ok("run", "-d", "--name", "has", "--device", `${nodes}/log:/dev/mine:w`, busybox, "sleep", "1000");
  expect(world.ok("exec", "has", "sh", "-c", "exec 3>/dev/mine && echo yes")).toBe("yes");
});

test("what names no node is refused, in Docker's words", () => {
  const refused = (...flags: readonly string[]): string => world.mdk(["run", "--rm", ...flags, busybox, "true"]).stderr.split("\n")[0]!;
  expect(refused("--device", `${nodes}/none`)).toBe(`mdk: error gathering device information while adding custom device "${nodes}/none": no such file or directory`);
  expect(refused("--device", `${nodes}/file`)).toBe(`mdk: error gathering device information while adding custom device "${nodes}/file": not a device node`);
  expect(world.ok("ps", "-aq")).toBe("");
});
