/**
 * The OCI runtime specification 1.2 as mdk uses it: what `generate.ts` writes, what `runtime/planner.ts` reads, what
 * lies in a container's config.json and what `runc` or `crun` can be given as a second opinion. Names and shapes are the
 * specification's own (github.com/opencontainers/runtime-spec); members that mdk never writes are left out.
 */

/** The version that is written into `ociVersion`. */
export const OCI_VERSION = "1.2.0";

/** config.md, the root of config.json. */
export interface Spec {
  ociVersion: string;
  process: Process;
  root: Root;
  hostname: string;
  domainname?: string;
  mounts: SpecMount[];
  annotations?: Record<string, string>;
  linux: Linux;
}

/** config.md "Root". */
export interface Root {
  path: string;
  readonly: boolean;
}

/** config.md "Process". */
export interface Process {
  terminal: boolean;
  /** Characters; absent without a terminal. */
  consoleSize?: { height: number; width: number };
  user: User;
  /** argv; the first one is looked up in PATH of `env` when it holds no slash. */
  args: string[];
  env: string[];
  /** Absolute. */
  cwd: string;
  capabilities: LinuxCapabilities;
  rlimits: PosixRlimit[];
  noNewPrivileges: boolean;
  oomScoreAdj?: number;
  apparmorProfile?: string;
}

/** config.md "User", POSIX platform. */
export interface User {
  uid: number;
  gid: number;
  umask?: number;
  /** Supplementary groups; the primary one is listed too (CVE-2022-36109). */
  additionalGids: number[];
}

/** config.md "Linux Process": names with CAP_. */
export interface LinuxCapabilities {
  bounding: string[];
  effective: string[];
  permitted: string[];
  inheritable: string[];
  ambient: string[];
}

/** config.md "POSIX process": a limit of 2^64 - 1 is "unlimited"; as a JavaScript number it is 2^64. */
export interface PosixRlimit {
  /** RLIMIT_NOFILE … */
  type: string;
  soft: number;
  hard: number;
}

/** config.md "Mounts". */
export interface SpecMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

/** config-linux.md. */
export interface Linux {
  namespaces: LinuxNamespace[];
  devices: LinuxDevice[];
  cgroupsPath: string;
  resources: LinuxResources;
  sysctl: Record<string, string>;
  seccomp?: LinuxSeccomp;
  rootfsPropagation?: string;
  maskedPaths: string[];
  readonlyPaths: string[];
}

export type LinuxNamespaceType = "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup" | "time";

/** config-linux.md "Namespaces": without a path a new one, with a path that of somebody else. */
export interface LinuxNamespace {
  type: LinuxNamespaceType;
  path?: string;
}

/** config-linux.md "Devices". */
export interface LinuxDevice {
  path: string;
  type: "b" | "c" | "p" | "u";
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
}

/** config-linux.md "Control groups". */
export interface LinuxResources {
  devices: LinuxDeviceCgroup[];
  memory?: LinuxMemory;
  cpu?: LinuxCpu;
  pids?: LinuxPids;
  blockIO?: LinuxBlockIO;
}

/** config-linux.md "Allowed device list": null stands for every number. */
export interface LinuxDeviceCgroup {
  allow: boolean;
  type?: "a" | "b" | "c";
  major?: number;
  minor?: number;
  /** A composition of r, w and m. */
  access: string;
}

/** config-linux.md "Memory", bytes; -1 is unlimited. */
export interface LinuxMemory {
  limit?: number;
  reservation?: number;
  /** Memory and swap together. */
  swap?: number;
  swappiness?: number;
  disableOOMKiller?: boolean;
}

/** config-linux.md "CPU": quota and period in microseconds. */
export interface LinuxCpu {
  shares?: number;
  quota?: number;
  period?: number;
  cpus?: string;
  mems?: string;
  realtimeRuntime?: number;
  realtimePeriod?: number;
}

/** config-linux.md "Block IO": weights from 10 to 1000, rates in bytes or operations a second. */
export interface LinuxBlockIO {
  weight?: number;
  weightDevice?: { major: number; minor: number; weight: number }[];
  throttleReadBpsDevice?: LinuxThrottleDevice[];
  throttleWriteBpsDevice?: LinuxThrottleDevice[];
  throttleReadIOPSDevice?: LinuxThrottleDevice[];
  throttleWriteIOPSDevice?: LinuxThrottleDevice[];
}

export interface LinuxThrottleDevice {
  major: number;
  minor: number;
  rate: number;
}

/** config-linux.md "PIDs"; -1 is unlimited. */
export interface LinuxPids {
  limit: number;
}

/** config-linux.md "Seccomp". */
export interface LinuxSeccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures: string[];
  flags?: string[];
  syscalls: LinuxSyscall[];
}

export interface LinuxSyscall {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: LinuxSeccompArg[];
}

export interface LinuxSeccompArg {
  index: number;
  /** Unsigned, 64 bits: a bigint where a number cannot hold it. */
  value: number | bigint;
  valueTwo?: number | bigint;
  op: string;
}
