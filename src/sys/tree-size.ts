/** What a directory tree that somebody else fills takes: by descriptors, so that no link is followed. */
import { closeSync, constants, openSync, readdirSync } from "node:fs";
import { openAt, O_DIRECTORY, O_NOFOLLOW, statAt, type Status } from "./at.ts";
import { S_IF } from "./linux.ts";

/** Descriptors held at once: what lies deeper is not counted. */
const DEPTH_MAX = 256;

/** Bytes of everything below that is no directory, a file of several names once (docker/pkg/directory, Size). 0: it is not there. */
export function treeBytes(path: string): number {
  return walk(path, (status) => ((status.mode & S_IF.MT) === S_IF.DIR ? 0 : status.size));
}

/** What the tree takes on its disk, the directory itself included, as `du -s --block-size=1` has it. 0: it is not there. */
export function treeBlocks(path: string): number {
  return walk(path, (status) => status.blocks * BLOCK);
}

type Weight = (status: Status) => number;
const BLOCK = 512;

function walk(path: string, weight: Weight): number {
  let top: number;
  try {
    top = openSync(path, constants.O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return 0;
    throw error;
  }
  try {
    return weight(statAt(top, Buffer.alloc(1))!) + below(top, { weight, seen: new Set() }, 1);
  } finally {
    closeSync(top);
  }
}

interface Walk {
  readonly weight: Weight;
  readonly seen: Set<string>;
}

function below(directory: number, walk: Walk, depth: number): number {
  let sum = 0;
  for (const bytes of readdirSync(`/proc/self/fd/${directory}/.`, { encoding: "buffer" })) {
    const name = Buffer.concat([bytes, Buffer.alloc(1)]);
    const status = statAt(directory, name);
    if (status === null) continue;
    if ((status.mode & S_IF.MT) === S_IF.DIR) {
      sum += walk.weight(status);
      if (depth < DEPTH_MAX) sum += inside(directory, name, walk, depth);
      continue;
    }
    const identity = `${status.fileSystem}/${status.inode}`;
    if (status.links > 1 && walk.seen.has(identity)) continue;
    if (status.links > 1) walk.seen.add(identity);
    sum += walk.weight(status);
  }
  return sum;
}

/** 0 for one that went, or became something else, meanwhile. */
function inside(parent: number, name: Buffer, walk: Walk, depth: number): number {
  let directory: number;
  try {
    directory = openAt(parent, name, O_DIRECTORY | O_NOFOLLOW);
  } catch {
    return 0;
  }
  try {
    return below(directory, walk, depth + 1);
  } finally {
    closeSync(directory);
  }
}
