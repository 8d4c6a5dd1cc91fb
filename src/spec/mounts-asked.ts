/**
 * Mounts as Docker's API asks for them (HostConfig.Mounts): decoded, checked, and resolved to what a container's row has. `--mount` is
 * parsed into the same (mount-flag.ts). Pure.
 */
import { MdkError } from "../error.ts";
import { booleanOf, integerOf, listOf, objectOf, optional, stringOf } from "../image/json.ts";
import { checkTarget, checkVolumeName, PROPAGATIONS, type Propagation, type UserMount } from "./mount-types.ts";

const MOUNT_TYPES = ["bind", "volume", "tmpfs", "image"] as const;
export type MountType = (typeof MOUNT_TYPES)[number];

/** Members as Docker's JSON has them; what is not said is left out. */
export interface MountAsked {
  Type: MountType;
  Source?: string;
  Target: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: { Propagation?: string; NonRecursive?: boolean; CreateMountpoint?: boolean; ReadOnlyNonRecursive?: boolean; ReadOnlyForceRecursive?: boolean };
  VolumeOptions?: { NoCopy?: boolean; Labels?: Record<string, string>; Subpath?: string; DriverConfig?: { Name?: string; Options?: Record<string, string> } };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number };
  ImageOptions?: { Subpath?: string };
}

/** Throws MdkError "json-invalid" for what is no such list. */
export function decodeMounts(value: unknown, what: string): MountAsked[] {
  return listOf(value, what).map((item, index) => decodeMount(item, `${what}[${index}]`));
}

function decodeMount(value: unknown, what: string): MountAsked {
  const mount = objectOf(value, what);
  const type = stringOf(mount["Type"], `${what}.Type`);
  const known = MOUNT_TYPES.find((name) => name === type);
  if (known === undefined) throw new MdkError("invalid", "invalid-mount", `invalid mount config for type "${type}": mount type unknown`);
  const members = (name: string, read: Readonly<Record<string, (value: unknown, what: string) => unknown>>): Record<string, unknown> => {
    const object = optional(mount[name], (given) => objectOf(given, `${what}.${name}`), null);
    if (object === null) return {};
    const pairs = Object.entries(read).flatMap(([key, reader]) => (object[key] === undefined || object[key] === null ? [] : [[key, reader(object[key], `${what}.${name}.${key}`)]]));
    return { [name]: Object.fromEntries(pairs) };
  };
  const texts = (given: unknown, where: string): Record<string, string> => Object.fromEntries(Object.entries(objectOf(given, where)).map(([key, text]) => [key, stringOf(text, where)]));
  const driver = (given: unknown, where: string): unknown => {
    const object = objectOf(given, where);
    return { Name: optional(object["Name"], (text) => stringOf(text, where), ""), Options: optional(object["Options"], (map) => texts(map, where), {}) };
  };
  return {
    Type: known, ...optional(mount["Source"], (given) => ({ Source: stringOf(given, `${what}.Source`) }), {}), Target: optional(mount["Target"], (given) => stringOf(given, `${what}.Target`), ""),
    ...optional(mount["ReadOnly"], (given) => ({ ReadOnly: booleanOf(given, `${what}.ReadOnly`) }), {}),
    ...members("BindOptions", { Propagation: stringOf, NonRecursive: booleanOf, CreateMountpoint: booleanOf, ReadOnlyNonRecursive: booleanOf, ReadOnlyForceRecursive: booleanOf }),
    ...members("VolumeOptions", { NoCopy: booleanOf, Labels: texts, Subpath: stringOf, DriverConfig: driver }),
    ...members("TmpfsOptions", { SizeBytes: integerOf, Mode: integerOf }), ...members("ImageOptions", { Subpath: stringOf }),
  } as MountAsked;
}

/** moby volume/mounts/validate.go: what of one kind may not be said of another. */
function check(mount: MountAsked, refuse: (reason: string) => MdkError): void {
  const { Type: type, Source: source = "" } = mount;
  for (const [name, kind] of [["BindOptions", "bind"], ["VolumeOptions", "volume"], ["TmpfsOptions", "tmpfs"], ["ImageOptions", "image"]] as const) {
    if (kind !== type && mount[name] !== undefined) throw refuse(`${name} must not be specified`);
  }
  if ((type === "bind" || type === "image") && source === "") throw refuse("field Source must not be empty");
  if (type === "bind" && !source.startsWith("/")) throw refuse(`invalid mount path: '${source}' mount path must be absolute`);
  if (type === "tmpfs" && source !== "") throw refuse("field Source must not be specified");
  if (type === "volume" && source === "" && mount.VolumeOptions?.Subpath) throw refuse("must not set Subpath when using anonymous volumes");
}

/** Throws MdkError in Docker's words. */
export function resolveAsked(mount: MountAsked): UserMount {
  const { Type: type, Source: source = "", ReadOnly: readonly = false } = mount;
  const refuse = (reason: string): MdkError => new MdkError("invalid", "invalid-mount", `invalid mount config for type "${type}": ${reason}`);
  if (mount.Target === "") throw refuse("field Target must not be empty");
  check(mount, refuse);
  const target = checkTarget(mount.Target, refuse);
  switch (type) {
    case "bind": {
      const { Propagation = "", NonRecursive = false, CreateMountpoint = false, ReadOnlyNonRecursive = false, ReadOnlyForceRecursive = false } = mount.BindOptions ?? {};
      const propagation = PROPAGATIONS.find((name) => name === (Propagation || "rprivate"));
      if (propagation === undefined) throw refuse(`invalid propagation mode: ${Propagation}`);
      if (ReadOnlyNonRecursive && !readonly) throw refuse("mount source must be read-only when ReadOnlyNonRecursive is specified");
      if (ReadOnlyForceRecursive && (!readonly || propagation !== "rprivate")) throw refuse("ReadOnlyForceRecursive needs a read-only mount with propagation rprivate");
      return { type, source, target, readonly, propagation: propagation as Propagation, recursive: !NonRecursive, mode: "", create: CreateMountpoint, ...(ReadOnlyNonRecursive ? { writableBelow: true } : {}) };
    }
    case "volume": {
      const { NoCopy: nocopy = false, Labels: labels = {}, Subpath: subpath = "", DriverConfig } = mount.VolumeOptions ?? {};
      if (source !== "") checkVolumeName(source);
      return { type, name: source === "" ? null : source, source: "", target, readonly, nocopy, subpath: checkSubpath(subpath, refuse), mode: "z", labels, options: DriverConfig?.Options ?? {}, driver: DriverConfig?.Name || "local" };
    }
    case "tmpfs": {
      const { SizeBytes = 0, Mode = 0 } = mount.TmpfsOptions ?? {};
      if (SizeBytes < 0) throw refuse("Size must not be negative");
      return { type, target, options: [...(SizeBytes > 0 ? [`size=${SizeBytes}`] : []), ...(Mode > 0 ? [`mode=${Mode.toString(8)}`] : []), ...(readonly ? ["ro"] : [])], listed: true };
    }
    case "image":
      return { type, image: source, source: "", target, subpath: checkSubpath(mount.ImageOptions?.Subpath ?? "", refuse) };
  }
}

/** Below the volume, by its words; that no link leads out of it is the opening's to see. */
function checkSubpath(subpath: string, refuse: (reason: string) => MdkError): string {
  const parts = subpath.split("/").filter((part) => part !== "" && part !== ".");
  if (subpath.startsWith("/") || parts.includes("..")) throw refuse("subpath must be a relative path within the volume");
  return parts.join("/");
}
