/** Layers as they are written to disk, laid over one another by the kernel, hostile archives among them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync, closeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf } from "../../src/image/digest.ts";
import { dependsOnLower, finishLayer } from "../../src/layer/finish.ts";
import { mountLayers } from "../../src/layer/overlay.ts";
import { unpackLayer } from "../../src/layer/unpack.ts";
import { archive, directory, file, type Entry } from "../helpers/archive.ts";
import { isRoot, testIf } from "../helpers/requires.ts";

const rootTest = testIf(isRoot, "layers hold devices and owners: only root can write them");

let folder = "";
let count = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mdk-apply-"));
  mkdirSync(join(folder, "empty"));
  writeFileSync(join(folder, "canary"), "untouched", { mode: 0o640 });
  chmodSync(join(folder, "canary"), 0o640);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

interface How {
  /** Trees of layers below, the uppermost first. */
  readonly lower?: readonly string[];
  readonly pack?: (bytes: Buffer) => Uint8Array;
  readonly diffId?: string;
  readonly into?: string;
}

/** Unpacks and finishes one layer; returns its tree. */
async function layer(entries: readonly Entry[] | Buffer, how: How = {}): Promise<string> {
  const bytes = Buffer.isBuffer(entries) ? entries : archive(entries as readonly Entry[]);
  const tree = how.into ?? join(folder, `layer-${count++}`);
  mkdirSync(tree, { recursive: true });
  const writer = await unpackLayer({ directory: tree, diffId: how.diffId ?? digestOf(bytes), source: inChunks((how.pack ?? ((same) => same))(bytes)) });
  try {
    if (how.lower === undefined || !dependsOnLower(writer)) finishLayer(writer, null);
    else {
      const view = mountLayers(how.lower, join(folder, "empty"));
      try {
        finishLayer(writer, view);
      } finally {
        closeSync(view);
      }
    }
  } finally {
    writer.release();
  }
  return tree;
}

/** Runs `look` on the merged view of the layers, the uppermost first. */
function merged<T>(layers: readonly string[], look: (root: string) => T): T {
  const view = mountLayers(layers, join(folder, "empty"));
  try {
    return look(`/proc/self/fd/${view}`);
  } finally {
    closeSync(view);
  }
}

/** A witness that shares no code with mdk. */
const python = (program: string): string => Bun.spawnSync(["python3", "-c", program]).stdout.toString().trim();
const text = (path: string): string => readFileSync(path, "utf8");
const mode = (path: string): number => lstatSync(path).mode & 0o7777;
const isWhiteout = (path: string): boolean => lstatSync(path).isCharacterDevice() && lstatSync(path).rdev === 0;

