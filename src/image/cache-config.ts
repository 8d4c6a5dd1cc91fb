/**
 * What a build has made, for other builds: the cache of BuildKit's registries and layouts (moby/buildkit, cache/remotecache/v1/spec.go), and its
 * records in the config of an image. A record is a digest of all that a step reads, and the layer that came of it. A step that changed
 * nothing is a chain of no layers. Pure: who writes caches may be anybody, so each field is looked at, and counts are bounded.
 */
import { MdkError } from "../error.ts";
import { parseDigest, type Digest } from "./digest.ts";
import { integerOf, listOf, naturalOf, objectOf, optional, parseObject, stringOf, type JsonObject } from "./json.ts";
import { CACHE_LAYERS_MAX, LAYERS_MAX, type Descriptor } from "./manifest.ts";

/** Where the config of an image has its records, as base64. */
export const INLINE_CACHE = "moby.buildkit.cache.v0";

const RECORDS_MAX = 10_000;

export interface CacheLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

export interface CacheResult {
  /** Null: the step changed nothing. */
  readonly layer: CacheLayer | null;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
}

/** By the keys of steps. */
export type CacheResults = Map<Digest, CacheResult>;

export interface WrittenLayer extends CacheLayer {
  /** Index of the layer below; -1: what is below is no part of the cache. */
  readonly parent: number;
  readonly createdMs: number;
}

export interface WrittenRecord {
  readonly key: Digest;
  /** Index of a layer; null: the step changed nothing. */
  readonly layer: number | null;
  readonly createdMs: number;
}

/** The config of a cache. The same steps give the same bytes. */
export function cacheConfig(layers: readonly WrittenLayer[], records: readonly WrittenRecord[]): Uint8Array {
  const written = layers.map(({ descriptor: { digest, mediaType, size }, diffId, parent, createdMs }) => ({ blob: digest, parent, annotations: { mediaType, diffID: diffId, size, createdAt: timeOf(createdMs) } }));
  return Buffer.from(JSON.stringify({ layers: written, records: records.map(recordOf) }));
}

/** For INLINE_CACHE: the layers are those of the image. */
export function inlineCache(records: readonly WrittenRecord[]): string {
  return Buffer.from(JSON.stringify(records.map(recordOf))).toString("base64");
}

function recordOf({ key, layer, createdMs }: WrittenRecord): object {
  const createdAt = timeOf(createdMs);
  return { digest: key, ...(layer === null ? { chains: [{ layers: [], createdAt }] } : { layers: [{ layer, createdAt }] }) };
}

const timeOf = (ms: number): string => new Date(ms).toISOString();

/**
 * `blobs`: what the manifest has, by digest. `name` is for errors. Throws "cache-invalid", "json-invalid", "digest-invalid".
 */
export function parseCacheConfig(bytes: Uint8Array, blobs: ReadonlyMap<string, Descriptor>, name: string): CacheResults {
  const what = `the cache ${name}`;
  const document = parseObject(bytes, what);
  const list = optional(document.layers, (value) => listOf(value, `${what}: layers`), []);
  if (list.length > CACHE_LAYERS_MAX) throw wrong(`${what} has more than ${CACHE_LAYERS_MAX} layers`);
  const parents: number[] = [];
  const layers = list.map((value, at): CacheLayer | null => {
    const where = `${what}: layers[${at}]`;
    const layer = objectOf(value, where);
    // Go leaves out what is 0.
    parents.push(optional(layer.parent, (given) => integerOf(given, `${where}.parent`), 0));
    return layerOf(layer, blobs, where);
  });
  checkParents(parents, what);
  return recordsOf(document.records, layers, what);
}

/** Records of an image's config, whose layers are given, bottom first. Null: it has none. Throws as parseCacheConfig. */
export function parseInlineCache(document: JsonObject, layers: readonly CacheLayer[], name: string): CacheResults | null {
  const what = `the cache in ${name}`;
  const text = optional(document[INLINE_CACHE], (value) => stringOf(value, what), "");
  if (text === "") return null;
  // A list at the top, which parseObject does not take.
  const { records } = parseObject(Buffer.concat([Buffer.from('{"records":'), Buffer.from(text, "base64"), Buffer.from("}")]), what);
  return recordsOf(records, layers, what);
}

