/**
 * From a container's configuration, what was found out about it (user, mounts, place) and facts of the host to an OCI runtime
 * specification: pure, the one place where Docker's defaults become a container.
 */
import { chooseCapabilities } from "./capabilities.ts";
import type { ContainerConfig, HostConfig } from "./container.ts";
import { DEFAULT_DEVICES, DEVICE_RULES, INIT_PATH, MASKED_PATHS, READONLY_PATHS } from "./defaults.ts";
import { blockIoOf, type DeviceNumbers } from "./block-io.ts";
import { deviceRules, mappedRules, withMapped, type MappedDevice } from "./devices.ts";
import { completeEnv } from "./environment.ts";
import { resourcesOf, rlimitsOf, UNLIMITED } from "./limits.ts";
import { cleanPath, type UserMount } from "./mount-types.ts";
import { planMounts, type EngineFiles } from "./mounts.ts";
import { networkOf } from "./network-mode.ts";
import { parseSecurityOptions } from "./security-options.ts";
import { OCI_VERSION, type LinuxDevice, type LinuxDeviceCgroup, type LinuxNamespace, type LinuxSeccomp, type PosixRlimit, type Process, type Spec } from "./types.ts";
import type { ResolvedUser } from "./user.ts";

/** A container as its row has it: the configuration is joined with the image's. */
export interface Described {
  readonly config: ContainerConfig;
  readonly host: HostConfig;
  readonly mounts: readonly UserMount[];
}

/** What is found out at its start. */
export interface Placement {
  /** Of Config.User and HostConfig.GroupAdd, by the root's own passwd and group. */
  readonly user: ResolvedUser;
  /** Characters; null without a client's terminal. */
  readonly window: { readonly rows: number; readonly columns: number } | null;
  /** Null: the image's own files stay. */
  readonly files: EngineFiles | null;
  /** Host path of the program for --init; null without it. */
  readonly init: string | null;
  /** Of each container whose namespace is joined (HostConfig.PidMode, IpcMode, NetworkMode): the pid of its PID 1 as the host counts. */
  readonly joined: { readonly pid: number | null; readonly ipc: number | null; readonly network: number | null };
  /** Whether one of its networks has IPv6. */
  readonly ipv6: boolean;
  /** Of a seccomp option that is a profile; null for the others. */
  readonly seccomp: LinuxSeccomp | null;
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
  /** What HostConfig.Devices names. */
  readonly mapped: readonly MappedDevice[];
  /** Of the devices whose use HostConfig limits. */
  readonly numbers: DeviceNumbers;
  /** /sys/devices/system/cpu/cpu<N>/thermal_throttle of the CPUs that have one. */
  readonly thermalThrottle: readonly string[];
  /** /proc/sys/net/ipv6 is there. */
  readonly ipv6: boolean;
  /** The kernel confines by AppArmor's profiles. */
  readonly apparmor: boolean;
  /** The oom_score_adj to give a process; null: the one it inherits is right, or cannot be changed. */
  readonly oomScore: number | null;
}

/** What the spec itself cannot say shortly: which seccomp list. `runtime/seccomp.ts` makes the filter of it. */
export const SECCOMP_ANNOTATION = "mdk.seccomp";

/** What containers get on a current Docker host (systemd's own default for nofile; no limit for the others). */
const DEFAULT_RLIMITS: readonly PosixRlimit[] = [
  { type: "RLIMIT_NOFILE", soft: 1024, hard: 524288 },
  { type: "RLIMIT_NPROC", soft: UNLIMITED, hard: UNLIMITED },
  { type: "RLIMIT_CORE", soft: UNLIMITED, hard: UNLIMITED },
];

const CAP_SYS_RESOURCE = 1n << 24n;

