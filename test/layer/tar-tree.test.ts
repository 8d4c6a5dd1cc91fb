/** A tree as an archive: GNU tar, a stranger to mdk, must make the same tree of it again. */
import { expect, test } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportTree, readTree } from "../../src/layer/tar-tree.ts";
import { run } from "../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../helpers/requires.ts";

const MAKE = `
import os, sys
os.chdir(os.fsencode(sys.argv[1]))
os.umask(0)
os.makedirs(b"d/" + b"n" * 120 + b"/e"); os.chmod(b"d", 0o1777); os.chown(b"d", 3000000, 4)
open(b"caf\\xe9", "wb").write(b"latin1"); open("big", "wb").write(b"x" * 2500000); open("empty", "wb")
os.chmod("big", 0o4755); os.link("big", "d/" + "l" * 150)
os.symlink("/" + "t" * 200, "d/link"); os.symlink("../..", "up"); os.mkfifo("fifo", 0o600); os.mknod("dev", 0o60660, os.makedev(259, 70000))
os.setxattr("big", "user.note", b"a\\0b\\n"); os.setxattr("empty", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
for folder, folders, files in os.walk(b".", topdown=False):
    for name in files + folders: os.utime(os.path.join(folder, name), (1500000000, 1500000000), follow_symlinks=False)
`;

testIf(isRoot && hasTool("python3") && hasTool("tar"), "needs root, python3 and tar")("an exported tree unpacks to itself", () => {
  const folder = mkdtempSync(join(tmpdir(), "mdk-export-"));
  const [tree, again, path] = [join(folder, "tree"), join(folder, "again"), join(folder, "x.tar")];
  try {
    mkdirSync(tree);
    mkdirSync(again);
    run("python3", "-c", MAKE, tree);
    const archive = openSync(path, "w");
    const root = openSync(tree, "r");
    exportTree(root, (bytes) => {
      for (let at = 0; at < bytes.length; ) at += writeSync(archive, bytes, at);
    });
    closeSync(root);
    closeSync(archive);
    run("tar", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", path, "-C", again);
    const snapshot = (directory: string): string[] => run("python3", "test/helpers/snapshot.py", directory, ".").trim().split("\n");
    expect(snapshot(again)).toEqual(snapshot(tree));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const DEEP = `
import os, sys
os.chdir(sys.argv[1])
for level in range(1500):
    os.mkdir("level-" + "n" * 8)
    open("file", "w").close()
    os.chdir("level-" + "n" * 8)
`;

const EXPORT = `
import { openSync, readdirSync, writeSync } from "node:fs";
import { exportTree } from "./src/layer/tar-tree.ts";
let open = 0;
let writes = 0;
const archive = openSync(process.argv[2], "w");
exportTree(openSync(process.argv[1], "r"), (bytes) => {
  writeSync(archive, bytes);
  if (++writes % 200 === 0) open = Math.max(open, readdirSync("/proc/self/fd").length);
});
console.log(open);
`;

testIf(hasTool("python3") && hasTool("tar"), "needs python3 and tar")("a tree deeper than a process has descriptors is written whole", () => {
  const folder = mkdtempSync(join(tmpdir(), "mdk-deep-"));
  try {
    run("python3", "-c", DEEP, folder);
    expect(Number(run(process.execPath, "-e", EXPORT, folder, `${folder}.tar`))).toBeLessThan(100);
    expect(run("tar", "-tf", `${folder}.tar`).trim().split("\n")).toHaveLength(1500 * 2);
  } finally {
    run("rm", "-rf", folder, `${folder}.tar`);
  }
});

/** What this process has open of a folder. */
function openBelow(folder: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((number) => {
    try {
      return [readlinkSync(`/proc/self/fd/${number}`)];
    } catch {
      return []; // the listing's own
    }
  }).filter((path) => path.startsWith(folder));
}

test("a tree that changes while it is read is no error, and no descriptor is left", () => {
  const folder = mkdtempSync(join(tmpdir(), "mdk-changing-"));
  const changes: Readonly<Record<string, (path: string) => void>> = {
    gone: (path) => rmSync(path, { recursive: true }),
    file: (path) => { rmSync(path, { recursive: true }); writeFileSync(path, ""); },
    link: (path) => { rmSync(path, { recursive: true }); symlinkSync("/etc", path); },
    loop: (path) => { rmSync(path, { recursive: true }); symlinkSync("loop", path); },
    moved: (path) => renameSync(path, `${path}.moved`),
  };
  try {
    for (const [name, change] of Object.entries(changes)) {
      const tree = join(folder, name);
      for (const part of ["a", "b/c/d", "e"]) mkdirSync(join(tree, part), { recursive: true });
      for (const part of ["a/1", "b/1", "b/c/1", "b/c/d/1", "b/z", "e/1"]) writeFileSync(join(tree, part), "x");
      const root = openSync(tree, "r");
      const names: string[] = [];
      readTree(root, { name: null, across: null, xattrs: () => true }, {
        entry({ name: text }) {
          names.push(text);
          // In the middle of it: what was listed is not there any more.
          if (text === "b/c/1") change(join(tree, "b/c"));
          if (text === "b/1") change(join(tree, "e"));
        },
        data() {},
        close() {},
      });
      closeSync(root);
      expect([name, openBelow(folder)]).toEqual([name, []]);
      expect(names).toEqual(expect.arrayContaining(["a", "a/1", "b", "b/1", "b/z"]));
      expect(names).not.toContain("e/1");
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