/** Null: it does not say what it unpacks to, as in BuildKit's own registries, whose keys are others anyway. */
function layerOf(layer: JsonObject, blobs: ReadonlyMap<string, Descriptor>, where: string): CacheLayer | null {
  const digest = parseDigest(layer.blob, `${where}.blob`);
  const descriptor = blobs.get(digest);
  if (descriptor === undefined) throw wrong(`${where} is the blob ${digest}, which its manifest does not have`);
  const annotations = optional(layer.annotations, (value) => objectOf(value, `${where}.annotations`), {} as JsonObject);
  const size = optional(annotations.size, (value) => naturalOf(value, `${where}.annotations.size`), descriptor.size);
  if (size !== descriptor.size) throw wrong(`${where} has ${size} bytes, its manifest says ${descriptor.size}`);
  return optional(annotations.diffID, (value) => ({ descriptor, diffId: parseDigest(value, `${where}.annotations.diffID`) }), null);
}

/** No chain is longer than what can be mounted, or comes back to itself. */
function checkParents(parents: readonly number[], what: string): void {
  for (const [at, first] of parents.entries()) {
    let depth = 1;
    for (let parent = first; parent !== -1; parent = parents[parent]!) {
      if (parent < -1 || parent >= parents.length) throw wrong(`${what}: layers[${at}] stands on a layer ${parent}, which there is not`);
      if (parent === at) throw wrong(`${what}: layers[${at}] stands on itself`);
      if (++depth > LAYERS_MAX) throw wrong(`${what}: layers[${at}] stands on more than the ${LAYERS_MAX} layers that can be mounted`);
    }
  }
}

/** Of a key that is there twice the first one counts. */
function recordsOf(value: unknown, layers: readonly (CacheLayer | null)[], what: string): CacheResults {
  const list = optional(value, (given) => listOf(given, `${what}: records`), []);
  if (list.length > RECORDS_MAX) throw wrong(`${what} has more than ${RECORDS_MAX} records`);
  const results: CacheResults = new Map();
  for (const [at, item] of list.entries()) {
    const where = `${what}: records[${at}]`;
    const record = objectOf(item, where);
    const key = parseDigest(record.digest, `${where}.digest`);
    const result = resultOf(record, layers, where);
    if (result !== null && !results.has(key)) results.set(key, result);
  }
  return results;
}

/** Null: the record only leads to others, or to a layer that cannot be had. */
function resultOf(record: JsonObject, layers: readonly (CacheLayer | null)[], where: string): CacheResult | null {
  const [result] = optional(record.layers, (value) => listOf(value, `${where}.layers`), []);
  const [chain] = optional(record.chains, (value) => listOf(value, `${where}.chains`), []);
  if (result === undefined && chain === undefined) return null;
  const { layer, layers: indexes, createdAt } = objectOf(result ?? chain, `${where}: its result`);
  const createdMs = millisecondsOf(createdAt, where);
  const top = result === undefined ? optional(indexes, (value) => listOf(value, `${where}.chains[0].layers`), []).at(-1) : (layer ?? 0);
  if (top === undefined) return { layer: null, createdMs };
  const index = naturalOf(top, `${where}: its layer`);
  if (index >= layers.length) throw wrong(`${where} names a layer ${index}, which there is not`);
  const found = layers[index]!;
  return found === null ? null : { layer: found, createdMs };
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

function millisecondsOf(value: unknown, where: string): number {
  const text = optional(value, (given) => stringOf(given, `${where}: createdAt`), "1970-01-01T00:00:00Z");
  const ms = TIME.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms)) throw wrong(`${where} was made at ${JSON.stringify(text.slice(0, 60))}, which is no time`);
  return Math.max(0, ms);
}

function wrong(message: string): MdkError {
  return new MdkError("corrupt", "cache-invalid", message);
}
