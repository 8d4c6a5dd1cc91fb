/** RUN --mount=type=cache: a directory of the store that stays between builds, and is no part of any layer. */
import { chmodSync, chownSync, closeSync, existsSync, fstatSync, futimesSync, mkdirSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { MdkError } from "../../error.ts";
import type { PlannedStep } from "../../build/graph/planned.ts";
import type { RunMount } from "../../build/language/instructions/mount.ts";
import { openInRoot, O_DIRECTORY, O_PATH } from "../../sys/at.ts";
import { openLock, tryLockFile, tryLockShared } from "../../sys/lock.ts";
import type { OpenBind } from "../start/binds.ts";
import { gathering, type Staged } from "./building.ts";
import { gatherFiles } from "./files/gather.ts";
import { placeFiles } from "./files/place.ts";
import { baseImage, openSource } from "./sources.ts";
import { chainOf } from "./stage-image.ts";
import { bindOn, cloneMount, wholeOf, type ReadyMount } from "./step-mount.ts";

const CACHE_WAIT_MS = 60 * 60_000;

export async function cacheOf(staged: Staged, mount: RunMount, target: string, source: PlannedStep["sources"][number]): Promise<ReadyMount> {
  const { paths } = staged;
  const id = mount.id || target;
  const seed = source === null || source.kind === "scratch" ? null : [await originOf(staged, source), mount.source];
  const base = new Bun.CryptoHasher("sha256").update(JSON.stringify([id, mount.uid, mount.gid, ...(seed === null ? [] : [seed])])).digest("hex").slice(0, 32);
  const sharing = mount.sharing ?? "shared";
  mkdirSync(paths.caches, { recursive: true, mode: 0o700 });
  const { directory, lock } = sharing === "private" ? freeCache(paths.caches, base) : { directory: `${paths.caches}/${base}`, lock: await locked(staged, `${paths.caches}/${base}.lock`, sharing === "locked" ? tryLockFile : tryShare) };
  const now = staged.context.now();
  futimesSync(lock, now, now);
  if (!existsSync(directory)) await fillCache(staged, mount, directory, source);
  return {
    target, key: ["cache", target, id, seed], mount: bindOn(target, mount.isReadonly),
    // With `from` the source says what it begins with, else where in it the mount is.
    bind: () => bindWithin(directory, seed === null ? mount.source : "", mount.isReadonly),
    close: () => closeSync(lock),
  };
}

async function originOf(staged: Staged, source: NonNullable<PlannedStep["sources"][number]>): Promise<string | null> {
  if (source.kind === "context" && staged.request.contexts.get(source.name)?.kind === "directory") return source.name;
  return chainOf((await baseImage(staged, source, { platform: null })).layers);
}

/** Links in a cache are those of whoever ran a step: none leads out of it. */
function bindWithin(directory: string, path: string, isReadonly: boolean): OpenBind {
  const root = openSync(directory, O_DIRECTORY | O_PATH);
  try {
    const found = openInRoot(root, path === "" ? "." : path, O_PATH | O_DIRECTORY);
    try {
      return cloneMount(found, isReadonly);
    } finally {
      closeSync(found);
    }
  } finally {
    closeSync(root);
  }
}

/** The first that nobody uses. */
function freeCache(folder: string, base: string): { readonly directory: string; readonly lock: number } {
  for (let number = 0; ; number++) {
    const directory = `${folder}/${base}${number === 0 ? "" : `-${number}`}`;
    const lock = tryLockFile(`${directory}.lock`);
    if (lock !== null) return { directory, lock };
  }
}

/** As tryLockFile, but beside others who do the same. */
function tryShare(path: string): number | null {
  const fd = openLock(path);
  // Who has pruned the cache has removed the file, too.
  if (tryLockShared(fd, 0, 0) && statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return fd;
  closeSync(fd);
  return null;
}

async function locked({ abort }: Staged, path: string, take: (path: string) => number | null): Promise<number> {
  for (const end = performance.now() + CACHE_WAIT_MS; ; await Bun.sleep(50)) {
    abort.signal.throwIfAborted();
    const lock = take(path);
    if (lock !== null) return lock;
    if (performance.now() > end) throw new MdkError("conflict", "cache-locked", `the cache at ${path} has been used by another build for an hour`);
  }
}

/** Under its name it is whole. */
async function fillCache(staged: Staged, mount: RunMount, directory: string, source: PlannedStep["sources"][number]): Promise<void> {
  const draft = `${staged.paths.temporary}/spool-cache-${crypto.randomUUID()}`;
  mkdirSync(draft);
  if (source !== null && source.kind !== "scratch") {
    const opened = await openSource(staged, source);
    const gathered = await gatherFiles(wholeOf(mount.source), opened.tree, gathering(staged, opened.tree));
    const root = openSync(draft, O_DIRECTORY);
    try {
      await placeFiles(gathered, { root, names: null, workingDirectory: "/", sourceDateEpoch: null });
    } finally {
      closeSync(root);
      gathered.close();
      opened.close();
    }
  }
  chmodSync(draft, mount.mode ?? 0o755);
  chownSync(draft, mount.uid ?? 0, mount.gid ?? 0);
  try {
    renameSync(draft, directory);
  } catch (error) {
    // Somebody else made it meanwhile.
    if (!existsSync(directory)) throw error;
    rmSync(draft, { recursive: true, force: true });
  }
}
