/**
 * What an image has where a volume is mounted goes into the volume, once, while that is empty: with owners, modes, times, attributes and
 * links. It is copied aside and put in place as a whole, under the volume's lock, so that whoever starts with the same new volume
 * at the same time finds all of it or waits.
 */
import { chmodSync, chownSync, closeSync, existsSync, fstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { MdkError } from "../../error.ts";
import { TreePlacer } from "../../layer/place.ts";
import { readTree } from "../../layer/tar-tree.ts";
import { travels } from "../../layer/tar.ts";
import { storePaths } from "../../store/paths.ts";
import { isVolumeMounted } from "../../store/volumes.ts";
import { openInRoot, O_DIRECTORY, RESOLVE } from "../../sys/at.ts";
import { SysError } from "../../sys/ffi.ts";
import { lockFile } from "../../sys/lock.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import type { Context } from "../context.ts";
import { ensureVolumeData } from "./volumes.ts";

/** A large one may be copied by somebody else. */
const PATIENCE_MS = 10 * 60_000;

export interface CopyUp {
  readonly volume: string;
  /** The container that is being started. */
  readonly container: string;
  /** Descriptor of the container's root. */
  readonly root: number;
  readonly target: string;
}

/** Nothing for a volume that has something in it, and for a target that is no directory of the image. */
export function copyUp(context: Context, work: CopyUp): void {
  const data = ensureVolumeData(context, work.volume);
  if (!isEmpty(data)) return;
  const source = openSource(work);
  if (source === null) return;
  const place = storePaths(context.root).volume(work.volume);
  try {
    const lock = lockFile(join(place, "lock"), PATIENCE_MS);
    if (typeof lock === "string") throw new MdkError("unavailable", "volume-busy", `volume ${work.volume} has been filled by another command for ${PATIENCE_MS / 60_000} minutes`);
    try {
      // Whoever was first has filled it meanwhile.
      if (isEmpty(data)) fill(context, work, { source, place, data });
    } finally {
      closeSync(lock);
    }
  } finally {
    closeSync(source);
  }
}

const isEmpty = (directory: string): boolean => readdirSync(directory).length === 0;

/** Links of the image are followed within it. */
function openSource({ root, target }: CopyUp): number | null {
  try {
    return openInRoot(root, target, O_DIRECTORY, 0, RESOLVE.NO_MAGICLINKS);
  } catch (error) {
    if (error instanceof SysError && ["ENOENT", "ENOTDIR", "ELOOP"].includes(error.code)) return null;
    throw error;
  }
}

function fill(context: Context, { volume, container }: CopyUp, { source, place, data }: { readonly source: number; readonly place: string; readonly data: string }): void {
  const draft = join(place, "draft");
  // Of one who was killed.
  if (existsSync(draft)) removeTree(draft);
  mkdirSync(draft, { mode: 0o700 });
  try {
    copy(source, draft);
    const { uid, gid, mode } = fstatSync(source);
    for (const path of [draft, data]) {
      chownSync(path, uid, gid);
      chmodSync(path, mode & 0o7777);
    }
    // Somebody who has it mounted, empty, must see it as well: then what is in it is moved, one by one.
    if (isVolumeMounted(context.database(), volume, container)) for (const name of readdirSync(draft)) renameSync(join(draft, name), join(data, name));
    else renameSync(draft, data);
  } catch (error) {
    removeTree(draft);
    throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function copy(source: number, draft: string): void {
  const top = openSync(draft, "r");
  const placer = new TreePlacer({ directory: draft, owner: "archive", open: (path) => openInRoot(top, Buffer.from(`./${path}\0`, "latin1"), O_DIRECTORY, 0, RESOLVE.NO_MAGICLINKS) });
  try {
    readTree(source, { name: null, across: null, xattrs: travels }, placer);
    placer.finish();
  } finally {
    placer.release();
    closeSync(top);
  }
}
