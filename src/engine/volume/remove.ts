/** Volumes go: with the container that they were made for, by their name, or because nobody uses them. */
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
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
  const gone = takeAway(context, name);
  removeGraves(context);
  if (!gone) throw new MdkError("conflict", "volume-in-use", `remove ${name}: volume is in use - [${volumeUsers(context.database(), name).join(", ")}]`);
  checkpoint(context.database());
}

/** Those that were made for the container; who else has one keeps it. They go into its directory, and with that: should this be cut off, whoever goes on with the container's removal does it. */
export function removeOwnVolumes(context: Context, { id, mounts }: Pick<Container, "id" | "mounts">): void {
  const directory = storePaths(context.root).container(id);
  for (const mount of mounts) {
    if (mount.type !== "volume" || mount.anonymous !== true) continue;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    leaveVolume(context.database(), { container: id, name: mount.name!, moveAway: () => moveAway(context, mount.name!, join(directory, `volume-${mount.name}`)) });
  }
}

const GRAVE = "dead-volume-";

/** A name that the next removal finds, should this one be cut off. */
const newGrave = (context: Context): string => join(storePaths(context.root).temporary, `${GRAVE}${crypto.randomUUID()}`);

/** Within the transaction that takes its row: whoever makes a volume of the same name at once gets a new one. */
function moveAway(context: Context, name: string, grave: string): void {
  const place = storePaths(context.root).volume(name);
  if (existsSync(place)) renameSync(place, grave);
}

/** False: it is used. Its files wait in tmp/ to be removed. */
function takeAway(context: Context, name: string): boolean {
  return deleteVolume(context.database(), name, () => moveAway(context, name, newGrave(context)));
}

function removeGraves(context: Context): void {
  const { temporary } = storePaths(context.root);
  for (const name of readdirSync(temporary)) if (name.startsWith(GRAVE)) removeTree(join(temporary, name));
}

/** Files of volumes whose rows are gone: a command was killed. */
function buryOrphans(context: Context): void {
  const { volumes } = storePaths(context.root);
  const names = existsSync(volumes) ? readdirSync(volumes).filter((name) => readVolume(context.database(), name) === null) : [];
  for (const name of names) {
    transaction(context.database(), () => {
      if (readVolume(context.database(), name) === null) moveAway(context, name, newGrave(context));
    });
  }
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
  removeGraves(context);
  checkpoint(context.database());
  return { names, bytes };
}
