/**
 * Removing a directory tree that somebody else filled. By descriptors, so that no link is followed and no path grows: a
 * container may nest directories deeper than any path can name, and a removal by paths takes quadratic time in the depth.
 */
import { closeSync, constants, openSync, readdirSync, readlinkSync, rmdirSync } from "node:fs";
import { AT_REMOVEDIR, openAt, O_DIRECTORY, O_NOFOLLOW, renameAt, tryUnlinkAt } from "./at.ts";
import { E } from "./errno.ts";
import { SysError } from "./ffi.ts";

/** Descriptors held at once; what lies deeper is first moved up to the top. */
const DEPTH_MAX = 64;
const TRIES = 16;

/**
 * Removes the directory at `path` with everything below it; one that is missing, or that somebody else removes meanwhile, is
 * fine. Throws SysError or node's errors; what was removed until then stays removed, and the next call goes on.
 */
export function removeTree(path: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      return removeOnce(path);
    } catch (error) {
      // Somebody who removes it at the same time has moved something up.
      if (!hasCode(error, "ENOTEMPTY") || attempt === TRIES) throw error;
    }
  }
}

function removeOnce(path: string): void {
  let top: number;
  try {
    top = openSync(path, constants.O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
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
  try {
    rmdirSync(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}

class Removal {
  readonly #top: number;
  #prefix: string | null = null;
  #moved = 0;

  constructor(top: number) {
    this.#top = top;
  }

  /** True when something of it was moved to the top. */
  empty(directory: number, depth: number): boolean {
    const before = this.#moved;
    for (const name of namesIn(directory)) this.#remove(directory, Buffer.concat([name, NUL]), depth);
    return this.#moved !== before;
  }

  /** By its errno: an exception for each directory would cost more than all the calls. */
  #remove(directory: number, name: Buffer, depth: number): void {
    const code = tryUnlinkAt(directory, name, 0);
    if (code === 0 || code === E.ENOENT) return;
    // EPERM: POSIX's word for a directory, which some file systems use.
    if (code !== E.EISDIR && code !== E.EPERM) throw refusal("unlinkat", code, directory, name);
    this.#directory(directory, name, depth, code);
  }

  #moveUp(parent: number, name: Buffer): void {
    try {
      renameAt(parent, name, this.#top, `${(this.#prefix ??= crypto.randomUUID())}-${this.#moved++}`);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error instanceof SysError ? refusal(error.call, error.errno, parent, name) : error;
    }
  }

  /** `unlinked`: what unlinkat(2) has said of it. */
  #directory(parent: number, name: Buffer, depth: number, unlinked: number): void {
    if (depth > DEPTH_MAX) return this.#moveUp(parent, name);
    let directory: number;
    try {
      directory = openAt(parent, name, O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      if (hasCode(error, "ENOENT")) return;
      // A file that cannot be unlinked (chattr +i).
      if (hasCode(error, "ENOTDIR") || hasCode(error, "ELOOP")) throw refusal("unlinkat", unlinked, parent, name);
      throw error instanceof SysError ? refusal(error.call, error.errno, parent, name) : error;
    }
    try {
      this.empty(directory, depth + 1);
    } finally {
      closeSync(directory);
    }
    const code = tryUnlinkAt(parent, name, AT_REMOVEDIR);
    if (code !== 0 && code !== E.ENOENT) throw refusal("rmdir", code, parent, name);
  }
}

/** With the path that it has now: somebody may have to mend what is there, and a name alone is found nowhere. */
function refusal(call: string, code: number, directory: number, name: Buffer): SysError {
  let path = text(name);
  try {
    path = `${readlinkSync(`/proc/self/fd/${directory}`)}/${path}`;
  } catch {
    // Without /proc the name is all there is.
  }
  return new SysError(call, code, path);
}

/** None where somebody else has removed the directory meanwhile: its descriptor leads nowhere any more. */
function namesIn(directory: number): Buffer[] {
  try {
    return readdirSync(`/proc/self/fd/${directory}/.`, { encoding: "buffer" });
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

/** Names are bytes. */
const NUL = Buffer.alloc(1);
const text = (name: Buffer): string => name.toString("utf8", 0, name.length - 1);

function hasCode(error: unknown, code: string): boolean {
  return (error as { code?: string }).code === code;
}
