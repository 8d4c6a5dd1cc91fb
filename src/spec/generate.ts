/**
 * From an image's configuration, the user's request and facts of the host to an OCI runtime specification: pure, the one
 * place where Docker's defaults become a container. Everything that needs a look at the world is handed in.
 */
import { MdkError } from "../error.ts";
import { chooseCapabilities } from "./capabilities.ts";
import { DEFAULT_DEVICES, DEFAULT_PATH, DEVICE_RULES, INIT_PATH, MASKED_PATHS, READONLY_PATHS } from "./defaults.ts";
import { cleanPath, planMounts, type BindRequest, type MountsInput, type TmpfsRequest } from "./mounts.ts";
import {
  OCI_VERSION, type LinuxDevice, type LinuxNamespace, type LinuxResources, type PosixRlimit, type Process, type Spec,
} from "./types.ts";
import type { ResolvedUser } from "./user.ts";

/** What a process takes from an image (image-spec config.md, "config"); null and absent alike mean nothing. */
export interface ImageProcess {
  readonly Env?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly WorkingDir?: string | null;
}

/** `--memory` and its kin; null where nothing was asked for. */
export interface ResourceRequest {
  /** Bytes. */
  readonly memory: number | null;
  /** Bytes, memory and swap together; -1: no limit. Null: twice the memory, as Docker has it. */
  readonly memorySwap: number | null;
  readonly memoryReservation: number | null;
  /** --cpus in billionths. */
  readonly nanoCpus: number | null;
  readonly cpuShares: number | null;
  /** Microseconds. */
  readonly cpuPeriod: number | null;
  readonly cpuQuota: number | null;
  readonly cpusetCpus: string | null;
  readonly cpusetMems: string | null;
  /** -1: no limit. */
  readonly pidsLimit: number | null;
}

/** Where the network comes from: a new namespace that is configured ("bridge") or left alone ("none"), or another's. */
export type NetworkNamespace = "bridge" | "none" | "host" | { readonly path: string };

export interface SpecRequest {
  /** Full id of the container: the last part of the cgroup's path. */
  readonly id: string;
  /** Operands after the image. */
  readonly args: readonly string[];
  /** --entrypoint; [""] empties the image's; null keeps it. */
  readonly entrypoint: readonly string[] | null;
  /** KEY=VALUE; KEY alone removes the variable. Later ones win. */
  readonly env: readonly string[];
  readonly workdir: string | null;
  readonly user: ResolvedUser;
  readonly hostname: string;
  readonly domainname: string | null;
  readonly tty: boolean;
  readonly consoleSize: { readonly height: number; readonly width: number } | null;
  readonly readonlyRoot: boolean;
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** --ulimit: type RLIMIT_*; replaces the default of the same type. */
  readonly ulimits: readonly PosixRlimit[];
  readonly binds: readonly BindRequest[];
  readonly tmpfs: readonly TmpfsRequest[];
  readonly files: MountsInput["files"];
  /** Host path of the program for --init; null without it. */
  readonly init: string | null;
  readonly network: NetworkNamespace;
  /** IPv6 is switched off in a new network namespace (a bridge without IPv6 addresses). */
  readonly disableIpv6: boolean;
  readonly resources: ResourceRequest;
  readonly noNewPrivileges: boolean;
  /** --security-opt seccomp: Docker's list, or none at all. */
  readonly seccomp: "default" | "unconfined";
  /** Bytes of /dev/shm. */
  readonly shmSize: number;
  readonly sysctls: Readonly<Record<string, string>>;
  /** cgroups path below the hierarchy's mount: "/mdk/<id>". */
  readonly cgroupsPath: string;
  /** Host path of the root file system, for whoever runs the spec as a bundle. */
  readonly rootPath: string;
}

/** Facts of the host, read by the engine. */
export interface HostFacts {
  /** Mask of the capabilities that this process may hand on: bounding and permitted set. */
  readonly capabilities: bigint;
  /** Hard limits of this process by type; 2^64 is unlimited. A type that is missing is not set for the container. */
  readonly hardLimits: Readonly<Record<string, number>>;
  /** Every device node below /dev: for --privileged. */
  readonly devices: readonly LinuxDevice[];
  /** /sys/devices/system/cpu/cpu<N>/thermal_throttle of the CPUs that have one. */
  readonly thermalThrottle: readonly string[];
  /** /proc/sys/net/ipv6 is there. */
  readonly ipv6: boolean;
  /** The oom_score_adj to give a process; null: the one it inherits is right, or cannot be changed. */
  readonly oomScore: number | null;
}

/** What the spec itself cannot say shortly: which seccomp list. `runtime/seccomp.ts` makes the filter of it. */
export const SECCOMP_ANNOTATION = "mdk.seccomp";

/** As a number of JavaScript: RLIM_INFINITY, 2^64 - 1, rounds to it. */
export const UNLIMITED = 2 ** 64;

