/** Containers straight from layouts and archives that umoci and skopeo wrote, and from a root directory: nothing of it is left after them. */
import { afterAll, afterEach, beforeAll, expect } from "bun:test";
import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { imageLayout } from "../../helpers/fixtures.ts";
import { MDK, World } from "../../helpers/mdk.ts";
import { run } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && ["skopeo", "umoci"].every(hasTool);
const rootTest = testIf(able, "needs root, skopeo and umoci");
let world: World;
let layout = "";
let rootfs = "";
beforeAll(() => {
  if (!able) return;
  world = new World();
  layout = imageLayout("busybox");
  run("umoci", "unpack", "--image", `${layout}:latest`, join(world.folder, "bundle"));
  rootfs = join(world.folder, "bundle/rootfs");
});
afterEach(() => {
  world.removeAll();
  expect(leftovers()).toEqual([]);
});
afterAll(() => world?.close());

/** Images, layers and blobs that are in the store. */
function leftovers(): string[] {
  const inside = (...parts: readonly string[]): string[] => readdirSync(join(world.root, ...parts));
  return [...world.ok("images", "-aq").split("\n").filter((id) => id !== ""), ...inside("layers").filter((name) => name !== "mounts"), ...inside("blobs/sha256"), ...inside("containers")];
}

const archived = (transport: "docker-archive" | "oci-archive", name: string, target = ""): string => {
  const path = join(world.folder, name);
  run("skopeo", "copy", "--quiet", `oci:${layout}:latest`, `${transport}:${path}${target}`);
  return path;
};

rootTest("run --rm of a layout and of archives leaves nothing", () => {
  const docker = archived("docker-archive", "docker.tar", ":registry.example/box:1");
  const oci = archived("oci-archive", "oci.tar", ":v1");
  run("gzip", "-k", docker);
  const words = [
    `oci:${layout}`, `oci:${layout}:latest`, `oci-archive:${oci}`, `oci-archive:${oci}:v1`, `docker-archive:${docker}`, `docker-archive:${docker}:registry.example/box:1`, `docker-archive:${docker}.gz`,
  ];
  for (const word of words) {
    expect([word, world.mdk(["run", "--rm", "--network", "none", word, "sh", "-c", "id -u; cat /etc/hostname | wc -l"])]).toEqual([word, { status: 0, stdout: "0\n1\n", stderr: "" }]);
    expect(leftovers()).toEqual([]);
  }
});

rootTest("a container starts again when the layout is gone; the image goes with the last one that is of it", () => {
  const copy = join(world.folder, "copy");
  cpSync(layout, copy, { recursive: true });
  world.ok("create", "--name", "one", "--network", "none", `oci:${copy}`, "sh", "-c", "echo x >>/f; cat /f");
  world.ok("create", "--name", "two", "--network", "none", `oci:${copy}:latest`, "true");
  rmSync(copy, { recursive: true });
  expect([world.ok("start", "-a", "one"), world.ok("start", "-a", "one")]).toEqual(["x", "x\nx"]);
  expect(world.ok("images", "-q")).toBe("");
  const [id, ...others] = world.ok("images", "-aq", "--no-trunc").split("\n");
  expect(others).toEqual([]);
  expect(world.ok("ps", "-a", "--format", "{{.Names}} {{.Image}}").split("\n").sort()).toEqual([`one oci:${copy}`, `two oci:${copy}:latest`]);
  expect(world.inspect("one", ".Image")).toBe(id!);
  expect(world.mdk(["rmi", id!])).toMatchObject({ status: 1, stderr: expect.stringContaining("image is being used by") });
  world.ok("image", "prune", "-af");
  world.ok("rm", "one");
  expect(world.ok("images", "-aq", "--no-trunc")).toBe(id!);
  expect(world.ok("start", "two")).toBe("two");
  world.ok("wait", "two");
  world.ok("rm", "two");
  expect(leftovers()).toEqual([]);
});

rootTest("one that gets a name, or is loaded too, stays; what was there before stays", () => {
  const path = archived("docker-archive", "kept.tar");
  for (const keep of [(id: string) => world.ok("tag", id, "kept:1"), () => world.ok("load", "-q", "-i", path)]) {
    world.ok("create", "--name", "one", `docker-archive:${path}`, "true");
    const id = world.ok("images", "-aq", "--no-trunc");
    keep(id);
    world.ok("rm", "one");
    expect(world.ok("images", "-q", "--no-trunc")).toBe(id);
    world.ok("run", "--rm", "--network", "none", `docker-archive:${path}`, "true");
    expect(world.ok("images", "-q", "--no-trunc")).toBe(id);
    world.ok("rmi", "-f", id);
  }
});

