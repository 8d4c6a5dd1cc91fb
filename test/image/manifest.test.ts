/** Manifests, configs, platforms and chain ids as they are read from strangers. */
import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../src/image/config.ts";
import { chainIds, digestOf, isDigest, type Digest } from "../../src/image/digest.ts";
import { mediaTypeOf, parseManifest } from "../../src/image/manifest.ts";
import { choosePlatform, hostPlatform, parsePlatform, platformName } from "../../src/image/platform.ts";

const OCI = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const D = (digit: string): string => `sha256:${digit.repeat(64)}`;
const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: D("1"), size: 10 };
const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: D("2"), size: 20 };
const whole = { schemaVersion: 2, mediaType: OCI, config, layers: [layer] };

function parse(document: unknown, type = OCI): unknown {
  return parseManifest(Buffer.from(typeof document === "string" ? document : JSON.stringify(document)), type, "x");
}

test("a manifest of OCI and one of Docker read alike", () => {
  const docker = {
    schemaVersion: 2, mediaType: "application/vnd.docker.distribution.manifest.v2+json",
    config: { ...config, mediaType: "application/vnd.docker.container.image.v1+json" },
    layers: [{ ...layer, mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip" }],
  };
  expect(parse(whole)).toMatchObject({ kind: "manifest", layers: [{ size: 20 }] });
  expect(parse(docker, docker.mediaType)).toMatchObject({ kind: "manifest", layers: [{ size: 20 }] });
});

test("an image without files has no layers, in either way of saying so", () => {
  for (const layers of [[], null]) expect(parse({ ...whole, layers })).toMatchObject({ kind: "manifest", layers: [] });
});

test("an empty media type is none: it is pushed with OCI's", () => {
  const bytes = Buffer.from(JSON.stringify({ ...whole, mediaType: "" }));
  expect(parseManifest(bytes, "", "x").kind).toBe("manifest");
  expect([mediaTypeOf({ bytes, contentType: "" }), mediaTypeOf({ bytes, contentType: "application/vnd.docker.distribution.manifest.v2+json" })]).toEqual([OCI, "application/vnd.docker.distribution.manifest.v2+json"]);
});

const HOSTILE: readonly [what: string, document: unknown, message: RegExp][] = [
  ["broken JSON", "{", /not valid JSON/],
  ["deep nesting", `{"a":${"[".repeat(200_000)}`, /not valid JSON/],
  ["deep nesting that is closed again", JSON.stringify(whole).replace("{", `{"x":${"[".repeat(200_000)}${"]".repeat(200_000)},`), /nested more than 1000 levels deep/],
  ["deep nesting where a word belongs", JSON.stringify(whole).replace(`"${OCI}"`, `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`), /nested more than 1000 levels deep/],
  ["a list", [], /must be an object/],
  ["a name twice", JSON.stringify(whole).replace('"layers":', '"layers":[],"layers":'), /has the name "layers" twice in one object/],
  ["a name twice, written in two ways", JSON.stringify(whole).replace('"layers":', '"l\\u0061yers":[],"layers":'), /has the name "layers" twice in one object/],
  ["a name twice, deep inside", JSON.stringify({ ...whole, annotations: {} }).replace('"annotations":{', '"annotations":{"a\\"{":"}","a\\"{":""'), /twice in one object/],
  ["no word of layers", { ...whole, layers: undefined }, /no layers/],
  ["ten thousand layers", { ...whole, layers: Array(10_000).fill(layer) }, /10000 layers, more than the 127/],
  ["layers of a wrong type", { ...whole, layers: "x" }, /must be a list/],
  ["a layer that is null", { ...whole, layers: [null] }, /must be an object/],
  ["a path as digest", { ...whole, layers: [{ ...layer, digest: "sha256:../../x" }] }, /invalid checksum digest format/],
  ["63 hexadecimal digits", { ...whole, layers: [{ ...layer, digest: D("2").slice(0, -1) }] }, /invalid checksum digest format/],
  ["upper-case digits", { ...whole, layers: [{ ...layer, digest: D("A") }] }, /invalid checksum digest format/],
  ["an unknown algorithm", { ...whole, layers: [{ ...layer, digest: `md5:${"0".repeat(32)}` }] }, /unsupported digest algorithm/],
  ["an algorithm of Object.prototype", { ...whole, layers: [{ ...layer, digest: `constructor:${"0".repeat(32)}` }] }, /unsupported digest algorithm/],
  ["a negative size", { ...whole, layers: [{ ...layer, size: -1 }] }, /natural number/],
  ["a size as text", { ...whole, layers: [{ ...layer, size: "20" }] }, /natural number/],
  ["a huge config", { ...whole, config: { ...config, size: 2 ** 40 } }, /larger than/],
  ["manifest and index in one (CVE-2021-41190)", { ...whole, manifests: [] }, /both a manifest and an index/],
  ["another type than the registry says", { ...whole, mediaType: INDEX }, /says it is/],
  ["schema 1", { schemaVersion: 1, fsLayers: [] }, /manifest schema 1, which mdk does not read/],
  ["an artifact", { ...whole, config: { ...config, mediaType: "application/vnd.cncf.helm.config.v1+json" } }, /not that of a container image/],
  ["a layer that is none", { ...whole, layers: [{ ...layer, mediaType: "text/plain" }] }, /unsupported media type text\/plain/],
];

test.each(HOSTILE)("a manifest with %s is refused", (_, document, message) => {
  expect(() => parse(document)).toThrow(message);
});

describe("platforms", () => {
  const entries = ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8", "windows/amd64"].map((name) => {
    const [os = "", architecture = "", variant = ""] = name.split("/");
    return { name, platform: { os, architecture, variant } };
  });
  const choose = (text: string): string | undefined => choosePlatform(entries, parsePlatform(text, hostPlatform("x64")))?.name;

  test("the best entry of an index is chosen", () => {
    expect(choose("linux/amd64")).toBe("linux/amd64");
    expect(choose("amd64")).toBe("linux/amd64");
    expect(choose("linux/arm64")).toBe("linux/arm64/v8");
    expect(choose("linux/aarch64")).toBe("linux/arm64/v8");
    expect(choose("linux/arm")).toBe("linux/arm/v7");
    expect(choose("linux/arm/v6")).toBe("linux/arm/v6");
    expect(choose("linux/arm/v5")).toBeUndefined();
    expect(choose("linux/s390x")).toBeUndefined();
  });

  test("an entry without a platform, or with one of Object.prototype, is never chosen and never crashes", () => {
    expect(choosePlatform([{ platform: null }, { platform: { os: "linux", architecture: "constructor", variant: "" } }], hostPlatform("x64"))).toBeNull();
    const refused = (text: string) => expect(() => parsePlatform(text, hostPlatform("x64")));
    refused("linux/amd64/v1/x").toThrow('"linux/amd64/v1/x": cannot parse platform specifier: invalid argument');
    refused("linux/!").toThrow('"!" is an invalid component of "linux/!": platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument');
    refused("foo").toThrow('"foo": unknown operating system or architecture: invalid argument');
    refused("linux/*").toThrow('"linux/*": wildcards not yet supported: invalid argument');
    expect(platformName(parsePlatform("aarch64", hostPlatform("x64")))).toBe("linux/arm64");
    expect(platformName(hostPlatform("arm64"))).toBe("linux/arm64");
  });
});

test("chain ids are those of the image spec", () => {
  const [a, b] = [D("a"), D("b")] as [Digest, Digest];
  expect(chainIds([a, b])).toEqual([a, digestOf(`${a} ${b}`)]);
  expect(isDigest(undefined)).toBe(false);
});

test("a config is read with everything it leaves out", () => {
  const document = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [D("3")] }, config: { Cmd: "sh", Env: null, ExposedPorts: { "80/tcp": {} } } };
  const read = parseConfig(Buffer.from(JSON.stringify(document)), "x");
  expect(read.config.Cmd).toEqual(["sh"]);
  expect(read.config.Env).toEqual([]);
  expect(read.config.ExposedPorts).toEqual(["80/tcp"]);
  expect(read.created).toBe("");
  expect(() => parseConfig(Buffer.from(JSON.stringify({ ...document, config: { Env: ["A\0B"] } })), "x")).toThrow("NUL");
  expect(() => parseConfig(Buffer.from(JSON.stringify({ ...document, rootfs: { type: "layers", diff_ids: ["x"] } })), "x")).toThrow("unsupported digest");
});
