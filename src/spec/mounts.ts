/**
 * The mounts of a container: Docker's defaults, the files that the engine writes, and what the user asked for, checked
 * and put in the order in which they are mounted (parents before children).
 */
import { MdkError } from "../error.ts";
import { INIT_PATH, systemMounts } from "./defaults.ts";
import type { Mount } from "./types.ts";

/** mount_namespaces(7); the r-forms are for the whole tree. */
export type Propagation = "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared";

/** `-v SOURCE:TARGET[:options]` or `--mount type=bind`. */
export interface BindRequest {
  /** Absolute host path. */
  readonly source: string;
  /** Absolute path in the container; links in the image are followed within it. */
  readonly target: string;
  readonly readonly: boolean;
  readonly propagation: Propagation;
  /** Mounts below the source come along (Docker's default). */
  readonly recursive: boolean;
}

/** `--tmpfs TARGET[:options]`. */
export interface TmpfsRequest {
  readonly target: string;
  /** As mount(8) writes them; Docker's nosuid,nodev,noexec are put first. */
  readonly options: readonly string[];
}

export interface MountsInput {
  readonly binds: readonly BindRequest[];
  readonly tmpfs: readonly TmpfsRequest[];
  /** Host paths of the files that the engine writes; null: the image's own (`--network none` keeps all three). */
  readonly files: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string } | null;
  /** Host path of the program for --init; null without it. */
  readonly init: string | null;
  readonly privileged: boolean;
  readonly readonlyRoot: boolean;
  readonly shmSize: number;
}

/** Below /proc only these may be covered (runc's list): what lxcfs and the like provide. */
const PROC_TARGETS: ReadonlySet<string> = new Set([
  "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg",
  "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
]);

/** Mounts that stay writable under --read-only (moby daemon/oci_linux.go). */
const WRITABLE_UNDER_READONLY: ReadonlySet<string> = new Set(["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"]);

/**
 * The spec's `mounts`. A user's mount replaces a default one of the same place; one at /dev replaces everything below
 * it too, as Docker has it. Errors: MdkError for targets that are not absolute, "/", doubled, or in /proc.
 */
export function planMounts(input: MountsInput): Mount[] {
  const user = userMounts(input);
  const places = new Set(user.map((mount) => mount.destination));
  const ownDev = places.has("/dev");
  const system = systemMounts(input.shmSize).filter(
    (mount) => !places.has(mount.destination) && !(ownDev && mount.destination.startsWith("/dev/")),
  );
  for (const mount of system) {
    if (input.privileged && (mount.type === "sysfs" || mount.type === "cgroup")) {
      mount.options = mount.options.filter((option) => option !== "ro");
    }
    if (input.readonlyRoot && !WRITABLE_UNDER_READONLY.has(mount.destination) && !mount.options.includes("ro")) {
      mount.options.push("ro");
    }
  }
  return [...system, ...sortByDepth([...engineMounts(input, places), ...user])];
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

function userMounts(input: MountsInput): Mount[] {
  const mounts = [
    ...input.binds.map((bind): Mount => ({
      destination: checkTarget(bind.target, `${bind.source}:${bind.target}`),
      type: "bind",
      source: bind.source,
      options: [bind.recursive ? "rbind" : "bind", ...(bind.readonly ? ["ro"] : []), bind.propagation],
    })),
    ...input.tmpfs.map((tmpfs): Mount => ({
      destination: checkTarget(tmpfs.target, tmpfs.target),
      type: "tmpfs",
      source: "tmpfs",
      options: ["noexec", "nosuid", "nodev", ...tmpfs.options],
    })),
  ];
  const seen = new Set<string>();
  for (const mount of mounts) {
    if (seen.has(mount.destination)) {
      throw new MdkError("duplicate-mount", `Duplicate mount point: ${mount.destination}`, {
        hint: "give every mount a target of its own",
      });
    }
    seen.add(mount.destination);
  }
  return mounts;
}

/** /etc/hosts, /etc/hostname, /etc/resolv.conf and --init's program, unless the user mounts something there. */
function engineMounts(input: MountsInput, places: ReadonlySet<string>): Mount[] {
  const options = ["rbind", ...(input.readonlyRoot ? ["ro"] : []), "rprivate"];
  const file = (destination: string, source: string): Mount => ({ destination, type: "bind", source, options: [...options] });
  const mounts: Mount[] = [];
  if (input.files !== null) {
    mounts.push(
      file("/etc/resolv.conf", input.files.resolvConf),
      file("/etc/hostname", input.files.hostname),
      file("/etc/hosts", input.files.hosts),
    );
  }
  if (input.init !== null) {
    mounts.push({ destination: INIT_PATH, type: "bind", source: input.init, options: ["bind", "ro", "nosuid", "nodev", "rprivate"] });
  }
  return mounts.filter((mount) => !places.has(mount.destination));
}

function checkTarget(target: string, written: string): string {
  const invalid = (reason: string, hint: string): MdkError =>
    new MdkError("invalid-mount", `invalid volume specification: '${written}': invalid mount config for type "bind": ${reason}`, { hint });
  if (target.includes("\0")) throw invalid("invalid mount path: it holds a NUL byte", "leave the NUL out");
  if (!target.startsWith("/")) {
    throw invalid(`invalid mount path: '${target}' mount path must be absolute`, "write the container's path from its root");
  }
  const clean = cleanPath(target);
  if (clean === "/") {
    throw invalid("invalid specification: destination can't be '/'", "mount below the root: -v SOURCE:/DIRECTORY");
  }
  if ((clean === "/proc" || clean.startsWith("/proc/")) && !PROC_TARGETS.has(clean)) {
    throw new MdkError("invalid-mount", `"${clean}" cannot be mounted because it is inside /proc`, {
      hint: "the container's /proc is its own; mount the files somewhere else",
    });
  }
  return clean;
}

/** Parents first; among equals the order of the request. */
function sortByDepth(mounts: Mount[]): Mount[] {
  const depth = (mount: Mount): number => mount.destination.split("/").length;
  return mounts.sort((a, b) => depth(a) - depth(b));
}
