/**
 * Removing a directory tree that somebody else filled. By descriptors, so that no link is followed and no path grows: a
 * container may nest directories deeper than any path can name, and a removal by paths takes quadratic time in the depth.
 */
import { closeSync, constants, openSync, readdirSync, renameSync, rmdirSync, unlinkSync } from "node:fs";

/** Descriptors held at once; what lies deeper is first moved up to the top. */
const DEPTH_MAX = 64;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Removes the directory at `path` with everything below it; one that is missing, or that somebody else removes meanwhile, is
 * fine. Throws node's errors; what was removed until then stays removed, and the next call goes on.
 */
export function removeTree(path: string): void {
  let top: number;
  try {
    top = openSync(path, DIRECTORY);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return;
    throw error;
  }
  try {
    // Once more as long as something was moved up.
    while (new Removal(top).empty(top, 1));
  } finally {
    closeSync(top);
  }
  removeDirectory(path);
}

class Removal {
  readonly #top: number;
  readonly #random = crypto.randomUUID();
  #moved = 0;

  constructor(top: number) {
    this.#top = top;
  }

  /** True when something of it was moved to the top. */
  empty(directory: number, depth: number): boolean {
    const before = this.#moved;
    for (const name of readdirSync(`/proc/self/fd/${directory}/.`, { encoding: "buffer" })) this.#remove(below(directory, name), depth);
    return this.#moved !== before;
  }

  #remove(path: Buffer, depth: number): void {
    try {
      unlinkSync(path);
    } catch (error) {
      if (hasCode(error, "ENOENT")) return;
      // EPERM: POSIX's word for a directory, which some file systems use.
      if (!hasCode(error, "EISDIR") && !hasCode(error, "EPERM")) throw error;
      this.#directory(path, depth, error);
    }
  }

  #directory(path: Buffer, depth: number, refusal: unknown): void {
    if (depth > DEPTH_MAX) return renameSync(path, `/proc/self/fd/${this.#top}/${this.#random}-${this.#moved++}`);
    let directory: number;
    try {
      directory = openSync(path, DIRECTORY);
    } catch (error) {
      if (hasCode(error, "ENOENT")) return;
      // A file that cannot be unlinked (chattr +i).
      throw hasCode(error, "ENOTDIR") || hasCode(error, "ELOOP") ? refusal : error;
    }
    try {
      this.empty(directory, depth + 1);
    } finally {
      closeSync(directory);
    }
    removeDirectory(path);
  }
}

function removeDirectory(path: string | Buffer): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}

/** Names are bytes. */
function below(directory: number, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), name]);
}

function hasCode(error: unknown, code: string): boolean {
  return (error as { code?: string }).code === code;
}
