/**
 * What a container is asked to be, in the words and shapes of Docker's API (ContainerConfig and HostConfig of
 * /containers/create): stored as they are, shown by inspect as they are. Only what mdk carries out has a field.
 */
import type { BlockIoLimits } from "./block-io.ts";
import type { DeviceMapping } from "./devices.ts";
import type { LogConfig } from "./log-options.ts";
import type { EndpointSettings } from "./endpoint.ts";
import type { NamespaceModes } from "./namespace-modes.ts";
import type { Healthcheck } from "../image/config.ts";
import type { HealthAction } from "./health.ts";
import type { MountAsked } from "./mounts-asked.ts";
import type { NetworkMode } from "./network-mode.ts";
import type { RestartPolicy } from "./restart-policy.ts";

/** `Config`: what runs. */
export interface ContainerConfig {
  Hostname: string;
  Domainname: string;
  User: string;
  AttachStdin: boolean;
  AttachStdout: boolean;
  AttachStderr: boolean;
  ExposedPorts?: Record<string, Record<string, never>>;
  Tty: boolean;
  OpenStdin: boolean;
  StdinOnce: boolean;
  Env: string[];
  Cmd: string[] | null;
  /** The reference as it was given. */
  Image: string;
  Volumes: Record<string, Record<string, never>> | null;
  WorkingDir: string;
  Entrypoint: string[] | null;
  Labels: Record<string, string>;
  /** "02:42:ac:11:00:02"; missing: made of the address. */
  MacAddress?: string;
  /** Nanoseconds; 0: the default. */
  Healthcheck?: Healthcheck;
  /** mdk's own, as podman has it: what is done when it turns unhealthy. */
  HealthcheckOnFailureAction?: HealthAction;
  /** The image's, for probes in the shell form. */
  Shell?: string[];
  StopSignal?: string;
  StopTimeout?: number;
}

/** `--ulimit`, in the API's members; -1 is unlimited. */
export interface Ulimit {
  /** "nofile", "core" … */
  Name: string;
  Hard: number;
  Soft: number;
}

/** One host side of a published port; an empty port lets the engine choose one. */
export interface PortBinding {
  HostIp: string;
  HostPort: string;
}

/** `HostConfig`: how it is confined and joined to the host. */
export interface HostConfig extends NamespaceModes, BlockIoLimits {
  Binds: string[] | null;
  /** `--mount`. */
  Mounts?: MountAsked[];
  /** "ID[:ro|rw]": every mount of these containers. */
  VolumesFrom: string[] | null;
  /** Of the volumes that -v makes; "": local. */
  VolumeDriver: string;
  LogConfig: LogConfig;
  NetworkMode: NetworkMode;
  /** By "80/tcp". */
  PortBindings: Record<string, PortBinding[]>;
  /** Every exposed port without a binding gets a free port of the host. */
  PublishAllPorts: boolean;
  RestartPolicy: RestartPolicy;
  AutoRemove: boolean;
  CapAdd: string[] | null;
  CapDrop: string[] | null;
  /** Below every hierarchy's root; "": the engine's own. */
  CgroupParent: string;
  Devices?: DeviceMapping[];
  /** "c 42:* rmw". */
  DeviceCgroupRules?: string[];
  /** Names or numbers of supplementary groups. */
  GroupAdd: string[] | null;
  Dns: string[];
  DnsOptions: string[];
  DnsSearch: string[];
  /** "name:address". */
  ExtraHosts: string[] | null;
  Privileged: boolean;
  ReadonlyRootfs: boolean;
  /** mdk's own, as podman's --rootfs: the absolute path, without links, of a directory of the host that stands for an image's layers. */
  Rootfs?: string;
  Init?: boolean;
  /** -1000 … 1000; 0: as the engine's own processes. */
  OomScoreAdj: number;
  SecurityOpt: string[] | null;
  /** Places of the kernel's file systems that are hidden, or read-only; missing: Docker's. */
  MaskedPaths?: string[];
  ReadonlyPaths?: string[];
  /** By absolute path in the container: options as mount(8) writes them, joined by commas. */
  Tmpfs?: Record<string, string>;
  Sysctls?: Record<string, string>;
  Annotations?: Record<string, string>;
  /** Bytes; 0: no limit. */
  Memory: number;
  /** Bytes of memory and swap; 0: twice the memory; -1: no limit. */
  MemorySwap: number;
  /** Bytes that are left to the container when memory runs short; 0: none. */
  MemoryReservation: number;
  /** Billionths of a CPU; 0: no limit. */
  NanoCpus: number;
  CpuShares: number;
  /** Microseconds; 0: the kernel's own. */
  CpuPeriod: number;
  /** Microseconds a period; 0 or less: no limit. */
  CpuQuota: number;
  /** Microseconds; 0: none. */
  CpuRealtimePeriod: number;
  CpuRealtimeRuntime: number;
  CpusetCpus: string;
  CpusetMems: string;
  /** 0 … 100. */
  MemorySwappiness?: number;
  OomKillDisable?: boolean;
  /** null, 0 or -1: no limit. */
  PidsLimit: number | null;
  Ulimits: Ulimit[] | null;
  ShmSize: number;
}

/** A whole request. */
export interface CreateRequest {
  /** Null: a name is made up. */
  readonly name: string | null;
  readonly config: ContainerConfig;
  readonly host: HostConfig;
  /** `NetworkingConfig.EndpointsConfig`: what is asked of its networks, by name or id; that of NetworkMode may be missing. */
  readonly networks: Readonly<Record<string, EndpointSettings>>;
}
