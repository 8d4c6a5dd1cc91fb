/** Volumes of the local driver: made, found, removed. Their data is a directory of the store, or what their options say, mounted where they are used. */
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { MdkError } from "../../error.ts";
import { checkVolumeName } from "../../spec/mount-types.ts";
import { checkpoint, transaction } from "../../store/database.ts";
import { storePaths } from "../../store/paths.ts";
import { addVolume, deleteVolume, listVolumes, readVolume, volumeUsers, type Volume } from "../../store/volumes.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import { treeBytes } from "../../sys/tree-size.ts";
import type { Context } from "../context.ts";
import { newId } from "../host/ids.ts";

export interface NewVolume {
  /** Null: a name of 64 digits, and it is anonymous. */
  readonly name: string | null;
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

const OPTIONS: ReadonlySet<string> = new Set(["type", "device", "o"]);

/** What a driver and its options may be; Docker's words. */
export function checkDriver(driver: string, options: Readonly<Record<string, string>>): void {
  if (driver !== "" && driver !== "local") throw new MdkError("not-found", "no-such-driver", `error looking up volume plugin ${driver}: plugin "${driver}" not found`, { hint: "mdk has the driver local" });
  for (const key of Object.keys(options)) {
    if (!OPTIONS.has(key)) throw new MdkError("invalid", "invalid-volume-option", `invalid option: ${JSON.stringify(key)}`, { hint: "the local driver takes type, device and o" });
  }
  if (Object.keys(options).length > 0 && options["device"] === undefined) throw new MdkError("invalid", "invalid-volume-option", 'missing device in volume options');
}

/** Makes it, or finds the one that has the name. Returns the name. */
export function createVolume(context: Context, { name, driver, options, labels }: NewVolume): string {
  if (name !== null) checkVolumeName(name);
  checkDriver(driver, options);
  const chosen = name ?? newId();
  const volume: Volume = { name: chosen, createdMs: context.now().getTime(), options, labels, anonymous: name === null };
  transaction(context.database(), () => addVolume(context.database(), volume));
  ensureVolumeData(context, chosen);
  checkpoint(context.database());
  return chosen;
}

/** Throws MdkError "no-such-volume". */
export function findVolume(context: Context, name: string): Volume {
  const volume = readVolume(context.database(), name);
  if (volume === null) throw new MdkError("not-found", "no-such-volume", `get ${name}: no such volume`);
  return volume;
}

/** The directory of its data, made where it is missing: whoever makes it, everybody may pass through to what is theirs. */
export function ensureVolumeData(context: Context, name: string): string {
  const paths = storePaths(context.root);
  const data = paths.volumeData(name);
  if (existsSync(data)) return data;
  mkdirSync(paths.volumes, { recursive: true, mode: 0o711 });
  mkdirSync(data, { recursive: true, mode: 0o755 });
  return data;
}

/** Throws MdkError in Docker's words for one that is used, or is not there; with `force` that is no error. */
export function removeVolume(context: Context, name: string, { force }: { readonly force: boolean }): void {
  if (readVolume(context.database(), name) === null) {
    if (force) return;
    findVolume(context, name);
  }
  if (!takeAway(context, name)) throw new MdkError("conflict", "volume-in-use", `remove ${name}: volume is in use - [${volumeUsers(context.database(), name).join(", ")}]`);
}

/** False: it is used. */
export function takeAway(context: Context, name: string): boolean {
  if (!deleteVolume(context.database(), name)) return false;
  bury(context, name);
  checkpoint(context.database());
  return true;
}

/** The files of one that has no row: under a name that a prune finds, should this be cut off. */
function bury(context: Context, name: string): void {
  const paths = storePaths(context.root);
  const place = paths.volume(name);
  if (!existsSync(place)) return;
  const grave = join(paths.temporary, `dead-volume-${crypto.randomUUID()}`);
  renameSync(place, grave);
  removeTree(grave);
}

/** Volumes whose rows are gone and whose files a killed command has left. */
function buryOrphans(context: Context): void {
  const { volumes } = storePaths(context.root);
  if (!existsSync(volumes)) return;
  const known = new Set(listVolumes(context.database()).map(({ name }) => name));
  for (const name of readdirSync(volumes)) if (!known.has(name) && readVolume(context.database(), name) === null) bury(context, name);
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
    const own = volumeBytes(context, volume.name);
    if (!takeAway(context, volume.name)) continue;
    names.push(volume.name);
    bytes += own;
  }
  buryOrphans(context);
  return { names, bytes };
}

function volumeBytes(context: Context, name: string): number {
  const data = storePaths(context.root).volumeData(name);
  return existsSync(data) ? treeBytes(data) : 0;
}
