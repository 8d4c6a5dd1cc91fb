/**
 * What strangers write, and who reads it: each case is read or refused with a sentence, and what was read holds what its reader promises.
 * A target makes the case of a number and checks it; anything else than an MdkError is a finding.
 */
import { ok } from "node:assert";
import { closeSync, existsSync, lstatSync, mkdirSync, openSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Misplaced, parseJson } from "../../src/config/json.ts";
import { parseSettings } from "../../src/config/parse.ts";
import { ArchiveSource } from "../../src/engine/image/archive-source.ts";
import { readImage, selectManifest } from "../../src/engine/image/select.ts";
import { parseConfig } from "../../src/image/config.ts";
import { digestOf, isDigest } from "../../src/image/digest.ts";
import { parseObject, parseUnique } from "../../src/image/json.ts";
import { parseLocation } from "../../src/image/location.ts";
import { LAYERS_MAX, mediaTypeOf, parseManifest } from "../../src/image/manifest.ts";
import { choosePlatform, hostPlatform, parsePlatform, platformName } from "../../src/image/platform.ts";
import { canonicalName, familiarName, parseReference, withDefaultTag } from "../../src/image/reference.ts";
import { verified } from "../../src/image/transfer.ts";
import { decompress } from "../../src/layer/decompress.ts";
import { finishLayer } from "../../src/layer/finish.ts";
import { openTarFiles } from "../../src/layer/image-files.ts";
import { TarReader, type TarHandler } from "../../src/layer/tar.ts";
import { unpackLayer } from "../../src/layer/unpack.ts";
import { parseChallenges } from "../../src/registry/challenge.ts";
import { removeTree } from "../../src/sys/remove-tree.ts";
import { archive, directory, file } from "../helpers/archive.ts";
import { fakeImage } from "../helpers/fake-registry.ts";
import { MdkError } from "../../src/error.ts";
import { randomArchive } from "./archives.ts";
import { BUILD_TARGETS } from "./build-targets.ts";
import { refusal, written, type Target } from "./cases.ts";
import { changedBytes, randomJson, type Chance } from "./random.ts";

const layer = archive([directory("./"), file("a", "a", { pax: { "SCHILY.xattr.user.k": "v", mtime: "1.5" } }), { name: "l", type: "2", link: "a" }, file("long", "x", { pax: { path: "n".repeat(300) } })]);
const image = fakeImage([layer], { config: { Cmd: ["/a"], Env: ["A=b"], ExposedPorts: { "80/tcp": {} }, Labels: { k: "v" }, Volumes: { "/v": {} }, Healthcheck: { Test: ["CMD", "a"], Interval: 5 } } });
const index = {
  schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
  manifests: ["amd64", "arm64", "arm"].map((architecture) => ({ mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf(image.manifest), size: image.manifest.length, platform: { os: "linux", architecture, variant: "v7" }, annotations: { "io.containerd.image.name": "x:1", "org.opencontainers.image.ref.name": "t" } })),
};
const documents = { manifest: JSON.parse(image.manifest.toString()) as unknown, index: index as unknown, config: JSON.parse(image.config.toString()) as unknown };

const json: Target = {
  name: "JSON reader",
  make: (chance) => (chance.once(4) ? changedBytes(Buffer.from(randomJson(chance).text), chance) : Buffer.from(randomJson(chance).text)),
  check(bytes) {
    const twice = repeats(bytes.toString());
    const said = refusal(() => parseUnique(bytes, "x"));
    if (twice === null) return ok(said !== null, "what is no JSON object was read");
    ok(twice === (said?.includes("twice in one object") ?? false), `a name that is there twice: ${twice}, refused: ${said}`);
    if (!twice) ok(JSON.stringify(parseObject(bytes, "x")) === JSON.stringify(JSON.parse(bytes.toString())));
  },
};

