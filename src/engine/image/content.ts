/** The frame of everything that writes content to the store: one lock, one way to give it up, and one tidying up, however it ends. */
import { MdkError } from "../../error.ts";
import { probeOverlay } from "../../layer/overlay.ts";
import { cancelled } from "../../registry/transport.ts";
import { checkpoint, type Database } from "../../store/database.ts";
import { ensureStore, type StorePaths } from "../../store/paths.ts";
import { holdContent, prune } from "../../store/prune.ts";
import type { Context } from "../context.ts";
import { backingWarning } from "../host/backing.ts";
import { explainUnusable } from "../host/stranded.ts";

export interface ContentScope {
  readonly paths: StorePaths;
  readonly database: Database;
  /** Aborted when the user gives up, and at the end of the work. */
  readonly abort: AbortController;
}

/**
 * Runs the work while nothing that it counts on is pruned. `signal`: the user's; the work then ends with "pull-cancelled". Throws what the
 * work throws, and the errors of a store that cannot be used; nothing that nobody refers to is left then, but drafts of blobs.
 */
export async function writeContent<T>(context: Context, signal: AbortSignal | null, work: (scope: ContentScope) => Promise<T>): Promise<T> {
  try {
    return await locked(context, signal, work);
  } catch (error) {
    // What does not fit below a loop store is no ENOSPC, but an I/O error that makes the file system in it read-only.
    const full = /^(EIO|EROFS|store-unreadable)$/.test(String((error as { code?: unknown }).code)) ? backingWarning(context.root) : null;
    throw full === null ? error : new MdkError("exhausted", "store-backing-full", `no space left on device: ${full}`, { cause: error });
  }
}

async function locked<T>(context: Context, signal: AbortSignal | null, work: (scope: ContentScope) => Promise<T>): Promise<T> {
  const database = context.database();
  const paths = ensureStore(context.root);
  const abort = new AbortController();
  const giveUp = (): void => abort.abort(cancelled());
  signal?.addEventListener("abort", giveUp);
  if (signal?.aborted === true) giveUp();
  const release = await holdContent(paths);
  let done = false;
  try {
    const unusable = probeOverlay(paths.temporary);
    if (unusable !== null) throw explainUnusable(context.root, unusable);
    const result = await work({ paths, database, abort });
    done = true;
    return result;
  } catch (error) {
    throw abort.signal.aborted && !(error instanceof MdkError) ? abort.signal.reason : error;
  } finally {
    abort.abort(cancelled());
    signal?.removeEventListener("abort", giveUp);
    release();
    tidyUp({ paths, database }, done);
  }
}

/** What fails here is told unless the work itself failed: then its error is the one that matters (a full disk fails twice). */
function tidyUp({ paths, database }: Pick<ContentScope, "paths" | "database">, told: boolean): void {
  try {
    prune(paths, database);
    checkpoint(database);
  } catch (error) {
    if (told) throw error;
  }
}
