/** save and load: archives that others read, those that others write, and what no honest one would write. */
import { afterEach, beforeEach, describe, expect } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { createContext, type Context } from "../../../src/engine/context.ts";
import { layerDirectories } from "../../../src/engine/image/layers.ts";
import { summarizeImages } from "../../../src/engine/image/list.ts";
import { loadImages, type LoadedImage } from "../../../src/engine/image/load.ts";
import { saveImages } from "../../../src/engine/image/save.ts";
import { tagAs } from "../../../src/engine/image/tag.ts";
import { digestOf, hexOf } from "../../../src/image/digest.ts";
import { ArchiveSource } from "../../../src/engine/image/archive-source.ts";
import { openTarFiles, type ImageFiles } from "../../../src/layer/image-files.ts";
import { mountLayers } from "../../../src/layer/overlay.ts";
import { archive, directory, file, type Entry } from "../../helpers/archive.ts";
import { fakeImage } from "../../helpers/fake-registry.ts";
import { makeImage, run } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot, "layers hold devices and owners: only root can write them");
const peerTest = testIf(isRoot && ["skopeo", "umoci", "python3"].every(hasTool), "needs root and skopeo, umoci, python3");

let folder = "";
let context: Context;
const make = (name: string): Context => createContext({ root: join(folder, name), runRoot: join(folder, "run"), environment: { HOME: folder }, now: () => new Date() });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mdk-archives-"));
  context = make("root");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function load(path: string, into = context): Promise<LoadedImage[]> {
  const loaded: LoadedImage[] = [];
  await loadImages(into, path, {}, (image) => void loaded.push(image));
  return loaded;
}

async function save(path: string, ...words: readonly string[]): Promise<void> {
  const fd = openSync(path, "w");
  await saveImages(context, words, (bytes) => void writeSync(fd, bytes));
  closeSync(fd);
}

function snapshotOf(from: Context, id: string): string[] {
  const view = mountLayers(layerDirectories(from, id), mkdtempSync(join(folder, "empty-")));
  try {
    return run("python3", "test/helpers/snapshot.py", `/proc/${process.pid}/fd/${view}/.`).trim().split("\n");
  } finally {
    closeSync(view);
  }
}

const opened = (entries: readonly Entry[]): ImageFiles => openTarFiles(openSync(written(archive(entries)), "r"));

const lower = archive([directory("./"), directory("etc/", { mode: 0o750 }), file("etc/a", "a", { uid: 5 }), file("gone", "x"), file("su", "s", { mode: 0o4755 })]);
const upper = archive([file(".wh.gone"), file("b", "b".repeat(100_000)), { name: "l", type: "2", link: "b" }, { name: "h", type: "1", link: "b" }]);
const image = fakeImage([lower, upper], { config: { Cmd: ["/su"], Env: ["A=b"] } });
const hex = (bytes: Uint8Array): string => hexOf(digestOf(bytes));

/** As `docker save` before 25: a folder a layer, and where a layer is there twice, a link. */
const docker = (tags: readonly string[] | null, more: { layers?: readonly string[]; config?: string; files?: readonly Entry[] } = {}): Entry[] => [
  file(`${hex(image.config)}.json`, image.config.toString("latin1")), directory("one/"), file("one/layer.tar", lower), directory("two/"), file("two/layer.tar", upper), ...(more.files ?? []),
  file("manifest.json", JSON.stringify([{ Config: more.config ?? `${hex(image.config)}.json`, RepoTags: tags, Layers: more.layers ?? ["one/layer.tar", "two/layer.tar"] }])),
];
const layout = (annotations: Record<string, string> = {}, blobs: readonly Uint8Array[] = [image.manifest, image.config, lower, upper]): Entry[] => [
  file("oci-layout", '{"imageLayoutVersion":"1.0.0"}'), ...blobs.map((bytes) => file(`blobs/sha256/${hex(bytes)}`, bytes)),
  file("index.json", JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf(image.manifest), size: image.manifest.length, annotations }] })),
];
function written(bytes: Uint8Array, name = "archive"): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

