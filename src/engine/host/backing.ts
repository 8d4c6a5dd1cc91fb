/** The disk below a store on a loop device: what the file system in the file has free is not free there. Looked at on every start. */
import { closeSync, constants, existsSync, openSync, readFileSync, readlinkSync, statfsSync, statSync } from "node:fs";
import { basename } from "node:path";
import { ROOT_STORE } from "../../store/paths.ts";
import { trimFileSystem } from "../../sys/trim.ts";

/** Less than this is told. */
const LEAST = 128 * 2 ** 20;

const backingOf = (root: string): string => `${root}/${ROOT_STORE.backing}`;
const isOnLoop = (root: string): boolean => existsSync(`${backingOf(root)}/${ROOT_STORE.image}`);

/** Bytes; null where the store is on no loop device. */
export function backingFree(root: string): number | null {
  if (!isOnLoop(root)) return null;
  const { bavail, bsize } = statfsSync(backingOf(root));
  return bavail * bsize;
}

/**
 * Whether writes of the file system on the loop device failed since it was mounted: of pages that nobody syncs nobody else is told, and
 * what is read later is not what was written. The kernel counts them (fs/ext4/page-io.c, ext4_end_bio; Documentation/ABI/testing/sysfs-fs-ext4).
 */
export function lostWrites(root: string): boolean {
  if (!isOnLoop(root)) return false;
  const { dev } = statSync(root);
  const device = `/sys/dev/block/${dev >>> 8}:${dev & 0xff}`;
  try {
    const facts = `/sys/fs/ext4/${basename(readlinkSync(device))}`;
    return ["warning_count", "errors_count"].some((name) => readFileSync(`${facts}/${name}`, "latin1").trim() !== "0");
  } catch {
    return false; // no sysfs here
  }
}

/** A sentence for who writes into the store, or null. What does not fit is an I/O error of the loop device, and of a page that nobody syncs not even that. */
export function backingWarning(root: string): string | null {
  if (lostWrites(root)) return `writes to the store ${root} failed, since the disk below was full: images, containers and volumes in it may be damaged; make room there, and mdk clean -f makes it anew`;
  const left = backingFree(root);
  if (left === null || left >= LEAST) return null;
  return `the disk below the store ${root} is nearly full (${Math.floor(left / 2 ** 20)} MB left): what is written beyond that is lost`;
}

/**
 * What was removed from a store on a loop device makes its file smaller: 10 to 60 ms, for who removed much. Mounted with `discard`, which does
 * so at each removal, every `run --rm` would take 5 % longer.
 */
export function giveBackSpace(root: string): void {
  if (!isOnLoop(root)) return;
  const directory = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    trimFileSystem(directory);
  } finally {
    closeSync(directory);
  }
}
