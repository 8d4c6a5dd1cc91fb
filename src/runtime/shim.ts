/**
 * The shim as a file that can be executed: it lies in the executable's own image, where the kernel cannot reach it, so it
 * is written once below the run root and executed through a detached, read-only mount of that file: its text is shared by
 * all containers, and nobody can write to it by way of /proc/PID/exe (CVE-2019-5736; kernel-traps 7, 25).
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, readSync, renameSync, rmSync, writeFileSync } from "node:fs";
import shimPath from "#shim" with { type: "file" };
import { MdkError, messageOf } from "../error.ts";
import { SysError } from "../sys/ffi.ts";
import { MOUNT_ATTR } from "../sys/linux.ts";
import { sealedMemfd } from "../sys/memfd.ts";
import { AT_EMPTY_PATH, mountSetattr, OPEN_TREE_CLONE, openTree } from "../sys/mount.ts";

/** By run root. */
const executables = new Map<string, number>();

/**
 * A descriptor of the shim, to be executed or bind-mounted; opened once, and kept. `runRoot` is made when it is missing.
 * Throws MdkError when the run root cannot be written.
 */
export function openShim(runRoot: string): number {
  let executable = executables.get(runRoot);
  if (executable === undefined) executables.set(runRoot, (executable = mountShim(runRoot)));
  return executable;
}

function mountShim(runRoot: string): number {
  const bytes = readFileSync(shimPath);
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const path = `${runRoot}/shim-${hash}`;
  const file = openVerified(path, bytes) ?? writeShim(runRoot, path, bytes);
  try {
    const tree = openTree(file, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
    mountSetattr(tree, "", AT_EMPTY_PATH, { set: MOUNT_ATTR.RDONLY | MOUNT_ATTR.NODEV, clear: MOUNT_ATTR.NOEXEC | MOUNT_ATTR.NOSUID });
    return tree;
  } catch (error) {
    // Linux before 5.12 has no mount_setattr: a sealed copy in memory is as safe, and private to each container.
    if (error instanceof SysError && (error.code === "ENOSYS" || error.code === "EPERM" || error.code === "EINVAL")) return sealedMemfd("mdk-shim", bytes);
    throw error;
  } finally {
    closeSync(file);
  }
}

/** The file, if it is ours and holds exactly these bytes: what is executed is what was compared, by its descriptor. */
function openVerified(path: string, bytes: Buffer): number | null {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
  const stat = fstatSync(file);
  const content = Buffer.alloc(bytes.length + 1);
  const owned = stat.isFile() && stat.uid === (process.geteuid?.() ?? 0) && (stat.mode & 0o022) === 0;
  if (owned && stat.size === bytes.length && readSync(file, content, 0, content.length, 0) === bytes.length && content.subarray(0, -1).equals(bytes)) return file;
  closeSync(file);
  return null;
}

function writeShim(runRoot: string, path: string, bytes: Buffer): number {
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(runRoot, { recursive: true, mode: 0o711 });
    rmSync(temporary, { force: true });
    writeFileSync(temporary, bytes, { mode: 0o500, flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new MdkError("exhausted", "run-root", `cannot write the shim to ${runRoot}: ${messageOf(error)}`, { cause: error, hint: "choose another directory with --run-root" });
  }
  const file = openVerified(path, bytes);
  if (file === null) throw new MdkError("unavailable", "shim-changed", `${path} changes while it is written`, { hint: "nobody but root may write to --run-root" });
  return file;
}