describe("what others write", () => {
  rootTest("of a platform that is asked for nothing else is loaded, and none is an error", async () => {
    const at = written(archive(docker(["one:1"])));
    const of = async (platform: string): Promise<readonly string[]> => {
      const loaded: LoadedImage[] = [];
      await loadImages(context, at, { platform }, (one) => void loaded.push(one));
      return loaded.flatMap(({ names }) => names);
    };
    expect(of("linux/s390x")).rejects.toThrow("no images providing the requested platform linux/s390x found");
    expect(summarizeImages(context)).toEqual([]);
    expect(await of(process.arch)).toEqual(["one:1"]);
  });

  rootTest("docker's own archive, plain and packed, by its names; without one by its id", async () => {
    const bytes = archive(docker(["one:1", "registry.example/two"]));
    for (const [name, packed] of [["plain", bytes], ["gzip", gzipSync(bytes)], ["zstd", zstdCompressSync(bytes)]] as const) {
      const into = make(name);
      expect(await load(written(packed, `${name}.tar`), into)).toEqual([{ id: digestOf(image.config), names: ["one:1", "registry.example/two:latest"], moved: [] }]);
      expect(readdirSync(join(into.root, "tmp")).filter((left) => !/lock$|^empty$/.test(left))).toEqual([]);
    }
    expect(await load(written(archive(docker(null))))).toEqual([{ id: digestOf(image.config), names: [], moved: [] }]);
  });

  rootTest("layers that are packed in the archive, and one that is a link to another", async () => {
    const twice = fakeImage([lower, lower]);
    const entries = [
      file("c.json", twice.config.toString("latin1")), file("one/layer.tar", gzipSync(lower)), { name: "two/layer.tar", type: "2", link: "../one/layer.tar" },
      file("manifest.json", JSON.stringify([{ Config: "c.json", RepoTags: ["twice"], Layers: ["one/layer.tar", "two/layer.tar"] }])),
    ];
    expect((await load(written(archive(entries)))).map(({ names }) => names)).toEqual([["twice:latest"]]);
  });

  rootTest("a layer that many images name, by many names, is read once; and whoever gives up need not wait for the rest", async () => {
    const packed = Buffer.concat([gzipSync(lower, { level: 1 }), Buffer.alloc(16 << 20)]);
    const names = Array.from({ length: 50 }, (_, at) => `l${at}`);
    const config = { rootfs: { type: "layers", diff_ids: names.map(() => digestOf(lower)) }, architecture: "amd64", os: "linux", config: {} };
    const entries = [
      file("c", JSON.stringify(config)), file("layer", packed), ...names.map((name) => ({ name, type: "2" as const, link: "layer" })),
      file("manifest.json", JSON.stringify(Array.from({ length: 100 }, () => ({ Config: "c", Layers: ["./layer", ...names.slice(1)] })))),
    ];
    const source = (): ArchiveSource => new ArchiveSource(opened(entries));
    const began = performance.now();
    expect(await source().images(new AbortController().signal)).toHaveLength(100);
    expect(performance.now() - began).toBeLessThan(5000);
    const given = new AbortController();
    given.abort(new Error("given up"));
    await expect(new ArchiveSource({ ...opened(entries), identity: () => crypto.randomUUID() }).images(given.signal)).rejects.toThrow("given up");
  });

  rootTest("a layout, as archive and as directory, whose manifest stays what it was", async () => {
    const path = written(archive(layout({ "io.containerd.image.name": "docker.io/library/laid:1", "org.opencontainers.image.ref.name": "1" })));
    expect(await load(path)).toEqual([{ id: digestOf(image.config), names: ["laid:1"], moved: [] }]);
    expect(readFileSync(join(context.root, "blobs/sha256", hex(image.manifest))).equals(image.manifest)).toBe(true);
    mkdirSync(join(folder, "laid"));
    run("tar", "-xf", path, "-C", join(folder, "laid"));
    expect((await load(join(folder, "laid"), make("other")))[0]!.names).toEqual(["laid:1"]);
  });

  rootTest("a name that another image has goes over, and that is told", async () => {
    await load(written(archive(docker(["name:1"]))));
    const other = fakeImage([lower]);
    const entries = [file("c", other.config.toString("latin1")), file("l", lower), file("manifest.json", JSON.stringify([{ Config: "c", RepoTags: ["name:1"], Layers: ["l"] }]))];
    expect((await load(written(archive(entries))))[0]!.moved).toEqual([{ name: "name:1", from: digestOf(image.config) }]);
    expect(summarizeImages(context).map(({ tag }) => tag).sort()).toEqual(["1", null] as never);
  });
});

