/**
 * Overlay mounts as detached descriptors: nothing of them ever stands in a mount table of the host, and they are gone
 * with their last descriptor. A container's root (with an upper) and the merged view of an image's layers (without).
 */
import { closeSync, lstatSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isOfTheWorld, MdkError, messageOf } from "../error.ts";
import { O_DIRECTORY, O_PATH, tellsTypes } from "../sys/at.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { isKernel } from "../sys/kernel.ts";
import { MOUNT_ATTR } from "../sys/linux.ts";
import { fsconfig, fsmount, fsopen } from "../sys/mount.ts";

export interface Overlay {
  /** Directories of layers, the uppermost first; at least one. */
  readonly lower: readonly string[];
  readonly upper: string;
  /** On the file system of `upper`, empty or left by a mount of the same upper. */
  readonly work: string;
  /** No sync of the upper, not even at unmount (since 5.10): only where it is thrown away anyway. */
  readonly volatile?: boolean;
}

/** fs/fsopen.c: strndup_user(_value, 256). */
const OPTION_BYTES_MAX = 255;

/**
 * A detached overlay mount; the caller closes the descriptor. Throws "overlay-too-many-layers-for-kernel" on kernels
 * before 6.7 (without `lowerdir+`) when the layers' paths do not fit in one option, and the kernel's refusal as SysError.
 */
export function mountOverlay(overlay: Overlay): number {
  return mount(overlay.lower, 0, (context) => {
    fsconfig(context, "upperdir", escape(overlay.upper));
    fsconfig(context, "workdir", escape(overlay.work));
    // The host may have them on: an upper is to be whole by itself, since a layer may be made of it (overlayfs.rst, redirect_dir, metacopy).
    fsconfig(context, "redirect_dir", "off");
    fsconfig(context, "metacopy", "off");
    if (overlay.volatile === true) fsconfig(context, "volatile", null);
  });
}

/**
 * The merged, read-only view of layers (uppermost first) as a detached mount; the caller closes the descriptor. The
 * kernel merges only two and more: a single layer comes with an empty directory, `empty`, below it.
 */
export function mountLayers(lower: readonly string[], empty: string): number {
  const stack = lower.length > 1 ? lower : [...lower, empty];
  return mount(stack, MOUNT_ATTR.RDONLY, () => {});
}

function mount(lower: readonly string[], attributes: number, configure: (context: number) => void): number {
  if (lower.length === 0) throw new MdkError("unsupported", "overlay-needs-a-layer", "an overlay needs at least one layer");
  // `lowerdir+` is since Linux 6.7. Asked, not tried: an older kernel writes every attempt into its log.
  if (!isKernel(6, 7)) return mountJoined(lower, attributes, configure);
  return attempt(attributes, configure, (context) => {
    for (const directory of lower) fsconfig(context, "lowerdir+", directory);
  });
}

function attempt(attributes: number, configure: (context: number) => void, addLower: (context: number) => void): number {
  const context = fsopen("overlay");
  try {
    fsconfig(context, "source", "mdk");
    addLower(context);
    configure(context);
    return fsmount(context, attributes);
  } finally {
    closeSync(context);
  }
}

/**
 * One string of all layers, relative to the directory that holds them: 16 layers of mdk's own store fit, and the one below them. What lies
 * elsewhere (a container's upper) is named by a descriptor.
 */
function mountJoined(lower: readonly string[], attributes: number, configure: (context: number) => void): number {
  const base = dirname(dirname(lower.at(-1) as string));
  const opened: number[] = [];
  const before = process.cwd();
  try {
    const joined = lower.map((directory) => {
      if (directory.startsWith(`${base}/`)) return escape(directory.slice(base.length + 1));
      opened.push(openSync(directory, O_PATH | O_DIRECTORY));
      return `/proc/self/fd/${opened.at(-1)}`;
    }).join(":");
    if (Buffer.byteLength(joined) > OPTION_BYTES_MAX) throw tooMany(lower.length);
    // Nothing asynchronous happens until the way back.
    process.chdir(base);
    return attempt(attributes, configure, (context) => fsconfig(context, "lowerdir", joined));
  } finally {
    process.chdir(before);
    for (const descriptor of opened) closeSync(descriptor);
  }
}

