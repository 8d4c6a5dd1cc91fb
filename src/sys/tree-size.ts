/** What a directory tree that somebody else fills takes: by descriptors, so that no link is followed. */
import { closeSync, constants, openSync, readdirSync } from "node:fs";
import { openAt, O_DIRECTORY, O_NOFOLLOW, S_IF, statAt } from "./at.ts";

/** Descriptors held at once: what lies deeper is not counted. */
const DEPTH_MAX = 256;

/** Bytes of everything below that is no directory, a file of several names once (docker/pkg/directory, Size). 0: it is not there. */
export function treeBytes(path: string): number {
  let top: number;
  try {
    top = openSync(path, constants.O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return 0;
    throw error;
  }
  try {
    return bytesBelow(top, new Set(), 1);
  } finally {
    closeSync(top);
  }
}

function bytesBelow(directory: number, seen: Set<string>, depth: number): number {
  let sum = 0;
  for (const bytes of readdirSync(`/proc/self/fd/${directory}/.`, { encoding: "buffer" })) {
    const name = Buffer.concat([bytes, Buffer.alloc(1)]);
    const status = statAt(directory, name);
    if (status === null) continue;
    if ((status.mode & S_IF.MT) === S_IF.DIR) {
      if (depth < DEPTH_MAX) sum += inside(directory, name, seen, depth);
      continue;
    }
    const identity = `${status.fileSystem}/${status.inode}`;
    if (status.links > 1 && seen.has(identity)) continue;
    if (status.links > 1) seen.add(identity);
    sum += status.size;
  }
  return sum;
}

/** 0 for one that went, or became something else, meanwhile. */
function inside(parent: number, name: Buffer, seen: Set<string>, depth: number): number {
  let directory: number;
  try {
    directory = openAt(parent, name, O_DIRECTORY | O_NOFOLLOW);
  } catch {
    return 0;
  }
  try {
    return bytesBelow(directory, seen, depth + 1);
  } finally {
    closeSync(directory);
  }
}