rootTest("committed, the image of its container stays below the new one only", () => {
  world.ok("run", "--name", "one", "--network", "none", `oci:${layout}`, "sh", "-c", "echo new >/new");
  const id = world.ok("commit", "one", "grown:1");
  world.ok("rm", "one");
  expect(world.ok("images", "-aq", "--no-trunc")).toBe(id);
  expect(world.ok("run", "--rm", "--network", "none", "grown:1", "cat", "/new")).toBe("new");
  world.ok("rmi", "grown:1");
});

rootTest("several images in one: the tag or the name decides, and is asked for", () => {
  const both = join(world.folder, "both");
  run("skopeo", "copy", "--quiet", `oci:${layout}:latest`, `oci:${both}:a`);
  run("umoci", "config", "--image", `${both}:a`, "--tag", "b", "--config.env", "WHO=b");
  expect(world.ok("run", "--rm", "--network", "none", `oci:${both}:b`, "sh", "-c", "echo $WHO")).toBe("b");
  expect(world.mdk(["run", "--rm", `oci:${both}`, "true"])).toEqual({ status: 125, stdout: "", stderr: `mdk: ${both} has 2 images: say which one\nit has: a, b\n` });
  expect(world.mdk(["create", `oci:${both}:c`, "true"])).toEqual({ status: 1, stdout: "", stderr: `mdk: ${both} has no image "c"\nit has: a, b\n` });
});

rootTest("what fails leaves nothing: no such file, another kind, no archive, a name that is taken, a program that is not there", () => {
  writeFileSync(join(world.folder, "text"), "no archive ".repeat(100));
  const refused: readonly [word: string, sentence: RegExp][] = [
    ["oci:/nonexistent", /^mdk: open \/nonexistent: no such file or directory\n$/],
    [`oci:${join(world.folder, "text")}`, /text is no directory\na layout in a file is oci-archive:FILE/],
    [`oci-archive:${layout}`, /is a directory\na layout in a directory is oci:DIR/],
    [`docker-archive:${join(world.folder, "text")}`, /invalid tar header/],
    ["oci:", /^mdk: oci: names no directory\nwrite oci:DIR\[:TAG\]\n$/],
  ];
  for (const [word, sentence] of refused) expect([word, world.mdk(["run", "--rm", word, "true"])]).toEqual([word, { status: 125, stdout: "", stderr: expect.stringMatching(sentence) }]);
  world.ok("create", "--name", "taken", `oci:${layout}`, "true");
  expect(world.mdk(["create", "--name", "taken", `oci:${layout}`, "true"])).toMatchObject({ status: 1, stderr: expect.stringContaining("is already in use") });
  world.ok("rm", "taken");
  expect(leftovers()).toEqual([]);
  expect(world.mdk(["run", "--rm", "--network", "none", `oci:${layout}`, "/nope"]).status).toBe(127);
});

rootTest("several at once, each removed at its end", async () => {
  const children = Array.from({ length: 6 }, () => world.spawn(["run", "--rm", "--network", "none", `oci:${layout}`, "echo", "there"], "ignore"));
  for (const child of children) expect([await new Response(child.stdout).text(), await new Response(child.stderr).text(), await child.exited]).toEqual(["there\n", "", 0]);
  // Who was last may have found the lock of one that still wrote: the next that writes takes it along.
  world.ok("image", "prune", "-f");
});

rootTest("a run that is killed leaves at most what the next prune removes", async () => {
  for (const ms of [20, 60, 120, 200]) {
    const child = world.spawn(["run", "--rm", "--network", "none", `oci:${layout}`, "true"], "ignore");
    await Bun.sleep(ms);
    child.kill("SIGKILL");
    await child.exited;
  }
  await Bun.sleep(500);
  world.ok("ps", "-a");
  world.removeAll();
  world.ok("image", "prune", "-f");
});

