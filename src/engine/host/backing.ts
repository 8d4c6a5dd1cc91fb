/** The disk below a store on a loop device: what the file system in the file has free is not free there. Looked at on every start. */
import { closeSync, constants, existsSync, openSync, statfsSync } from "node:fs";
import { ROOT_STORE } from "../../store/paths.ts";
import { trim } from "../../sys/trim.ts";

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

/** A sentence for who writes into the store, or null. What does not fit is an I/O error of the loop device, and of a page that nobody syncs not even that. */
export function backingWarning(root: string): string | null {
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
    trim(directory);
  } finally {
    closeSync(directory);
  }
}
