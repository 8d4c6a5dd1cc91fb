/** What a volume, or an image that is mounted, shows in a container: a detached mount, the caller's to close. */
import { closeSync, fstatSync } from "node:fs";
import { resolve } from "node:path";
import { MdkError } from "../../error.ts";
import { mountLayers } from "../../layer/overlay.ts";
import { AT_RECURSIVE, MOUNT_ATTR, MS, RESOLVE } from "../../sys/linux.ts";
import { parseMountOptions } from "../../runtime/mount-options.ts";
import type { ImageMount, VolumeMount } from "../../spec/mount-types.ts";
import { openAt, openInRoot, O_DIRECTORY, O_PATH } from "../../sys/at.ts";
import { errnoText } from "../../sys/errno.ts";
import { AT_EMPTY_PATH, AT_FDCWD, fsconfig, fsmount, fsopen, mountSetattr, OPEN_TREE_CLONE, openTree } from "../../sys/mount.ts";
import { SysError } from "../../sys/ffi.ts";
import type { Context } from "../context.ts";
import { ensureVolumeData, findVolume } from "./volumes.ts";

export interface OpenedMount {
  readonly fd: number;
  readonly kind: "file" | "directory";
}

/** Throws MdkError where its options cannot be mounted, or its subpath is not there. */
export function openVolume(context: Context, mount: VolumeMount): OpenedMount {
  const source = openVolumeSource(context, mount.name!);
  return finish(source.isMount && mount.subpath === "" ? source.fd : part(source.fd, mount.subpath, { what: `volume ${mount.name}`, deep: source.isDeep }), mount.readonly ? source.attributes | MOUNT_ATTR.RDONLY : source.attributes);
}

/** `layers`: the image's, the uppermost first; `empty`: a directory with nothing in it. */
export function openImage(mount: ImageMount, layers: readonly string[], empty: string): OpenedMount {
  const tree = mountLayers(layers, empty);
  return finish(mount.subpath === "" ? tree : part(tree, mount.subpath, { what: `image ${mount.source}`, deep: false }), MOUNT_ATTR.RDONLY);
}

export interface VolumeSource {
  /** The caller's to close. */
  readonly fd: number;
  /** A mount of its own, detached; else a directory or file of the host. */
  readonly isMount: boolean;
  /** What is mounted below it comes along. */
  readonly isDeep: boolean;
  /** MOUNT_ATTR_* that its options ask for. */
  readonly attributes: number;
}

/** Its data, or what its options say (mount(8)'s type, device and -o). */
export function openVolumeSource(context: Context, name: string): VolumeSource {
  const { options } = findVolume(context, name);
  const data = ensureVolumeData(context, name);
  if (Object.keys(options).length === 0) return { fd: openAt(AT_FDCWD, data, O_PATH | O_DIRECTORY), isMount: false, isDeep: true, attributes: 0 };
  const { type = "", device = "", o = "" } = options;
  const words = o.split(",").filter((word) => word !== "");
  const { set: attributes, parameters } = parseMountOptions(words);
  try {
    if (words.includes("bind") || words.includes("rbind")) return { fd: openAt(AT_FDCWD, resolve("/", device), O_PATH), isMount: false, isDeep: words.includes("rbind"), attributes };
    const file = fsopen(type);
    try {
      fsconfig(file, "source", device);
      for (const { key, value } of parameters) fsconfig(file, key, value);
      return { fd: fsmount(file, attributes), isMount: true, isDeep: false, attributes };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new MdkError("invalid", "volume-mount", `error while mounting volume '${data}': failed to mount local volume: mount ${device}:${data}${o === "" ? "" : `, data: ${o}`}: ${errnoText(error.errno)}`, {
      cause: error, hint: error.code === "ENODEV" ? `this kernel does not know the file system "${type}"` : `look at the volume's options: mdk volume inspect ${name}`,
    });
  }
}

/** A part of a tree as a mount of its own, the tree closed: no link leads out of it, whoever changes it meanwhile. */
function part(tree: number, subpath: string, { what, deep }: { readonly what: string; readonly deep: boolean }): number {
  const flags = OPEN_TREE_CLONE | AT_EMPTY_PATH | (deep ? AT_RECURSIVE : 0);
  try {
    if (subpath === "") return openTree(tree, "", flags);
    const found = openInRoot(tree, subpath, O_PATH, 0, RESOLVE.NO_MAGICLINKS);
    try {
      return openTree(found, "", flags);
    } finally {
      closeSync(found);
    }
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    const isOld = error.code === "EINVAL" && error.call === "open_tree";
    throw new MdkError("not-found", "no-such-subpath", `cannot access path ${subpath} in ${what}: ${errnoText(error.errno)}`, { cause: error, ...(isOld ? { hint: "kernels before 6.15 cannot show a part of what is mounted for one container" } : {}) });
  } finally {
    closeSync(tree);
  }
}

/** Takes the mount over. */
function finish(fd: number, attributes: number): OpenedMount {
  try {
    mountSetattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, { set: attributes, clear: 0, propagation: MS.PRIVATE });
    return { fd, kind: fstatSync(fd).isDirectory() ? "directory" : "file" };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
