/** What builds keep for the next one: layers of steps that no image has, and the directories of RUN --mount=type=cache. */
import { closeSync, existsSync, readdirSync, renameSync, rmSync, statfsSync, statSync } from "node:fs";
import { forgetCached, listCached, type CachedStep } from "../../store/build-cache.ts";
import { ensureStore, storePaths } from "../../store/paths.ts";
import { prune } from "../../store/prune.ts";
import { tryLockFile } from "../../sys/lock.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import { treeBytes } from "../../sys/tree-size.ts";
import type { Context } from "../context.ts";

export interface KeptDirectory {
  readonly name: string;
  readonly size: number;
  readonly usedMs: number;
}

export interface BuildCache {
  /** What was used longest ago first. */
  readonly steps: readonly CachedStep[];
  readonly directories: readonly KeptDirectory[];
}

export function readBuildCache(context: Context): BuildCache {
  const { caches } = storePaths(context.root);
  const names = existsSync(caches) ? readdirSync(caches).filter((name) => !name.endsWith(".lock")) : [];
  return {
    steps: listCached(context.database()),
    directories: names.map((name) => ({ name, size: treeBytes(`${caches}/${name}`), usedMs: statSync(`${caches}/${name}`).mtimeMs })),
  };
}

export interface CachePruning {
  /** What images have, too, and the kept directories. */
  readonly all: boolean;
  /** Used before that; null: whenever. */
  readonly beforeMs: number | null;
  /** So many bytes stay. */
  readonly keepBytes: number;
}

export interface PrunedCache {
  /** Keys and names, in the order in which they went. */
  readonly ids: readonly string[];
  readonly bytes: number;
}

/** What a build uses at this moment stays. */
export function pruneBuildCache(context: Context, { all, beforeMs, keepBytes }: CachePruning): PrunedCache {
  const { steps, directories } = readBuildCache(context);
  const isOld = ({ usedMs }: { readonly usedMs: number }): boolean => beforeMs === null || usedMs < beforeMs;
  let left = new Map(steps.filter(({ shared }) => !shared).map(({ layer, size }) => [layer, size])).values().reduce((sum, size) => sum + size, 0);
  let bytes = 0;
  const ids: string[] = [];
  for (const step of steps) {
    if (left <= keepBytes && keepBytes > 0) break;
    if (!isOld(step) || (step.shared && !all)) continue;
    ids.push(step.key);
    if (step.shared) continue;
    [left, bytes] = [left - step.size, bytes + step.size];
  }
  forgetCached(context.database(), ids as CachedStep["key"][]);
  const { caches, temporary } = storePaths(context.root);
  for (const { name, size } of all ? directories.filter(isOld) : []) {
    if (!removeDirectory(`${caches}/${name}`, temporary)) continue;
    ids.push(name);
    bytes += size;
  }
  prune(ensureStore(context.root), context.database());
  return { ids, bytes };
}

/** False: a build has it. */
function removeDirectory(path: string, temporary: string): boolean {
  const lock = tryLockFile(`${path}.lock`);
  if (lock === null) return false;
  try {
    const grave = `${temporary}/dead-cache-${crypto.randomUUID()}`;
    renameSync(path, grave);
    removeTree(grave);
    rmSync(`${path}.lock`, { force: true });
    return true;
  } finally {
    closeSync(lock);
  }
}

const KEPT_MS = 60 * 24 * 3_600_000;
const KEPT_BYTES_LEAST = 2_000_000_000;
const KEPT_SHARE = 0.1;

/** After a build: what was not used for sixty days goes, and what is more than a tenth of the disk, or 2 GB, what was used longest ago first. */
export function collectCache(context: Context): void {
  const { blocks, bsize } = statfsSync(context.root);
  const [keepBytes, now] = [Math.max(KEPT_BYTES_LEAST, blocks * bsize * KEPT_SHARE), context.now().getTime()];
  const own = listCached(context.database()).filter(({ shared }) => !shared);
  let left = own.reduce((sum, { size }) => sum + size, 0);
  const going = own.filter(({ usedMs, size }) => {
    const goes = left > keepBytes || usedMs < now - KEPT_MS;
    if (goes) left -= size;
    return goes;
  });
  if (going.length > 0) forgetCached(context.database(), going.map(({ key }) => key));
}
