/** A directory of the host that a container has as its root (`--rootfs`): which may be one, and opening it without being led astray. */
import { closeSync, realpathSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { O_DIRECTORY, O_PATH, openAt, openInRoot } from "../../sys/at.ts";
import { SysError } from "../../sys/ffi.ts";
import { RESOLVE } from "../../sys/linux.ts";
import { AT_FDCWD } from "../../sys/mount.ts";

/**
 * The directory's own path, without links: what the container's row has. Throws "rootfs-invalid" for what is no directory, and for one that is in
 * the data root or holds it: overlay refuses layers that lie in one another, and containers would find the store in their root.
 */
export function resolveRootDirectory(path: string, root: string): string {
  let real: string;
  try {
    real = realpathSync(path);
    closeSync(openAt(AT_FDCWD, real, O_PATH | O_DIRECTORY));
  } catch (error) {
    throw unusable(path, error);
  }
  const store = realpathSync(root);
  const holds = (above: string, below: string): boolean => above === below || below.startsWith(above === "/" ? above : `${above}/`);
  if (holds(store, real)) throw new MdkError("invalid", "rootfs-invalid", `${path} cannot be the root of a container: it is in the data root ${root}`);
  if (holds(real, store)) throw new MdkError("invalid", "rootfs-invalid", `${path} cannot be the root of a container: the data root ${root} is in it`, { hint: "choose a --root elsewhere" });
  return real;
}

/** A descriptor of it (O_PATH), the caller's to close. A link that came into its path since the container was made is not followed: "rootfs-invalid". */
export function openRootDirectory(path: string): number {
  const slash = openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  try {
    return openInRoot(slash, path, O_PATH | O_DIRECTORY, 0, RESOLVE.NO_SYMLINKS);
  } catch (error) {
    throw unusable(path, error);
  } finally {
    closeSync(slash);
  }
}

/** What overlay says of a directory that it cannot have as a layer, in a sentence; any other error as it is. */
export function explainRefused(path: string, error: unknown): unknown {
  if (!(error instanceof SysError) || !/^fs(config|mount)$/.test(error.call)) return error;
  return new MdkError("unsupported", "rootfs-refused", `${path} cannot be the root of a container: overlay does not take it as a layer: ${error.message}`, {
    cause: error, hint: "copy it to ext4, xfs, btrfs or tmpfs: an overlay on an overlay, and some network file systems, cannot be one",
  });
}

function unusable(path: string, error: unknown): MdkError {
  const code = error instanceof SysError ? error.code : ((error as { code?: string }).code ?? "");
  const why = WHY[code];
  if (why === undefined) throw error;
  return new MdkError("invalid", "rootfs-invalid", `${path} cannot be the root of a container: ${why}`, { cause: error });
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: "no such directory", ENOTDIR: "it is no directory", ELOOP: "a symbolic link is in its path now", EACCES: "permission denied", ENAMETOOLONG: "its path is too long",
};
