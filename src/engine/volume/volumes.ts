/** Volumes of the local driver: made and found. Their data is a directory of the store, or what their options say, mounted where they are used. */
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { checkVolumeName } from "../../spec/mount-types.ts";
import { checkpoint, transaction } from "../../store/database.ts";
import { storePaths } from "../../store/paths.ts";
import { addVolume, readVolume, type Volume } from "../../store/volumes.ts";
import { spreadSubdirectories } from "../../sys/inode-flags.ts";
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

/** What a driver and its options may be, for the volume of that name. Throws MdkError in Docker's words. */
export function checkDriver(name: string, driver: string, options: Readonly<Record<string, string>>): void {
  if (driver !== "" && driver !== "local") throw new MdkError("not-found", "no-such-driver", `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`, { hint: "mdk has the driver local" });
  const invalid = (reason: string, hint: string): MdkError => new MdkError("invalid", "invalid-volume-option", `create ${name}: ${reason}`, { hint });
  for (const key of Object.keys(options)) if (!OPTIONS.has(key)) throw invalid(`invalid option: ${JSON.stringify(key)}`, "the local driver takes type, device and o");
  if (Object.keys(options).length === 0) return;
  for (const key of ["device", "type"]) if (!options[key]) throw invalid(`missing required option: ${JSON.stringify(key)}`, "the local driver mounts DEVICE as TYPE, with the options o: as mount(8)");
}

/** Makes it, or finds the one that has the name. Returns the name. */
export function createVolume(context: Context, { name, driver, options, labels }: NewVolume): string {
  if (name !== null) checkVolumeName(name);
  const chosen = name ?? newId();
  checkDriver(chosen, driver, options);
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

/** The directory of its data, made where it is missing, whatever the caller's umask. */
export function ensureVolumeData(context: Context, name: string): string {
  const paths = storePaths(context.root);
  const data = paths.volumeData(name);
  if (existsSync(data)) return data;
  for (const [path, mode] of [[paths.volumes, 0o711], [paths.volume(name), 0o700], [data, 0o755]] as const) {
    if (mkdirSync(path, { recursive: true, mode }) === undefined) continue;
    chmodSync(path, mode);
    // What one volume frees must not slow what the next one makes.
    if (path === paths.volumes) spreadSubdirectories(path);
  }
  return data;
}
