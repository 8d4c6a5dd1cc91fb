/** What a container of a pulled image shows: the tree that umoci unpacks, name by name, and below the layers nothing of the host. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { archive, directory, file, type Entry } from "../../helpers/archive.ts";
import { makeImage, push, run, startRegistry, type Registry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { baseLayer, openStage, type Stage } from "../../helpers/stage.ts";

const able = isRoot && existsSync("dist/mdk") && ["docker-registry", "skopeo", "umoci", "python3", "unshare"].every(hasTool);
const rootTest = testIf(able, "needs root, a built dist/mdk and docker-registry, skopeo, umoci, python3");

let stage: Stage;
let registry: Registry;

beforeAll(async () => {
  if (!able) return;
  stage = openStage();
  registry = await startRegistry();
});
afterAll(async () => {
  await stage?.end();
  await registry?.stop();
});

const CAPABILITY = Buffer.from("0100000200200000000000000000000000000000", "hex");
const SIX: readonly (readonly Entry[])[] = [
  [
    directory("./", { mode: 0o751, uid: 5, gid: 6, mtime: 1_600_000_000 }), directory("etc/"), file("etc/passwd", "root:x:0:0::/:/bin/sh\n"), file("etc/gone", "x"), directory("opaque/", { mode: 0o700, uid: 1000, gid: 1000 }), file("opaque/a", "a"),
    directory("usr/"), directory("usr/lib/", { mode: 0o2711, uid: 3, gid: 4 }), { name: "lib", type: "2", link: "usr/lib" }, directory("bin/"), file("bin/su", "#!", { mode: 0o4755, uid: 1, gid: 2 }),
    { name: "bin/su2", type: "1", link: "bin/su" }, file("bin/ping", "p", { mode: 0o755, pax: { "SCHILY.xattr.security.capability": CAPABILITY, mtime: "1500000000.123456789" } }),
    directory("dev/"), { name: "dev/zero", type: "3", major: 1, minor: 5, mode: 0o666 }, { name: "dev/disk", type: "4", major: 8, minor: 300, mode: 0o660, gid: 6 }, { name: "fifo", type: "6", mode: 0o600 }, directory("tree/"), directory("tree/a/"), file("tree/a/f", "f"),
  ],
  [directory("etc/", { mode: 0o750 }), file("etc/.wh.gone"), directory("opaque/", { mode: 0o701 }), file("opaque/.wh..wh..opq"), file("opaque/c", "c")],
  [file("top", "t", { uid: 7 }), { name: "link", type: "1", link: "top" }, { name: "dangling", type: "2", link: "/nowhere" }, directory("sticky/", { mode: 0o1777, pax: { "SCHILY.xattr.user.note": "n" } })],
  [file(".wh.tree"), file("big", Buffer.alloc(2_000_000, 7))],
  [directory("tree/", { mode: 0o700 }), file("tree/new", "n"), directory("bin/", { mode: 0o711 }), file("bin/su", "new", { mode: 0o755 })],
  [directory("./", { mode: 0o755, uid: 9, mtime: 1_650_000_000 }), file("etc/passwd", "changed"), directory("etc/", { mode: 0o711, mtime: 1_610_000_000 })],
];
/** Files without entries for the directories above them, in three layers. */
const IMPLIED: readonly (readonly Entry[])[] = [
  [directory("./", { mode: 0o750, uid: 3 }), directory("opaque/", { mode: 0o700, uid: 1000, gid: 1000, mtime: 1_600_000_000 }), directory("usr/", { mode: 0o711 }), directory("usr/lib/", { mode: 0o2755, gid: 8 }), { name: "lib", type: "2", link: "usr/lib" }],
  [file("opaque/b", "b"), file("lib/x", "x"), file("made/up/z", "z")],
  [file("opaque/deep/er", "e"), file("usr/lib/y", "y"), file("made/up/w", "w")],
];

async function snapshots(name: string, layers: readonly (readonly Entry[])[], made: readonly string[]): Promise<[string[], string[]]> {
  const folder = mkdtempSync(join(stage.folder, "image-"));
  const image = makeImage(folder, layers.map((entries) => archive(entries)));
  push(image, `${registry.host}/${name}`);
  const pulled = Bun.spawnSync(stage.command("pull", "-q", `${registry.host}/${name}`));
  expect(pulled.stderr.toString()).toBe("");
  const created = await stage.mdk("create", `${registry.host}/${name}`);
  expect(created.err).toBe("");
  const { out } = await stage.mdk("inspect", "-f", "{{.GraphDriver.Data.LowerDir}}", created.out.trim());
  const lower = out.trim().split(":");
  expect(lower.every((path) => existsSync(path))).toBe(true);
  const view = join(folder, "view");
  mkdirSync(view);
  const options = `ro,lowerdir=${[...lower, view].join(":")}`; // one layer alone is no overlay: an empty one below it
  const seen = run("unshare", "--mount", "sh", "-ec", 'mount -t overlay overlay -o "$1" "$2"; shift; exec python3 test/helpers/snapshot.py "$@"', "sh", options, view, ...made);
  run("umoci", "unpack", "--image", image, join(folder, "bundle"));
  const expected = run("python3", "test/helpers/snapshot.py", join(folder, "bundle", "rootfs"), ...made);
  return [seen.trim().split("\n"), expected.trim().split("\n")];
}

describe("the layers that inspect names, laid over one another by mount(8), are what umoci unpacks", () => {
  rootTest("whiteouts, opaque directories, hard links, setuid, capabilities, devices, and `/` itself, in six layers", async () => {
    const [seen, expected] = await snapshots("six", SIX, []);
    expect(expected.length).toBeGreaterThan(20);
    expect(seen).toEqual(expected);
  });

  rootTest("files without entries for their directories", async () => {
    // The time of a directory in which another one was made is chance.
    const [seen, expected] = await snapshots("implied", IMPLIED, [".", "made", "made/up", "opaque", "opaque/deep"]);
    expect(seen).toEqual(expected);
  });
});

describe("a container's own layer", () => {
  rootTest("is where inspect says, on the host, with what the container wrote, and / in it is the image's", async () => {
    const image = await stage.image([baseLayer(), [directory("./", { mode: 0o751, uid: 5, gid: 6 })]]);
    const { out } = await stage.mdk("run", "-d", image, "sh", "-c", "stat -c '%a %u:%g' / >/tmp/root; echo mine >/new; sleep 600");
    const id = out.trim();
    for (let tries = 0; tries < 50 && (await stage.mdk("exec", id, "ls", "/new")).code !== 0; tries++) await Bun.sleep(50);
    const upper = (await stage.mdk("inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", id)).out.trim();
    expect(readFileSync(join(upper, "new"), "utf8")).toBe("mine\n");
    expect(readFileSync(join(upper, "tmp/root"), "utf8")).toBe("751 5:6\n");
    await stage.mdk("rm", "-f", id);
    expect(existsSync(upper)).toBe(false);
  });

  rootTest("a setuid program, a file's capabilities and an old time reach the program that looks", async () => {
    const image = await stage.image([baseLayer(), [file("cap", readFileSync("/bin/busybox"), { mode: 0o755, pax: { "SCHILY.xattr.security.capability": CAPABILITY } })]]);
    const { out } = await stage.mdk("run", "--rm", "-u", "1000", image, "sh", "-c", "stat -c '%a %Y' /suid; /suid state");
    expect(out).toStartWith("4755 1700000000\n");
    expect(JSON.parse(out.slice(out.indexOf("{"))).status.Uid).toBe("1000\t0\t0\t0");
  });
});
