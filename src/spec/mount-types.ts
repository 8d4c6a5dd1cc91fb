/** A container's mounts as they are resolved: what its row has, and whoever mounts, shows or looks for them reads. And what is true of each. Pure. */
import { MdkError } from "../error.ts";

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
  /** A source that is missing is made; false: it is an error. Not said: -v's way. */
  readonly create?: boolean;
  /** Read-only itself, but not what is mounted below it. */
  readonly writableBelow?: boolean;
}

/** A volume of this store. */
export interface VolumeMount {
  readonly type: "volume";
  /** Null until the container is made: it gets one of its own, which goes with it. */
  readonly name: string | null;
  /** Host path of its data; "" until the container is made. */
  readonly source: string;
  readonly target: string;
  readonly readonly: boolean;
  /** What the image has at the target stays out of it. */
  readonly nocopy: boolean;
  /** A directory or file in it; "": all of it. */
  readonly subpath: string;
  readonly mode: string;
  /** For one that is made with the container. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly driver: string;
  /** It was made for this container, without a name of its user's. */
  readonly anonymous?: boolean;
}

/** Another image's files, read-only. */
export interface ImageMount {
  readonly type: "image";
  /** As it was named; once the container is made, its id. */
  readonly image: string;
  /** Its name, once the container is made. */
  readonly source: string;
  readonly target: string;
  readonly subpath: string;
}

export interface TmpfsMount {
  readonly type: "tmpfs";
  readonly target: string;
  /** As mount(8) writes them, after Docker's own nosuid,nodev,noexec; later ones win. */
  readonly options: readonly string[];
  /** Of --mount: inspect tells it among the mounts. */
  readonly listed?: boolean;
}

export type UserMount = BindMount | VolumeMount | TmpfsMount | ImageMount;

export const PROPAGATIONS: readonly Propagation[] = ["private", "rprivate", "slave", "rslave", "shared", "rshared"];

/** Below /proc only these may be covered (runc's list): what lxcfs and the like provide. */
const PROC_TARGETS: ReadonlySet<string> = new Set([
  "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg",
  "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
]);

/** moby volume/local, validateName: Docker's sentence for a name that none can have. */
export function checkVolumeName(name: string): void {
  if (name.length === 1) throw new MdkError("invalid", "invalid-volume-name", `create ${name}: volume name is too short, names should be at least two alphanumeric characters`);
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return;
  throw new MdkError("invalid", "invalid-volume-name", `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`);
}

/** The target, clean. `invalid`: the sentence around what is wrong with it, and a hint. */
export function checkTarget(target: string, invalid: (reason: string, hint: string) => MdkError): string {
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
