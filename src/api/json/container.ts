/** Docker's JSON of a container (`docker inspect`, GET /containers/ID/json): pure, from the row and what its files say. */
import { healthcheckJson } from "./healthcheck.ts";
import type { Container } from "../../store/containers.ts";
import type { ContainerStatus } from "../../engine/end/status.ts";
import { isUp, lives } from "../../engine/end/words.ts";
import type { HostConfig } from "../../spec/container.ts";
import { MASKED_PATHS, READONLY_PATHS } from "../../spec/defaults.ts";
import type { UserMount } from "../../spec/mount-types.ts";
import type { HealthState } from "../../runtime/health.ts";
import { healthTimes } from "../../spec/health.ts";
import { parseLink } from "../../spec/endpoint.ts";
import { BRIDGE } from "../../spec/network-mode.ts";
import { networkSettings, type NetworkSettingsFacts } from "./network-settings.ts";

/** Go's zero time: what Docker shows for "never". */
const NEVER = "0001-01-01T00:00:00Z";

export interface InspectFacts {
  readonly container: Container;
  readonly status: ContainerStatus;
  /** Null: nobody looks at its health. */
  readonly health: HealthState | null;
  readonly network: Pick<NetworkSettingsFacts, "endpoints" | "ports">;
  /** Layer directories, the uppermost first. */
  readonly layers: readonly string[];
  /** The container's directory in the store. */
  readonly directory: string;
  readonly logPath: string;
  /** Ids of the execs that run in it. */
  readonly execs: readonly string[];
  /** `--size`: bytes of the container's own layer, and of its image; null: not asked for. */
  readonly size: { readonly own: number; readonly image: number } | null;
}

/** The whole answer. */
export function inspectContainer(facts: InspectFacts): Record<string, unknown> {
  const { container, status, directory } = facts;
  const { config } = container;
  const [path = "", ...args] = [...(config.Entrypoint ?? []).filter((word) => word !== ""), ...(config.Cmd ?? [])];
  return {
    Id: container.id, Created: new Date(container.createdMs).toISOString(), Path: path, Args: args,
    State: stateOf(facts), Image: container.host.Rootfs === undefined ? container.image : "",
    ResolvConfPath: `${directory}/resolv.conf`, HostnamePath: `${directory}/hostname`, HostsPath: `${directory}/hosts`,
    LogPath: container.host.LogConfig.Type === "json-file" ? facts.logPath : "",
    Name: `/${container.name}`, RestartCount: container.restarts, Driver: "overlay2", Platform: "linux",
    MountLabel: "", ProcessLabel: "", AppArmorProfile: "", ExecIDs: facts.execs.length === 0 ? null : facts.execs, HostConfig: { ...hostOf(container.host), Links: linksOf(facts) },
    GraphDriver: {
      Data: {
        LowerDir: facts.layers.join(":"), UpperDir: `${directory}/upper`, WorkDir: `${directory}/work`,
        ...(status.pid === 0 ? {} : { MergedDir: `/proc/${status.pid}/root` }),
      },
      Name: "overlay2",
    },
    ...(facts.size === null ? {} : { SizeRw: facts.size.own, SizeRootFs: facts.size.own + facts.size.image }),
    Mounts: container.mounts.flatMap(mountOf), Config: { ...CONFIG, ...config, ...(config.Healthcheck === undefined ? {} : { Healthcheck: healthcheckJson(config.Healthcheck) }) }, NetworkSettings: networkSettings({ ...facts.network, exposed: Object.keys(config.ExposedPorts ?? {}), pid: lives(status.word) ? status.pid : null }),
  };
}

/** Of the default bridge, as Docker tells them: "/db:/web/database"; elsewhere they belong to the endpoint. */
function linksOf({ container, network }: InspectFacts): string[] | null {
  const links = network.endpoints.filter(({ endpoint }) => endpoint.networkName === BRIDGE).flatMap(({ endpoint }) => endpoint.settings.Links ?? []).map(parseLink);
  return links.length === 0 ? null : links.map((link) => `/${link.container}:/${container.name}/${link.alias}`);
}

/** Members of `Config` in Docker's order, with the value of what nobody can ask mdk for. */
const CONFIG = {
  Hostname: "", Domainname: "", User: "", AttachStdin: false, AttachStdout: false, AttachStderr: false, Tty: false, OpenStdin: false, StdinOnce: false,
  Env: [], Cmd: null, Image: "", Volumes: null, WorkingDir: "", Entrypoint: null, OnBuild: null, Labels: {},
};

