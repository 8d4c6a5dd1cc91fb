/** Pulls from a real registry, of images that skopeo and umoci wrote; umoci's own unpacking is the second opinion. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { closeSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, type Context } from "../../../src/engine/context.ts";
import { summarizeImages } from "../../../src/engine/image/list.ts";
import { imageJson } from "../../../src/api/json/image.ts";
import { inspectImage } from "../../../src/engine/image/inspect.ts";
import { pull } from "../../../src/engine/image/pull.ts";
import { removeImage } from "../../../src/engine/image/remove.ts";
import { mountLayers } from "../../../src/layer/overlay.ts";
import { archive, directory, file, type Entry } from "../../helpers/archive.ts";
import { makeImage, push, run, startRegistry, type Registry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && ["docker-registry", "skopeo", "umoci", "python3"].every(hasTool);
const rootTest = testIf(able, "needs root and docker-registry, skopeo, umoci, python3");

let folder = "";
let registry: Registry;
let context: Context;

beforeAll(async () => {
  if (able) registry = await startRegistry();
});
afterAll(async () => await registry?.stop());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mdk-pull-"));
  context = createContext({ root: join(folder, "root"), runRoot: join(folder, "run"), environment: { HOME: folder }, now: () => new Date() });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function layersOf(name: string): string[] {
  const { GraphDriver } = imageJson(inspectImage(context, name, null)) as { GraphDriver: { Data: { LowerDir?: string; UpperDir: string } } };
  return [GraphDriver.Data.UpperDir, ...(GraphDriver.Data.LowerDir?.split(":") ?? [])];
}

/** The merged tree of a pulled image, line by line. `made`: directories that no archive speaks of, whose time is chance. */
function snapshotOf(name: string, made: readonly string[]): string[] {
  const view = mountLayers(layersOf(name), mkdtempSync(join(folder, "empty-")));
  try {
    return run("python3", "test/helpers/snapshot.py", `/proc/${process.pid}/fd/${view}/.`, ...made).trim().split("\n");
  } finally {
    closeSync(view);
  }
}

function unpackedByUmoci(image: string, made: readonly string[]): string[] {
  run("umoci", "unpack", "--image", image, join(folder, "bundle"));
  return run("python3", "test/helpers/snapshot.py", join(folder, "bundle", "rootfs"), ...made).trim().split("\n");
}

const CAPABILITY = Buffer.from("0100000200200000000000000000000000000000", "hex");

/** Six layers with all that a layer can hold. */
const EVERYTHING: readonly (readonly Entry[])[] = [
  [
    directory("./", { mode: 0o751, uid: 5, gid: 6, mtime: 1_600_000_000 }), directory("etc/"), file("etc/passwd", "root:x:0:0::/:/bin/sh\n"), file("etc/gone", "x"),
    directory("opaque/", { mode: 0o700, uid: 1000, gid: 1000 }), file("opaque/a", "a"), directory("usr/"), directory("usr/lib/", { mode: 0o711, uid: 3 }),
    { name: "lib", type: "2", link: "usr/lib" }, directory("bin/"), file("bin/su", "#!", { mode: 0o4755, uid: 1, gid: 2 }), { name: "bin/su2", type: "1", link: "bin/su" },
    file("bin/ping", "p", { mode: 0o755, pax: { "SCHILY.xattr.security.capability": CAPABILITY, mtime: "1500000000.123456789" } }),
    directory("dev/"), { name: "dev/null", type: "3", major: 1, minor: 3, mode: 0o666 }, { name: "dev/disk", type: "4", major: 8, minor: 300, mode: 0o660, gid: 6 },
    { name: "fifo", type: "6", mode: 0o600 }, file("caf\xe9", "latin1"), directory("sticky", { mode: 0o1777, pax: { "SCHILY.xattr.user.note": "n" } }),
  ],
  [directory("etc/", { mode: 0o750 }), file("etc/.wh.gone"), directory("opaque/", { mode: 0o701 }), file("opaque/.wh..wh..opq"), file("opaque/c", "c")],
  [directory("./", { mode: 0o755, mtime: 1_650_000_000 }), file("top", "t"), { name: "link", type: "1", link: "top" }, { name: "dangling", type: "2", link: "/nowhere" }],
  [file("big", "x".repeat(3_000_000)), directory("deep/"), file("deep/f", "d", { pax: { path: `deep/${"n".repeat(200)}` } })],
  [file(".wh.deep"), directory("bin/", { mode: 0o711 }), file("bin/su", "new", { mode: 0o755 })],
  [directory("deep/", { mode: 0o700 }), file("deep/again", "a"), file("etc/passwd", "changed")],
];

/** Layers that hold files without entries for the directories above them, over links, and links to other layers' files. */
const IMPLIED: readonly (readonly Entry[])[] = [
  EVERYTHING[0]!,
  [file("opaque/b", "b"), file("lib/x", "in usr/lib"), file("sticky/y", "y"), file("made/up/z", "z")],
  [file("usr/lib/y", "y"), file("lib/.wh.x"), { name: "hard", type: "1", link: "etc/passwd" }, file("made/up/w", "w")],
];

