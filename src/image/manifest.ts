/**
 * Manifests and indexes, of OCI (image-spec manifest.md, image-index.md) and of Docker (v2 schema 2): the same two shapes
 * under two sets of names. Pure: bytes in, checked types out. Sizes are bounded by who fetches; counts are here.
 */
import { MdkError } from "../error.ts";
import { parseDigest, type Digest } from "./digest.ts";
import { listOf, naturalOf, objectOf, optional, parseObject, parseUnique, stringOf, type JsonObject } from "./json.ts";
import { CACHE_CONFIG, OCI_MANIFEST } from "./media-types.ts";
import type { Platform } from "./platform.ts";

/** image-spec descriptor.md; what a manifest says of a blob before it is fetched. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface Manifest {
  readonly kind: "manifest";
  readonly config: Descriptor;
  /** Bottom first; none of an image without files. Of a cache in any order. */
  readonly layers: readonly Descriptor[];
}

export interface IndexEntry extends Descriptor {
  readonly platform: Platform | null;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Index {
  readonly kind: "index";
  readonly manifests: readonly IndexEntry[];
}

export const MANIFEST_BYTES_MAX = 4 << 20;
export const CONFIG_BYTES_MAX = 8 << 20;
/** Docker's own bound for a chain of layers; overlay takes 500. */
export const LAYERS_MAX = 127;
const INDEX_ENTRIES_MAX = 1000;
/** Of all steps of a build together. */
export const CACHE_LAYERS_MAX = 1000;

const MANIFEST_TYPES: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
]);
const INDEX_TYPES: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json",
]);
const CONFIG_TYPES: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json",
]);
/** Compression is told by the bytes themselves; the type only says that it is a layer. */
const LAYER_TYPE = /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+gzip|\+zstd)?|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.gzip|\.zstd)?)$/;
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;

/** Of a manifest that was parsed: its own word, else its source's, else OCI's, whose manifests need not say it. */
export function mediaTypeOf({ bytes, contentType }: { readonly bytes: Uint8Array; readonly contentType: string }): string {
  const { mediaType } = parseObject(bytes, "the manifest");
  const said = contentType.split(";")[0]!.trim().toLowerCase();
  return typeof mediaType === "string" && mediaType !== "" ? mediaType : known(said) ? said : OCI_MANIFEST;
}

/** The Accept header of a manifest request. */
export const ACCEPT = [...MANIFEST_TYPES, ...INDEX_TYPES].join(", ");

/**
 * Reads a manifest or an index. `contentType`: the registry's word for it, "" if none; it must not contradict the
 * document (CVE-2021-41190). `name` is for errors. Throws "manifest-invalid", "manifest-unsupported", "json-invalid".
 */
export function parseManifest(bytes: Uint8Array, contentType: string, name: string): Manifest | Index {
  return parse(bytes, contentType, { name, mayBeCache: false });
}

/** The same, for what may be the cache of a build instead: a manifest whose config is of that type. */
export function parseCacheManifest(bytes: Uint8Array, contentType: string, name: string): Manifest | Index {
  return parse(bytes, contentType, { name, mayBeCache: true });
}

interface Reading {
  readonly name: string;
  readonly mayBeCache: boolean;
}

function parse(bytes: Uint8Array, contentType: string, { name, mayBeCache }: Reading): Manifest | Index {
  const what = `the manifest of ${name}`;
  const document = parseUnique(bytes, what);
  const said = contentType.split(";")[0]!.trim().toLowerCase();
  const own = optional(document.mediaType, (value) => stringOf(value, `${what}: mediaType`), "");
  if (SCHEMA_1.test(said) || SCHEMA_1.test(own) || document.schemaVersion === 1) {
    throw new MdkError("unsupported", "manifest-unsupported", `${name} is an image of manifest schema 1, which mdk does not read`, {
      hint: "push it again with a tool of this decade: skopeo copy converts it",
    });
  }
  if (document.schemaVersion !== 2) throw new MdkError("corrupt", "manifest-invalid", `${what} has no schemaVersion 2`);
  const type = own !== "" ? own : known(said) ? said : "";
  if (own !== "" && known(said) && said !== own) {
    throw new MdkError("corrupt", "manifest-invalid", `${what} says it is ${own}, the registry says ${said}`);
  }
  const hasLayers = document.layers !== undefined || document.config !== undefined;
  const hasManifests = document.manifests !== undefined;
  if (hasLayers && hasManifests) throw new MdkError("corrupt", "manifest-invalid", `${what} is both a manifest and an index`);
  if (type !== "" && !known(type)) throw new MdkError("unsupported", "manifest-unsupported", `${what} has the unsupported media type ${type}`);
  if (INDEX_TYPES.has(type) ? hasLayers : MANIFEST_TYPES.has(type) && hasManifests) {
    throw new MdkError("corrupt", "manifest-invalid", `${what} is not what its media type ${type} says`);
  }
  return hasManifests ? readIndex(document, what) : readManifest(document, what, mayBeCache);
}