/** The specification of a container. Errors: MdkError for unknown and unavailable capabilities. */
export function generateSpec(container: Described, placement: Placement, facts: HostFacts): Spec {
  const { config, host, mounts } = container;
  const { seccomp, noNewPrivileges, apparmor } = parseSecurityOptions(host.SecurityOpt ?? []);
  const spec: Spec = {
    ociVersion: OCI_VERSION,
    process: { ...generateProcess(container, placement, facts), noNewPrivileges },
    root: { path: placement.rootPath, readonly: host.ReadonlyRootfs },
    hostname: config.Hostname,
    mounts: planMounts({
      user: mounts, files: placement.files, init: placement.init, privileged: host.Privileged, readonlyRoot: host.ReadonlyRootfs, shmSize: host.ShmSize,
      ipc: host.IpcMode, ipcPid: placement.joined.ipc,
    }),
    annotations: { ...host.Annotations, [SECCOMP_ANNOTATION]: host.Privileged || typeof seccomp !== "string" ? "unconfined" : seccomp },
    linux: {
      namespaces: namespaces(host, placement),
      devices: devices(host, facts),
      cgroupsPath: placement.cgroupsPath,
      resources: { devices: rules(host, facts), ...resourcesOf(host), ...blockIoOf(host, facts.numbers) },
      sysctl: sysctls(host, placement, facts),
      maskedPaths: host.Privileged ? [] : (host.MaskedPaths ?? [...MASKED_PATHS, ...facts.thermalThrottle]),
      readonlyPaths: host.Privileged ? [] : (host.ReadonlyPaths ?? [...READONLY_PATHS]),
    },
  };
  if (placement.seccomp !== null) spec.linux.seccomp = placement.seccomp;
  if (apparmor !== null && facts.apparmor) spec.process.apparmorProfile = apparmor;
  if (config.Domainname !== "") spec.domainname = config.Domainname;
  if (mounts.some((mount) => mount.type === "bind" && mount.propagation.endsWith("shared"))) spec.linux.rootfsPropagation = "shared";
  return spec;
}

/** The spec as config.json: RLIM_INFINITY does not fit in a JavaScript number and is written out. */
export function stringifySpec(spec: Spec): string {
  // TypeScript's library lacks JSON.rawJSON (ECMAScript 2026, in JavaScriptCore).
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  const infinity = rawJSON("18446744073709551615");
  return JSON.stringify(spec, (_, value: unknown) => (value === UNLIMITED ? infinity : typeof value === "bigint" ? rawJSON(String(value)) : value));
}

/** The same text read. Only a seccomp profile holds integers that a number cannot: they stay what they are. */
export async function parseSpec(text: string): Promise<Spec> {
  if (!text.includes('"seccomp":{')) return JSON.parse(text) as Spec;
  const { reviveIntegers } = await import("./seccomp-file.ts");
  const spec = JSON.parse(text) as Spec;
  return { ...spec, linux: { ...spec.linux, seccomp: (JSON.parse(text, reviveIntegers) as Spec).linux.seccomp! } };
}

function generateProcess({ config, host }: Described, placement: Placement, facts: HostFacts): Omit<Process, "noNewPrivileges"> {
  const { user, init, window } = placement;
  const bounding = chooseCapabilities({ add: host.CapAdd ?? [], drop: host.CapDrop ?? [], privileged: host.Privileged }, facts.capabilities);
  // execve takes them from everybody but root anyway; a program between setresuid and execve must not hold them.
  const held = user.uid === 0 ? bounding : [];
  const process: Omit<Process, "noNewPrivileges"> = {
    terminal: config.Tty,
    user: { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] },
    args: [...(init === null ? [] : [INIT_PATH, "--"]), ...(config.Entrypoint ?? []), ...(config.Cmd ?? [])],
    env: completeEnv(config.Env, { hostname: config.Hostname, tty: config.Tty, home: user.home }),
    cwd: cleanPath(config.WorkingDir),
    capabilities: { bounding, effective: [...held], permitted: [...held], inheritable: [], ambient: [] },
    rlimits: rlimits(rlimitsOf(host.Ulimits ?? []), facts),
  };
  const oomScore = host.OomScoreAdj === 0 ? facts.oomScore : host.OomScoreAdj;
  if (oomScore !== null) process.oomScoreAdj = oomScore;
  if (config.Tty && window !== null) process.consoleSize = { height: window.rows, width: window.columns };
  return process;
}

