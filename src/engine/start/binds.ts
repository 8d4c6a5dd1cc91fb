/** What bind mounts show, opened as detached mounts that travel to the shim; sources that are missing are made. */
import { chmodSync, closeSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { MdkError, messageOf } from "../../error.ts";
import { bindAttributes } from "../../runtime/mount-options.ts";
import type { PathKind } from "../../runtime/mount-steps.ts";
import type { BindMount } from "../../spec/mount-types.ts";
import type { SpecMount } from "../../spec/types.ts";
import { AT_RECURSIVE } from "../../sys/linux.ts";
import { AT_EMPTY_PATH, AT_FDCWD, mountSetattr, OPEN_TREE_CLONE, openTree } from "../../sys/mount.ts";
import { mountOf } from "../../sys/mountinfo.ts";

export interface OpenBind {
  readonly fd: number;
  readonly kind: PathKind;
}

/** A detached copy of what a bind mount of the spec shows, attributes set. The caller closes it. */
export function openBind(mount: SpecMount): OpenBind {
  const kind = kindOf(mount.source);
  const { recursive, belowStays, attrSet, attrClr, propagation } = bindAttributes(mount.options);
  const tree = openTree(AT_FDCWD, mount.source, OPEN_TREE_CLONE | (recursive ? AT_RECURSIVE : 0));
  const whole = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  try {
    if (belowStays) mountSetattr(tree, "", whole, { set: 0, clear: 0, propagation });
    mountSetattr(tree, "", belowStays ? AT_EMPTY_PATH : whole, { set: attrSet, clear: attrClr, propagation });
  } catch (error) {
    closeSync(tree);
    throw error;
  }
  return { fd: tree, kind };
}

/** Docker makes a missing source of -v as a directory, and one of --mount is an error. */
export function ensureSource({ source, create }: Pick<BindMount, "source" | "create">): void {
  if (statSync(source, { throwIfNoEntry: false }) !== undefined) return;
  if (create === false) throw new MdkError("invalid", "bind-source", `invalid mount config for type "bind": bind source path does not exist: ${source}`);
  try {
    // Whatever the caller's umask: from the first that was missing down.
    const top = mkdirSync(source, { recursive: true });
    for (let made = source; top !== undefined && made.startsWith(top); made = dirname(made)) chmodSync(made, 0o755);
  } catch (error) {
    throw new MdkError("invalid", "bind-source", `error while creating mount source path '${source}': ${messageOf(error)}`, { cause: error });
  }
}

/** moby daemon/oci_linux.go, ensureShared: through a mount without peers nothing would come or go. A slave of what the data root lies in is private then, as Docker has it. */
export function checkPropagation(root: string, { source, propagation }: Pick<BindMount, "source" | "propagation">): void {
  if (propagation === "private" || propagation === "rprivate") return;
  const mount = mountOf(realpathSync(source));
  if (mount === null || mount.isShared) return;
  const slave = propagation === "slave" || propagation === "rslave";
  if (slave && (mount.isSlave || root.startsWith(source) || source.startsWith(root))) return;
  throw new MdkError("invalid", "not-shared", `path ${source} is mounted on ${mount.mountpoint} but it is not a shared ${slave ? "or slave " : ""}mount`, { hint: `mount --make-rshared ${mount.mountpoint}` });
}

function kindOf(source: string): PathKind {
  return statSync(source).isDirectory() ? "directory" : "file";
}
