/** A tree as an archive: GNU tar, a stranger to mdk, must make the same tree of it again. */
import { expect } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportTree } from "../../src/layer/tar-tree.ts";
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
