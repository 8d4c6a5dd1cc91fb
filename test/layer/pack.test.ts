/** An upper directory that the kernel filled, as an archive: GNU tar sees the marks, and unpacking it over the lower layers gives the merged view again. */
import { expect } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LayerWriter } from "../../src/layer/apply.ts";
import { listChanges } from "../../src/layer/diff.ts";
import { dependsOnLower, finishLayer } from "../../src/layer/finish.ts";
import { mountLayers, mountOverlay, probeOverlay } from "../../src/layer/overlay.ts";
import { packLayer } from "../../src/layer/pack.ts";
import { TarReader } from "../../src/layer/tar.ts";
import { setXattrAt } from "../../src/sys/xattr.ts";
import { run } from "../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../helpers/requires.ts";

const able = isRoot && hasTool("tar") && hasTool("python3") && probeOverlay(tmpdir()) === null;
const rootTest = testIf(able, "needs root, tar, python3 and overlay");

const LOWER = `mkdir -p gone/deep kept/sub again/old file/../dir nothing; echo x >gone/deep/x; echo x >kept/x; echo x >kept/y; echo x >again/old/x; echo x >again/same; echo x >file1; echo x >dir/x; echo x >moved; ln -s kept link; echo up >copied; chmod 700 nothing`;
const CHANGE = `rm -r gone; rm kept/x; rm -r again; mkdir again; echo new >again/new; rm file1; mkdir file1; echo in >file1/in; rm -r dir; echo now >dir; mv moved moved-to; rm link; ln -s nowhere link
mkdir -p fresh/er; echo x >fresh/er/a; ln fresh/er/a fresh/hard; mkfifo fresh/pipe; mknod fresh/dev c 7 300; chmod 4711 fresh/er/a; chown 12:34 kept/y; chown 3000000:4 fresh; : >>copied; touch -r kept copied.ref
printf x >"fresh/$(printf 'line\\nfeed')"; printf x >"fresh/$(printf '%0150d' 1)"; python3 -c "import os, socket; socket.socket(socket.AF_UNIX).bind('sock'); open(b'caf\\xe9', 'w').close(); os.setxattr('kept/y', 'user.note', b'a'); os.setxattr('fresh/er/a', 'security.capability', bytes.fromhex('0100000200200000000000000000000000000000'))"`;

interface Laid {
  readonly folder: string;
  readonly lower: string;
  readonly upper: string;
}

