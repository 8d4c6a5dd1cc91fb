/** Caches of strangers that are none, or lie: each is told of, and the build is as without it. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { able, CacheBuilds, elsewhere, NEEDS, PLAIN } from "../../helpers/cache-builds.ts";
import { startRegistry, type Registry } from "../../helpers/registry.ts";
import { testIf } from "../../helpers/requires.ts";

const rootTest = testIf(able, NEEDS);
let builds: CacheBuilds;
let registry: Registry;

beforeAll(async () => {
  if (!able) return;
  builds = new CacheBuilds();
  registry = await startRegistry();
});
afterAll(async () => {
  builds?.end();
  await registry?.stop();
});

interface Part {
  readonly digest: string;
  readonly size: number;
  mediaType: string;
}

interface Manifest {
  readonly config: Part;
  readonly layers: [Part, ...Part[]];
}

interface Layer {
  blob: string;
  parent: number;
  readonly annotations: { diffID: string; size: number };
}

interface Entry {
  digest: string;
  readonly layers: [{ layer: number; createdAt: string }];
}

interface Config {
  readonly layers: [Layer, Layer, ...Layer[]];
  records: [Entry, ...Entry[]];
}

/** A cache as a layout, to be spoilt. */
class Spoilt {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  path(digest: string): string {
    return join(this.directory, "blobs", digest.replace(":", "/"));
  }

  json<T>(digest: string): T {
    return JSON.parse(readFileSync(this.path(digest), "utf8")) as T;
  }

  write(bytes: string | Uint8Array): { readonly digest: string; readonly size: number } {
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
    writeFileSync(this.path(digest), bytes);
    return { digest, size: Buffer.from(bytes).length };
  }

  get manifests(): [Part] {
    return (JSON.parse(readFileSync(join(this.directory, "index.json"), "utf8")) as { readonly manifests: [Part] }).manifests;
  }

  get first(): Manifest {
    return this.json(this.manifests[0].digest);
  }

