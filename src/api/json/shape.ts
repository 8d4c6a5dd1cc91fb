/**
 * What the Go types of Docker's answers (moby api/types, docker/cli) know and their JSON does not say: which objects are maps,
 * what kind of nil a null is, Go's names. For templates, which are carried out on Docker's types. Pure.
 */

const named = <T>(value: T, ...names: readonly string[]): Record<string, T> => Object.fromEntries(names.map((name) => [name, value]));

/** Of container and image inspect, info and version alike: a member's name means one thing in all of them. */
const COMMON = {
  maps: new Set([
    "Annotations", "AuxiliaryAddresses", "Containers", "Data", "Details", "DriverOpts", "ExposedPorts", "IndexConfigs", "Labels", "LogConfig.Config", "Networks", "Options", "PortBindings",
    "Ports", "Runtimes", "StorageOpt", "Sysctls", "Tmpfs", "Volumes",
  ]),
  nils: {
    ...named(
      "slice" as const, "Aliases", "Authorization", "Binds", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps", "BlkioWeightDevice",
      "CDISpecDirs", "CapAdd", "CapDrop", "Cmd", "DNSNames", "DeviceCgroupRules", "DeviceRequests", "Devices", "Dns", "DnsOptions", "DnsSearch", "Entrypoint", "Env", "ExecIDs",
      "ExtraHosts", "GenericResources", "GroupAdd", "Links", "MaskedPaths", "OnBuild", "ReadonlyPaths", "RemoteManagers", "RepoDigests", "RepoTags",
      "SecondaryIPAddresses", "SecondaryIPv6Addresses", "SecurityOpt", "Shell", "Ulimits", "VolumesFrom", "Warnings",
    ),
    ...named("map" as const, "DriverOpts", "ExposedPorts", "Labels", "PortBindings", "Volumes"),
    ...named("pointer" as const, "Health", "Healthcheck", "IPAMConfig", "Init", "MemorySwappiness", "OomKillDisable", "PidsLimit", "StopTimeout"),
  },
  names: {
    ID: "Id", APIVersion: "ApiVersion", CPUShares: "CpuShares", CPUPeriod: "CpuPeriod", CPUQuota: "CpuQuota", CPURealtimePeriod: "CpuRealtimePeriod",
    CPURealtimeRuntime: "CpuRealtimeRuntime", NanoCPUs: "NanoCpus", DNS: "Dns", DNSOptions: "DnsOptions", DNSSearch: "DnsSearch", HostIP: "HostIp",
    CPUCfsPeriod: "CpuCfsPeriod", CPUCfsQuota: "CpuCfsQuota",
  },
  omitted: { State: { Health: "pointer" as const }, HostConfig: { Mounts: "slice" as const }, "Mounts.?": { Name: "string" as const, Driver: "string" as const } },
};

export const INSPECT_SHAPE = {
  ...COMMON,
  types: { "": "container.InspectResponse", State: "*container.State", HostConfig: "*container.HostConfig", Config: "*container.Config", NetworkSettings: "*container.NetworkSettings" },
};

export const INFO_SHAPE = { ...COMMON, types: { "": "system.dockerInfo", Swarm: "swarm.Info", RegistryConfig: "*registry.ServiceConfig", ClientInfo: "*system.clientInfo" } };

export const VERSION_SHAPE = { ...COMMON, types: { "": "system.versionInfo", Client: "system.clientVersion", Server: "*types.Version" } };

export const EVENT_SHAPE = {
  maps: new Set(["Attributes"]), nils: {}, names: { Status: "status", ID: "id", From: "from", Scope: "scope", Time: "time", TimeNano: "timeNano" }, omitted: {},
  types: { "": "*events.Message", Actor: "events.Actor" },
};

export const NETWORK_SHAPE = { ...COMMON, nils: { ...COMMON.nils, Options: "map" as const, Config: "slice" as const }, omitted: {}, types: { "": "network.Inspect", IPAM: "network.IPAM" } };

export const VOLUME_SHAPE = { maps: new Set(["Labels", "Options"]), nils: named("map" as const, "Labels", "Options"), names: { CreatedAt: "CreatedAt" }, omitted: {}, types: { "": "volume.Volume" } };