/** Colons part directories and commas options (fs/overlayfs/params.c, ovl_unescape). */
function escape(path: string): string {
  return path.replace(/[\\:,]/g, "\\$&");
}

function tooMany(count: number): MdkError {
  return new MdkError(
    "unsupported", "overlay-too-many-layers-for-kernel",
    `this kernel cannot mount an image of ${count} layers without a mount point`,
    { hint: "use Linux 6.7 or later, or a shorter --root (like /m): the paths of all layers must fit in 255 bytes" },
  );
}

/**
 * Whether an overlay has that directory as its upper, in any mount namespace of this host: of another job too that has the same data root.
 * The kernel is asked to mount it in a way in which it refuses what is in use with EBUSY, and anything else for its work directory, which
 * it looks at later (fs/overlayfs/super.c, ovl_get_upper and ovl_get_workdir). False where that cannot be asked.
 */
export function isUpperInUse(upper: string): boolean {
  let directory: number;
  try {
    directory = openSync(upper, O_PATH | O_DIRECTORY);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return false;
    throw error;
  }
  try {
    // Short, and without what would have to be escaped.
    const path = `/proc/self/fd/${directory}`;
    closeSync(attempt(0, (context) => {
      for (const [name, value] of [["upperdir", path], ["workdir", path], ["index", "on"]] as const) fsconfig(context, name, value);
    }, (context) => fsconfig(context, "lowerdir", path)));
    return false;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return error.errno === E.EBUSY;
  } finally {
    closeSync(directory);
  }
}

/**
 * Whether overlay works with an upper below `directory`: null, or the sentence to print. Makes and removes a temporary
 * directory in it; 1 ms, so the caller keeps the answer. Upper directories on overlay itself are refused by the kernel
 * (EINVAL), which is the case of a CI runner whose /var/lib is in its own container's root. What the kernel lets pass is tried: a
 * deletion must leave a whiteout (9p cannot), and directories must tell types (an xfs without ftype does not, and mounts with a
 * line in the kernel's log).
 */
export function probeOverlay(directory: string): MdkError | null {
  const probe = mkdtempSync(join(directory, `probe-${process.pid}-`));
  try {
    for (const name of ["lower", "upper", "work"]) mkdirSync(join(probe, name));
    writeFileSync(join(probe, "lower", "file"), "");
    if (!tellsTypes(join(probe, "lower"))) return unavailable(directory, "its directories do not tell the types of their entries");
    // Volatile: else its unmount would wait for everything that is unwritten on this disk (kernel-traps 22).
    const mount = mountOverlay({ lower: [join(probe, "lower")], upper: join(probe, "upper"), work: join(probe, "work"), volatile: true });
    try {
      rmSync(`/proc/self/fd/${mount}/file`);
    } finally {
      closeSync(mount);
    }
    return lstatSync(join(probe, "upper", "file"), { throwIfNoEntry: false })?.isCharacterDevice() === true ? null : unavailable(directory, "it keeps no whiteouts");
  } catch (error) {
    if (!isOfTheWorld(error)) throw error;
    return unavailable(directory, messageOf(error), error);
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

function unavailable(directory: string, why: string, cause?: unknown): MdkError {
  return new MdkError("unsupported", "overlay-unavailable", `overlay does not work on ${directory}: ${why}`, { cause, hint: hintOf(cause) });
}

function hintOf(error: unknown): string {
  if (error instanceof SysError && error.errno === E.ENODEV) return "load the kernel's overlay module: modprobe overlay";
  if (error instanceof SysError && error.errno === E.EPERM) return "run mdk as root, in a container with --privileged";
  return "choose a --root on ext4, xfs, btrfs or tmpfs: an overlay or network file system cannot hold an upper directory";
}