rootTest("--rootfs: the directory is read and never written to; the container starts again, tells its changes, and is no ground for a commit", () => {
  const listing = (): string => run("find", rootfs, "-printf", "%p %m %u %T@ %C@\n");
  const before = listing();
  expect(world.ok("run", "--rm", "--network", "none", "--rootfs", rootfs, "sh", "-c", "echo x >/new; rm /etc/passwd; ls /new")).toBe("/new");
  expect(leftovers()).toEqual([]);
  world.ok("create", "--name", "one", "--network", "none", "--rootfs", rootfs, "sh", "-c", "echo x >>/f; cat /f");
  expect([world.ok("start", "-a", "one"), world.ok("start", "-a", "one")]).toEqual(["x", "x\nx"]);
  expect(world.ok("diff", "one")).toBe("A /f");
  expect(world.inspect("one", ".Image")).toBe("");
  expect(world.inspect("one", ".HostConfig.Rootfs")).toBe(rootfs);
  expect(world.inspect("one", ".GraphDriver.Data.LowerDir")).toBe(rootfs);
  expect(world.ok("ps", "-a", "--format", "{{.Image}}")).toBe(rootfs);
  expect(world.mdk(["commit", "one"])).toMatchObject({ status: 1, stderr: expect.stringContaining("there is no image that its changes could be a layer on") });
  const files = Bun.spawnSync(["tar", "t"], { stdin: Bun.spawnSync(world.words("export", "one")).stdout }).stdout.toString().split("\n");
  expect(files).toContain("f");
  expect(files).toContain("etc/passwd");
  expect(world.mdk(["cp", "one:/f", join(world.folder, "f")]).status).toBe(0);
  expect(world.mdk(["run", "--rm", "--rootfs", rootfs])).toMatchObject({ status: 125, stderr: expect.stringContaining("no command specified") });
  expect(listing()).toBe(before);
});

rootTest("--rootfs: a relative path and one through links are the directory's own; a link that comes later is not followed", () => {
  const [there, link] = [join(world.folder, "there"), join(world.folder, "link")];
  cpSync(rootfs, there, { recursive: true });
  chmodSync(there, 0o750);
  symlinkSync("there", link);
  const created = Bun.spawnSync(world.words("create", "--name", "one", "--network", "none", "--rootfs", "./link", "stat", "-c", "%a", "/"), { cwd: world.folder });
  expect(created.exitCode).toBe(0);
  expect(world.inspect("one", ".HostConfig.Rootfs")).toBe(there);
  expect(world.ok("start", "-a", "one")).toBe("750");
  renameSync(there, `${there}-moved`);
  symlinkSync("/", there);
  expect(world.mdk(["start", "-a", "one"])).toMatchObject({ status: 1, stderr: expect.stringContaining(`${there} cannot be the root of a container: a symbolic link is in its path now`) });
  rmSync(there);
  expect(world.mdk(["start", "-a", "one"])).toMatchObject({ status: 1, stderr: expect.stringContaining("no such directory") });
  rmSync(link);
});

rootTest("--rootfs: what cannot be one is refused with the reason", () => {
  const refused: readonly [path: string, sentence: RegExp][] = [
    ["/", /the data root .* is in it/], [world.folder, /the data root .* is in it/], [world.root, /it is in the data root/], [join(world.root, "layers"), /it is in the data root/],
    ["/nonexistent", /no such directory/], ["/etc/passwd", /it is no directory/],
  ];
  for (const [path, sentence] of refused) expect([path, world.mdk(["run", "--rm", "--rootfs", path, "true"])]).toEqual([path, { status: 125, stdout: "", stderr: expect.stringMatching(sentence) }]);
  expect(lstatSync(join(world.root, "layers")).isDirectory()).toBe(true);
});

rootTest("--rootfs: an overlay can be one, an overlay on an overlay cannot, and that is told", () => {
  const inside = (depth: number): string => {
    const folder = join(world.folder, `depth-${depth}`);
    mkdirSync(folder);
    // On a tmpfs of their own: an upper that is left would be busy for the next mount.
    const mounts = Array.from({ length: depth }, (_, at) => `mkdir ${folder}/u${at} ${folder}/w${at} ${folder}/m${at}; mount -t overlay overlay -o lowerdir=${at === 0 ? rootfs : `${folder}/m${at - 1}`},upperdir=${folder}/u${at},workdir=${folder}/w${at} ${folder}/m${at}`);
    const words = [MDK, "--root", world.root, "--run-root", world.runRoot, "run", "--rm", "--network", "none", "--rootfs", `${folder}/m${depth - 1}`, "echo", "there"];
    const done = Bun.spawnSync(["unshare", "--mount", "--propagation", "private", "sh", "-ec", `mount -t tmpfs tmpfs ${folder}; ${mounts.join("; ")}; exec "$@"`, "sh", ...words]);
    rmSync(folder, { recursive: true });
    return done.stdout.toString() + done.stderr.toString();
  };
  expect(inside(1)).toBe("there\n");
  expect(inside(2)).toMatch(/cannot be the root of a container: overlay does not take it as a layer: .*\n.*an overlay on an overlay/);
});
