/** Caches of builds as they are written, and as they are read from strangers. */
import { describe, expect, test } from "bun:test";
import { cacheConfig, INLINE_CACHE, inlineCache, parseCacheConfig, parseInlineCache, type CacheResults, type WrittenLayer } from "../../src/image/cache-config.ts";
import type { Digest } from "../../src/image/digest.ts";
import { parseCacheManifest, parseManifest } from "../../src/image/manifest.ts";

const D = (digit: string): Digest => `sha256:${digit.repeat(64)}` as Digest;
const GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
const LAYERS: readonly WrittenLayer[] = [
  { descriptor: { digest: D("1"), mediaType: GZIP, size: 10 }, diffId: D("a"), parent: -1, createdMs: 1000 },
  { descriptor: { digest: D("2"), mediaType: GZIP, size: 20 }, diffId: D("b"), parent: 0, createdMs: 2001 },
];
const BLOBS = new Map(LAYERS.map(({ descriptor }) => [descriptor.digest, descriptor]));
const RECORDS = [{ key: D("c"), layer: 0, createdMs: 1000 }, { key: D("d"), layer: null, createdMs: 1500 }, { key: D("e"), layer: 1, createdMs: 2001 }];
const RESULTS = [[D("c"), { layer: { descriptor: LAYERS[0]!.descriptor, diffId: D("a") }, createdMs: 1000 }], [D("d"), { layer: null, createdMs: 1500 }], [D("e"), { layer: { descriptor: LAYERS[1]!.descriptor, diffId: D("b") }, createdMs: 2001 }]];

const read = (document: unknown): CacheResults => parseCacheConfig(Buffer.from(typeof document === "string" ? document : JSON.stringify(document)), BLOBS, "x");

test("a config is read as it was written", () => {
  const bytes = cacheConfig(LAYERS, RECORDS);
  expect([...parseCacheConfig(bytes, BLOBS, "x")]).toEqual(RESULTS as never);
  expect(JSON.parse(new TextDecoder().decode(bytes)).layers[1]).toEqual({ blob: D("2"), parent: 0, annotations: { mediaType: GZIP, diffID: D("b"), size: 20, createdAt: "1970-01-01T00:00:02.001Z" } });
});

test("the records of an image's config are of its layers", () => {
  expect([...parseInlineCache({ [INLINE_CACHE]: inlineCache(RECORDS) }, LAYERS.map(({ descriptor, diffId }) => ({ descriptor, diffId })), "x")!]).toEqual(RESULTS as never);
  expect(parseInlineCache({}, [], "x")).toBeNull();
  expect(() => parseInlineCache({ [INLINE_CACHE]: inlineCache(RECORDS) }, [], "x")).toThrow("names a layer 0, which there is not");
  expect(() => parseInlineCache({ [INLINE_CACHE]: "!" }, [], "x")).toThrow("is not valid JSON");
  expect(() => parseInlineCache({ [INLINE_CACHE]: 7 }, [], "x")).toThrow("must be a string");
});