/**
 * Docker's, whatever limits the caller's shell has; only where this process may not raise its own, they are the most. A --ulimit is
 * passed on and fails loudly where it cannot be had.
 */
function rlimits(ulimits: readonly PosixRlimit[], facts: HostFacts): PosixRlimit[] {
  const mayRaise = (facts.capabilities & CAP_SYS_RESOURCE) !== 0n;
  const asked = new Set(ulimits.map((limit) => limit.type));
  const defaults = DEFAULT_RLIMITS.flatMap(({ type, soft, hard }) => {
    const ceiling = facts.hardLimits[type];
    if (ceiling === undefined || asked.has(type)) return [];
    const most = mayRaise ? hard : Math.min(hard, ceiling);
    return [{ type, soft: Math.min(soft, most), hard: most }];
  });
  return [...defaults, ...ulimits];
}

/** Those of the host are left out: who is in them joins nothing. */
function namespaces({ NetworkMode, UTSMode, PidMode, IpcMode, CgroupnsMode }: HostConfig, { joined }: Placement): LinuxNamespace[] {
  const path = (pid: number | null, name: string): { path?: string } => (pid === null ? {} : { path: `/proc/${pid}/ns/${name}` });
  const all: readonly (LinuxNamespace | null)[] = [
    { type: "mount" },
    UTSMode === "host" ? null : { type: "uts" },
    PidMode === "host" ? null : { type: "pid", ...path(joined.pid, "pid") },
    IpcMode === "host" ? null : { type: "ipc", ...path(joined.ipc, "ipc") },
    CgroupnsMode === "host" ? null : { type: "cgroup" },
    NetworkMode === "host" ? null : { type: "network", ...path(joined.network, "net") },
  ];
  return all.filter((namespace) => namespace !== null);
}

function rules({ Privileged, DeviceCgroupRules }: HostConfig, { mapped }: HostFacts): LinuxDeviceCgroup[] {
  return Privileged ? [{ allow: true, access: "rwm" }] : [...DEVICE_RULES, ...mappedRules(mapped), ...deviceRules(DeviceCgroupRules ?? [])];
}

function devices(host: HostConfig, facts: HostFacts): LinuxDevice[] {
  const nodes = ownDevices(host, facts);
  return facts.mapped.length === 0 ? nodes : withMapped(nodes, facts.mapped);
}

function ownDevices({ Privileged }: HostConfig, facts: HostFacts): LinuxDevice[] {
  const nodes = [...DEFAULT_DEVICES];
  if (!Privileged) return nodes;
  const standard = new Set(nodes.map((device) => device.path));
  // The container's own instances of these are made by the runtime.
  const own = ["/dev/ptmx", "/dev/console", "/dev/pts/", "/dev/shm/", "/dev/mqueue/", "/dev/fd/"];
  const others = facts.devices.filter(({ path }) => !standard.has(path) && !own.some((name) => path === name || (name.endsWith("/") && path.startsWith(name))));
  return [...nodes, ...others];
}

/** moby daemon/oci_linux.go: unprivileged ping and low ports in every network namespace that is the container's own; no IPv6 on networks without it. */
function sysctls({ NetworkMode, Sysctls }: HostConfig, { joined, ipv6 }: Placement, facts: HostFacts): Record<string, string> {
  const own = NetworkMode !== "host" && joined.network === null;
  const defaults: Record<string, string> = own
    ? { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" }
    : {};
  if (own && facts.ipv6 && networkOf(NetworkMode) !== null && !ipv6) defaults["net.ipv6.conf.all.disable_ipv6"] = "1";
  return { ...defaults, ...Sysctls };
}
