/** Names of what mdk makes on a host. Another data root has names of its own, so that two never meet (two data roots may share a host). */
import { dirname } from "node:path";
import { DEFAULT_FILE } from "../../config/settings.ts";
import { groupPath } from "../../spec/limits.ts";
import type { Container } from "../../store/containers.ts";
import { DEFAULT_ROOT, DEFAULT_RUN_ROOT } from "../../store/paths.ts";
import type { Context } from "../context.ts";

/** Hexadecimal digits of a data root's path; null: the default root, whose names carry none. */
function rootHash({ root }: Pick<Context, "root">): string | null {
  if (root === DEFAULT_ROOT) return null;
  return new Bun.CryptoHasher("sha256").update(root).digest("hex").slice(0, 8);
}

/** `--run-root` where nobody says another: each data root has its own, since what lies there without a row is taken away. */
export function defaultRunRoot(root: string): string {
  const hash = rootHash({ root });
  return hash === null ? DEFAULT_RUN_ROOT : `${DEFAULT_RUN_ROOT}-${hash}`;
}

/** Path of a container's cgroup that is started now, below every hierarchy's mount. */
export function cgroupPath(context: Context, { id, host }: Pick<Container, "id" | "host">): string {
  return `${host.CgroupParent === "" ? cgroupParent(context) : groupPath(host.CgroupParent)}/${id}`;
}

/** Where the monitor of a container that was started is: beside its group, unless the user has chosen the group's place. */
export function monitorParent(context: Context, { cgroup, host }: Pick<Container, "cgroup" | "host">): string {
  return host.CgroupParent === "" ? dirname(cgroup) : cgroupParent(context);
}

/** Name of the cgroup below which all groups of this root lie, in every hierarchy. */
export function cgroupParent(context: Context): string {
  const hash = rootHash(context);
  return hash === null ? "mdk" : `mdk-${hash}`;
}

/** How mdk is called for this store by who calls it later: a monitor, the host at its boot. */
export function ownCommand({ root, runRoot, settings: { file } }: Context): string[] {
  return [process.execPath, "--root", root, "--run-root", runRoot, ...(file === null || file === DEFAULT_FILE ? [] : ["--config-file", file])];
}
