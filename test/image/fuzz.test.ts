/**
 * What strangers write, changed at random: manifests, configs, references, archives and images in archives. Each is read or refused with a
 * sentence; nothing else is thrown. Seeded: MDK_FUZZ_SEED, and MDK_FUZZ_SECONDS for how long each goes on.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArchiveSource } from "../../src/engine/image/archive-source.ts";
import { readImage, selectManifest } from "../../src/engine/image/select.ts";
import { MdkError } from "../../src/error.ts";
import { parseConfig } from "../../src/image/config.ts";
import { digestOf } from "../../src/image/digest.ts";
import { mediaTypeOf, parseManifest } from "../../src/image/manifest.ts";
import { hostPlatform } from "../../src/image/platform.ts";
import { canonicalName, parseReference } from "../../src/image/reference.ts";
import { verified } from "../../src/image/transfer.ts";
import { openTarFiles } from "../../src/layer/image-files.ts";
import { TarReader } from "../../src/layer/tar.ts";
import { parseChallenges } from "../../src/registry/challenge.ts";
import { archive, directory, file } from "../helpers/archive.ts";
import { fakeImage } from "../helpers/fake-registry.ts";

const SEED = Number(process.env["MDK_FUZZ_SEED"] ?? 1);
const MS = Number(process.env["MDK_FUZZ_SECONDS"] ?? 0.4) * 1000;

/** mulberry32 */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const WORDS = ["null", "{}", "[]", "-1", "1e99", '"\\u0000"', '"sha256:../../x"', "true", '""', "9007199254740993", '"__proto__":{}', "../", "\0", "\xff\xfe"];

/** One to four places cut, doubled, flipped or replaced. */
function changed(bytes: Uint8Array, next: () => number): Buffer {
  let out: Buffer = Buffer.from(bytes);
  for (let times = 1 + Math.floor(next() * 4); times > 0; times--) {
    const at = Math.floor(next() * (out.length + 1));
    const length = Math.floor(next() ** 4 * 600);
    const word = Buffer.from(WORDS[Math.floor(next() * WORDS.length)]!, "latin1");
    const kinds: (() => Buffer)[] = [
      () => Buffer.concat([out.subarray(0, at), out.subarray(at + length)]), () => Buffer.concat([out.subarray(0, at), out.subarray(at, at + length), out.subarray(at)]),
      () => Buffer.concat([out.subarray(0, at), word, out.subarray(at + word.length)]), () => Buffer.concat([out.subarray(0, at), word, out.subarray(at)]),
      () => ((out[at] = (out[at] ?? 0) ^ (1 << Math.floor(next() * 8))), out),
    ];
    out = kinds[Math.floor(next() * kinds.length)]!();
  }
  return out;
}

/** Calls `read` with changed copies until the time is over. Returns how many there were. */
async function fuzz(seeds: readonly Uint8Array[], read: (bytes: Buffer) => unknown): Promise<number> {
  const next = random(SEED);
  const until = performance.now() + MS;
  let count = 0;
  for (; performance.now() < until; count++) {
    const bytes = changed(seeds[count % seeds.length]!, next);
    try {
      await read(bytes);
    } catch (error) {
      if (error instanceof MdkError) continue;
      throw new Error(`seed ${SEED}, number ${count}: ${String(error)}: ${JSON.stringify(bytes.toString("latin1").slice(0, 2000))}`, { cause: error });
    }
  }
  return count;
}

let folder = "";
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "mdk-fuzz-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const layer = archive([directory("./"), file("a", "a", { pax: { "SCHILY.xattr.user.k": "v", mtime: "1.5" } }), { name: "l", type: "2", link: "a" }, file("long", "x", { pax: { path: "n".repeat(300) } })]);
const image = fakeImage([layer], { config: { Cmd: ["/a"], Env: ["A=b"], ExposedPorts: { "80/tcp": {} }, Labels: { k: "v" }, Healthcheck: { Test: ["CMD", "a"], Interval: 5 } } });
const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf(image.manifest), size: image.manifest.length, platform: { os: "linux", architecture: "amd64" }, annotations: { "io.containerd.image.name": "x:1" } }] }));
const docker = archive([file("c.json", image.config.toString("latin1")), file("l", layer), file("manifest.json", JSON.stringify([{ Config: "c.json", RepoTags: ["x:1"], Layers: ["l"] }]))]);
const layout = archive([
  file("oci-layout", '{"imageLayoutVersion":"1.0.0"}'), file("index.json", index.toString("latin1")), ...[image.manifest, image.config, layer].map((bytes) => file(`blobs/sha256/${digestOf(bytes).slice(7)}`, bytes)),
]);

test("manifests, indexes and configs", async () => {
  expect(await fuzz([image.manifest, index], (bytes) => mediaTypeOf({ bytes, contentType: parseManifest(bytes, "", "x").kind }))).toBeGreaterThan(100);
  expect(await fuzz([image.config], (bytes) => parseConfig(bytes, "x"))).toBeGreaterThan(100);
});

test("references and challenges", async () => {
  const names = ["ubuntu", "registry.example:5000/a/b__c:1.2-x", `[::1]:5000/a@sha256:${"a".repeat(64)}`];
  expect(await fuzz(names.map((name) => Buffer.from(name)), (bytes) => canonicalName(parseReference(bytes.toString())))).toBeGreaterThan(100);
  expect(await fuzz([Buffer.from('Bearer realm="https://a/t",service="s",scope="x", Basic realm="y\\"z"')], (bytes) => parseChallenges(bytes.toString("latin1")))).toBeGreaterThan(100);
});

test("headers of archives", async () => {
  expect(await fuzz([layer], (bytes) => {
    const reader = new TarReader({ entry() {}, data() {}, close() {} });
    for (let at = 0; at < bytes.length; at += 700) reader.push(bytes.subarray(at, at + 700));
    reader.end();
  })).toBeGreaterThan(100);
});

test("images in archives: what is handed on is what its digest says", async () => {
  const path = join(folder, "archive");
  expect(await fuzz([docker, layout], async (bytes) => {
    writeFileSync(path, bytes);
    const files = openTarFiles(openSync(path, "r"));
    try {
      const source = new ArchiveSource(files);
      for (const { target } of await source.images()) {
        const { manifest } = await readImage(source, await selectManifest(source, await source.manifest(target), { name: "x", platform: hostPlatform("x64") }), "x");
        for (const descriptor of manifest.layers) {
          const parts: Uint8Array[] = [];
          for await (const chunk of verified(descriptor, source.blob(descriptor, 0))) parts.push(chunk);
          expect(digestOf(Buffer.concat(parts))).toBe(descriptor.digest);
        }
      }
    } finally {
      files.close();
    }
  })).toBeGreaterThan(50);
});