function withLaid(work: (laid: Laid) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "mdk-pack-"));
  const at = (name: string): string => join(folder, name);
  try {
    for (const name of ["lower", "empty", "upper", "work", "layer"]) mkdirSync(at(name));
    run("sh", "-ec", `umask 022; cd "$1"; ${LOWER}; find . -exec touch -h -d @1500000000 {} +`, "sh", at("lower"));
    const mount = mountOverlay({ lower: [at("lower")], upper: at("upper"), work: at("work"), volatile: true });
    try {
      run("sh", "-ec", `umask 022; cd "/proc/$2/fd/$3/"; ${CHANGE}`, "sh", "", String(process.pid), String(mount));
    } finally {
      closeSync(mount);
    }
    work({ folder, lower: at("lower"), upper: at("upper") });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function pack(upper: string, view: number | null): { readonly bytes: Buffer; readonly entries: number } {
  const parts: Uint8Array[] = [];
  const fd = openSync(upper, "r");
  const { entries } = packLayer(fd, view, (bytes) => parts.push(Buffer.from(bytes)));
  closeSync(fd);
  return { bytes: Buffer.concat(parts), entries };
}

function snapshot(view: number): string[] {
  return run("python3", "test/helpers/snapshot.py", `/proc/${process.pid}/fd/${view}/`).trim().split("\n")
    // Whole seconds in the archive; a socket is in none.
    .map((line) => line.replace(/ (\d+)\d{9} /, " $1 ")).filter((line) => !line.startsWith("b'sock'"));
}

rootTest("the archive of an upper, unpacked, is the same layer: the same view, the same bytes when it is packed again", () => {
  withLaid(({ folder, lower, upper }) => {
    const view = mountLayers([lower], join(folder, "empty"));
    const { bytes } = pack(upper, view);
    expect(pack(upper, view).bytes.equals(bytes)).toBe(true);
    const writer = new LayerWriter(openSync(join(folder, "layer"), "r"));
    const reader = new TarReader(writer);
    reader.push(bytes);
    reader.end();
    expect(dependsOnLower(writer)).toBe(false);
    finishLayer(writer, null);
    writer.release();
    const [before, after] = [mountLayers([upper, lower], folder), mountLayers([join(folder, "layer"), lower], folder)];
    expect(snapshot(after)).toEqual(snapshot(before));
    expect(pack(join(folder, "layer"), view).bytes.equals(bytes)).toBe(true);
    for (const fd of [view, before, after]) closeSync(fd);
  });
});

rootTest("GNU tar lists whiteouts, one mark for the directory that hides something, and hard links", () => {
  withLaid(({ folder, lower, upper }) => {
    const view = mountLayers([lower], join(folder, "empty"));
    writeFileSync(join(folder, "layer.tar"), pack(upper, view).bytes);
    closeSync(view);
    const names = run("tar", "--quoting-style=escape", "-tf", join(folder, "layer.tar")).trim().split("\n");
    expect(names.filter((name) => name.includes(".wh."))).toEqual(["./again/.wh..wh..opq", "./.wh.gone", "./kept/.wh.x", "./.wh.moved"]);
    expect(names[0]).toBe("./");
    expect(names).not.toContain("./sock");
    expect(run("tar", "--numeric-owner", "-tvf", join(folder, "layer.tar"))).toMatch(/hrws--x--x 0\/0 .*\.\/fresh\/hard link to \.\/fresh\/er\/a/);
  });
});

rootTest("an upper of nothing has no entries; a mark that no layer can say is refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "mdk-pack-"));
  try {
    const upper = join(folder, "upper");
    mkdirSync(upper);
    // The digest that Docker knows as that of an empty layer (moby layer/layer.go, DigestSHA256EmptyTar).
    const { bytes, entries } = pack(upper, null);
    expect([entries, new Bun.CryptoHasher("sha256").update(bytes).digest("hex")]).toEqual([0, "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"]);
    writeFileSync(join(upper, ".wh.x"), "");
    expect(() => pack(upper, null)).toThrow("an image layer cannot hold /.wh.x: the names .wh.… mean deleted files");
    rmSync(join(upper, ".wh.x"));
    mkdirSync(join(upper, "moved"));
    const fd = openSync(upper, "r");
    setXattrAt(fd, "moved", "trusted.overlay.redirect", Buffer.from("/old"));
    closeSync(fd);
    expect(() => pack(upper, null)).toThrow("an image layer cannot hold /moved: it is not whole without the layers below");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

rootTest("changes: what is added, changed and deleted, and not what was only copied up", () => {
  withLaid(({ folder, lower, upper }) => {
    const [view, fd] = [mountLayers([lower], join(folder, "empty")), openSync(upper, "r")];
    const letters = { changed: "C", added: "A", deleted: "D" };
    const changes = listChanges(fd, view).map(({ kind, path }) => `${letters[kind]} ${path.length > 100 ? "long" : path.replace("\n", "?")}`);
    closeSync(view);
    closeSync(fd);
    expect(changes).toEqual([
      "C again", "A again/new", "D again/old", "D again/same", "A caf\xe9", "A copied.ref", "C dir", "C file1", "A file1/in", "A fresh", "long", "A fresh/dev", "A fresh/er", "A fresh/er/a", "A fresh/hard",
      "A fresh/line?feed", "A fresh/pipe", "D gone", "C kept", "D kept/x", "C kept/y", "C link", "D moved", "A moved-to", "A sock",
    ].map((line) => (line === "long" ? "A long" : line)));
  });
});