/** The same of `HostConfig`. */
const HOST = {
  Binds: null, ContainerIDFile: "", LogConfig: { Type: "json-file", Config: {} }, NetworkMode: "bridge", PortBindings: {},
  RestartPolicy: { Name: "no", MaximumRetryCount: 0 }, AutoRemove: false, VolumeDriver: "", VolumesFrom: null, ConsoleSize: [0, 0],
  CapAdd: null, CapDrop: null, CgroupnsMode: "private", Dns: [], DnsOptions: [], DnsSearch: [], ExtraHosts: null, GroupAdd: null,
  IpcMode: "private", Cgroup: "", Links: null, OomScoreAdj: 0, PidMode: "", Privileged: false, PublishAllPorts: false, ReadonlyRootfs: false,
  SecurityOpt: null, UTSMode: "", UsernsMode: "", ShmSize: 0, Runtime: "runc", Isolation: "",
  CpuShares: 0, Memory: 0, NanoCpus: 0, CgroupParent: "", BlkioWeight: 0, BlkioWeightDevice: [], BlkioDeviceReadBps: [], BlkioDeviceWriteBps: [],
  BlkioDeviceReadIOps: [], BlkioDeviceWriteIOps: [], CpuPeriod: 0, CpuQuota: 0, CpuRealtimePeriod: 0, CpuRealtimeRuntime: 0, CpusetCpus: "", CpusetMems: "",
  Devices: [], DeviceCgroupRules: null, DeviceRequests: null, MemoryReservation: 0, MemorySwap: 0, MemorySwappiness: null, OomKillDisable: null,
  PidsLimit: null, Ulimits: [], CpuCount: 0, CpuPercent: 0, IOMaximumIOps: 0, IOMaximumBandwidth: 0,
};

function hostOf(host: HostConfig): Record<string, unknown> {
  const paths = host.Privileged ? { MaskedPaths: null, ReadonlyPaths: null } : { MaskedPaths: host.MaskedPaths ?? MASKED_PATHS, ReadonlyPaths: host.ReadonlyPaths ?? READONLY_PATHS };
  // Docker writes it into the request (moby daemon/daemon_unix.go, adaptContainerSettings).
  const MemorySwap = host.MemorySwap === 0 ? host.Memory * 2 : host.MemorySwap;
  return { ...HOST, ...host, MemorySwap, Ulimits: host.Ulimits ?? [], ...paths };
}

/** Go's time.Duration as Docker shows it in a sentence: 30s, 1m30s, 500ms. */
function goDuration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const [hours, minutes, seconds] = [Math.trunc(ms / 3_600_000), Math.trunc(ms / 60_000) % 60, (ms % 60_000) / 1000];
  return `${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${seconds}s`;
}

function healthOf(health: HealthState, { config }: InspectFacts["container"]): Record<string, unknown> {
  const late = `Health check exceeded timeout (${goDuration(healthTimes(config.Healthcheck!).timeoutMs)})`;
  return {
    Status: health.word, FailingStreak: health.streak,
    Log: health.results.map(({ start, end, code, output }) => ({
      Start: start, End: end, ExitCode: Math.max(-1, code), Output: code === -1 ? `${late}${output === "" ? "" : `: ${output}`}` : output,
    })),
  };
}

function stateOf({ container, status, health }: InspectFacts): Record<string, unknown> {
  return {
    Status: status.word, Running: isUp(status.word), Paused: status.word === "paused", Restarting: status.word === "restarting", OOMKilled: status.oom,
    Dead: status.word === "removing", Pid: status.pid, ExitCode: status.code, Error: container.error,
    StartedAt: status.started ?? NEVER, FinishedAt: status.finished ?? NEVER,
    ...(health === null ? {} : { Health: healthOf(health, container) }),
  };
}

function mountOf(mount: UserMount): Record<string, unknown>[] {
  switch (mount.type) {
    case "tmpfs":
      // Docker lists no --tmpfs here, but --mount's.
      return mount.listed === true ? [{ Type: "tmpfs", Source: "", Destination: mount.target, Mode: "", RW: !mount.options.includes("ro"), Propagation: "" }] : [];
    case "volume":
      return [{ Type: "volume", Name: mount.name, Source: mount.source, Destination: mount.target, Driver: mount.driver, Mode: mount.mode, RW: !mount.readonly, Propagation: "" }];
    case "image":
      return [{ Type: "image", Source: mount.source, Destination: mount.target, Mode: "", RW: false, Propagation: "" }];
    case "bind":
  }
  return [{ Type: "bind", Source: mount.source, Destination: mount.target, Mode: mount.mode, RW: !mount.readonly, Propagation: mount.propagation }];
}