/** Whether an object has a name twice, found by another way than the reader's; null: no JSON object in UTF-8. */
function repeats(text: string): boolean | null {
  try {
    const top: unknown = JSON.parse(text);
    if (typeof top !== "object" || top === null || Array.isArray(top) || text.includes("\ufffd") || text.startsWith("\ufeff")) return null;
  } catch {
    return null;
  }
  // A name is marked with its number: then no two are the same, and what was one is two.
  let count = 0;
  const marked = text.replace(/("(?:\\.|[^"\\])*")(\s*:)?/g, (whole, string: string, colon?: string) => (colon === undefined ? whole : `${string.slice(0, -1)}#${count++}"${colon}`));
  const members = (value: unknown): number => (typeof value !== "object" || value === null ? 0 : Object.values(value).reduce((sum: number, item) => sum + members(item), Array.isArray(value) ? 0 : Object.keys(value).length));
  return members(JSON.parse(text)) !== members(JSON.parse(marked));
}

const SETTINGS = {
  "data-root": "/srv/mdk", "storage-driver": "loop", "insecure-registries": ["registry.test:5000", "192.0.2.0/24"], "registry-mirrors": ["https://mirror.test/"], "max-concurrent-downloads": 7, "keep-blobs": false,
  "max-layer-size": "4GiB", "min-free-space": "1%", "log-opts": { "max-size": "1m" }, dns: ["192.0.2.53"], "default-ulimits": { nofile: { Name: "nofile", Soft: 64, Hard: 128 } }, "default-shm-size": "32M",
  "default-address-pools": [{ base: "10.9.0.0/16", size: 24 }], bip: "192.0.2.1/24", "fixed-cidr": "192.0.2.0/25", mtu: 1400, ipv6: true, bip6: "2001:db8::1/64", "fixed-cidr-v6": "2001:db8::/80",
};
const settings: Target = {
  name: "daemon.json",
  make: (chance) => (chance.once(3) ? json.make(chance) : written(chance.once(2) ? SETTINGS : Object.fromEntries(Object.entries(SETTINGS).filter(() => chance.once(4))), chance)),
  check(bytes) {
    const text = bytes.toString();
    // Its own reader, which knows places, and the one of the language take the same for JSON.
    const [ours, theirs] = [accepts(() => parseJson(text)), accepts(() => JSON.parse(text))];
    ok(theirs || !ours, "what is no JSON was read");
    parseSettings("daemon.json", text, () => null);
  },
};

function accepts(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof Misplaced || error instanceof SyntaxError || error instanceof RangeError) return false;
    throw error;
  }
}

const manifests: Target = {
  name: "manifests and indexes",
  make: (chance) => written(chance.of([documents.manifest, documents.index]), chance),
  check(bytes, chance) {
    const document = parseManifest(bytes, chance.of(["", "application/vnd.oci.image.manifest.v1+json", "text/html", "application/vnd.docker.distribution.manifest.list.v2+json; x"]), "x");
    ok(mediaTypeOf({ bytes, contentType: "" }) !== "");
    const named = document.kind === "manifest" ? [document.config, ...document.layers] : document.manifests;
    for (const { digest, size } of named) ok(isDigest(digest) && Number.isSafeInteger(size) && size >= 0);
    if (document.kind === "manifest") ok(document.layers.length <= LAYERS_MAX);
    else choosePlatform(document.manifests, hostPlatform("arm64"));
  },
};

const configs: Target = {
  name: "configs",
  make: (chance) => written(documents.config, chance),
  check(bytes) {
    const { config, diffIds } = parseConfig(bytes, "x");
    ok(diffIds.every(isDigest));
    ok(![...config.Env, ...(config.Cmd ?? []), ...(config.Entrypoint ?? []), ...Object.values(config.Labels)].some((text) => typeof text !== "string" || text.includes("\0")));
  },
};

const NAMES = ["ubuntu", "registry.example:5000/a/b__c:1.2-x", `[::1]:5000/a@sha256:${"a".repeat(64)}`, "localhost/a:b", "oci:/a/b:t", "docker-archive:x:y:1", "linux/arm/v7"];
const references: Target = {
  name: "references, locations and platforms",
  make: (chance) => changedBytes(Buffer.from(chance.of(NAMES)), chance),
  check(bytes) {
    const text = bytes.toString();
    const location = refusal(() => parseLocation(text)) === null ? parseLocation(text) : null;
    ok(location === null || (location.path !== "" && !/[:\0]/.test(location.path)));
    refusal(() => platformName(parsePlatform(text, hostPlatform("x64"))));
    const reference = withDefaultTag(parseReference(text));
    ok(/^[\x21-\x7e]+$/.test(canonicalName(reference)) && !reference.path.split("/").some((part) => part === "" || part === "." || part === ".."));
    for (const name of [canonicalName(reference), familiarName(reference)]) ok(canonicalName(parseReference(name)) === canonicalName(reference), name);
  },
};

const challenges: Target = {
  name: "challenges of registries",
  make: (chance) => changedBytes(Buffer.from('Bearer realm="https://a/t",service="s",scope="x", Basic realm="y\\"z"'), chance),
  check: (bytes) => void parseChallenges(bytes.toString("latin1")),
};

/** What a reader hands on, as text: the same however the bytes came. */
function heard(bytes: Buffer, sizes: () => number): string {
  const lines: string[] = [];
  let data: Buffer[] = [];
  const handler: TarHandler = {
    entry: (entry) => void lines.push(JSON.stringify({ ...entry, xattrs: [...entry.xattrs].map(([key, value]) => [key, Buffer.from(value).toString("hex")]) })),
    data: (chunk) => void data.push(Buffer.from(chunk)),
    close: () => {
      lines.push(digestOf(Buffer.concat(data)));
      data = [];
    },
  };
  const reader = new TarReader(handler);
  try {
    for (let at = 0; at < bytes.length; ) {
      const size = sizes();
      reader.push(bytes.subarray(at, at + size));
      at += size;
    }
    reader.end();
  } catch (error) {
    if (!(error instanceof MdkError)) throw error;
    lines.push(error.code);
  }
  return lines.join("\n");
}

const headers: Target = {
  name: "headers of archives",
  make: randomArchive,
  check(bytes, chance) {
    const whole = heard(bytes, () => Math.max(1, bytes.length));
    ok(heard(bytes, () => 1 + chance.below(1500)) === whole, "in pieces it says something else");
  },
};

async function* inPieces(bytes: Buffer, sizes: () => number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const size = sizes();
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const streams: Target = {
  name: "compressed streams",
  make(chance) {
    const bytes = randomArchive(chance);
    const packed = chance.of([() => gzipSync(bytes), () => zstdCompressSync(bytes), () => Buffer.concat([gzipSync(bytes.subarray(0, 600)), gzipSync(bytes.subarray(600))])])();
    return chance.once(4) ? packed : changedBytes(packed, chance);
  },
  async check(bytes, chance) {
    const hung = Symbol("hung");
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<symbol>((resolve) => (timer = setTimeout(() => resolve(hung), 10_000)));
    try {
      ok((await Promise.race([decompress(inPieces(bytes, () => 1 + chance.below(3000)), () => {}), late])) !== hung, "it does not end");
    } finally {
      clearTimeout(timer);
    }
  },
};

const docker = archive([file("c.json", image.config.toString("latin1")), file("l", layer), file("manifest.json", JSON.stringify([{ Config: "c.json", RepoTags: ["x:1"], Layers: ["l"] }]))]);

/** A layout whose documents were changed, and whose digests are right all the same: what is behind them is read. */
function layout(chance: Chance): Buffer {
  const config = chance.once(3) ? written(documents.config, chance) : image.config;
  const rightly = { ...(documents.manifest as object), config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(config), size: config.length } };
  const manifest = chance.once(3) ? written(rightly, chance) : Buffer.from(JSON.stringify(rightly));
  const entries = index.manifests.map((entry) => ({ ...entry, digest: digestOf(manifest), size: manifest.length }));
  const blobs = [manifest, config, layer].map((bytes) => file(`blobs/sha256/${digestOf(bytes).slice(7)}`, bytes));
  return archive([file("oci-layout", '{"imageLayoutVersion":"1.0.0"}'), file("index.json", chance.once(3) ? written(index, chance) : JSON.stringify({ ...index, manifests: entries })), ...blobs]);
}

/** `folder`: an empty directory of the caller's. */
function images(folder: string): Target {
  const path = join(folder, "archive");
  return {
    name: "images in archives",
    make: (chance) => (chance.once(3) ? changedBytes(docker, chance) : chance.once(3) ? changedBytes(layout(chance), chance) : layout(chance)),
    async check(bytes) {
      writeFileSync(path, bytes);
      const files = openTarFiles(openSync(path, "r"));
      try {
        const source = new ArchiveSource(files);
        for (const { target } of await source.images(new AbortController().signal)) {
          const { manifest } = await readImage(source, await selectManifest(source, await source.manifest(target), { name: "x", platform: hostPlatform("x64") }), "x");
          for (const descriptor of manifest.layers) {
            const parts: Uint8Array[] = [];
            for await (const chunk of verified(descriptor, source.blob(descriptor, 0))) parts.push(chunk);
            ok(digestOf(Buffer.concat(parts), "sha256") === descriptor.digest || !descriptor.digest.startsWith("sha256:"));
          }
        }
      } finally {
        files.close();
      }
    },
  };
}

/** Everything around a layer, as it was: names, kinds, owners, modes and times. */
function surroundings(folder: string): string {
  return [".", "outside", "outside/canary", "outside/d", "tmp"].map((name) => {
    const { mode, uid, gid, mtimeMs, size, nlink } = lstatSync(join(folder, name));
    return [name, mode, uid, gid, name === "." ? 0 : mtimeMs, size, nlink].join(" ");
  }).join("\n") + readdirSync(folder).join() + readdirSync(join(folder, "outside")).join();
}

/** Layers written to a disk: nothing outside of their directory is touched, whatever they say. For root only. */
function layers(folder: string): Target {
  for (const name of ["outside/d", "tmp", "layer"]) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "outside/canary"), "untouched");
  symlinkSync("outside", join(folder, "link"));
  rmSync(join(folder, "layer"), { recursive: true });
  return {
    name: "layers on a disk",
    make: randomArchive,
    async check(bytes) {
      const tree = join(folder, "layer");
      const before = surroundings(folder);
      mkdirSync(tree);
      let writer: Awaited<ReturnType<typeof unpackLayer>> | null = null;
      try {
        writer = await unpackLayer({ directory: tree, diffId: digestOf(bytes), source: inPieces(bytes, () => 5000) });
        finishLayer(writer, null);
      } finally {
        writer?.release();
        removeTree(tree);
        ok(!existsSync(tree));
        ok(surroundings(folder) === before, "something outside of the layer was changed");
      }
    },
  };
}

/** All of them; `folder` is an empty directory of the caller's. */
export function targets(folder: string, isRoot: boolean): Target[] {
  const pure = [json, settings, manifests, configs, references, challenges, headers, streams, ...BUILD_TARGETS];
  mkdirSync(join(folder, "layers"));
  closeSync(openSync(join(folder, "archive"), "w"));
  return [...pure, images(folder), ...(isRoot ? [layers(join(folder, "layers"))] : [])];
}
