/** The disk below a store on a loop device: what the file system in the file has free is not free there. Looked at on every start. */
import { existsSync, statfsSync } from "node:fs";
import { ROOT_STORE } from "../../store/paths.ts";

/** Less than this is told. */
const LEAST = 128 * 2 ** 20;

/** Bytes; null where the store is on no loop device. */
export function backingFree(root: string): number | null {
  const backing = `${root}/${ROOT_STORE.backing}`;
  if (!existsSync(`${backing}/${ROOT_STORE.image}`)) return null;
  const { bavail, bsize } = statfsSync(backing);
  return bavail * bsize;
}

/** A sentence for who writes into the store, or null. What does not fit is an I/O error of the loop device, and of a page that nobody syncs not even that. */
export function backingWarning(root: string): string | null {
  const left = backingFree(root);
  if (left === null || left >= LEAST) return null;
  return `the disk below the store ${root} is nearly full (${Math.floor(left / 2 ** 20)} MB left): what is written beyond that is lost`;
}
