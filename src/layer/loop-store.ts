/**
 * A file system of mdk's own for a directory that cannot hold an overlay's upper: an ext4 in a sparse file in that directory, on a
 * loop device, or a tmpfs. Both come as detached mounts.
 *
 * The file is locked as long as it is mounted anywhere: the loop device keeps the open file that has the lock, whoever took it. So a
 * free lock means that nobody has it mounted, and what its superblock says then is how it was left.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, renameSync, rmSync, statfsSync, writeSync } from "node:fs";
import { MdkError } from "../error.ts";
import { monotonicMs } from "../sys/clock.ts";
import { tryLock } from "../sys/lock.ts";
import { attachLoop, findLoop, hasLoopNamed, type LoopDevice } from "../sys/loop.ts";
import { fsconfig, fsmount, fsopen } from "../sys/mount.ts";
import { emptyExt4, EXT4_GROUP_BYTES, EXT4_MAGIC, EXT4_STATE, EXT4_UUID_OFFSET } from "./ext4.ts";

export interface LoopStore {
  /** Descriptor of the detached mount, the caller's. */
  readonly mount: number;
  /** `found`: as it was left; `lost`: it was there but not whole, and is empty now. */
  readonly state: "made" | "found" | "lost";
  /** Size of the file system. */
  readonly bytes: number;
}

/** Share of the free space that the file may grow to: what others write there meanwhile must not be what it counted on. */
const SHARE = 0.9;
const GROUPS = { least: 2, most: 8192 } as const;
/** A mount that is being ended still has the file for a moment. */
const PATIENCE_MS = 5_000;
const PAUSE_MS = 5;

export interface LoopStoreOptions {
  /** Permission bits of its `/`. */
  readonly mode: number;
  readonly now: Date;
}

/**
 * Mounts the file at `path`, which is made where it is missing or not whole. The caller sees to it that nobody else does the same in
 * this directory at once. Throws SysError and node's errors (no loop device, no ext4), MdkError "store-elsewhere" when the file is mounted
 * where this host cannot see it, "store-foreign" and "store-no-room"; a file is left at `path` only when it is whole.
 */
export function openLoopStore(path: string, options: LoopStoreOptions): LoopStore {
  const until = monotonicMs() + PATIENCE_MS;
  for (;;) {
    const file = openImage(path);
    try {
      if (file === null) return mountNew(path, options, "made");
      if (!tryLock(file)) {
        const mount = mountedElsewhere(file);
        if (mount !== null) return { mount, state: "found", bytes: fstatSync(file).size };
      } else if (isWhole(file)) return { mount: mountFile(file), state: "found", bytes: fstatSync(file).size };
      // Mounted by way of another overlay or FUSE mount, which does not show its lock here: by a job that is just ending, or by one
      // that is not. What is in use is never made anew.
      else if (!hasLoopNamed(nameOf(file))) return mountNew(path, options, "lost");
    } finally {
      if (file !== null) closeSync(file);
    }
    if (monotonicMs() > until) {
      throw new MdkError("unavailable", "store-elsewhere", `${path} is in use where this host cannot see it`, { hint: "another job has this data root: choose another --root" });
    }
    Bun.sleepSync(PAUSE_MS);
  }
}

/** A tmpfs of that size; `source` is its name in the table of mounts. */
export function openMemoryStore(bytes: number, mode: number, source: string): number {
  return mountOf("tmpfs", source, { size: String(bytes), mode: mode.toString(8) });
}

/** Nobody else's file is mounted: a file system is an attacker's way into the kernel. */
function openImage(path: string): number | null {
  let file: number;
  try {
    file = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
  const stat = fstatSync(file);
  if (stat.isFile() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0) return file;
  closeSync(file);
  throw new MdkError("denied", "store-foreign", `${path} is no file of mdk's: it belongs to somebody else, or others may write to it`, { hint: "remove it, or choose another --root" });
}

/** Under its name the file is whole, locked and mounted. A draft of who was killed may be on its device for a moment longer: never reused. */
function mountNew(path: string, { mode, now }: LoopStoreOptions, state: "made" | "lost"): LoopStore {
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  const image = emptyExt4({ groups: groupsFor(path), uuid: random(), hashSeed: random(), now: Math.floor(now.getTime() / 1000), mode });
  const file = openSync(draft, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    ftruncateSync(file, image.bytes);
    for (const { offset, content } of image.blocks) writeSync(file, content, 0, content.length, offset);
    tryLock(file);
    const mount = mountFile(file);
    renameSync(draft, path);
    return { mount, state, bytes: image.bytes };
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

const random = (): Uint8Array => crypto.getRandomValues(new Uint8Array(16));

function groupsFor(path: string): number {
  const directory = path.slice(0, path.lastIndexOf("/"));
  const { bavail, bsize } = statfsSync(directory);
  const groups = Math.min(Math.floor((bavail * bsize * SHARE) / EXT4_GROUP_BYTES), GROUPS.most);
  if (groups >= GROUPS.least) return groups;
  throw new MdkError("exhausted", "store-no-room", `no space left on device: ${directory} has ${Math.floor((bavail * bsize) / 2 ** 20)} MB, too few for a store`);
}

function isWhole(file: number): boolean {
  const halves = Buffer.alloc(4);
  if (readSync(file, halves, 0, 4, EXT4_MAGIC.offset) !== 4) return false;
  return halves.readUInt16LE(0) === EXT4_MAGIC.value && halves.readUInt16LE(EXT4_STATE.offset - EXT4_MAGIC.offset) === EXT4_STATE.clean;
}

/** What its loop device is called: the file by its superblock's UUID, whatever path leads to it. */
function nameOf(file: number): string {
  const uuid = Buffer.alloc(16);
  readSync(file, uuid, 0, uuid.length, EXT4_UUID_OFFSET);
  return `mdk-${uuid.toString("hex")}`;
}

function mountFile(file: number): number {
  return mountDevice(attachLoop(file, nameOf(file)));
}

/** What is mounted in another mount namespace, or was attached by who was killed before it mounted: the same device again. */
function mountedElsewhere(file: number): number | null {
  const device = findLoop(file);
  if (device === null) return null;
  try {
    return mountDevice(device);
  } catch {
    return null; // let go meanwhile: its lock is free then
  }
}

function mountDevice(device: LoopDevice): number {
  try {
    return mountOf("ext4", device.path, { errors: "remount-ro" });
  } finally {
    device.release();
  }
}

function mountOf(type: string, source: string, options: Readonly<Record<string, string>>): number {
  const context = fsopen(type);
  try {
    fsconfig(context, "source", source);
    for (const [name, value] of Object.entries(options)) fsconfig(context, name, value);
    return fsmount(context, 0);
  } finally {
    closeSync(context);
  }
}
