/**
 * What an image has where a volume is mounted goes into the volume, while that is empty: with owners, modes, times, attributes and
 * links. It is copied aside and moved in entry by entry, under the volume's lock: whoever starts with the same new volume at the same time
 * waits until all of it is there, and who has it mounted already sees it as well.
 */
import { closeSync, existsSync, fstatSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { MdkError } from "../../error.ts";
import { TreePlacer } from "../../layer/place.ts";
import { readTree } from "../../layer/tar-tree.ts";
import { travels } from "../../layer/tar.ts";
import { storePaths } from "../../store/paths.ts";
import { chmod, chown, openInRoot, O_DIRECTORY, setTimes, statAt, type Time } from "../../sys/at.ts";
import { SysError } from "../../sys/ffi.ts";
import { RESOLVE } from "../../sys/linux.ts";
import { lockFile } from "../../sys/lock.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import { setXattr, xattrsAt } from "../../sys/xattr.ts";
import type { Context } from "../context.ts";
import { openVolumeSource } from "./open.ts";
import { findVolume } from "./volumes.ts";

/** A large one may be copied by somebody else. */
const PATIENCE_MS = 10 * 60_000;

/** File systems that are new wherever they are mounted: what is copied into one is seen nowhere else. */
const PASSING: ReadonlySet<string> = new Set(["tmpfs", "ramfs"]);

export interface CopyUp {
  readonly volume: string;
  /** Descriptor of the container's root. */
  readonly root: number;
  readonly target: string;
}

/** Nothing for a volume that has something in it, and for a target that is no directory of the image. */
export function copyUp(context: Context, work: CopyUp): void {
  const { options } = findVolume(context, work.volume);
  if (PASSING.has(options["type"] ?? "")) return;
  const into = openVolumeSource(context, work.volume).fd;
  const source = openSource(work);
  try {
    const filling = new Filling(storePaths(context.root).volume(work.volume), into, Object.keys(options).length === 0);
    // In this order: who sees the first of what is moved in sees also that it is being moved.
    const empty = isEmpty(into);
    if (filling.isUnderWay() || (source !== null && empty)) filling.run(source, work.volume);
  } finally {
    if (source !== null) closeSync(source);
    closeSync(into);
  }
}

const isEmpty = (directory: number): boolean => readdirSync(`/proc/self/fd/${directory}`).length === 0;

/** Links of the image are followed within it. */
function openSource({ root, target }: CopyUp): number | null {
  try {
    return openInRoot(root, target, O_DIRECTORY, 0, RESOLVE.NO_MAGICLINKS);
  } catch (error) {
    if (error instanceof SysError && ["ENOENT", "ENOTDIR", "ELOOP"].includes(error.code)) return null;
    throw error;
  }
}

/** Beside a volume's data: `draft`, a copy that is being made; `whole`, one that is being moved in. Either is there as long as somebody fills it, or was killed. */
class Filling {
  readonly #place: string;
  readonly #draft: string;
  readonly #whole: string;
  readonly #into: number;
  /** The data is of the same file system; else it is copied in directly. */
  readonly #moves: boolean;

  constructor(place: string, into: number, moves: boolean) {
    this.#place = place;
    this.#draft = join(place, "draft");
    this.#whole = join(place, "whole");
    this.#into = into;
    this.#moves = moves;
  }

  isUnderWay(): boolean {
    return existsSync(this.#draft) || existsSync(this.#whole);
  }

  run(source: number | null, volume: string): void {
    const lock = lockFile(join(this.#place, "lock"), PATIENCE_MS);
    if (typeof lock === "string") throw new MdkError("unavailable", "volume-busy", `volume ${volume} has been filled by another command for ${PATIENCE_MS / 60_000} minutes`);
    try {
      // Of one who was killed.
      if (existsSync(this.#draft)) removeTree(this.#draft);
      if (existsSync(this.#whole)) this.#moveIn();
      // Whoever was first has filled it meanwhile.
      if (source !== null && isEmpty(this.#into)) this.#fill(source);
    } finally {
      closeSync(lock);
    }
  }

  #fill(source: number): void {
    mkdirSync(this.#draft, { mode: 0o700 });
    try {
      const draft = openSync(this.#moves ? this.#draft : `/proc/self/fd/${this.#into}`, "r");
      try {
        copy(source, draft);
        dress(draft, source, timeOf(source));
      } finally {
        closeSync(draft);
      }
      if (!this.#moves) return;
      renameSync(this.#draft, this.#whole);
      this.#moveIn();
    } finally {
      if (existsSync(this.#draft)) removeTree(this.#draft);
    }
  }

  /** What somebody has put there meanwhile stays. */
  #moveIn(): void {
    const data = `/proc/self/fd/${this.#into}`;
    const [whole, into] = [openSync(this.#whole, "r"), openSync(data, "r")];
    // Moving changes it.
    const time = timeOf(whole);
    for (const name of readdirSync(this.#whole, "buffer")) {
      const [from, to] = [this.#whole, data].map((path) => Buffer.concat([Buffer.from(`${path}/`), name])) as [Buffer, Buffer];
      if (lstatSync(to, { throwIfNoEntry: false }) === undefined) renameSync(from, to);
    }
    dress(into, whole, time);
    for (const directory of [whole, into]) closeSync(directory);
    removeTree(this.#whole);
  }
}

function copy(source: number, into: number): void {
  // Its links lead where they led in the image: as from a root.
  const placer = new TreePlacer({ directory: "/", owner: "archive", open: (path) => openInRoot(into, Buffer.from(`./${path}\0`, "latin1"), O_DIRECTORY, 0, RESOLVE.NO_MAGICLINKS) });
  try {
    readTree(source, { name: null, across: null, xattrs: travels }, placer);
    placer.finish();
  } finally {
    placer.release();
  }
}

const timeOf = (directory: number): Time => statAt(directory, "")!.modified;

/** A directory becomes as the other one is: the volume's own as the image's. */
function dress(directory: number, from: number, time: Time): void {
  const { uid, gid, mode } = fstatSync(from);
  chown(directory, uid, gid);
  chmod(directory, mode & 0o7777);
  for (const [key, value] of xattrsAt(from, "")) if (travels(key)) setXattr(directory, key, value);
  setTimes(directory, time);
}
