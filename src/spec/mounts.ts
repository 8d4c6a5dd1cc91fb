/**
 * The mounts of a container: Docker's defaults, the files that the engine writes, and what the user asked for, in the order in
 * which they are mounted (parents before children).
 */
import { INIT_PATH, systemMounts } from "./defaults.ts";
import type { UserMount } from "./mount-types.ts";
import type { IpcMode } from "./namespace-modes.ts";
import type { SpecMount } from "./types.ts";

/** Host paths of the files that the engine writes. */
export interface EngineFiles {
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
}

export interface MountsInput {
  readonly user: readonly UserMount[];
  /** Null: the image's own stay. */
  readonly files: EngineFiles | null;
  /** Host path of the program for --init; null without it. */
  readonly init: string | null;
  readonly privileged: boolean;
  readonly readonlyRoot: boolean;
  readonly shmSize: number;
  readonly ipc: IpcMode;
  /** Of the container whose IPC namespace is joined; null without one. */
  readonly ipcPid: number | null;
}

/** Mounts that stay writable under --read-only (moby daemon/oci_linux.go). */
const WRITABLE_UNDER_READONLY: ReadonlySet<string> = new Set(["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"]);

/** The spec's `mounts`. A user's mount replaces a default one of the same place; one at /dev replaces everything below it too, as Docker has it. */
export function planMounts(input: MountsInput): SpecMount[] {
  const user = input.user.map(specMount);
  const places = new Set(user.map((mount) => mount.destination));
  const ownDev = places.has("/dev");
  const system = sharedMemory(systemMounts(input.shmSize), input).filter(
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

export const SHM = "/dev/shm";

/** That of a container, by the pid of its PID 1. */
export const sharedMemoryOf = (pid: number): string => `/proc/${pid}/root${SHM}`;

/** POSIX shared memory belongs to the IPC namespace, and is where the namespace is from (moby daemon/container_operations_unix.go, setupIPCDirs). */
function sharedMemory(system: SpecMount[], { ipc, ipcPid }: MountsInput): SpecMount[] {
  if (ipc === "private" || ipc === "shareable") return system;
  const others = system.filter(({ destination }) => destination !== SHM);
  if (ipc === "none") return others;
  const source = ipcPid === null ? SHM : sharedMemoryOf(ipcPid);
  return [...others, { destination: SHM, type: "bind", source, options: ["bind", "nosuid", "noexec", "nodev", "rprivate"] }];
}

function specMount(mount: UserMount): SpecMount {
  // What it shows is opened by who knows where it is (engine/start/prepare.ts).
  if (mount.type === "image") return { destination: mount.target, type: "bind", source: mount.source, options: ["bind", "ro", "rprivate"] };
  if (mount.type === "volume") return { destination: mount.target, type: "bind", source: mount.source, options: ["rbind", ...(mount.readonly ? ["ro"] : []), "rprivate"] };
  if (mount.type === "tmpfs") return { destination: mount.target, type: "tmpfs", source: "tmpfs", options: ["noexec", "nosuid", "nodev", ...mount.options] };
  const options = [mount.recursive ? "rbind" : "bind", ...(mount.readonly ? [mount.writableBelow === true ? "ronly" : "ro"] : []), mount.propagation];
  return { destination: mount.target, type: "bind", source: mount.source, options };
}

/** /etc/hosts, /etc/hostname, /etc/resolv.conf and --init's program, unless the user mounts something there. */
function engineMounts(input: MountsInput, places: ReadonlySet<string>): SpecMount[] {
  const options = ["rbind", ...(input.readonlyRoot ? ["ro"] : []), "rprivate"];
  const file = (destination: string, source: string): SpecMount => ({ destination, type: "bind", source, options: [...options] });
  const mounts: SpecMount[] = [];
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

/** Parents first; among equals the order of the request. */
function sortByDepth(mounts: SpecMount[]): SpecMount[] {
  const depth = (mount: SpecMount): number => mount.destination.split("/").length;
  return mounts.sort((a, b) => depth(a) - depth(b));
}