describe("what skopeo pushed and mdk pulled is what umoci unpacks", () => {
  rootTest("whiteouts, opaque directories, hard links, setuid, capabilities and devices in six layers", async () => {
    const image = makeImage(folder, EVERYTHING.map((entries) => archive(entries)));
    push(image, `${registry.host}/everything:1`);
    await pull(context, `${registry.host}/everything:1`);
    expect(snapshotOf(`${registry.host}/everything:1`, [])).toEqual(unpackedByUmoci(image, []));
  });

  rootTest("files without entries for their directories, below links, linked to other layers", async () => {
    const image = makeImage(folder, IMPLIED.map((entries) => archive(entries)));
    push(image, `${registry.host}/implied:1`);
    await pull(context, `${registry.host}/implied:1`);
    // umoci gives a directory in which it made an implied one the time of doing so.
    const made = [".", "made", "made/up"];
    expect(snapshotOf(`${registry.host}/implied:1`, made)).toEqual(unpackedByUmoci(image, made));
  });

  rootTest("an opaque root hides all that the layers below have, and nothing of its own layer", async () => {
    const layers = [EVERYTHING[0]!, [directory("./", { mode: 0o711 }), file(".wh..wh..opq"), directory("etc/"), file("etc/new", "n"), file("bin", "no directory")], [directory("./"), directory("usr/"), file("usr/x", "x")]];
    const image = makeImage(folder, layers.map((entries) => archive(entries)));
    push(image, `${registry.host}/root:1`);
    await pull(context, `${registry.host}/root:1`);
    expect(snapshotOf(`${registry.host}/root:1`, ["."])).toEqual(unpackedByUmoci(image, ["."]));
    expect(snapshotOf(`${registry.host}/root:1`, ["."]).length).toBe(6);
  });

  rootTest("Docker's manifest, and layers in zstd", async () => {
    const image = makeImage(folder, [archive([directory("./"), file("a", "a")])]);
    push(image, `${registry.host}/docker:1`, "--format", "v2s2");
    push(image, `${registry.host}/zstd:1`, "--dest-compress-format", "zstd");
    await pull(context, `${registry.host}/docker:1`);
    await pull(context, `${registry.host}/zstd:1`);
    const made = ["."];
    expect(snapshotOf(`${registry.host}/docker:1`, made)).toEqual(unpackedByUmoci(image, made));
    expect(layersOf(`${registry.host}/docker:1`)).toEqual(layersOf(`${registry.host}/zstd:1`));
  });
});

describe("an image in the store", () => {
  rootTest("is listed, inspected, known by tag, digest and id, up to date, and gone without a trace", async () => {
    const name = `${registry.host}/known:1`;
    push(makeImage(folder, [archive([directory("./"), file("a", "12345")]), archive([file("b", "678")])]), name);
    const statuses: string[] = [];
    const first = await pull(context, name, { progress: { start: (tag) => statuses.push(tag), layer: (_, status) => statuses.push(status) } });
    expect(first.upToDate).toBe(false);
    expect(statuses[0]).toBe("1");
    expect(statuses.filter((status) => status === "Pull complete")).toHaveLength(2);
    expect((await pull(context, name)).upToDate).toBe(true);
    expect(summarizeImages(context)).toMatchObject([{ repository: `${registry.host}/known`, tag: "1", digest: first.digest, size: 8 }]);
    const byDigest = `${registry.host}/known@${first.digest}`;
    for (const word of [name, byDigest, first.id, first.id.slice(7, 19)]) {
      expect(imageJson(inspectImage(context, word, null))).toMatchObject({ Id: first.id, RepoTags: [name], RepoDigests: [byDigest], Config: { Cmd: ["/bin/true"], Env: expect.arrayContaining(["A=b"]) } });
    }
    expect(removeImage(context, name, { force: false }).map(({ kind }) => kind)).toEqual(["untagged", "untagged", "deleted", "deleted", "deleted"]);
    expect(leftovers()).toEqual([]);
    expect(() => inspectImage(context, name, null)).toThrow(`No such image: ${name}`);
  });

  rootTest("shares layers with others, and a layer stays as long as one image needs it", async () => {
    const base = archive([directory("./"), file("a", "base")]);
    push(makeImage(join(folder, "one"), [base]), `${registry.host}/one:1`);
    push(makeImage(join(folder, "two"), [base, archive([directory("./"), file("b")])]), `${registry.host}/two:1`);
    await pull(context, `${registry.host}/one:1`);
    await pull(context, `${registry.host}/two:1`);
    expect(readdirSync(join(context.root, "layers"))).toHaveLength(2);
    removeImage(context, `${registry.host}/two:1`, { force: false });
    expect(readdirSync(join(context.root, "layers"))).toHaveLength(1);
    expect(existsSync(join(layersOf(`${registry.host}/one:1`)[0]!, "a"))).toBe(true);
  });
});

