/**
 * Hierarchies that this process may not write to as they are mounted, or that are not mounted at all: a CI job's often. Each gets a
 * mount of mdk's own, detached: nothing of it stands in a table of mounts, and it goes with this process. Its path leads through the
 * descriptor. What it cannot help is left as it is: who writes there is told by the kernel.
 */
import { closeSync, readFileSync, readlinkSync } from "node:fs";
import { SysError } from "../sys/ffi.ts";
import { MOUNT_ATTR } from "../sys/linux.ts";
import { AT_EMPTY_PATH, AT_FDCWD, fsconfig, fsmount, fsopen, mountSetattr, OPEN_TREE_CLONE, openTree } from "../sys/mount.ts";
import { cgroupsOf, detectCgroups, parseMemberships, words, type Cgroups, type Hierarchy, type Membership } from "./detect.ts";

/** As detectCgroups, with what can be done about it. Nothing is done, and nothing costs, where all is mounted read-write. */
export function reachCgroups(): Cgroups {
  const seen = detectCgroups();
  if (seen.hierarchies.length === 0) return mountAll();
  return seen.hierarchies.some(({ readOnly }) => readOnly) ? cgroupsOf(seen.hierarchies.map(writable)) : seen;
}

function writable(hierarchy: Hierarchy): Hierarchy {
  if (!hierarchy.readOnly) return hierarchy;
  try {
    const mount = openTree(AT_FDCWD, hierarchy.mountpoint, OPEN_TREE_CLONE);
    mountSetattr(mount, "", AT_EMPTY_PATH, { clear: MOUNT_ATTR.RDONLY });
    return { ...hierarchy, mountpoint: pathOf(mount), readOnly: false };
  } catch (error) {
    if (error instanceof SysError) return hierarchy;
    throw error;
  }
}

const pathOf = (mount: number): string => `/proc/self/fd/${mount}`;

/** include/linux/proc_ns.h, PROC_CGROUP_INIT_INO: the root that it shows is the host's. */
const HOST_NAMESPACE = "cgroup:[4026531835]";

function mountAll(): Cgroups {
  const memberships = parseMemberships(readFileSync("/proc/self/cgroup", "utf8"));
  return cgroupsOf(memberships.map(mountOne).filter((hierarchy) => hierarchy !== null));
}

/**
 * Groups of mdk lie below the job's own then: it cannot be seen what else is there. Only the host's own v2 root holds groups beside
 * processes, so that there they lie below it.
 */
function mountOne({ controllers, path }: Membership): Hierarchy | null {
  const kind = controllers.length === 0 ? "v2" : "v1";
  // A process that was moved out of the namespace it was born in.
  if (path.startsWith("/..")) return null;
  const below = kind === "v2" && readlinkSync("/proc/self/ns/cgroup") === HOST_NAMESPACE ? "" : path.replace(/\/$/, "");
  try {
    const mountpoint = `${pathOf(mountHierarchy(controllers))}${below}`;
    return { kind, controllers: kind === "v1" ? controllers : words(readFileSync(`${mountpoint}/cgroup.controllers`, "utf8")), mountpoint, path, readOnly: false };
  } catch {
    return null;
  }
}

function mountHierarchy(controllers: readonly string[]): number {
  const context = fsopen(controllers.length === 0 ? "cgroup2" : "cgroup");
  try {
    for (const controller of controllers) {
      const name = /^name=(.*)$/.exec(controller)?.[1];
      if (name === undefined) fsconfig(context, controller, null);
      else {
        fsconfig(context, "none", null);
        fsconfig(context, "name", name);
      }
    }
    return fsmount(context, MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC);
  } finally {
    closeSync(context);
  }
}