describe("what a layer says is what stands there", () => {
  rootTest("owners, setuid, times, devices, links and attributes", async () => {
    const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
    const tree = await layer([
      directory("./", { mode: 0o751, uid: 7, gid: 8, mtime: 1_600_000_000 }),
      directory("d/", { mode: 0o1777, pax: { mtime: "1500000000.123456789" } }), file("d/late", "x"),
      file("su", "s", { mode: 0o6755, uid: 5, gid: 6 }), { name: "su2", type: "1", link: "su" },
      file("ping", "p", { mode: 0o755, pax: { "SCHILY.xattr.security.capability": capability } }),
      { name: "null", type: "3", major: 1, minor: 3, mode: 0o666 }, { name: "disk", type: "4", major: 259, minor: 70_000, mode: 0o600 },
      { name: "fifo", type: "6", mode: 0o600 }, { name: "link", type: "2", link: "/no/where", uid: 9 },
    ]);
    expect([mode(tree), statSync(tree).uid, statSync(tree).mtimeMs]).toEqual([0o751, 7, 1_600_000_000_000]);
    expect(lstatSync(join(tree, "d"), { bigint: true }).mtimeNs).toBe(1_500_000_000_123_456_789n);
    expect(mode(join(tree, "d"))).toBe(0o1777);
    expect(mode(join(tree, "su"))).toBe(0o6755);
    expect(lstatSync(join(tree, "su")).ino).toBe(lstatSync(join(tree, "su2")).ino);
    expect(python(`import os; print(os.getxattr(${JSON.stringify(join(tree, "ping"))}, "security.capability").hex())`)).toBe(capability.toString("hex"));
    expect(lstatSync(join(tree, "null")).rdev).toBe(0x103);
    expect(lstatSync(join(tree, "disk")).isBlockDevice()).toBe(true);
    expect(lstatSync(join(tree, "fifo")).isFIFO()).toBe(true);
    expect([readlinkSync(join(tree, "link")), lstatSync(join(tree, "link")).uid]).toEqual(["/no/where", 9]);
  });

  rootTest("a later entry of a name replaces the earlier one, whatever the two are", async () => {
    const tree = await layer([
      directory("a/"), file("a/old"), { name: "a", type: "2", link: "b" }, file("b/in-b"),
      { name: "c", type: "2", link: "b" }, directory("c/", { mode: 0o700 }), file("c/in-c"),
      file("f", "one"), file("f", "two", { mode: 0o600 }), directory("e/", { mode: 0o700 }), directory("e/", { mode: 0o711 }), { name: "f", type: "1", link: "f" },
    ]);
    expect(readlinkSync(join(tree, "a"))).toBe("b");
    expect([existsSync(join(tree, "b/in-c")), existsSync(join(tree, "c/in-c")), mode(join(tree, "c"))]).toEqual([false, true, 0o700]);
    expect([text(join(tree, "f")), mode(join(tree, "f")), mode(join(tree, "e"))]).toEqual(["two", 0o600, 0o711]);
  });

  rootTest("gzip in several members, zstd in several frames, and no compression give the same tree", async () => {
    const bytes = archive([file("big", "x".repeat(3_000_000)), file("small", "y")]);
    const half = (pack: (part: Buffer) => Uint8Array) => (whole: Buffer) => Buffer.concat([pack(whole.subarray(0, 1_000_000)), pack(whole.subarray(1_000_000))]);
    for (const pack of [half((part) => gzipSync(part)), half((part) => zstdCompressSync(part)), (whole: Buffer) => whole]) {
      const tree = await layer(bytes, { pack });
      expect([lstatSync(join(tree, "big")).size, text(join(tree, "small"))]).toEqual([3_000_000, "y"]);
    }
  });
});

describe("whiteouts", () => {
  const below = [directory("d/", { mode: 0o700 }), file("d/old", "o"), file("f", "f"), directory("keep/"), file("keep/k")];

  rootTest("hide what is below and never what is beside them, in any order", async () => {
    const base = await layer(below);
    const entries = [file(".wh.f"), file("d/.wh..wh..opq"), file("d/new", "n"), file("keep/.wh.k"), file("keep/k", "again")];
    for (const order of [entries, [...entries].reverse()]) {
      const top = await layer(order, { lower: [base] });
      merged([top, base], (root) => {
        expect([existsSync(join(root, "f")), existsSync(join(root, "d/old")), text(join(root, "d/new")), text(join(root, "keep/k"))]).toEqual([false, false, "n", "again"]);
        expect(mode(join(root, "d"))).toBe(0o700);
      });
    }
  });

  rootTest("a directory that is deleted and made anew shows nothing of the old one, and takes nothing from it", async () => {
    const base = await layer(below);
    for (const order of [[file(".wh.d"), file("d/new")], [file("d/new"), file(".wh.d")], [file(".wh.d"), directory("d/"), file("d/new")]]) {
      const top = await layer(order, { lower: [base] });
      merged([top, base], (root) => expect([existsSync(join(root, "d/old")), existsSync(join(root, "d/new")), mode(join(root, "d"))]).toEqual([false, true, 0o755]));
    }
  });

  rootTest("are character devices 0:0 in the tree, and an archive cannot forge overlay's marks by attributes", async () => {
    const tree = await layer([file(".wh.gone"), directory("d/", { pax: { "SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.trusted.overlay.redirect": "/x", "SCHILY.xattr.user.overlay.opaque": "y", "SCHILY.xattr.user.kept": "1" } })]);
    expect(isWhiteout(join(tree, "gone"))).toBe(true);
    expect(python(`import os; print(os.listxattr(${JSON.stringify(join(tree, "d"))}))`)).toBe("['user.kept']");
  });
});

