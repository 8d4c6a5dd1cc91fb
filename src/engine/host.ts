/** Names of what mdk makes on a host. Another data root has names of its own, so that two never meet (kernel-traps 16). */
import { DEFAULT_ROOT } from "../store/paths.ts";
import type { Context } from "./context.ts";

export interface HostNames {
  /** Parent cgroup in every hierarchy. */
  readonly cgroupParent: string;
  readonly bridge: string;
  /** nf_tables table, family inet. */
  readonly table: string;
  /** Start of the names of veths on the host's side. */
  readonly vethPrefix: string;
}

/** "mdk0" and the like for the default root, with eight digits of its path's hash for any other. */
export function hostNames(context: Context): HostNames {
  if (context.root === DEFAULT_ROOT) return { cgroupParent: "mdk", bridge: "mdk0", table: "mdk", vethPrefix: "mdkv" };
  const hash = new Bun.CryptoHasher("sha256").update(context.root).digest("hex").slice(0, 8);
  return { cgroupParent: `mdk-${hash}`, bridge: `mdk-${hash}`, table: `mdk-${hash}`, vethPrefix: `mdkv${hash.slice(0, 3)}` };
}
