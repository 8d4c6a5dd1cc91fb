/**
 * What a user says of mounts: `-v [SOURCE:]TARGET[:OPTIONS]` and `--tmpfs TARGET[:OPTIONS]`, parsed and checked. What comes out is
 * resolved: it is stored with the container, and whoever mounts, shows or looks for it reads that. Pure.
 */
import { MdkError } from "../error.ts";
import type { HostConfig } from "./container.ts";
import { checkTarget, checkVolumeName, PROPAGATIONS, type BindMount, type TmpfsMount, type UserMount, type VolumeMount } from "./mount-types.ts";
import { resolveAsked } from "./mounts-asked.ts";

/**
 * -v's words, of each kind one (moby volume/mounts/linux_parser.go, linuxValidMountMode). Labels and consistency are without effect: SELinux
 * relabelling on hosts without it, other platforms.
 */
const KINDS: readonly ReadonlySet<string>[] = [["ro", "rw"], ["z", "Z"], PROPAGATIONS, ["nocopy"], ["cached", "delegated", "consistent"]].map((words) => new Set<string>(words));

function isMode(words: readonly string[]): boolean {
  return words.every((word) => KINDS.some((kind) => kind.has(word))) && KINDS.every((kind) => words.filter((word) => kind.has(word)).length <= 1);
}

/** tmpfs(5): parameters with a value, and the flags of moby's mount.MergeTmpfsOptions that the mount calls know. */
const TMPFS_PARAMETERS: ReadonlySet<string> = new Set(["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"]);
const TMPFS_FLAGS: ReadonlySet<string> = new Set([
  "defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "async", "diratime", "nodiratime", "noatime", "relatime", "strictatime",
]);

/**
 * The mounts that HostConfig asks for, in its order. Throws MdkError in Docker's words for words that are none, and for targets
 * that are not absolute, "/", doubled, or in /proc.
 */
export function resolveMounts({ Binds, Tmpfs, Mounts, VolumeDriver }: Pick<HostConfig, "Binds" | "Tmpfs"> & Partial<Pick<HostConfig, "Mounts" | "VolumeDriver">>): UserMount[] {
  const mounts: UserMount[] = [
    ...(Binds ?? []).map((text) => parseVolume(text, VolumeDriver || "local")), ...(Mounts ?? []).map(resolveAsked), ...Object.entries(Tmpfs ?? {}).map(([target, options]) => parseTmpfs(target, options)),
  ];
  const seen = new Set<string>();
  for (const { target } of mounts) {
    if (seen.has(target)) throw new MdkError("invalid", "duplicate-mount", `Duplicate mount point: ${target}`, { hint: "give every mount a target of its own" });
    seen.add(target);
  }
  return mounts;
}

/** moby volume/mounts/linux_parser.go: an absolute source is the host's, any other one is a volume's name; one part alone is a target. Throws MdkError in Docker's words. */
function parseVolume(text: string, driver: string): BindMount | VolumeMount {
  const parts = text.split(":");
  const invalid = (reason = ""): MdkError => new MdkError("invalid", "invalid-mount", `invalid volume specification: '${text}'${reason}`);
  if (parts.length > 3 || parts.some((part) => part === "")) throw invalid();
  const [source, target = "", mode = ""] = parts.length === 1 ? [null, ...parts] as const : (parts as [string, string, string?]);
  const isBind = source?.startsWith("/") === true;
  const words = mode.split(",").filter((word) => word !== "");
  if (!isMode(words)) throw new MdkError("invalid", "invalid-mount", `invalid mode: ${mode}`);
  // "/a:ro": a target has no mode.
  if (parts.length === 2 && isMode(target.split(","))) throw invalid();
  const config = (reason: string, hint?: string): MdkError => {
    const said = `invalid volume specification: '${text}': invalid mount config for type "${isBind ? "bind" : "volume"}": ${reason}`;
    return new MdkError("invalid", "invalid-mount", said, hint === undefined ? {} : { hint });
  };
  const clean = checkTarget(target, config);
  const propagation = PROPAGATIONS.find((name) => words.includes(name));
  const readonly = words.includes("ro");
  const nocopy = words.includes("nocopy");
  if (isBind && nocopy) throw config("field VolumeOptions must not be specified");
  if (!isBind && propagation !== undefined) throw config("field BindOptions must not be specified");
  if (isBind) return { type: "bind", source, target: clean, readonly, propagation: propagation ?? "rprivate", recursive: true, mode };
  if (source !== null) checkVolumeName(source);
  return { type: "volume", name: source, source: "", target: clean, readonly, nocopy, subpath: "", mode: source === null ? "" : mode || "z", driver };
}

function parseTmpfs(target: string, text: string): TmpfsMount {
  const options = text.split(",").filter((option) => option !== "");
  for (const option of options) {
    const [key = "", value] = option.split("=", 2);
    if (value === undefined ? !TMPFS_FLAGS.has(key) : !TMPFS_PARAMETERS.has(key)) throw new MdkError("invalid", "invalid-mount", `invalid tmpfs option [${option.split("=", 2).map((word) => JSON.stringify(word)).join(" ")}]`);
  }
  return { type: "tmpfs", target: checkTarget(target, (reason, hint) => new MdkError("invalid", "invalid-mount", reason, { hint })), options };
}