function known(type: string): boolean {
  return MANIFEST_TYPES.has(type) || INDEX_TYPES.has(type);
}

function readManifest(document: JsonObject, what: string, mayBeCache: boolean): Manifest {
  const config = readDescriptor(document.config, `${what}: config`);
  const isCache = mayBeCache && config.mediaType === CACHE_CONFIG;
  if (!isCache && !CONFIG_TYPES.has(config.mediaType)) {
    throw new MdkError("unsupported", "manifest-unsupported", `${what} is not that of a container image (config of type ${config.mediaType})`);
  }
  if (config.size > CONFIG_BYTES_MAX) {
    throw new MdkError("corrupt", "manifest-invalid", `${what}: the config is larger than ${CONFIG_BYTES_MAX} bytes`);
  }
  if (document.layers === undefined) throw new MdkError("corrupt", "manifest-invalid", `${what} has no layers`);
  // An image that only says something has none, in Go's words null.
  const list = optional(document.layers, (value) => listOf(value, `${what}: layers`), []);
  if (list.length > LAYERS_MAX && !isCache) {
    throw new MdkError("corrupt", "manifest-invalid", `${what} has ${list.length} layers, more than the ${LAYERS_MAX} that can be mounted`);
  }
  if (list.length > CACHE_LAYERS_MAX) throw new MdkError("corrupt", "manifest-invalid", `${what} has ${list.length} layers, more than ${CACHE_LAYERS_MAX}`);
  const layers = list.map((value, index) => readDescriptor(value, `${what}: layers[${index}]`));
  const strange = layers.find((layer) => !isLayer(layer));
  if (strange !== undefined) {
    throw new MdkError("unsupported", "manifest-unsupported", `${what} has a layer of the unsupported media type ${strange.mediaType}`);
  }
  return { kind: "manifest", config, layers };
}

export function isLayer({ mediaType }: Descriptor): boolean {
  return LAYER_TYPE.test(mediaType);
}

function readIndex(document: JsonObject, what: string): Index {
  const list = optional(document.manifests, (value) => listOf(value, `${what}: manifests`), []);
  if (list.length > INDEX_ENTRIES_MAX) throw new MdkError("corrupt", "manifest-invalid", `${what} has more than ${INDEX_ENTRIES_MAX} entries`);
  const manifests = list.map((value, index): IndexEntry => {
    const at = `${what}: manifests[${index}]`;
    const { platform, annotations } = objectOf(value, at);
    return {
      ...readDescriptor(value, at), platform: optional(platform, (given) => readPlatform(given, `${at}: platform`), null),
      annotations: optional(annotations, (given) => readAnnotations(given, `${at}: annotations`), {}),
    };
  });
  return { kind: "index", manifests };
}

function readAnnotations(value: unknown, what: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(objectOf(value, what)).map(([key, text]) => [key, stringOf(text, `${what}.${key}`)]));
}

function readPlatform(value: unknown, what: string): Platform {
  const platform = objectOf(value, what);
  return {
    os: stringOf(platform.os, `${what}: os`),
    architecture: stringOf(platform.architecture, `${what}: architecture`),
    variant: optional(platform.variant, (given) => stringOf(given, `${what}: variant`), ""),
  };
}

function readDescriptor(value: unknown, what: string): Descriptor {
  const descriptor = objectOf(value, what);
  return {
    mediaType: stringOf(descriptor.mediaType, `${what}: mediaType`),
    digest: parseDigest(descriptor.digest, what),
    size: naturalOf(descriptor.size, `${what}: size`),
  };
}
