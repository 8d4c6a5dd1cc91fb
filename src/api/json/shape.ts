/**
 * What the Go types of Docker's answers (moby api/types 28.2, docker/cli) know and their JSON does not say: which objects are maps,
 * what kind of nil a null is, Go's names, the order of members and those that are left out. For templates, which are carried out on Docker's types. Pure.
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
    CPURealtimeRuntime: "CpuRealtimeRuntime", CPUCount: "CpuCount", CPUPercent: "CpuPercent", NanoCPUs: "NanoCpus", DNS: "Dns", DNSOptions: "DnsOptions", DNSSearch: "DnsSearch",
    HostIP: "HostIp", CPUCfsPeriod: "CpuCfsPeriod", CPUCfsQuota: "CpuCfsQuota", AuxAddress: "AuxiliaryAddresses",
  },
  members: {},
};

const HEALTHCHECK = "Test:slice Interval:duration Timeout:duration StartPeriod:duration StartInterval:duration Retries:number";

export const CONTAINER_SHAPE = {
  ...COMMON,
  types: { "": "container.InspectResponse", State: "*container.State", HostConfig: "*container.HostConfig", Config: "*container.Config", NetworkSettings: "*container.NetworkSettings" },
  members: {
    "": [
      "Id Created Path Args State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount Driver Platform MountLabel ProcessLabel",
      "AppArmorProfile ExecIDs HostConfig GraphDriver SizeRw:pointer SizeRootFs:pointer Mounts Config NetworkSettings ImageManifestDescriptor:pointer",
    ].join(" "),
    State: "Status Running Paused Restarting OOMKilled Dead Pid ExitCode Error StartedAt FinishedAt Health:pointer",
    "State.Health.Log.?": "Start:time End:time ExitCode Output",
    HostConfig: [
      "Binds ContainerIDFile LogConfig NetworkMode PortBindings RestartPolicy AutoRemove VolumeDriver VolumesFrom ConsoleSize Annotations:map CapAdd CapDrop",
      "CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode Cgroup Links OomScoreAdj PidMode Privileged PublishAllPorts ReadonlyRootfs",
      "SecurityOpt StorageOpt:map Tmpfs:map UTSMode UsernsMode ShmSize Sysctls:map Runtime:string Isolation CpuShares Memory NanoCpus CgroupParent",
      "BlkioWeight BlkioWeightDevice BlkioDeviceReadBps BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps CpuPeriod CpuQuota CpuRealtimePeriod",
      "CpuRealtimeRuntime CpusetCpus CpusetMems Devices DeviceCgroupRules DeviceRequests KernelMemory:number KernelMemoryTCP:number MemoryReservation",
      "MemorySwap MemorySwappiness OomKillDisable PidsLimit Ulimits CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth Mounts:slice MaskedPaths",
      "ReadonlyPaths Init:pointer",
    ].join(" "),
    "HostConfig.Mounts.?": [
      "Type:string Source:string Target:string ReadOnly:bool Consistency:string BindOptions:pointer VolumeOptions:pointer ImageOptions:pointer",
      "TmpfsOptions:pointer ClusterOptions:pointer",
    ].join(" "),
    "HostConfig.Mounts.?.BindOptions": "Propagation:string NonRecursive:bool CreateMountpoint:bool ReadOnlyNonRecursive:bool ReadOnlyForceRecursive:bool",
    "HostConfig.Mounts.?.VolumeOptions": "NoCopy:bool Labels:map Subpath:string DriverConfig:pointer",
    "HostConfig.Mounts.?.VolumeOptions.DriverConfig": "Name:string Options:map",
    "HostConfig.Mounts.?.ImageOptions": "Subpath:string",
    "HostConfig.Mounts.?.TmpfsOptions": "SizeBytes:number Mode:number Options:slice",
    "Mounts.?": "Type:string Name:string Source Destination Driver:string Mode RW Propagation",
    Config: [
      "Hostname Domainname User AttachStdin AttachStdout AttachStderr ExposedPorts:map Tty OpenStdin StdinOnce Env Cmd Healthcheck:pointer ArgsEscaped:bool",
      "Image Volumes WorkingDir Entrypoint NetworkDisabled:bool MacAddress:string OnBuild Labels StopSignal:string StopTimeout:pointer Shell:slice",
    ].join(" "),
    "Config.Healthcheck": HEALTHCHECK,
    "NetworkSettings.Networks.?.IPAMConfig": "IPv4Address:string IPv6Address:string LinkLocalIPs:slice",
  },
};

export const IMAGE_SHAPE = {
  ...COMMON,
  types: { "": "image.InspectResponse", Config: "*v1.DockerOCIImageConfig", RootFS: "image.RootFS", Metadata: "image.Metadata" },
  members: {
    "": [
      "Id RepoTags RepoDigests Parent Comment Created:string Container:string ContainerConfig:pointer DockerVersion Author Config Architecture Variant:string",
      "Os OsVersion:string Size VirtualSize:number GraphDriver RootFS Metadata Descriptor:pointer Manifests:slice",
    ].join(" "),
    Config: [
      "User:string ExposedPorts:map Env:slice Entrypoint:slice Cmd:slice Volumes:map WorkingDir:string Labels:map StopSignal:string ArgsEscaped:bool",
      "Healthcheck:pointer OnBuild:slice Shell:slice",
    ].join(" "),
    "Config.Healthcheck": HEALTHCHECK,
    RootFS: "Type:string Layers:slice",
    Metadata: "LastTagTime:time",
  },
};

export const NETWORK_SHAPE = {
  ...COMMON, nils: { ...COMMON.nils, Options: "map" as const, Config: "slice" as const }, types: { "": "network.Inspect", IPAM: "network.IPAM" },
  members: {
    "": [
      "Name Id Created:time Scope Driver EnableIPv4 EnableIPv6 IPAM Internal Attachable Ingress ConfigFrom ConfigOnly Containers Options Labels Peers:slice",
      "Services:map",
    ].join(" "),
    "IPAM.Config.?": "Subnet:string IPRange:string Gateway:string AuxiliaryAddresses:map",
  },
};

export const VOLUME_SHAPE = {
  maps: new Set(["Labels", "Options", "Status"]), nils: named("map" as const, "Labels", "Options"), names: {}, types: { "": "volume.Volume" },
  members: { "": "ClusterVolume:pointer CreatedAt:string Driver Labels Mountpoint Name Options Scope Status:map UsageData:pointer" },
};

const COMMIT = "ID Expected:string";

export const INFO_SHAPE = {
  ...COMMON, types: { "": "system.dockerInfo", Swarm: "swarm.Info", RegistryConfig: "*registry.ServiceConfig", ClientInfo: "*system.clientInfo" },
  members: {
    "": [
      "ID Containers ContainersRunning ContainersPaused ContainersStopped Images Driver DriverStatus SystemStatus:slice Plugins MemoryLimit SwapLimit KernelMemory:bool",
      "KernelMemoryTCP:bool CpuCfsPeriod CpuCfsQuota CPUShares CPUSet PidsLimit IPv4Forwarding Debug NFd OomKillDisable NGoroutines SystemTime LoggingDriver CgroupDriver",
      "CgroupVersion:string NEventsListener KernelVersion OperatingSystem OSVersion OSType Architecture IndexServerAddress RegistryConfig NCPU MemTotal GenericResources",
      "DockerRootDir HttpProxy HttpsProxy NoProxy Name Labels ExperimentalBuild ServerVersion Runtimes DefaultRuntime Swarm LiveRestoreEnabled Isolation InitBinary",
      "ContainerdCommit RuncCommit InitCommit SecurityOptions ProductLicense:string DefaultAddressPools:slice FirewallBackend:pointer CDISpecDirs DiscoveredDevices:slice",
      "Containerd:pointer Warnings",
    ].join(" "),
    RegistryConfig: "AllowNondistributableArtifactsCIDRs:slice AllowNondistributableArtifactsHostnames:slice InsecureRegistryCIDRs IndexConfigs Mirrors",
    Swarm: "NodeID NodeAddr LocalNodeState ControlAvailable Error RemoteManagers Nodes:number Managers:number Cluster:pointer Warnings:slice",
    FirewallBackend: "Driver Info:slice", ContainerdCommit: COMMIT, RuncCommit: COMMIT, InitCommit: COMMIT,
  },
};

export const VERSION_SHAPE = {
  ...COMMON, types: { "": "system.versionInfo", Client: "system.clientVersion", Server: "*types.Version" },
  members: { Server: "Platform Components Version ApiVersion MinAPIVersion:string GitCommit GoVersion Os Arch KernelVersion:string Experimental:bool BuildTime:string" },
};

export const EVENT_SHAPE = {
  maps: new Set(["Attributes"]), nils: {}, names: { Status: "status", ID: "id", From: "from", Scope: "scope", Time: "time", TimeNano: "timeNano" }, members: {},
  types: { "": "*events.Message", Actor: "events.Actor" },
};
