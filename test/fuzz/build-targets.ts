/** What a build reads of strangers: Dockerfiles, the patterns beside them, caches. */
import { ok } from "node:assert";
import { planBuild } from "../../src/build/graph/plan.ts";
import { IgnoreRules } from "../../src/build/context/ignore.ts";
import { parseDockerfile } from "../../src/build/language/parse.ts";
import { cacheConfig, inlineCache, INLINE_CACHE, parseCacheConfig, parseInlineCache } from "../../src/image/cache-config.ts";
import { digestOf, isDigest, type Digest } from "../../src/image/digest.ts";
import { parseObject } from "../../src/image/json.ts";
import { CACHE_LAYERS_MAX, parseCacheManifest } from "../../src/image/manifest.ts";
import { CACHE_CONFIG, OCI_INDEX, OCI_MANIFEST } from "../../src/image/media-types.ts";
import { hostPlatform } from "../../src/image/platform.ts";
import { written, type Target } from "./cases.ts";
import { changedBytes, type Chance } from "./random.ts";

const LINES = [
  "# syntax=docker/dockerfile:1", "# escape=`", "# check=skip=all", "ARG A=b", "FROM a AS one", "FROM --platform=$BUILDPLATFORM scratch", "FROM one", "FROM ${A:-x} AS two", "RUN a && \\", "  b", "RUN [\"a\", \"b\"]",
  "RUN --mount=type=cache,target=/c,sharing=locked --mount=type=secret,id=s --network=none x", "RUN <<EOF cat <<'X'", "EOF", "X", "COPY --from=one --chown=1:2 --chmod=u=rw --link --parents a/./b* c /d/", "COPY --from=0 . .",
  "ADD --checksum=sha256:0 --keep-git-dir=true https://e/x.git#main:d /", "COPY <<E /x", "E", "ENV A b c", "ENV A=\"b c\" D='e' F=$A", "LABEL \"a b\"=c", "EXPOSE 80/tcp 90-95", "VOLUME [\"/a\"]", "USER a:b", "WORKDIR ${A#b}", "SHELL [\"a\"]",
  "STOPSIGNAL 9", "HEALTHCHECK --interval=1s --retries=3 CMD x", "ONBUILD RUN x", "ONBUILD COPY --from=one a b", "MAINTAINER x", "CMD x ${A//b/c} ${A%%*} ${A:?no}", "ENTRYPOINT [\"x\"]", "", "\t# no", "RUN a \\",
];

const lines = (chance: Chance): Buffer => Buffer.from(Array.from({ length: chance.below(14) }, () => chance.of(LINES)).join(chance.once(8) ? "\r\n" : "\n"));

const dockerfiles: Target = {
  name: "Dockerfiles",
  make: (chance) => (chance.once(3) ? lines(chance) : changedBytes(Buffer.concat([Buffer.from("FROM a\n"), lines(chance)]), chance)),
  check(bytes) {
    const host = hostPlatform("x64");
    const dockerfile = parseDockerfile(bytes.toString());
    const plan = planBuild(dockerfile, { buildArguments: new Map(), target: null, platforms: { build: host, target: host }, contexts: [], triggersOf: () => ["RUN x", "COPY a b"] });
    ok(plan.needed.at(-1) === plan.target && plan.stages.every(({ needs, index }) => needs.every((need) => need !== index)));
  },
};

const patterns: Target = {
  name: "patterns of .dockerignore",
  make: (chance) => changedBytes(Buffer.from(Array.from({ length: 1 + chance.below(6) }, () => chance.of(["a", "*", "**", "!a/b", "a/**/b", "[a-c]?", "\\*", "/x/", "..", "# no", "a*b*c*d*e*f*g*h"])).join("\n")), chance),
  check(bytes) {
    const rules = new IgnoreRules(bytes.toString().split("\n"));
    for (const path of ["a", "a/b", "a/x/y/b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "x"]) ok(typeof rules.at(path, null).isIgnored === "boolean");
  },
};

const blob = digestOf("blob");
const descriptor = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: blob, size: 7 };
const layers = [0, 1, 2].map((at) => ({ descriptor, diffId: digestOf(`${at}`), parent: at - 1, createdMs: at }));
const records = [0, 1, null].map((layer) => ({ key: digestOf(`key ${layer}`), layer, createdMs: 5 }));
const own = cacheConfig(layers, records);
const config = { mediaType: CACHE_CONFIG, digest: digestOf(own), size: own.length };
const CACHES = [
  JSON.parse(Buffer.from(own).toString()) as unknown, { [INLINE_CACHE]: inlineCache(records) },
  { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [descriptor, descriptor] }, { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptor, config] },
];

const caches: Target = {
  name: "caches of builds",
  make: (chance) => written(chance.of(CACHES), chance),
  check(bytes) {
    const document = parseObject(bytes, "x");
    if ("schemaVersion" in document) {
      const manifest = parseCacheManifest(bytes, "", "x");
      const named = manifest.kind === "manifest" ? manifest.layers : manifest.manifests;
      return ok(named.length <= CACHE_LAYERS_MAX && named.every(({ digest, size }) => isDigest(digest) && Number.isSafeInteger(size) && size >= 0));
    }
    const results = INLINE_CACHE in document ? parseInlineCache(document, layers, "x") : parseCacheConfig(bytes, new Map<string, typeof descriptor>([[blob, descriptor]]), "x");
    for (const [key, { layer, createdMs }] of results ?? []) ok(isDigest(key) && Number.isSafeInteger(createdMs) && (layer === null || isDigest(layer.diffId as Digest)));
  },
};

export const BUILD_TARGETS: readonly Target[] = [dockerfiles, patterns, caches];