/** Everything in the store that belongs to an image or to an unfinished pull. */
function leftovers(): string[] {
  return ["layers", "blobs/sha256", "tmp"].flatMap((name) => readdirSync(join(context.root, name))).filter((name) => name !== "pull.lock" && name !== "empty");
}

const PULLER = `
import { createContext } from "./src/engine/context.ts";
import { pull } from "./src/engine/image/pull.ts";
const context = createContext({ root: process.argv[1], runRoot: process.argv[1], environment: {}, now: () => new Date() });
await pull(context, process.argv[2], { progress: { start() {}, layer(id, status) { if (status !== "Downloading") console.log(id, status); } } });
`;

function puller(name: string): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  return Bun.spawn([process.execPath, "-e", PULLER, context.root, name], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
}

describe("pulls at once", () => {
  rootTest("four of one image: each layer is fetched and unpacked by one of them, and all succeed", async () => {
    const name = `${registry.host}/race:1`;
    push(makeImage(folder, [1, 2, 3, 4].map((index) => archive([directory("./"), file(`f${index}`, Buffer.alloc(2_000_000, index))]))), name);
    const pulls = [1, 2, 3, 4].map(() => puller(name));
    const outputs = await Promise.all(pulls.map(async (child) => [await new Response(child.stderr).text(), await child.exited, await new Response(child.stdout).text()] as const));
    expect(outputs.map(([errors, code]) => [errors, code])).toEqual([["", 0], ["", 0], ["", 0], ["", 0]]);
    expect(outputs.map(([, , lines]) => lines).join("").match(/Pull complete/g)).toHaveLength(4);
    expect(readdirSync(join(context.root, "layers"))).toHaveLength(4);
    expect(leftovers().filter((name) => name.endsWith(".lock"))).toEqual([]);
  });

  rootTest("killed at any moment: no name without its image, and the next pull ends well and cleans up", async () => {
    const name = `${registry.host}/killed:1`;
    push(makeImage(folder, [1, 2, 3].map((index) => archive([directory("./"), ...Array.from({ length: 300 }, (_, at) => file(`d${index}-${at}`, Buffer.alloc(3000, at)))]))), name);
    for (const delayMs of [40, 70, 90, 110, 130, 160, 200]) {
      const child = puller(name);
      await Bun.sleep(delayMs);
      child.kill("SIGKILL");
      await child.exited;
      for (const { repository, tag } of summarizeImages(context)) expect(snapshotOf(`${repository}:${tag}`, []).length).toBe(901);
    }
    await pull(context, name);
    expect(snapshotOf(name, []).length).toBe(901);
    expect(readdirSync(join(context.root, "layers"))).toHaveLength(3);
    expect(readdirSync(join(context.root, "tmp")).filter((entry) => entry !== "pull.lock" && entry !== "empty")).toEqual([]);
  });

  rootTest("given up by a signal: an error that says so, and nothing left", async () => {
    const name = `${registry.host}/cancelled:1`;
    push(makeImage(folder, [archive([directory("./"), file("f", Buffer.alloc(8_000_000, 7))])]), name);
    const abort = new AbortController();
    const progress = { start: () => {}, layer: () => abort.abort() };
    await expect(pull(context, name, { signal: abort.signal, progress })).rejects.toThrow("context canceled");
    expect(leftovers()).toEqual([]);
    expect(summarizeImages(context)).toEqual([]);
  });
});

rootTest("onto a disk that is too small: one sentence, and nothing left", async () => {
  const name = `${registry.host}/large:1`;
  push(makeImage(folder, [archive([directory("./"), file("small", "s")]), archive([file("large", Buffer.alloc(12_000_000, 1))])]), name);
  const disk = join(folder, "disk");
  run("mkdir", disk);
  run("mount", "-t", "tmpfs", "-o", "size=8m", "none", disk);
  try {
    context = createContext({ root: join(disk, "root"), runRoot: disk, environment: {}, now: () => new Date() });
    await expect(pull(context, name)).rejects.toThrow("no space left on device");
    expect(leftovers()).toEqual([]);
    expect(summarizeImages(context)).toEqual([]);
  } finally {
    // The database stays open to the end of the process.
    run("umount", "--lazy", disk);
  }
});

describe("what a registry does not have", () => {
  rootTest("is told in Docker's words", async () => {
    await expect(pull(context, `${registry.host}/nothing`)).rejects.toThrow(`manifest for ${registry.host}/nothing:latest not found: manifest unknown: manifest unknown`);
    await expect(pull(context, "127.0.0.1:1/x")).rejects.toThrow("connection refused");
    expect(leftovers()).toEqual([]);
  });
});

test("a name that is none is refused before anything is made", async () => {
  await expect(pull(context, "UPPER")).rejects.toThrow("must be lowercase");
  expect(existsSync(context.root)).toBe(false);
});
