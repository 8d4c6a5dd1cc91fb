/** Volumes go: with the container that they were made for, by their name, or because nobody uses them. */
import { existsSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { MdkError } from "../../error.ts";
import type { Container } from "../../store/containers.ts";
import { checkpoint, transaction } from "../../store/database.ts";
import { storePaths } from "../../store/paths.ts";
import { deleteVolume, leaveVolume, listVolumes, readVolume, volumeUsers, type Volume } from "../../store/volumes.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import { treeBytes } from "../../sys/tree-size.ts";
import type { Context } from "../context.ts";

/** Throws MdkError in Docker's words for one that is used, or is not there; with `force` that is no error. */
export function removeVolume(context: Context, name: string, { force }: { readonly force: boolean }): void {
  if (readVolume(context.database(), name) === null) {
    if (!force) throw new MdkError("not-found", "no-such-volume", `get ${name}: no such volume`);
    return;
  }
  if (!takeAway(context, name)) throw new MdkError("conflict", "volume-in-use", `remove ${name}: volume is in use - [${volumeUsers(context.database(), name).join(", ")}]`);
  checkpoint(context.database());
}

/** Those that were made for the container, while it still has its row; who else has one keeps it. Cut off, it is gone on with. */
export function removeOwnVolumes(context: Context, { id, mounts }: Pick<Container, "id" | "mounts">): void {
  for (const mount of mounts) {
    if (mount.type === "volume" && mount.anonymous === true) bury(context, mount.name!, (moveAway) => leaveVolume(context.database(), { container: id, name: mount.name!, moveAway }));
  }
}

/** False: it is used. */
function takeAway(context: Context, name: string): boolean {
  return bury(context, name, (moveAway) => deleteVolume(context.database(), name, moveAway));
}

/** `unlist` calls what it is given within its transaction: whoever makes a volume of the same name at once gets a new one. */
function bury(context: Context, name: string, unlist: (moveAway: () => void) => boolean): boolean {
  const paths = storePaths(context.root);
  // Found by a prune, should this be cut off.
  const grave = join(paths.temporary, `${GRAVE}${crypto.randomUUID()}`);
  const done = unlist(() => {
    if (existsSync(paths.volume(name))) renameSync(paths.volume(name), grave);
  });
  if (existsSync(grave)) removeTree(grave);
  return done;
}

const GRAVE = "dead-volume-";

/** Files of volumes whose rows are gone: a command was killed. */
function buryOrphans(context: Context): void {
  const { volumes, temporary } = storePaths(context.root);
  const names = existsSync(volumes) ? readdirSync(volumes).filter((name) => readVolume(context.database(), name) === null) : [];
  for (const name of names) {
    bury(context, name, (moveAway) => transaction(context.database(), () => {
      if (readVolume(context.database(), name) === null) moveAway();
      return true;
    }));
  }
  for (const name of readdirSync(temporary)) if (name.startsWith(GRAVE)) removeTree(join(temporary, name));
}

export interface PrunedVolumes {
  readonly names: readonly string[];
  readonly bytes: number;
}

/** Docker's prune: the anonymous ones that nobody uses, with `all` the named ones as well. */
export function pruneVolumes(context: Context, all: boolean, isMeant: (volume: Volume) => boolean): PrunedVolumes {
  const names: string[] = [];
  let bytes = 0;
  for (const volume of listVolumes(context.database())) {
    if ((!all && !volume.anonymous) || !isMeant(volume) || volumeUsers(context.database(), volume.name).length > 0) continue;
    const own = treeBytes(storePaths(context.root).volumeData(volume.name));
    if (!takeAway(context, volume.name)) continue;
    names.push(volume.name);
    bytes += own;
  }
  buryOrphans(context);
  checkpoint(context.database());
  return { names, bytes };
}