describe("what no honest one would write is refused, and nothing stays", () => {
  const cases: readonly [what: string, bytes: Uint8Array, message: string | RegExp][] = [
    ["no image at all", archive([file("a", "a")]), "neither manifest.json nor index.json"],
    ["an archive of long ago", archive([file("repositories", "{}")]), "Docker older than 1.10"],
    ["xz by its name", Buffer.concat([Buffer.from("fd377a585a00", "hex"), Buffer.alloc(600)]), "compressed with xz, which mdk does not read"],
    ["bzip2 by its name", Buffer.concat([Buffer.from("BZh9"), Buffer.alloc(600)]), "compressed with bzip2"],
    ["an archive that is cut", archive(docker(["x"])).subarray(0, 5000), "unexpected EOF"],
    ["a config that climbs out", archive(docker(["x"], { config: "../../etc/passwd" })), "does not have ../../etc/passwd"],
    ["a layer that is a link out of it", archive(docker(["x"], { layers: ["one/layer.tar", "evil"], files: [{ name: "evil", type: "2", link: "../../../etc/passwd" }] })), "does not have evil"],
    ["links in a circle", archive(docker(["x"], { layers: ["one/layer.tar", "a"], files: [{ name: "a", type: "2", link: "b" }, { name: "b", type: "2", link: "a" }] })), "does not have a"],
    ["layers in another order", archive(docker(["x"], { layers: ["two/layer.tar", "one/layer.tar"] })), /verification failed|ends after|longer than/],
    ["fewer layers than diff ids", archive(docker(["x"], { layers: ["one/layer.tar"] })), "names 2 layers, manifest.json 1"],
    ["a name that is none", archive(docker(["../x"])), "invalid reference format"],
    ["a name by digest", archive(docker([`x@sha256:${"1".repeat(64)}`])), "only the registry can say digests"],
    ["a manifest that was changed", archive(layout({}, [image.config, lower, upper]).concat(file(`blobs/sha256/${hex(image.manifest)}`, "{}"))), "manifest verification failed"],
    ["a blob that it does not have", archive(layout({}, [image.manifest, image.config, lower])), `does not have ${digestOf(upper)}`],
    ["a blob of another size", archive(layout({}, [image.manifest, image.config, lower]).concat(file(`blobs/sha256/${hex(upper)}`, "x"))), "has 1 bytes in the archive"],
    ["a manifest.json without end", archive([file("manifest.json", Buffer.alloc(5 << 20, 0x20))]), "larger than 4194304 bytes"],
    ["no list in manifest.json", archive([file("manifest.json", '{"a":1}')]), "must be a list"],
  ];
  for (const [what, bytes, message] of cases) {
    rootTest(what, async () => {
      await expect(load(written(bytes))).rejects.toThrow(message);
      expect(summarizeImages(context)).toEqual([]);
      const left = ["layers", "blobs/sha256", "tmp"].flatMap((name) => readdirSync(join(context.root, name)));
      expect(left.filter((name) => name !== "pull.lock" && name !== "empty")).toEqual([]);
    });
  }

  rootTest("a link in a directory is not followed", async () => {
    const laid = join(folder, "laid");
    mkdirSync(laid);
    run("tar", "-xf", written(archive(layout())), "-C", laid);
    const blob = join(laid, "blobs/sha256", hex(lower));
    rmSync(blob);
    writeFileSync(join(folder, "outside"), lower);
    symlinkSync(join(folder, "outside"), blob);
    await expect(load(laid)).rejects.toThrow(`does not have ${digestOf(lower)}`);
  });
});

