/** What a volume, or an image that is mounted, shows in a container: a detached mount, the caller's to close. */
import { closeSync, fstatSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { mountLayers } from "../../layer/overlay.ts";
import { MOUNT_ATTR, MS } from "../../runtime/linux.ts";
import { parseMountOptions } from "../../runtime/mount-options.ts";
import type { ImageMount, VolumeMount } from "../../spec/mount-types.ts";
import { openInRoot, O_PATH, RESOLVE } from "../../sys/at.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, fsconfig, fsmount, fsopen, mountSetattr, OPEN_TREE_CLONE, openTree } from "../../sys/mount.ts";
import { SysError } from "../../sys/ffi.ts";
import type { Context } from "../context.ts";
import { ensureVolumeData, findVolume } from "./volumes.ts";

export interface OpenedMount {
  readonly fd: number;
  readonly kind: "file" | "directory";
}

/** Throws MdkError where its options cannot be mounted, or its subpath is not there. */
export function openVolume(context: Context, mount: VolumeMount): OpenedMount {
  const tree = openTreeOf(context, mount.name!);
  try {
    return finish(below(tree, mount.subpath, `volume ${mount.name}`), mount.readonly, mount.subpath !== "" ? tree : null);
  } catch (error) {
    closeSync(tree);
    throw error;
  }
}

/** `layers`: the image's, the uppermost first; `empty`: a directory with nothing in it. */
export function openImage(mount: ImageMount, layers: readonly string[], empty: string): OpenedMount {
  const tree = mountLayers(layers, empty);
  try {
    return finish(below(tree, mount.subpath, `image ${mount.source}`), true, mount.subpath !== "" ? tree : null);
  } catch (error) {
    closeSync(tree);
    throw error;
  }
}

/** Its data, or what its options say (mount(8)'s type, device and -o): then it is mounted for this container. */
function openTreeOf(context: Context, name: string): number {
  const { options } = findVolume(context, name);
  const data = ensureVolumeData(context, name);
  if (Object.keys(options).length === 0) return openTree(AT_FDCWD, data, OPEN_TREE_CLONE | AT_RECURSIVE);
  const { type = "", device = "", o = "" } = options;
  const parsed = parseMountOptions(o.split(",").filter((word) => word !== ""));
  try {
    if (o.split(",").some((word) => word === "bind" || word === "rbind") || type === "none" || type === "bind") {
      const tree = openTree(AT_FDCWD, device, OPEN_TREE_CLONE | AT_RECURSIVE);
      mountSetattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, { set: parsed.set, clear: 0, propagation: 0 });
      return tree;
    }
    const file = fsopen(type);
    try {
      fsconfig(file, "source", device);
      for (const { key, value } of parsed.parameters) fsconfig(file, key, value);
      return fsmount(file, parsed.set);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new MdkError("invalid", "volume-mount", `failed to mount local volume: mount ${device}:${data}, data: ${o}: ${error.message}`, {
      cause: error, hint: error.code === "ENODEV" ? `this kernel does not know the file system "${type}"` : "look at the volume's options: mdk volume inspect",
    });
  }
}

/** A part of it: no link leads out, and none that is followed was not there before. */
function below(tree: number, subpath: string, what: string): number {
  if (subpath === "") return tree;
  let part: number;
  try {
    part = openInRoot(tree, subpath, O_PATH, 0, RESOLVE.NO_MAGICLINKS);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new MdkError("not-found", "no-such-subpath", `cannot access path ${subpath} in ${what}: ${error.message}`, { cause: error });
  }
  try {
    return openTree(part, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | AT_RECURSIVE);
  } finally {
    closeSync(part);
  }
}

function finish(fd: number, readonly: boolean, whole: number | null): OpenedMount {
  mountSetattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, { set: readonly ? MOUNT_ATTR.RDONLY : 0, clear: 0, propagation: MS.PRIVATE });
  if (whole !== null) closeSync(whole);
  return { fd, kind: fstatSync(fd).isDirectory() ? "directory" : "file" };
}
