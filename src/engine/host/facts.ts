/** Facts of this host that shape a container: what this process may hand on, which kernel files are there. */
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import type { Cgroups, Hierarchy } from "../../cgroup/detect.ts";
import type { HostFacts } from "../../spec/generate.ts";
import { UNLIMITED } from "../../spec/limits.ts";
import type { Linux, LinuxDevice } from "../../spec/types.ts";
import type { Context } from "../context.ts";
import { bootId } from "../../runtime/state.ts";
import { MdkError } from "../../error.ts";
import type { CgroupLayout, PathKind } from "../../runtime/mount-steps.ts";
import { machineOf } from "../../runtime/seccomp.ts";

/** What generateSpec asks of the host. `privileged`: devices are listed only then. */
export function readHostFacts(privileged: boolean): Omit<HostFacts, "mapped" | "numbers"> {
  const capabilities = readCapabilities();
  return {
    capabilities, oomScore: chooseOomScore(capabilities), hardLimits: readHardLimits(),
    devices: privileged ? readDevices("/dev") : [], thermalThrottle: readThermalThrottle(),
    ipv6: existsSync("/proc/sys/net/ipv6"),
    get apparmor() { return hasApparmor(); },
  };
}

/** Bounding and permitted set of this process together: what a container can be given. */
export function readCapabilities(): bigint {
  const status = readFileSync("/proc/self/status", "latin1");
  const mask = (name: string): bigint => BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1] ?? "0"}`);
  return mask("CapBnd") & mask("CapPrm");
}

const CAP_SYS_RESOURCE = 1n << 24n;

/**
 * Docker's 0, whatever this process has: a caller that the killer of memory spares (sshd, a CI agent) would hand that on to
 * its containers. Who has more than 0 cannot lower it without CAP_SYS_RESOURCE (proc_pid_oom_score_adj(5)): null.
 */
export function chooseOomScore(capabilities: bigint): number | null {
  const own = Number(readFileSync("/proc/self/oom_score_adj", "latin1"));
  return own < 0 || (own > 0 && (capabilities & CAP_SYS_RESOURCE) !== 0n) ? 0 : null;
}

/** Lines of proc_pid_limits(5) by the name that the runtime specification gives them. */
const LIMIT_LINES: Readonly<Record<string, string>> = { RLIMIT_NOFILE: "Max open files", RLIMIT_NPROC: "Max processes", RLIMIT_CORE: "Max core file size" };

function readHardLimits(): Record<string, number> {
  const text = readFileSync("/proc/self/limits", "latin1");
  const limits: Record<string, number> = {};
  for (const [type, line] of Object.entries(LIMIT_LINES)) {
    const hard = new RegExp(`^${line}\\s+\\S+\\s+(\\S+)`, "m").exec(text)?.[1];
    if (hard !== undefined) limits[type] = hard === "unlimited" ? UNLIMITED : Number(hard);
  }
  return limits;
}

/** security/apparmor/lsm.c: the module's parameter. */
function hasApparmor(): boolean {
  try {
    return readFileSync("/sys/module/apparmor/parameters/enabled", "latin1").startsWith("Y");
  } catch {
    return false;
  }
}

function readThermalThrottle(): string[] {
  const top = "/sys/devices/system/cpu";
  try {
    return readdirSync(top).filter((name) => /^cpu\d+$/.test(name)).map((name) => `${top}/${name}/thermal_throttle`).filter((path) => existsSync(path));
  } catch {
    return [];
  }
}

const DEVICES_MAX = 4096;
/** Not devices of the host's hardware: the container has its own of these. */
const OWN_DIRECTORIES: ReadonlySet<string> = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"]);

function readDevices(directory: string): LinuxDevice[] {
  const devices: LinuxDevice[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (devices.length >= DEVICES_MAX) break;
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!OWN_DIRECTORIES.has(entry.name)) devices.push(...readDevices(path));
    } else if ((entry.isCharacterDevice() || entry.isBlockDevice()) && path !== "/dev/console" && path !== "/dev/ptmx") {
      const stat = statSync(path);
      devices.push({
        path, type: entry.isBlockDevice() ? "b" : "c", major: majorOf(stat.rdev), minor: minorOf(stat.rdev),
        fileMode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid,
      });
    }
  }
  return devices;
}

/** gnu_dev_major(3) and gnu_dev_minor(3), for numbers of 32 bits. */
export const majorOf = (device: number): number => (device >>> 8) & 0xfff;
export const minorOf = (device: number): number => (device & 0xff) | ((device >>> 12) & 0xfff00);

/** Which of the masked and read-only paths this kernel has, and what each is: the container's /proc has the same. */
export function readPathKinds({ maskedPaths, readonlyPaths }: Pick<Linux, "maskedPaths" | "readonlyPaths">): Map<string, PathKind> {
  const kinds = new Map<string, PathKind>();
  // Keyrings are asked for whether they are hidden or not.
  for (const path of new Set([...maskedPaths, ...readonlyPaths, "/proc/keys"])) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined) kinds.set(path, stat.isDirectory() ? "directory" : "file");
  }
  return kinds;
}

/** How the host's cgroups look inside a container. */
export function cgroupLayout(cgroups: Cgroups): CgroupLayout {
  if (cgroups.mode === "v2") return { version: 2 };
  const hierarchies = cgroups.hierarchies.filter(({ kind }) => kind === "v1").map((hierarchy) => {
    const named = nameOf(hierarchy);
    return { directory: groupDirectory(hierarchy), options: named === undefined ? [...hierarchy.controllers] : ["none", named] };
  });
  return { version: 1, hierarchies, unified: cgroups.mode === "hybrid" };
}

const nameOf = ({ controllers }: Hierarchy): string | undefined => controllers.find((controller) => controller.startsWith("name="));

/** What a hierarchy is called below /sys/fs/cgroup: "cpu,cpuacct", "systemd", of the v2 one of a hybrid host "unified". */
export function groupDirectory(hierarchy: Hierarchy): string {
  return hierarchy.kind === "v2" ? "unified" : (nameOf(hierarchy)?.slice("name=".length) ?? hierarchy.controllers.join(","));
}

/** CPUs that this process may run on. */
export function cpuCount(): number {
  return navigator.hardwareConcurrency;
}

/**
 * Identity of this process's network namespace as this store knows it: "net:[4026531840] <boot id> <inode>". Rows about networks are
 * keyed by it: a namespace's number may be another's after a boot, and what a copy of the store says of the namespace is the
 * original's, of which the copy's database has another inode.
 */
export function networkNamespace(context: Context): string {
  return `${readlinkSync("/proc/self/ns/net")} ${namespaceEnd(context)}`;
}

/** What all identities end with that are of this boot and this store. */
export function namespaceEnd(context: Context): string {
  return `${bootId()} ${statSync(context.database().filename, { bigint: true }).ino}`;
}

/**
 * Opens the network namespace of that identity: one that a process has, or a mount of our mount namespace (ip-netns(8)). Null:
 * it is gone, nothing here leads to it, or it is another store's business. Costs a look at every process.
 */
export function openNetworkNamespace(context: Context, identity: string): number | null {
  const [name = ""] = identity.split(" ", 1);
  if (identity !== `${name} ${namespaceEnd(context)}`) return null;
  for (const path of namespacePaths(name)) {
    try {
      const descriptor = openSync(path, constants.O_RDONLY);
      // Who had it may have ended meanwhile, and its number be another's.
      if (readlinkSync(`/proc/self/fd/${descriptor}`) === name) return descriptor;
      closeSync(descriptor);
    } catch {
      // A process that ended, or one of a namespace of users that we have no power over.
    }
  }
  return null;
}

function* namespacePaths(name: string): Generator<string> {
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const [, , , root, target = ""] = line.split(" ");
    if (root === name) yield target.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  }
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const path = `/proc/${pid}/ns/net`;
    try {
      if (readlinkSync(path) === name) yield path;
    } catch {
      // Ended.
    }
  }
}

/** The processor's name as the kernel has it. Throws MdkError where the shim does not run. */
export function machine(): NonNullable<ReturnType<typeof machineOf>> {
  const name = machineOf(process.arch);
  if (name === null) throw new MdkError("unsupported", "unsupported-machine", `mdk does not run on ${process.arch}`);
  return name;
}
