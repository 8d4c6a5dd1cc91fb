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
  return { steps: listCached(context.database()), directories: listDirectories(caches).map((kept) => ({ ...kept, size: treeBytes(`${caches}/${kept.name}`) })) };
}

/** A build that takes one touches its lock (engine/build/cache-mount.ts). */
function listDirectories(caches: string): Omit<KeptDirectory, "size">[] {
  const names = existsSync(caches) ? readdirSync(caches).filter((name) => !name.endsWith(".lock")) : [];
  return names.map((name) => ({ name, usedMs: (statSync(`${caches}/${name}.lock`, { throwIfNoEntry: false }) ?? statSync(`${caches}/${name}`)).mtimeMs }));
}

export interface CachePruning {
  /** What images have, too. */
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

interface Item {
  readonly id: string;
  readonly usedMs: number;
  /** Nothing is won by it: images have it as well. */
  readonly shared: boolean;
  readonly size: number;
  readonly step: CachedStep | null;
}

/** What goes by one rule, what was used longest ago first. */
function going({ steps, directories }: BuildCache, { all, beforeMs, keepBytes }: CachePruning): Item[] {
  const items: Item[] = [...steps.map((step) => ({ ...step, id: step.key, step })), ...directories.map((one) => ({ ...one, id: one.name, shared: false, step: null }))].toSorted((a, b) => a.usedMs - b.usedMs);
  // Several steps may have made one layer.
  let left = new Map(items.filter(({ shared }) => !shared).map(({ id, step, size }) => [step?.layer ?? id, size])).values().reduce((sum, size) => sum + size, 0);
  const gone: Item[] = [];
  for (const item of items) {
    if (left <= keepBytes && keepBytes > 0) break;
    if ((beforeMs !== null && item.usedMs >= beforeMs) || (item.shared && !all)) continue;
    if (!item.shared) left -= item.size;
    gone.push(item);
  }
  return gone;
}

/** What of it could go: what a build uses at this moment stays. The layers go with the next prune. */
function forget(context: Context, items: readonly Item[]): Item[] {
  const { caches, temporary } = storePaths(context.root);
  forgetCached(context.database(), items.flatMap(({ step }) => (step === null ? [] : [step.key])));
  return items.filter(({ id, step }) => step !== null || removeDirectory(`${caches}/${id}`, temporary));
}

/** As BuildKit: what only builds have, the directories too; `all`: what images have as well. */
export function pruneBuildCache(context: Context, rule: CachePruning): PrunedCache {
  const gone = forget(context, going(readBuildCache(context), rule));
  prune(ensureStore(context.root), context.database());
  return { ids: gone.map(({ id }) => id), bytes: gone.reduce((sum, { shared, size }) => sum + (shared ? 0 : size), 0) };
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

/** After a build: what was not used for sixty days goes, and of the layers what is more than a tenth of the disk, or 2 GB, what was used longest ago first. */
export function collectCache(context: Context): void {
  const { blocks, bsize } = statfsSync(context.root);
  const directories = listDirectories(storePaths(context.root).caches).map((kept) => ({ ...kept, size: 0 }));
  forget(context, going({ steps: listCached(context.database()), directories }, { all: false, beforeMs: context.now().getTime() - KEPT_MS, keepBytes: 0 }));
  forget(context, going({ steps: listCached(context.database()), directories: [] }, { all: false, beforeMs: null, keepBytes: Math.max(KEPT_BYTES_LEAST, blocks * bsize * KEPT_SHARE) }));
}