  manifest(change: (manifest: Manifest) => void): void {
    const manifest = this.first;
    change(manifest);
    const manifests = this.manifests.map((entry) => ({ ...entry, ...this.write(JSON.stringify(manifest)) }));
    writeFileSync(join(this.directory, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  }

  config(change: (config: Config) => unknown): void {
    this.manifest((manifest) => {
      const config = this.json<Config>(manifest.config.digest);
      const changed = change(config) ?? config;
      Object.assign(manifest.config, this.write(typeof changed === "string" ? changed : JSON.stringify(changed)));
    });
  }

  /** Another blob for the first layer, under its own digest. */
  layer(bytes: string | Uint8Array): void {
    this.manifest((manifest) => {
      const config = this.json<Config>(manifest.config.digest);
      const made = this.write(bytes);
      Object.assign(manifest.layers[0], made);
      Object.assign(config.layers[0], { blob: made.digest });
      config.layers[0].annotations.size = made.size;
      Object.assign(manifest.config, this.write(JSON.stringify(config)));
    });
  }
}

const firstLayer = (cache: Spoilt): string => cache.path(cache.first.layers[0].digest);

const SPOILT: readonly [string, (cache: Spoilt) => void, RegExp][] = [
  ["no directory", ({ directory }) => rmSync(directory, { recursive: true }), /no such directory/],
  ["an empty directory", ({ directory }) => readdirSync(directory).forEach((name) => rmSync(join(directory, name), { recursive: true })), /it has neither manifest\.json nor index\.json/],
  ["an index that is none", ({ directory }) => writeFileSync(join(directory, "index.json"), "{"), /not valid JSON/],
  ["no such tag", ({ directory }) => writeFileSync(join(directory, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [] })), /has no cache "latest"/],
  ["a config that was changed", (cache) => { const { config } = cache.first; writeFileSync(cache.path(config.digest), Buffer.alloc(config.size, 32)); }, /verification failed/],
  ["a config that is a list", (cache) => cache.config(() => []), /must be an object/],
  ["a config that is deep", (cache) => cache.config(() => `{"layers":${"[".repeat(100_000)}${"]".repeat(100_000)}}`), /levels deep/],
  ["a record of a layer that there is not", (cache) => cache.config((config) => void (config.records[0].layers[0].layer = 99)), /names a layer 99, which there is not/],
  ["a record of a negative layer", (cache) => cache.config((config) => void (config.records[0].layers[0].layer = -1)), /must be a natural number/],
  ["a key that climbs", (cache) => cache.config((config) => void (config.records[0].digest = "sha256:../../x")), /invalid checksum digest format/],
  ["a diff id that climbs", (cache) => cache.config((config) => void (config.layers[0].annotations.diffID = "../x")), /unsupported digest algorithm/],
  ["a blob that climbs", (cache) => cache.config((config) => void (config.layers[0].blob = "sha256:/etc/passwd")), /invalid checksum digest format/],
  ["too many records", (cache) => cache.config((config) => void config.records.push(...new Array<Entry>(10_000).fill(config.records[0]))), /more than 10000 records/],
  ["layers that stand on one another", (cache) => cache.config((config) => void ([config.layers[0].parent, config.layers[1].parent] = [1, 0])), /stands on itself/],
  ["a layer on one that there is not", (cache) => cache.config((config) => void (config.layers[0].parent = 7)), /which there is not/],
  ["a blob that its manifest does not have", (cache) => cache.manifest((manifest) => void manifest.layers.shift()), /which its manifest does not have/],
  ["two sizes", (cache) => cache.config((config) => void config.layers[0].annotations.size++), /its manifest says/],
  ["a time that is none", (cache) => cache.config((config) => void (config.records[0].layers[0].createdAt = "yesterday")), /which is no time/],
  ["a layer of another type", (cache) => cache.manifest((manifest) => void (manifest.layers[0].mediaType = "text/plain")), /unsupported media type/],
  ["an image without a cache", (cache) => cache.manifest((manifest) => Object.assign(manifest.config, { mediaType: "application/vnd.oci.image.config.v1+json" }, cache.write(JSON.stringify({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: manifest.layers.map(({ digest }: { digest: string }) => digest) } })))), /an image without a cache/],
  ["a layer that is gone", (cache) => rmSync(firstLayer(cache)), /passed over for a step: the archive does not have/],
  ["a layer that was cut", (cache) => writeFileSync(firstLayer(cache), readFileSync(firstLayer(cache)).subarray(0, 1000)), /passed over for a step: the blob/],
  ["a layer that was changed", (cache) => { const bytes = readFileSync(firstLayer(cache)); bytes[bytes.length - 100]! ^= 1; writeFileSync(firstLayer(cache), bytes); }, /passed over for a step/],
  ["a layer that is no archive", (cache) => cache.layer("x".repeat(2000)), /passed over for a step/],
  ["a layer of other files", (cache) => cache.layer(Bun.gzipSync(new Uint8Array(1024))), /passed over for a step: the layer is not what the image config says: its diff id is/],
];

describe("a cache that is none, or that lies, is told of, and the build is as without it:", () => {
  for (const [what, spoil, expected] of SPOILT) {
    rootTest(what, async () => {
      const whole = join(builds.home.folder, "whole");
      if (!existsSync(whole)) await builds.build(builds.home, PLAIN, "--cache-to", `type=local,dest=${whole}`);
      await elsewhere(async (world) => {
        const directory = join(world.folder, "cache");
        cpSync(whole, directory, { recursive: true });
        spoil(new Spoilt(directory));
        const { said, id } = await builds.build(world, PLAIN, "-t", "made", "--cache-from", `type=local,src=${directory}`);
        expect(said).toMatch(/^WARNING: the cache /m);
        expect(said).toMatch(expected);
        expect(id).toMatch(/^sha256:/);
        expect(world.ok("run", "--rm", "--network", "none", "made", "/bin/busybox", "cat", "/data/f")).toBe("content");
      });
    });
  }

  rootTest("a repository that is not there, and a registry that is not there", async () => {
    await elsewhere(async (world) => {
      const { said } = await builds.build(world, PLAIN, "--cache-from", `${registry.host}/nothing:here`, "--cache-from", "type=registry,ref=127.0.0.1:1/x");
      expect(said).toMatch(/^WARNING: the cache \S+\/nothing:here is not used: /m);
      expect(said).toMatch(/^WARNING: the cache 127\.0\.0\.1:1\/x is not used: /m);
    });
  });
});
