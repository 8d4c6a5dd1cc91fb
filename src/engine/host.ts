/** Names of what mdk makes on a host. Another data root has names of its own, so that two never meet (two data roots may share a host). */
import { DEFAULT_ROOT } from "../store/paths.ts";
import type { Context } from "./context.ts";

/** Hexadecimal digits of a data root's path; null: the default root, whose names carry none. */
export function rootHash(context: Context): string | null {
  if (context.root === DEFAULT_ROOT) return null;
  return new Bun.CryptoHasher("sha256").update(context.root).digest("hex").slice(0, 8);
}

/** Name of the cgroup below which all groups of this root lie, in every hierarchy. */
export function cgroupParent(context: Context): string {
  const hash = rootHash(context);
  return hash === null ? "mdk" : `mdk-${hash}`;
}
