/**
 * What nobody refers to any more: anonymous images without a container, layers without an image, blobs without an image, what killed pulls left. Whoever writes content (pull,
 * load, import, commit, push) holds a shared lock while what they count on has no image yet; pruning takes it exclusively, or leaves it
 * to the next time.
 */
import { closeSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { openLock, tryLock, tryLockFile, tryLockShared } from "../sys/lock.ts";
import { removeTree } from "../sys/remove-tree.ts";
import { pruneDrafts } from "./blob-draft.ts";
import { pruneBlobs } from "./blobs.ts";
import { transaction, type Database } from "./database.ts";
import { deleteForsaken } from "./images.ts";
import { DRAFT, draftsOf } from "./layers.ts";
import { MOUNTS_LAYER, type StorePaths } from "./paths.ts";

const CONTENT_LOCK = "pull.lock";

/** Keeps layers and blobs without an image from being pruned, until the returned function is called or the process ends. */
export async function holdContent(paths: StorePaths): Promise<() => void> {
  const fd = openLock(join(paths.temporary, CONTENT_LOCK));
  // Only while somebody prunes, for moments.
  while (!tryLockShared(fd, 0, 0)) await Bun.sleep(5);
  return () => closeSync(fd);
}

/**
 * Removes everything unused, unless content is being written. Returns the diff ids of the layers that went. Removing is slow,
 * so it is done last, outside of transaction and lock, under names that the next prune finds. `drafts`: what an interrupted pull
 * left for the next one, too.
 */
export function prune(paths: StorePaths, database: Database, { drafts = false } = {}): readonly string[] {
  const fd = openLock(join(paths.temporary, CONTENT_LOCK));
  const dead: string[] = [];
  let removed: { id: string; diffId: string }[] = [];
  try {
    if (!tryLock(fd)) return [];
    deleteForsaken(database);
    removed = unusedLayers(database);
    if (removed.length > 0) {
      removed = transaction(database, () => {
        const now = unusedLayers(database);
        for (const { id } of now) database.run("DELETE FROM layers WHERE id = ?", [id]);
        return now;
      });
    }
    dead.push(...bury(paths, database), ...removeLeftovers(paths));
    pruneBlobs(paths, usedBlobs(database));
    pruneDrafts(paths, drafts);
  } finally {
    closeSync(fd);
  }
  for (const path of new Set(dead)) removeTree(path);
  return removed.map(({ diffId }) => diffId);
}

function unusedLayers(database: Database): { id: string; diffId: string }[] {
  return database
    .query("SELECT id, diff_id AS diffId FROM layers WHERE id NOT IN (SELECT layer_id FROM image_layers) AND id NOT IN (SELECT layer FROM build_cache WHERE layer IS NOT NULL)")
    .all() as { id: string; diffId: string }[];
}

/** Moves every directory of layers/ that has no row out of the way; a crash between rename and row leaves one, too. */
function bury(paths: StorePaths, database: Database): string[] {
  const known = new Set([MOUNTS_LAYER, ...(database.query("SELECT id FROM layers").all() as { id: string }[]).map(({ id }) => id)]);
  return readdirSync(paths.layers).filter((id) => !known.has(id)).map((id) => {
    const grave = join(paths.temporary, `dead-${id}-${crypto.randomUUID()}`);
    renameSync(paths.layer(id), grave);
    return grave;
  });
}

function usedBlobs(database: Database): Set<string> {
  const rows = database.query(
    "SELECT id AS digest FROM images UNION SELECT manifest FROM image_digests UNION SELECT digest FROM image_digests UNION SELECT manifest FROM image_manifests UNION SELECT digest FROM image_indexes UNION SELECT manifest FROM image_indexes UNION SELECT blob FROM layer_blobs WHERE size IS NOT NULL",
  ).all();
  return new Set((rows as { digest: string }[]).map(({ digest }) => digest));
}

/** What killed commands left in tmp/. No pull is under way: nobody writes a blob or probes; drafts have locks of their own. */
function removeLeftovers(paths: StorePaths): string[] {
  const graves: string[] = [];
  for (const name of readdirSync(paths.temporary)) {
    const path = join(paths.temporary, name);
    if (/^(blob|probe|spool)-/.test(name)) rmSync(path, { recursive: true, force: true });
    else if (name.startsWith("dead-")) graves.push(path);
    else graves.push(...buryDrafts(paths, DRAFT.exec(name)?.[1]));
  }
  return graves;
}

function buryDrafts(paths: StorePaths, key: string | undefined): string[] {
  if (key === undefined) return [];
  const lockPath = join(paths.temporary, `${key}.lock`);
  const lock = tryLockFile(lockPath);
  if (lock === null) return [];
  try {
    return draftsOf(paths, key).map((draft) => {
      const grave = join(paths.temporary, `dead-${basename(draft)}`);
      renameSync(draft, grave);
      return grave;
    });
  } finally {
    rmSync(lockPath, { force: true });
    closeSync(lock);
  }
}
