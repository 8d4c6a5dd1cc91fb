/** `--mount KEY=VALUE,…` as Docker's command line reads it (docker/cli, opts/mount.go): comma-separated, a field in double quotes where it holds a comma. Pure. */
import { MdkError } from "../error.ts";
import { parseRecord } from "./csv.ts";
import type { MountAsked, MountType } from "./mounts-asked.ts";
import { parseSize } from "./sizes.ts";

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-mount-flag", message);

/** Sources that begin with "." are the caller's to resolve. Throws MdkError in Docker's words. */
export function parseMount(text: string): MountAsked {
  if (text.trim() === "") throw invalid("value is empty");
  const mount: MountAsked = { Type: "volume", Target: "" };
  for (const field of parseRecord(text)) {
    const equals = field.indexOf("=");
    const key = (equals === -1 ? field : field.slice(0, equals)).toLowerCase();
    const value = equals === -1 ? null : field.slice(equals + 1);
    const read = Object.hasOwn(KEYS, key) ? KEYS[key]! : null;
    if (value === null && read?.bare !== true) throw invalid(`invalid field '${field}' must be a key=value pair`);
    if (read === null) throw invalid(`unexpected key '${key}' in '${field}'`);
    read.set(mount, value ?? "true", key);
  }
  check(mount);
  return mount;
}

interface Key {
  readonly set: (mount: MountAsked, value: string, key: string) => void;
  /** It may stand alone. */
  readonly bare?: boolean;
}

const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);

function flagOf(value: string, key: string): boolean {
  if (TRUE.has(value)) return true;
  if (FALSE.has(value)) return false;
  throw invalid(`invalid value for ${key}: ${value}`);
}

function pairOf(value: string): Record<string, string> {
  const equals = value.indexOf("=");
  return equals === -1 ? { [value]: "" } : { [value.slice(0, equals)]: value.slice(equals + 1) };
}

function setRecursive(mount: MountAsked, value: string, key: string): void {
  const options = (mount.BindOptions ??= {});
  if (value === "disabled") options.NonRecursive = true;
  else if (value === "writable") options.ReadOnlyNonRecursive = true;
  else if (value === "readonly") options.ReadOnlyForceRecursive = true;
  else if (value !== "enabled") throw invalid(`invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`);
}

function setSize(mount: MountAsked, value: string, key: string): void {
  const bytes = parseSize(value);
  if (bytes === null) throw invalid(`invalid value for ${key}: ${value}`);
  (mount.TmpfsOptions ??= {}).SizeBytes = bytes;
}

function setMode(mount: MountAsked, value: string, key: string): void {
  if (!/^[0-7]{1,11}$/.test(value)) throw invalid(`invalid value for ${key}: ${value}`);
  (mount.TmpfsOptions ??= {}).Mode = Number.parseInt(value, 8);
}

const driverOf = (mount: MountAsked): NonNullable<NonNullable<MountAsked["VolumeOptions"]>["DriverConfig"]> => ((mount.VolumeOptions ??= {}).DriverConfig ??= {});
const source: Key = { set: (mount, value) => void (mount.Source = value) };
const target: Key = { set: (mount, value) => void (mount.Target = value) };
const readonly: Key = { set: (mount, value, key) => void (mount.ReadOnly = flagOf(value, key)), bare: true };

const KEYS: Readonly<Record<string, Key>> = {
  // What it may be is told with the mount, as the daemon tells it.
  type: { set: (mount, value) => void (mount.Type = value.toLowerCase() as MountType) },
  source, src: source, target, dst: target, destination: target, readonly, ro: readonly,
  consistency: { set: (mount, value) => void (mount.Consistency = value.toLowerCase()) },
  "bind-propagation": { set: (mount, value) => void ((mount.BindOptions ??= {}).Propagation = value.toLowerCase()) },
  "bind-recursive": { set: setRecursive },
  "bind-nonrecursive": { set: () => { throw invalid("bind-nonrecursive is deprecated, use bind-recursive=disabled instead"); }, bare: true },
  "volume-subpath": { set: (mount, value) => void ((mount.VolumeOptions ??= {}).Subpath = value) },
  "volume-nocopy": { set: (mount, value, key) => void ((mount.VolumeOptions ??= {}).NoCopy = flagOf(value, key)), bare: true },
  "volume-label": { set: (mount, value) => void Object.assign(((mount.VolumeOptions ??= {}).Labels ??= {}), pairOf(value)) },
  "volume-driver": { set: (mount, value) => void (driverOf(mount).Name = value) },
  "volume-opt": { set: (mount, value) => void Object.assign((driverOf(mount).Options ??= {}), pairOf(value)) },
  "image-subpath": { set: (mount, value) => void ((mount.ImageOptions ??= {}).Subpath = value) },
  "tmpfs-size": { set: setSize }, "tmpfs-mode": { set: setMode },
};

function check(mount: MountAsked): void {
  if (mount.Target === "") throw invalid("target is required");
  for (const [name, prefix] of [["VolumeOptions", "volume"], ["BindOptions", "bind"], ["TmpfsOptions", "tmpfs"], ["ImageOptions", "image"]] as const) {
    if (mount[name] !== undefined && mount.Type !== prefix) throw invalid(`cannot mix '${prefix}-*' options with mount type '${mount.Type}'`);
  }
  const { ReadOnlyNonRecursive = false, ReadOnlyForceRecursive = false, Propagation = "" } = mount.BindOptions ?? {};
  if (ReadOnlyNonRecursive && mount.ReadOnly !== true) throw invalid("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction");
  if (ReadOnlyForceRecursive && mount.ReadOnly !== true) throw invalid("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
  if (ReadOnlyForceRecursive && Propagation !== "rprivate") throw invalid("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction");
}