describe("what depends on the layers below", () => {
  const below = [directory("./", { mode: 0o711 }), directory("a/", { mode: 0o700, uid: 1000, gid: 1000, pax: { mtime: "1500000000.5", "SCHILY.xattr.user.k": "v" } }), directory("usr/lib/"), { name: "lib", type: "2", link: "usr/lib" }, file("etc/passwd", "root")];

  rootTest("a directory that is only implied keeps owner, mode, times and attributes (kernel-traps 30)", async () => {
    const base = await layer(below);
    const top = await layer([file("a/b"), file("x/y/z")], { lower: [base] });
    expect([mode(join(top, "a")), lstatSync(join(top, "a")).uid, lstatSync(join(top, "a")).mtimeMs, mode(top)]).toEqual([0o700, 1000, 1_500_000_000_500, 0o711]);
    expect(mode(join(top, "x/y"))).toBe(0o755);
  });

  rootTest("a file below a link of another layer lands where the link leads", async () => {
    const base = await layer(below);
    const top = await layer([file("lib/new", "n"), directory("lib/sub/", { mode: 0o700 }), file("lib/sub/deep"), file("usr/lib/other")], { lower: [base] });
    merged([top, base], (root) => {
      expect(lstatSync(join(root, "lib")).isSymbolicLink()).toBe(true);
      expect([text(join(root, "usr/lib/new")), mode(join(root, "usr/lib/sub")), existsSync(join(root, "usr/lib/sub/deep"))]).toEqual(["n", 0o700, true]);
    });
  });

  rootTest("a hard link to a file of another layer shares its contents; without one it is an error", async () => {
    const base = await layer(below);
    const top = await layer([{ name: "copy", type: "1", link: "etc/passwd" }], { lower: [base] });
    merged([top, base], (root) => expect([text(join(root, "copy")), lstatSync(join(root, "copy")).ino]).toEqual(["root", lstatSync(join(root, "etc/passwd")).ino]));
    await expect(layer([{ name: "copy", type: "1", link: "nope" }], { lower: [base] })).rejects.toThrow("hard link to nope, which does not exist");
  });
});

