/** What flags of a build say as "key=value" fields: outputs, caches. `wrong` makes the error. Pure. */
import type { MdkError } from "../../error.ts";
import type { Compression } from "../../image/media-types.ts";
import type { Packing } from "../../image/packing.ts";

export function keyedFields(parts: readonly string[], wrong: (message: string) => MdkError): Map<string, string> {
  return new Map(parts.map((part): [string, string] => {
    const equals = part.indexOf("=");
    if (equals === -1) throw wrong(`invalid value ${part}`);
    return [part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1)];
  }));
}

export const PACKING_KEYS = ["compression", "compression-level", "force-compression"];

const KINDS: Readonly<Record<string, Compression>> = { gzip: "gzip", zstd: "zstd", uncompressed: "none" };
const LEVELS: Readonly<Record<Compression, readonly [least: number, most: number]>> = { gzip: [0, 9], zstd: [1, 22], none: [0, 0] };

/** How layers are packed, in BuildKit's words. `unsupported` makes the error for what mdk does not do. */
export function packingOf(fields: ReadonlyMap<string, string>, wrong: (message: string) => MdkError, unsupported: (what: string) => MdkError): Packing {
  const said = fields.get("compression") ?? "gzip";
  if (said === "estargz") throw unsupported("compression=estargz");
  const compression = Object.hasOwn(KINDS, said) ? KINDS[said]! : null;
  if (compression === null) throw wrong(`unsupported compression type ${said}`);
  const level = fields.get("compression-level") ?? null;
  if (level !== null && !/^-?\d{1,9}$/.test(level)) throw wrong(`non-int value ${level} specified for compression-level`);
  const [least, most] = LEVELS[compression];
  if (level !== null && (Number(level) < least || Number(level) > most)) throw wrong(`invalid compression level: ${level} (${said} has ${least} to ${most})`);
  return { compression, level: level === null ? null : Number(level), isForced: flagField(fields, "force-compression", false, wrong) };
}

/** A bool as Go reads it; `usual` where nothing is said. */
export function flagField(fields: ReadonlyMap<string, string>, key: string, usual: boolean, wrong: (message: string) => MdkError): boolean {
  const value = fields.get(key);
  if (value === undefined) return usual;
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw wrong(`non-bool value ${JSON.stringify(value)} specified for ${key}`);
}