describe("what BuildKit writes otherwise is read:", () => {
  const layers = [{ blob: D("1"), parent: -1, annotations: { diffID: D("a") } }, { blob: D("2") }];
  test("0 that is left out", () => {
    expect([...read({ layers, records: [{ digest: D("c"), layers: [{}] }] })]).toEqual([[D("c"), { layer: { descriptor: LAYERS[0]!.descriptor, diffId: D("a") }, createdMs: 0 }]]);
  });
  test("records that lead to others, and layers whose diff id is somewhere else, are nothing to come by", () => {
    expect(read({ layers, records: [{ digest: D("c"), inputs: [[{ link: 1 }]] }, { digest: D("d"), layers: [{ layer: 1, createdAt: "2024-01-01T00:00:00.123456789+01:00" }] }] }).size).toBe(0);
  });
  test("chains of layers, and times before 1970", () => {
    expect(read({ layers, records: [{ digest: D("c"), chains: [{ layers: [1, 0], createdAt: "0001-01-01T00:00:00Z" }] }] }).get(D("c"))).toEqual({ layer: { descriptor: LAYERS[0]!.descriptor, diffId: D("a") }, createdMs: 0 });
  });
  test("what Debian's dockerd 20.10 put into the config of an image with BUILDKIT_INLINE_CACHE=1", () => {
    const records = [
      { layers: [{ layer: 1, createdAt: "2026-11-28T07:22:12.147000861Z" }], digest: D("1"), inputs: [[{ link: 1 }]] }, { layers: [{ layer: 0, createdAt: "2026-11-28T07:22:12.087081931Z" }], digest: D("2"), inputs: [[{ link: 2 }]] },
      { digest: D("3") },
    ];
    const found = parseInlineCache({ [INLINE_CACHE]: Buffer.from(JSON.stringify(records)).toString("base64") }, LAYERS.map(({ descriptor, diffId }) => ({ descriptor, diffId })), "x")!;
    expect([...found].map(([key, { layer, createdMs }]) => [key, layer?.diffId, new Date(createdMs).toISOString()])).toEqual([[D("1"), D("b"), "2026-11-28T07:22:12.147Z"], [D("2"), D("a"), "2026-11-28T07:22:12.087Z"]]);
  });
  test("nothing at all, as Go has it", () => {
    expect([read({}).size, read({ layers: null, records: null }).size]).toEqual([0, 0]);
  });
});

describe("refused is", () => {
  const chain = (count: number): object[] => Array.from({ length: count }, (_, at) => ({ blob: D("1"), parent: at - 1 }));
  const CASES: readonly [string, unknown, string][] = [
    ["no object", [], "must be an object"], ["no JSON", "{", "not valid JSON"], ["what is nested too deep", `{"x":${"[".repeat(5000)}${"]".repeat(5000)}}`, "nested more than 1000 levels deep"],
    ["a chain that cannot be mounted", { layers: chain(128) }, "more than the 127 layers that can be mounted"], ["a layer on itself", { layers: [{ blob: D("1"), parent: 0 }] }, "stands on itself"],
    ["a circle that others lead to", { layers: [{ blob: D("1"), parent: 1 }, { blob: D("1"), parent: 2 }, { blob: D("1"), parent: 1 }] }, "stands on"],
    ["a parent that there is not", { layers: [{ blob: D("1"), parent: 1 }] }, "a layer 1, which there is not"], ["a parent below all", { layers: [{ blob: D("1"), parent: -2 }] }, "a layer -2, which there is not"],
    ["a parent in parts", { layers: [{ blob: D("1"), parent: 0.5 }] }, "must be a whole number"], ["too many layers", { layers: new Array(1001).fill({ blob: D("1"), parent: -1 }) }, "more than 1000 layers"],
    ["too many records", { records: new Array(10_001).fill({ digest: D("c") }) }, "more than 10000 records"], ["a key that is none", { records: [{ digest: "sha256:c" }] }, "invalid checksum digest format"],
    ["a year of many digits", { layers: chain(1), records: [{ digest: D("c"), layers: [{ createdAt: "+275760-09-13T00:00:00Z" }] }] }, "which is no time"],
    ["a size that is none", { layers: [{ blob: D("1"), parent: -1, annotations: { size: -1 } }] }, "must be a natural number"],
  ];
  for (const [what, document, expected] of CASES) test(what, () => expect(() => read(document)).toThrow(expected));

  test("a chain that just can be is not", () => expect(read({ layers: chain(127) }).size).toBe(0));
});

test("a manifest with such a config is a cache to who asks for one, and no image", () => {
  const config = { mediaType: "application/vnd.buildkit.cacheconfig.v0", digest: D("9"), size: 5 };
  const bytes = (layers: number): Buffer => Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers: new Array(layers).fill(LAYERS[0]!.descriptor) }));
  expect(() => parseManifest(bytes(1), "", "x")).toThrow("not that of a container image");
  for (const count of [0, 1, 1000]) expect((parseCacheManifest(bytes(count), "", "x") as { layers: readonly unknown[] }).layers.length).toBe(count);
  expect(() => parseCacheManifest(bytes(1001), "", "x")).toThrow("has 1001 layers, more than 1000");
});