describe("an archive cannot leave its root", () => {
  const HOSTILE: readonly [what: string, entries: (canary: string) => Entry[], message: RegExp][] = [
    ["a name with ..", () => [file("../x")], /climbs out/],
    ["a name with .. in the middle", () => [file("a/../../x")], /climbs out/],
    ["a hard link to ..", () => [{ name: "l", type: "1", link: "../../canary" }], /climbs out/],
    ["a whiteout of ..", () => [file(".wh...")], /invalid whiteout/],
    ["a loop of links", () => [{ name: "a", type: "2", link: "b" }, { name: "b", type: "2", link: "a" }, file("a/x")], /too many levels/],
    ["a file as directory", () => [file("a"), file("a/b")], /not a directory/],
    ["a hard link to a directory", () => [directory("a/"), { name: "b", type: "1", link: "a" }], /hard link to a directory/],
    ["a file as root", () => [file("./", "x", { type: "1", link: "x" })], /its root a link/],
  ];

  test.each(HOSTILE)("%s is refused", async (_, entries, message) => {
    if (!isRoot) return;
    await expect(layer(entries(join(folder, "canary")))).rejects.toThrow(message);
  });

  rootTest("links in the middle of a path are followed inside only (CVE-2021-32760 and the class)", async () => {
    const up = "../".repeat(30);
    const tree = await layer([
      { name: "abs", type: "2", link: folder }, { name: "rel", type: "2", link: `${up}${folder.slice(1)}` }, { name: "root", type: "2", link: "/" },
      file("abs/canary", "changed", { mode: 0o777 }), directory("rel/", { mode: 0o777 }), file("root/from-root", "r"),
      { name: "proc", type: "2", link: "/proc/self/root" }, { name: "hard", type: "1", link: "abs/canary" }, { name: "direct", type: "2", link: join(folder, "canary") },
      file("direct", "replaced", { mode: 0o777, uid: 1 }),
    ]);
    expect(text(join(folder, "canary"))).toBe("untouched");
    expect([mode(join(folder, "canary")), lstatSync(join(folder, "canary")).nlink]).toEqual([0o640, 1]);
    expect(text(join(tree, folder, "canary"))).toBe("changed");
    expect(text(join(tree, "from-root"))).toBe("r");
    expect([lstatSync(join(tree, "direct")).isFile(), text(join(tree, "direct"))]).toEqual([true, "replaced"]);
  });
});

describe("a layer that is not what it should be is refused", () => {
  rootTest("by its diff id", async () => {
    await expect(layer([file("a")], { diffId: `sha256:${"0".repeat(64)}` })).rejects.toThrow("diff id is sha256:");
  });

  rootTest("when its compression is broken or cut", async () => {
    const bytes = archive([file("a", "x".repeat(100_000))]);
    const cut = (packed: Uint8Array): Uint8Array => packed.subarray(0, packed.length - 20);
    await expect(layer(bytes, { pack: (whole) => cut(gzipSync(whole)) })).rejects.toThrow("cannot be decompressed");
    // Bun's decoder takes a cut frame for the end; the diff id does not.
    await expect(layer(bytes, { pack: (whole) => cut(zstdCompressSync(whole)) })).rejects.toThrow(/cannot be decompressed|diff id is/);
  });

  rootTest("when it inflates without end: 6 GiB of zeros in 6 MiB", async () => {
    const entry = gzipSync(Buffer.alloc(64 << 20));
    // One pax-free header of an ignored name: its data is inflated and dropped, so that no disk is needed for the test.
    const head = gzipSync(archive([file(".wh.bomb", "", { sizeField: Buffer.concat([Buffer.from([0x80, 0, 0, 0, 0, 0, 0]), Buffer.from([8, 0, 0, 0, 0])]).toString("latin1") })], false));
    const source = async function* (): AsyncGenerator<Uint8Array> {
      yield head;
      for (let part = 0; part < 100; part++) yield entry;
    };
    const tree = join(folder, "bomb");
    mkdirSync(tree);
    await expect(unpackLayer({ directory: tree, diffId: `sha256:${"0".repeat(64)}`, source: source() })).rejects.toThrow("inflates to more than");
  });

  rootTest("when the disk is full, in one sentence", async () => {
    const small = join(folder, "small");
    mkdirSync(small);
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small]).success).toBe(true);
    try {
      await expect(layer([file("big", "x".repeat(4 << 20))], { into: join(small, "d") })).rejects.toThrow("no space left on device");
    } finally {
      Bun.spawnSync(["umount", small]);
    }
  });
});

rootTest("directories that the archive only implies are bounded, as its entries are", async () => {
  const below = `/${"d".repeat(250)}`.repeat(14);
  const entries = Array.from({ length: 1350 }, (_, index) => file("f", "", { pax: { path: `${index}${below}/f` } }));
  const into = join(folder, "bomb");
  await expect(layer(entries, { into })).rejects.toThrow("the archive implies directories with more than 33554432 bytes of names");
  rmSync(into, { recursive: true });
}, 60_000);
