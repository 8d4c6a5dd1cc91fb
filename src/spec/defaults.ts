/**
 * Docker's defaults as tables (moby daemon/pkg/oci/defaults.go and daemon/oci_linux.go): what every container gets that
 * nobody asked for. Nothing here decides; `generate.ts` and `mounts.ts` do.
 */
import type { LinuxDevice, LinuxDeviceCgroup, SpecMount } from "./types.ts";

export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Where --init's program lies in the container (Docker's own name: entry scripts look at it). */
export const INIT_PATH = "/sbin/docker-init";

/** The file systems of every container, in the order in which they are mounted: parents first. */
export function systemMounts(shmSize: number): SpecMount[] {
  return [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
    { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid", "noexec", "nodev"] },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
    { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777", `size=${Math.ceil(shmSize / 1024)}k`] },
  ];
}

/** Paths that are hidden: they tell of the host, or let it be written to. */
export const MASKED_PATHS: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts", // GHSA-6fw5-f8r9-fgfm: keystroke timing
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap", // GHSA-jq35-85cj-fj4p: power side channel
  "/sys/firmware",
];

export const READONLY_PATHS: readonly string[] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** config-linux.md "Default Devices" that are nodes; console and ptmx are made by the runtime in other ways. */
export const DEFAULT_DEVICES: readonly LinuxDevice[] = [
  node("/dev/null", 1, 3),
  node("/dev/zero", 1, 5),
  node("/dev/full", 1, 7),
  node("/dev/random", 1, 8),
  node("/dev/urandom", 1, 9),
  node("/dev/tty", 5, 0),
];

/** Links of every /dev: path and target (config-linux.md "Default Devices", runtime-linux.md "Dev symbolic links"). */
export const DEV_LINKS: readonly (readonly [path: string, target: string])[] = [
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
  ["/dev/core", "/proc/kcore"],
  ["/dev/ptmx", "pts/ptmx"],
];

/**
 * Device rules, the last match counting: nothing, but any node may be made (not opened), and the nodes of every /dev,
 * the container's terminals (136:*) and its ptmx (5:2) may be used. The union of moby's rules and those runc adds.
 */
export const DEVICE_RULES: readonly LinuxDeviceCgroup[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  ...([[1, 3], [1, 5], [1, 7], [1, 8], [1, 9], [5, 0], [5, 1], [5, 2]] as const).map(
    ([major, minor]): LinuxDeviceCgroup => ({ allow: true, type: "c", major, minor, access: "rwm" }),
  ),
  { allow: true, type: "c", major: 136, access: "rwm" },
];

function node(path: string, major: number, minor: number): LinuxDevice {
  return { path, type: "c", major, minor, fileMode: 0o666, uid: 0, gid: 0 };
}