/** What containers get on a current Docker host (systemd's own default for nofile; no limit for the others). */
const DEFAULT_RLIMITS: readonly PosixRlimit[] = [
  { type: "RLIMIT_NOFILE", soft: 1024, hard: 524288 },
  { type: "RLIMIT_NPROC", soft: UNLIMITED, hard: UNLIMITED },
  { type: "RLIMIT_CORE", soft: UNLIMITED, hard: UNLIMITED },
];

/** CFS period for --cpus, microseconds. */
const CPU_PERIOD = 100_000;
const CAP_SYS_RESOURCE = 1n << 24n;

/**
 * The specification of a container. Errors: MdkError for what Docker refuses too: no command, a relative working
 * directory, unknown or unavailable capabilities, impossible mounts.
 */
export function generateSpec(image: ImageProcess, request: SpecRequest, host: HostFacts): Spec {
  const spec: Spec = {
    ociVersion: OCI_VERSION,
    process: generateProcess(image, request, host),
    root: { path: request.rootPath, readonly: request.readonlyRoot },
    hostname: request.hostname,
    mounts: planMounts(request),
    annotations: { [SECCOMP_ANNOTATION]: request.privileged ? "unconfined" : request.seccomp },
    linux: {
      namespaces: namespaces(request.network),
      devices: devices(request, host),
      cgroupsPath: request.cgroupsPath,
      resources: { devices: request.privileged ? [{ allow: true, access: "rwm" }] : [...DEVICE_RULES], ...limits(request.resources) },
      sysctl: sysctls(request, host),
      maskedPaths: request.privileged ? [] : [...MASKED_PATHS, ...host.thermalThrottle],
      readonlyPaths: request.privileged ? [] : [...READONLY_PATHS],
    },
  };
  if (request.domainname !== null) spec.domainname = request.domainname;
  if (request.binds.some((bind) => bind.propagation.endsWith("shared"))) spec.linux.rootfsPropagation = "shared";
  return spec;
}

/** The spec as config.json: RLIM_INFINITY does not fit in a JavaScript number and is written out. */
export function stringifySpec(spec: Spec): string {
  // TypeScript's library lacks JSON.rawJSON (ECMAScript 2026, in JavaScriptCore).
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  const infinity = rawJSON("18446744073709551615");
  return JSON.stringify(spec, (_, value: unknown) => (value === UNLIMITED ? infinity : value));
}

/** Entrypoint and arguments together, as moby merges them: an --entrypoint makes the image's Cmd void. */
export function mergeCommand(
  image: ImageProcess,
  request: { readonly args: readonly string[]; readonly entrypoint: readonly string[] | null },
): { entrypoint: readonly string[]; cmd: readonly string[] } {
  const own = request.entrypoint;
  const entrypoint = own === null ? (image.Entrypoint ?? []) : own.length === 1 && own[0] === "" ? [] : own;
  const cmd = request.args.length > 0 || own !== null ? request.args : (image.Cmd ?? []);
  if (entrypoint.length + cmd.length === 0) {
    throw new MdkError("no-command", "no command specified", { hint: "the image names none: write one after the image" });
  }
  return { entrypoint, cmd };
}

/** The container's own environment (inspect's Config.Env): the request's first, then what the image has beside it. */
export function mergeEnv(image: ImageProcess, env: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const entry of env) merged.set(envKey(entry), entry);
  for (const entry of image.Env ?? []) if (!merged.has(envKey(entry))) merged.set(envKey(entry), entry);
  return [...merged.values()];
}

/**
 * The whole environment of a process: PATH, HOSTNAME, TERM with a terminal, then `env`, which replaces or (KEY alone)
 * removes; HOME where nothing set it. Order as moby and runc leave it.
 */
export function completeEnv(env: readonly string[], facts: { hostname: string; tty: boolean; home: string }): string[] {
  const all = new Map<string, string>([["PATH", `PATH=${DEFAULT_PATH}`], ["HOSTNAME", `HOSTNAME=${facts.hostname}`]]);
  if (facts.tty) all.set("TERM", "TERM=xterm");
  for (const entry of env) {
    if (entry.includes("=")) all.set(envKey(entry), entry);
    else all.delete(entry);
  }
  if (!all.has("HOME")) all.set("HOME", `HOME=${facts.home}`);
  return [...all.values()];
}

/** Absolute and clean. Null and "" mean "/". */
export function workingDirectory(requested: string | null, image: ImageProcess): string {
  if (requested !== null && requested !== "" && !requested.startsWith("/")) {
    throw new MdkError("invalid-workdir", `the working directory '${requested}' is invalid, it needs to be an absolute path`, {
      hint: "-w takes a path from the container's root",
    });
  }
  return cleanPath(requested || image.WorkingDir || "/");
}

