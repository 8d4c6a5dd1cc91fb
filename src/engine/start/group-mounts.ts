/** A container's own groups as detached mounts: what it sees of v1 where it shares the host's cgroup namespace, as runc shows it (libcontainer/rootfs_linux.go, mountCgroupV1). */
import { closeSync } from "node:fs";
import type { Cgroups } from "../../cgroup/detect.ts";
import { bindAttributes } from "../../runtime/mount-options.ts";
import { AT_EMPTY_PATH, AT_FDCWD, mountSetattr, OPEN_TREE_CLONE, openTree } from "../../sys/mount.ts";
import { groupDirectory } from "../host/facts.ts";

/** By directory below /sys/fs/cgroup; `options`: those of the spec's cgroup mount. The caller closes them: on an error too, what was opened went through `keep`. */
export function openGroupMounts(cgroups: Cgroups, path: string, options: readonly string[], keep: (descriptor: number) => number): Map<string, number> {
  const { attrSet, attrClr, propagation } = bindAttributes(options);
  return new Map(cgroups.hierarchies.map((hierarchy) => {
    const tree = openTree(AT_FDCWD, `${hierarchy.mountpoint}/${path}`, OPEN_TREE_CLONE);
    try {
      mountSetattr(tree, "", AT_EMPTY_PATH, { set: attrSet, clear: attrClr, propagation });
    } catch (error) {
      closeSync(tree);
      throw error;
    }
    return [groupDirectory(hierarchy), keep(tree)];
  }));
}
