/**
 * Root stores: where the data root cannot hold the upper directory of an overlay (a CI job's own root is an overlay, and so
 * is what lies on it; NFS, FUSE, ecryptfs and an xfs without ftype are no better), mdk brings a file system of its own and
 * mounts it on the data root, in the mount namespace that it was called in. Once: the next command finds the database there.
 *
 *     overlay2  nothing is brought: the data root can
 *     loop      an ext4 in a sparse file of the data root, which is found again after a restart of the job's container
 *     tmpfs     where there are no loop devices; in memory, and gone with the mount
 *
 * Whatever is killed in between: a file of its final name is whole, and a mount appears in one step.
 */
import { closeSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { MdkError, messageOf } from "../../error.ts";
import { backingFree, lostWrites } from "./backing.ts";
import { detectCgroups } from "../../cgroup/detect.ts";
import { ownMemoryLimit } from "../../cgroup/own-limit.ts";
import type { StorageDriver } from "../../config/settings.ts";
import { openLoopStore, openMemoryStore } from "../../layer/loop-store.ts";
import { probeOverlay } from "../../layer/overlay.ts";
import { holdsAnything, removeDatabase } from "../../store/database.ts";
import { ensureStore, ROOT_STORE, storePaths } from "../../store/paths.ts";
import { lockFile } from "../../sys/lock.ts";
import { AT_FDCWD, attachMount, detachMount, OPEN_TREE_CLONE, openTree } from "../../sys/mount.ts";
import { mountOf } from "../../sys/mountinfo.ts";

export interface BringOptions {
  /** An absolute path. */
  readonly root: string;
  /** Null: what the data root needs. */
  readonly driver: StorageDriver | null;
  readonly now: () => Date;
  /** One line for the user, without a newline. */
  readonly tell: (text: string) => void;
}

const ROOT_MODE = 0o711;
/** Name of the tmpfs in the table of mounts. */
const MEMORY_SOURCE = "mdk-store";
/** Part of the memory that the job may use. */
const MEMORY_SHARE = 0.5;
const PATIENCE_MS = 30_000;

/**
 * Brings what the data root needs; nothing where a store is there already, unless it is an empty one that no container can be in. Errors: "storage-driver-other" (the store that is
 * there is on another one than was asked for), "overlay-unavailable" with what was tried and what mends it.
 */
export function bringRootStore(options: BringOptions): void {
  const { root, driver } = options;
  if (existsSync(storePaths(root).database) && (driver === "overlay2" || !isStranded(root))) return checkDriver(root, driver);
  mkdirSync(root, { recursive: true, mode: ROOT_MODE });
  if (driver === "overlay2") return;
  // A store that was brought earlier is this root's store, whatever the root could hold.
  const isLeft = existsSync(join(root, ROOT_STORE.image));
  if (driver === null && !isLeft && judge(root) === null) return;
  const path = join(root, ROOT_STORE.lock);
  const lock = lockFile(path, PATIENCE_MS);
  if (typeof lock === "string") throw new MdkError("unavailable", "store-busy", `the store ${root} has been set up by another command for ${PATIENCE_MS / 1000} seconds`);
  try {
    // Somebody else brought it while this one waited: the lock is then a file of the new store.
    if (driver !== null && readRootStore(root) !== null) return checkDriver(root, driver);
    const unusable = driver === null && !isLeft ? judge(root) : null;
    if (driver === null && (isLeft ? readRootStore(root) !== null : unusable === null)) return;
    bring(options, unusable);
  } finally {
    closeSync(lock);
    if (readRootStore(root) !== null) rmSync(path, { force: true });
  }
}

/** A store that an older mdk made where no container can be, and in which nothing is: it hides nothing that is worth being seen. */
function isStranded(root: string): boolean {
  try {
    return readRootStore(root) === null && !holdsAnything(storePaths(root).database) && judge(root) !== null;
  } catch (error) {
    // Somebody brings one just now, and takes the database away that was being read.
    if (readRootStore(root) !== null) return false;
    if (existsSync(join(root, ROOT_STORE.lock))) return true;
    throw error;
  }
}

/** Null: overlays work on the data root as it is. */
const judge = (root: string): MdkError | null => probeOverlay(ensureStore(root).temporary);

function bring(options: BringOptions, unusable: MdkError | null): void {
  const { root, driver } = options;
  const below = mountOf(realpathSync(root))?.type ?? "unknown";
  const why = driver === null ? `${root} is on ${below}, which cannot hold containers` : `--storage-driver ${driver}`;
  const failed: string[] = [];
  for (const [name, work] of [["loop", bringLoop], ["tmpfs", bringMemory]] as const) {
    if (driver !== null && driver !== name) continue;
    try {
      return work(options, why, failed);
    } catch (error) {
      // Another job has it: a second store would hide the first one's images.
      if (error instanceof MdkError && (error.code === "store-elsewhere" || error.code === "store-foreign")) throw error;
      failed.push(`${name}: ${messageOf(error)}`);
    }
  }
  throw new MdkError("unsupported", "overlay-unavailable", `${why}, and mdk cannot bring a file system of its own (${failed.join("; ")})`, {
    hint: "run the job's container with --privileged, or give it a volume and say --root DIRECTORY-OF-THE-VOLUME", ...(unusable === null ? {} : { cause: unusable }),
  });
}

function bringLoop({ root, now, tell }: BringOptions, why: string): void {
  const image = join(root, ROOT_STORE.image);
  const { mount, state, bytes } = openLoopStore(image, { mode: ROOT_MODE, now: now() });
  try {
    const backing = openTree(AT_FDCWD, root, OPEN_TREE_CLONE);
    try {
      removeDatabase(storePaths(root).database);
      attachMount(mount, root);
      // For looking at how much room is left below, and at the file: the store works without.
      mkdirSync(join(root, ROOT_STORE.backing), { recursive: true, mode: 0o700 });
      attachMount(backing, join(root, ROOT_STORE.backing));
    } finally {
      closeSync(backing);
    }
  } finally {
    closeSync(mount);
  }
  if (state === "made") tell(`${why}: they are kept in a file system in ${image} (it grows to ${gigabytes(bytes)} at most)`);
  if (state === "lost") tell(`WARNING: the store in ${image} was left broken, by a power cut or a full disk below, and has no journal: it was made anew, images, containers and volumes in it are gone`);
}

function bringMemory({ root, tell }: BringOptions, why: string, failed: readonly string[]): void {
  const total = Number(/^MemTotal:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "latin1"))?.[1] ?? 0) * 1024;
  const bytes = Math.floor(Math.min(ownMemoryLimit(detectCgroups()) ?? total, total) * MEMORY_SHARE);
  const mount = openMemoryStore(bytes, ROOT_MODE, MEMORY_SOURCE);
  try {
    removeDatabase(storePaths(root).database);
    attachMount(mount, root);
  } finally {
    closeSync(mount);
  }
  const instead = failed.length === 0 ? "" : ` (${failed.join("; ")})`;
  tell(`WARNING: ${why}: images, containers and volumes are kept in memory, ${gigabytes(bytes)} at most, and are gone with it${instead}`);
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toPrecision(3)} GB`;

function checkDriver(root: string, driver: StorageDriver | null): void {
  if (driver === null) return;
  const present = readRootStore(root)?.driver ?? "overlay2";
  if (present === driver) return;
  throw new MdkError("conflict", "storage-driver-other", `the store in ${root} is on ${present}, not on ${driver}`, {
    hint: "choose another --root, or remove what is there: mdk clean -f, then rm -r",
  });
}

export interface RootStore {
  readonly driver: "loop" | "tmpfs";
  /** The loop device, or the tmpfs's name. */
  readonly on: string;
  readonly bytes: number;
  /** Bytes that the disk below has left; null: not known, or a tmpfs. */
  readonly backingFree: number | null;
}

/** The file system that mdk mounted on the data root, or null. */
export function readRootStore(root: string): RootStore | null {
  if (!existsSync(root)) return null;
  const place = realpathSync(root);
  const mount = mountOf(place);
  if (mount === null || mount.mountpoint !== place) return null;
  const isMemory = mount.type === "tmpfs" && mount.source === MEMORY_SOURCE;
  const isLoop = mount.type === "ext4" && mount.source.startsWith("/dev/loop") && existsSync(join(place, ROOT_STORE.backing));
  if (!isMemory && !isLoop) return null;
  const { blocks, bsize } = statfsSync(place);
  return { driver: isMemory ? "tmpfs" : "loop", on: mount.source, bytes: blocks * bsize, backingFree: isLoop ? backingFree(root) : null };
}

/** Takes the file system off the data root; its file stays, with the images in it, unless some of it was lost. Returns what the user loses by it, or null. */
export function takeRootStoreAway(root: string): string | null {
  const store = readRootStore(root);
  if (store === null) return null;
  const backing = join(root, ROOT_STORE.backing);
  const isLost = lostWrites(root);
  if (existsSync(join(backing, ROOT_STORE.image))) detachMount(backing);
  detachMount(realpathSync(root));
  if (isLost) {
    rmSync(join(root, ROOT_STORE.image), { force: true });
    return `writes to the store ${root} had failed, since the disk below was full: its images are gone`;
  }
  return store.driver === "tmpfs" ? `the store ${root} was in memory: its images are gone` : null;
}
