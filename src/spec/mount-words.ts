/**
 * What a user says of mounts: `-v SOURCE:TARGET[:OPTIONS]` and `--tmpfs TARGET[:OPTIONS]`, parsed and checked. What comes out is
 * resolved: it is stored with the container, and whoever mounts, shows or looks for it reads that. Pure.
 */
import { MdkError } from "../error.ts";
import type { HostConfig } from "./container.ts";

/** mount_namespaces(7); the r-forms are for the whole tree. */
export type Propagation = "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared";

export interface BindMount {
  readonly type: "bind";
  /** Absolute host path. */
  readonly source: string;
  /** Absolute, clean path in the container; links in the image are followed within it. */
  readonly target: string;
  readonly readonly: boolean;
  readonly propagation: Propagation;
  /** Mounts below the source come along (Docker's default). */
  readonly recursive: boolean;
  /** The options as they were written. */
  readonly mode: string;
}

export interface TmpfsMount {
  readonly type: "tmpfs";
  readonly target: string;
  /** As mount(8) writes them, after Docker's own nosuid,nodev,noexec; later ones win. */
  readonly options: readonly string[];
}

export type UserMount = BindMount | TmpfsMount;

const PROPAGATIONS: ReadonlySet<string> = new Set(["private", "rprivate", "slave", "rslave", "shared", "rshared"]);
/** Accepted and without effect: SELinux relabelling on hosts without it, consistency of other platforms, copy-up of volumes. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(["rw", "z", "Z", "cached", "delegated", "consistent", "nocopy"]);

/** Below /proc only these may be covered (runc's list): what lxcfs and the like provide. */
const PROC_TARGETS: ReadonlySet<string> = new Set([
  "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg",
  "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
]);

/** tmpfs(5): parameters with a value, and the flags of moby's mount.MergeTmpfsOptions that the mount calls know. */
const TMPFS_PARAMETERS: ReadonlySet<string> = new Set(["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"]);
const TMPFS_FLAGS: ReadonlySet<string> = new Set([
  "defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "async", "diratime", "nodiratime", "noatime", "relatime", "strictatime",
]);

/**
 * The mounts that HostConfig asks for, in its order. Throws MdkError in Docker's words for words that are none, and for targets
 * that are not absolute, "/", doubled, or in /proc.
 */
export function resolveMounts({ Binds, Tmpfs }: Pick<HostConfig, "Binds" | "Tmpfs">): UserMount[] {
  const mounts: UserMount[] = [...(Binds ?? []).map(parseBind), ...Object.entries(Tmpfs ?? {}).map(([target, options]) => parseTmpfs(target, options))];
  const seen = new Set<string>();
  for (const { target } of mounts) {
    if (seen.has(target)) throw new MdkError("invalid", "duplicate-mount", `Duplicate mount point: ${target}`, { hint: "give every mount a target of its own" });
    seen.add(target);
  }
  return mounts;
}

/** Throws MdkError for what is no host path, no place in the container, or no option. */
function parseBind(text: string): BindMount {
  const parts = text.split(":");
  const [source = "", target, mode = ""] = parts;
  const invalid = (reason = ""): MdkError => new MdkError("invalid", "invalid-mount", `invalid volume specification: '${text}'${reason}`);
  if (target === undefined && source.startsWith("/")) throw unsupported(text, "anonymous");
  if (parts.length > 3 || source === "" || target === undefined || target === "") throw invalid();
  const clean = checkTarget(target, "bind", text);
  if (!source.startsWith("/")) throw unsupported(text, "named");
  let propagation: Propagation = "rprivate";
  let readonly = false;
  for (const word of mode.split(",").filter((option) => option !== "")) {
    if (word === "ro") readonly = true;
    else if (PROPAGATIONS.has(word)) propagation = word as Propagation;
    else if (!WITHOUT_EFFECT.has(word)) throw invalid(`: invalid mode: ${word}`);
  }
  return { type: "bind", source, target: clean, readonly, propagation, recursive: true, mode };
}

function parseTmpfs(target: string, text: string): TmpfsMount {
  const options = text.split(",").filter((option) => option !== "");
  for (const option of options) {
    const [key = "", value] = option.split("=", 2);
    if (value === undefined ? !TMPFS_FLAGS.has(key) : !TMPFS_PARAMETERS.has(key)) throw new MdkError("invalid", "invalid-mount", `invalid tmpfs option ${JSON.stringify(option)}`);
  }
  return { type: "tmpfs", target: checkTarget(target, "tmpfs", target), options };
}

function unsupported(text: string, kind: string): MdkError {
  return new MdkError("unsupported", "unsupported-volume", `-v ${text}: ${kind} volumes are not supported by this version of mdk`, { hint: "give a host path: -v /host:/container" });
}

/** The target, clean. */
function checkTarget(target: string, type: UserMount["type"], written: string): string {
  const invalid = (reason: string, hint: string): MdkError =>
    new MdkError("invalid", "invalid-mount", `invalid volume specification: '${written}': invalid mount config for type "${type}": ${reason}`, { hint });
  if (target.includes("\0")) throw invalid("invalid mount path: it holds a NUL byte", "leave the NUL out");
  if (!target.startsWith("/")) throw invalid(`invalid mount path: '${target}' mount path must be absolute`, "write the container's path from its root");
  const clean = cleanPath(target);
  if (clean === "/") throw invalid("invalid specification: destination can't be '/'", "mount below the root: -v SOURCE:/DIRECTORY");
  if ((clean === "/proc" || clean.startsWith("/proc/")) && !PROC_TARGETS.has(clean)) {
    throw new MdkError("invalid", "invalid-mount", `"${clean}" cannot be mounted because it is inside /proc`, { hint: "the container's /proc is its own; mount the files somewhere else" });
  }
  return clean;
}

/** Path without ".", ".." and doubled slashes, as Go's path.Clean has it; for absolute paths. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}