describe("save", () => {
  rootTest("gives the same bytes again, keeps digests, and has each blob once", async () => {
    await load(written(archive(layout({ "io.containerd.image.name": "docker.io/library/laid:1" }))));
    tagAs(context, "laid:1", "registry.example/other/name:2");
    await save(join(folder, "a.tar"), "laid:1", "registry.example/other/name:2");
    await save(join(folder, "b.tar"), "laid:1", "registry.example/other/name:2");
    expect(readFileSync(join(folder, "a.tar")).equals(readFileSync(join(folder, "b.tar")))).toBe(true);
    const names = run("tar", "-tf", join(folder, "a.tar")).trim().split("\n");
    expect(names.filter((name) => name.startsWith("blobs/sha256/")).slice(1).map((name) => name.slice(13)).sort()).toEqual([image.manifest, image.config, lower, upper].map(hex).sort());
    const into = make("other");
    expect((await load(join(folder, "a.tar"), into))[0]).toEqual({ id: digestOf(image.config), names: ["laid:1", "registry.example/other/name:2"], moved: [] });
    expect(snapshotOf(into, digestOf(image.config))).toEqual(snapshotOf(context, digestOf(image.config)));
  });

  rootTest("of a repository means all its tags, and of nothing is refused before anything is written", async () => {
    await load(written(archive(docker(["r:1", "r:2", "s:1"]))));
    await save(join(folder, "r.tar"), "r");
    expect(JSON.parse(run("tar", "-xOf", join(folder, "r.tar"), "manifest.json"))).toMatchObject([{ RepoTags: ["r:1", "r:2"] }]);
    await expect(save(join(folder, "x.tar"), "r:1", "nothing")).rejects.toThrow("No such image: nothing");
    expect(readFileSync(join(folder, "x.tar")).length).toBe(0);
  });

  rootTest("packs layers anew of an image that came with an mdk without blobs, and says so; the next load makes it whole", async () => {
    const path = written(archive(docker(["old:1"])));
    await load(path);
    const before = snapshotOf(context, digestOf(image.config));
    context.database().run("UPDATE layer_blobs SET size = NULL, media_type = NULL");
    const words: string[] = [];
    const fd = openSync(join(folder, "old.tar"), "w");
    await saveImages(context, ["old:1"], (bytes) => void writeSync(fd, bytes), { warn: (text) => void words.push(text) });
    closeSync(fd);
    const into = make("other");
    const [anew] = await load(join(folder, "old.tar"), into);
    expect(words).toEqual([`the layers of old:1 came with an mdk that kept no blobs, and are packed anew: what is written is the image ${anew!.id}; pull it again to have it as it was`]);
    expect(snapshotOf(into, anew!.id)).toEqual(before);
    await load(path);
    await save(join(folder, "old.tar"), "old:1");
    expect((await load(join(folder, "old.tar"), into))[0]!.id).toBe(digestOf(image.config));
  });
});

rootTest("an image that would leave less than a twentieth of the disk is refused, and nothing stays", async () => {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  run("mount", "-t", "tmpfs", "-o", "size=40m", "none", disk);
  try {
    const filling = archive([file("f", Buffer.alloc(35 << 20))]);
    const { config } = fakeImage([filling]);
    const path = written(archive([file("c", config.toString("latin1")), file("l", gzipSync(filling)), file("manifest.json", JSON.stringify([{ Config: "c", RepoTags: ["x"], Layers: ["l"] }]))]));
    const into = make("disk/root");
    writeFileSync(join(disk, "other"), Buffer.alloc(23 << 20));
    await expect(load(path, into)).rejects.toThrow("would leave less than 5 % of it free");
    expect([summarizeImages(into), readdirSync(join(into.root, "layers")), readdirSync(join(into.root, "blobs/sha256"))]).toEqual([[], [], []]);
  } finally {
    run("umount", "--lazy", disk);
  }
});

describe("others and mdk", () => {
  peerTest("skopeo and umoci read what mdk saves, and mdk loads what they write: one tree, one config", async () => {
    const made = makeImage(join(folder, "made"), [lower, upper]);
    for (const [kind, name] of [["docker-archive", "registry.example/a:1"], ["oci-archive", "registry.example/b:1"]] as const) run("skopeo", "copy", "--quiet", `oci:${made}`, `${kind}:${join(folder, `${kind}.tar`)}:${name}`);
    const [fromDocker] = await load(join(folder, "docker-archive.tar"));
    const [fromLayout] = await load(join(folder, "oci-archive.tar"));
    expect([fromDocker!.names, fromLayout!.names]).toEqual([["registry.example/a:1"], ["registry.example/b:1"]]);
    expect(fromDocker!.id).toBe(fromLayout!.id);
    run("umoci", "unpack", "--image", made, join(folder, "bundle"));
    const tree = run("python3", "test/helpers/snapshot.py", join(folder, "bundle/rootfs")).trim().split("\n");
    expect(snapshotOf(context, fromDocker!.id)).toEqual(tree);
    await save(join(folder, "saved.tar"), "registry.example/b:1");
    for (const kind of ["docker-archive", "oci-archive"]) {
      const digest = run("skopeo", "inspect", "--config", "--raw", `${kind}:${join(folder, "saved.tar")}`);
      expect(digestOf(digest)).toBe(fromLayout!.id);
    }
    mkdirSync(join(folder, "out"));
    run("tar", "-xf", join(folder, "saved.tar"), "-C", join(folder, "out"));
    run("umoci", "unpack", "--image", `${join(folder, "out")}:1`, join(folder, "again"));
    expect(run("python3", "test/helpers/snapshot.py", join(folder, "again/rootfs")).trim().split("\n")).toEqual(tree);
  });
});
