/** --cache-from and --cache-to, in the words of buildx (docs.docker.com/build/cache/backends). */
import { resolve } from "node:path";
import { MdkError, messageOf } from "../../error.ts";
import { parseCsv } from "../../build/language/csv.ts";
import type { CacheSource, CacheTarget, WrittenCache } from "../../engine/build/request.ts";
import { isDigest } from "../../image/digest.ts";
import { DEFAULT_TAG, parseReference } from "../../image/reference.ts";
import { flagField, keyedFields, PACKING_KEYS, packingOf } from "./fields.ts";

/** Caches of others that mdk knows, and does not speak to. */
const FOREIGN = ["gha", "s3", "azblob"];

const REGISTRY = ["ref", "registry.insecure"];
const FROM: Readonly<Record<string, readonly string[]>> = { registry: REGISTRY, local: ["src", "digest", "tag"] };

const WRITTEN = ["mode", "image-manifest", "oci-mediatypes", "ignore-error", ...PACKING_KEYS];
const TO: Readonly<Record<string, readonly string[]>> = { inline: [], registry: [...REGISTRY, ...WRITTEN], local: ["dest", "tag", ...WRITTEN] };

/** Throws MdkError "cache", "reference-invalid". */
export function parseCacheFrom(words: readonly string[]): CacheSource[] {
  return words.flatMap(entriesOf).map(({ type, fields, word }): CacheSource => {
    check(type, fields, { known: FROM, side: "importer", word });
    if (type === "registry") return { kind: "registry", ...repositoryOf(fields, "importer") };
    const [path, digest, tag] = [fields.get("src") ?? "", fields.get("digest") ?? null, fields.get("tag") ?? null];
    if (path === "") throw wrong("local cache importer requires src");
    if (digest !== null && !isDigest(digest)) throw wrong(`invalid digest ${JSON.stringify(digest)} of ${JSON.stringify(word)}`);
    return { kind: "local", path: resolve(path), digest, tag };
  });
}

/** Throws MdkError "cache", "reference-invalid". */
export function parseCacheTo(words: readonly string[]): CacheTarget[] {
  return words.flatMap(entriesOf).map(({ type, fields, word }): CacheTarget => {
    check(type, fields, { known: TO, side: "exporter", word });
    if (type === "inline") return { kind: "inline" };
    const options = writtenOf(fields);
    if (type === "local") {
      const path = fields.get("dest") ?? "";
      if (path === "") throw wrong("local cache exporter requires dest");
      return { kind: "local", path: resolve(path), tag: fields.get("tag") ?? DEFAULT_TAG, ...options };
    }
    const where = repositoryOf(fields, "exporter");
    if (parseReference(where.reference).digest !== null) throw wrong(`${where.reference}: a cache is written to a tag, not to a digest`);
    return { kind: "registry", ...where, ...options };
  });
}

interface Entry {
  readonly type: string;
  readonly fields: ReadonlyMap<string, string>;
  /** As the user has it. */
  readonly word: string;
}

/** Words without "=" are references, each. */
function entriesOf(word: string): Entry[] {
  let parts: string[];
  try {
    parts = parseCsv(word);
  } catch (error) {
    throw new MdkError("invalid", "cache", `invalid cache ${JSON.stringify(word)}: ${messageOf(error)}`, { cause: error });
  }
  if (parts.every((part) => !part.includes("="))) return parts.map((ref) => ({ type: "registry", fields: new Map([["ref", ref]]), word }));
  const fields = keyedFields(parts, wrong);
  const type = fields.get("type") ?? "";
  if (type === "") throw wrong(`type required form> ${JSON.stringify(word)}`);
  fields.delete("type");
  return [{ type, fields, word }];
}

interface Side {
  readonly known: typeof FROM;
  readonly side: "importer" | "exporter";
  readonly word: string;
}

function check(type: string, fields: Entry["fields"], { known, side, word }: Side): void {
  if (FOREIGN.includes(type)) throw unsupported(`the cache type ${type}`);
  const keys = Object.hasOwn(known, type) ? known[type]! : null;
  if (keys === null) throw wrong(`unknown cache ${side}: ${JSON.stringify(type)}`);
  for (const key of fields.keys()) if (!keys.includes(key)) throw wrong(`unexpected key '${key}' in '${word}'`);
}

function repositoryOf(fields: Entry["fields"], side: Side["side"]): { readonly reference: string; readonly isInsecure: boolean } {
  const reference = fields.get("ref") ?? "";
  if (reference === "") throw wrong(`registry cache ${side} requires ref`);
  parseReference(reference);
  return { reference, isInsecure: flagField(fields, "registry.insecure", false, wrong) };
}

function writtenOf(fields: Entry["fields"]): Pick<WrittenCache, "isMax" | "isManifest" | "mayFail" | "packing"> {
  const mode = fields.get("mode") ?? "min";
  if (mode !== "min" && mode !== "max") throw wrong(`invalid cache export mode: ${mode}`);
  if (!flagField(fields, "oci-mediatypes", true, wrong)) throw unsupported("oci-mediatypes=false of a cache");
  const packing = packingOf(fields, wrong, (what) => unsupported(`${what} of a cache`));
  return { packing, isMax: mode === "max", isManifest: flagField(fields, "image-manifest", true, wrong), mayFail: flagField(fields, "ignore-error", false, wrong) };
}

const wrong = (message: string): MdkError => new MdkError("invalid", "cache", message);
const unsupported = (what: string): MdkError => new MdkError("unsupported", "cache", `${what} is not supported by this version of mdk`);
