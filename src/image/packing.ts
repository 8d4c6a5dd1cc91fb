/** How layers are packed for others. Pure. */
import type { Compression } from "./media-types.ts";

export interface Packing {
  /** Of layers that have no blob yet; one that came as another stays so. */
  readonly compression: Compression;
  /** zlib's 0 to 9, zstd's 1 to 22; null: the usual one. */
  readonly level: number | null;
  /** Of all layers, whatever they came as. */
  readonly isForced: boolean;
}

export const USUAL_PACKING: Packing = { compression: "gzip", level: null, isForced: false };

/** Whether a copy for the one is as good for the other. */
export function isSamePacking(one: Packing, other: Packing): boolean {
  return one.compression === other.compression && one.level === other.level && one.isForced === other.isForced;
}
