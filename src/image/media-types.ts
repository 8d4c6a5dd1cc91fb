/** Media types of what mdk itself writes (image-spec media-types.md), and of layers as manifests of both kinds call them. Pure. */
import { MdkError } from "../error.ts";

export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
/** Config of the cache of a build (moby/buildkit, cache/remotecache/v1/spec.go). */
export const CACHE_CONFIG = "application/vnd.buildkit.cacheconfig.v0";

const LAYER = "application/vnd.oci.image.layer.v1.tar";

export type Compression = "gzip" | "zstd" | "none";

/** OCI's type of a layer. */
export function layerType(compression: Compression): string {
  return compression === "none" ? LAYER : `${LAYER}+${compression}`;
}

/** Of a layer by its media type, OCI's or Docker's. */
export function compressionOf(mediaType: string): Compression {
  const found = /[.+](gzip|zstd)$/.exec(mediaType)?.[1] as Compression | undefined;
  return found ?? "none";
}

const XZ = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];

/**
 * By the magic of RFC 1952 and of RFC 8878 (skippable frames included); needs 6 bytes. Throws "compression-unsupported" for what others
 * pack with, `what` is that in errors.
 */
export function detectCompression(start: Uint8Array, what: string): Compression {
  const [a, b, c, d] = start;
  if (a === 0x1f && b === 0x8b) return "gzip";
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return "zstd";
  if (a !== undefined && (a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return "zstd";
  if (XZ.every((byte, index) => start[index] === byte)) throw unread(what, "xz");
  if (a === 0x42 && b === 0x5a && c === 0x68) throw unread(what, "bzip2");
  return "none";
}

function unread(what: string, name: string): MdkError {
  return new MdkError("unsupported", "compression-unsupported", `${what} is compressed with ${name}, which mdk does not read`, { hint: `unpack it before: ${name} -d` });
}