function generateProcess(image: ImageProcess, request: SpecRequest, host: HostFacts): Process {
  const { entrypoint, cmd } = mergeCommand(image, request);
  const bounding = chooseCapabilities({ add: request.capAdd, drop: request.capDrop, privileged: request.privileged }, host.capabilities);
  // execve takes them from everybody but root anyway; a program between setresuid and execve must not hold them.
  const held = request.user.uid === 0 ? bounding : [];
  const process: Process = {
    terminal: request.tty,
    user: { uid: request.user.uid, gid: request.user.gid, additionalGids: [...request.user.additionalGids] },
    args: [...(request.init === null ? [] : [INIT_PATH, "--"]), ...entrypoint, ...cmd],
    env: completeEnv(mergeEnv(image, request.env), { hostname: request.hostname, tty: request.tty, home: request.user.home }),
    cwd: workingDirectory(request.workdir, image),
    capabilities: { bounding, effective: [...held], permitted: [...held], inheritable: [], ambient: [] },
    rlimits: rlimits(request.ulimits, host),
    noNewPrivileges: request.noNewPrivileges,
  };
  if (host.oomScore !== null) process.oomScoreAdj = host.oomScore;
  if (request.tty && request.consoleSize !== null) process.consoleSize = { ...request.consoleSize };
  return process;
}

/** Defaults are clamped to what this process may set; a --ulimit is passed on and fails loudly where it cannot be had. */
function rlimits(ulimits: readonly PosixRlimit[], host: HostFacts): PosixRlimit[] {
  const mayRaise = (host.capabilities & CAP_SYS_RESOURCE) !== 0n;
  const asked = new Set(ulimits.map((limit) => limit.type));
  const defaults = DEFAULT_RLIMITS.flatMap(({ type, soft, hard }) => {
    const ceiling = host.hardLimits[type];
    if (ceiling === undefined || asked.has(type)) return [];
    const most = mayRaise && type !== "RLIMIT_NOFILE" ? hard : Math.min(hard, ceiling);
    return [{ type, soft: Math.min(soft, most), hard: most }];
  });
  return [...defaults, ...ulimits];
}

function namespaces(network: NetworkNamespace): LinuxNamespace[] {
  const own: LinuxNamespace[] = [{ type: "mount" }, { type: "uts" }, { type: "pid" }, { type: "ipc" }, { type: "cgroup" }];
  if (network === "host") return own;
  return [...own, typeof network === "object" ? { type: "network", path: network.path } : { type: "network" }];
}

function devices(request: SpecRequest, host: HostFacts): LinuxDevice[] {
  const nodes = [...DEFAULT_DEVICES];
  if (!request.privileged) return nodes;
  const standard = new Set(nodes.map((device) => device.path));
  // The container's own instances of these are made by the runtime.
  const own = ["/dev/ptmx", "/dev/console", "/dev/pts/", "/dev/shm/", "/dev/mqueue/", "/dev/fd/"];
  const others = host.devices.filter(({ path }) => !standard.has(path) && !own.some((name) => path === name || (name.endsWith("/") && path.startsWith(name))));
  return [...nodes, ...others];
}

/** moby daemon/oci_linux.go: unprivileged ping and low ports in every network namespace that is the container's own. */
function sysctls(request: SpecRequest, host: HostFacts): Record<string, string> {
  const own = request.network === "bridge" || request.network === "none";
  const defaults: Record<string, string> = own
    ? { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" }
    : {};
  if (own && host.ipv6 && request.disableIpv6) defaults["net.ipv6.conf.all.disable_ipv6"] = "1";
  return { ...defaults, ...request.sysctls };
}

function limits(request: ResourceRequest): Omit<LinuxResources, "devices"> {
  const { memory, nanoCpus, pidsLimit } = request;
  const result: Omit<LinuxResources, "devices"> = {};
  if (memory !== null || request.memoryReservation !== null || request.memorySwap !== null) {
    result.memory = {
      ...(memory === null ? {} : { limit: memory, swap: request.memorySwap ?? memory * 2 }),
      ...(memory === null && request.memorySwap !== null ? { swap: request.memorySwap } : {}),
      ...(request.memoryReservation === null ? {} : { reservation: request.memoryReservation }),
    };
  }
  const period = nanoCpus === null ? request.cpuPeriod : CPU_PERIOD;
  const quota = nanoCpus === null ? request.cpuQuota : Math.floor((nanoCpus * CPU_PERIOD) / 1e9);
  const cpu = {
    ...(request.cpuShares === null ? {} : { shares: request.cpuShares }),
    ...(quota === null ? {} : { quota }),
    ...(period === null ? {} : { period }),
    ...(request.cpusetCpus === null ? {} : { cpus: request.cpusetCpus }),
    ...(request.cpusetMems === null ? {} : { mems: request.cpusetMems }),
  };
  if (Object.keys(cpu).length > 0) result.cpu = cpu;
  if (pidsLimit !== null) result.pids = { limit: pidsLimit };
  return result;
}

function envKey(entry: string): string {
  const equals = entry.indexOf("=", 1);
  return equals < 0 ? entry : entry.slice(0, equals);
}
