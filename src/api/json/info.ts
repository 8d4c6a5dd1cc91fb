/** Docker's JSON of `info` (GET /info, SystemInfo). Pure. */
import { formatSubnet } from "../../network/ipam.ts";
import { formatSubnet6 } from "../../network/ipam6.ts";
import { DRIVERS } from "../../spec/network-config.ts";
import { LOG_DRIVERS } from "../../spec/log-options.ts";
import type { SystemFacts } from "../../engine/system/info.ts";

/** Sentences of the daemon for what this host cannot limit. */
const WARNINGS = {
  memory: "WARNING: No memory limit support", swap: "WARNING: No swap limit support", cpu: "WARNING: No cpu cfs quota support",
  pids: "WARNING: No pids limit support", cpuset: "WARNING: No cpuset support", forwarding: "WARNING: IPv4 forwarding is disabled",
} as const;

/** `version`: mdk's own. Beyond Docker's members: CgroupMode, CgroupParent, RunRoot and ConfigFile ("": none). */
export function infoJson(facts: SystemFacts, version: string): Record<string, unknown> {
  const { memory, cpu, pids, cpuset } = facts.cgroups.controllers;
  const supported = { memory, swap: facts.swapLimit || !memory, cpu, pids, cpuset, forwarding: facts.forwarding };
  const warnings = Object.entries(WARNINGS).filter(([name]) => !supported[name as keyof typeof WARNINGS]).map(([, warning]): string => warning);
  const { settings } = facts;
  if (settings.idle.length > 0) warnings.push(`WARNING: ${settings.file}: these keys mean nothing to mdk: ${settings.idle.join(", ")}`);
  const { pools, pools6 } = settings.networks;
  const addressPools = [...(pools ?? []).map(({ base, size }) => ({ Base: formatSubnet(base), Size: size })), ...(pools6 ?? []).map(({ base, size }) => ({ Base: formatSubnet6(base), Size: size }))];
  const proxy = (name: string): string => facts.environment[name] ?? facts.environment[name.toLowerCase()] ?? "";
  return {
    ID: facts.id, Containers: facts.containers, ContainersRunning: facts.running, ContainersPaused: facts.paused, ContainersStopped: facts.containers - facts.running - facts.paused,
    Images: facts.images, Driver: "overlay2",
    DriverStatus: [["Backing Filesystem", facts.fileSystem], ...rootStoreStatus(facts), ["Supports d_type", "true"], ["Using metacopy", "false"], ["Native Overlay Diff", "true"], ["userxattr", "false"]],
    Plugins: { Volume: ["local"], Network: [...DRIVERS].sort(), Authorization: null, Log: [...LOG_DRIVERS] },
    MemoryLimit: memory, SwapLimit: facts.swapLimit, CpuCfsPeriod: cpu, CpuCfsQuota: cpu, CPUShares: cpu, CPUSet: cpuset, PidsLimit: pids,
    IPv4Forwarding: facts.forwarding, Debug: false, NFd: facts.descriptors, OomKillDisable: false, NGoroutines: 1, SystemTime: facts.now.toISOString(),
    LoggingDriver: settings.host.log.Type, CgroupDriver: "cgroupfs", CgroupVersion: facts.cgroups.mode === "v2" ? "2" : "1", CgroupMode: facts.cgroups.mode, CgroupParent: facts.cgroups.parent,
    NEventsListener: 0, KernelVersion: facts.kernel, OperatingSystem: facts.system.name, OSVersion: facts.system.version, OSType: "linux", Architecture: facts.machine,
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: registryConfig(settings.registries), ...(addressPools.length === 0 ? {} : { DefaultAddressPools: addressPools }),
    NCPU: facts.cpus, MemTotal: facts.memory, GenericResources: null, DockerRootDir: facts.root, RunRoot: facts.runRoot, ConfigFile: settings.file ?? "",
    HttpProxy: proxy("HTTP_PROXY"), HttpsProxy: proxy("HTTPS_PROXY"), NoProxy: proxy("NO_PROXY"), Name: facts.hostname, Labels: [], ExperimentalBuild: false,
    ServerVersion: version, Runtimes: { runc: { path: "mdk-shim" } }, DefaultRuntime: "runc",
    Swarm: { NodeID: "", NodeAddr: "", LocalNodeState: "inactive", ControlAvailable: false, Error: "", RemoteManagers: null },
    FirewallBackend: facts.way === "nf_tables" ? { Driver: "nftables" } : { Driver: "none", Info: [["Published Ports", "userland proxy (the kernel has no nf_tables with NAT)"]] },
    LiveRestoreEnabled: true, Isolation: "", InitBinary: "docker-init", ContainerdCommit: { ID: "" }, RuncCommit: { ID: "" }, InitCommit: { ID: "" },
    SecurityOptions: [`name=seccomp,profile=${settings.host.seccomp ?? "builtin"}`, "name=cgroupns", ...(settings.host.noNewPrivileges ? ["name=no-new-privileges"] : [])], CDISpecDirs: null, Warnings: warnings.length === 0 ? null : warnings,
  };
}

const HUB = "docker.io";

/** As dockerd tells it (moby registry/config.go); a registry that has mirrors of its own is among the indexes too. */
function registryConfig({ insecure, mirrors }: SystemFacts["settings"]["registries"]): object {
  const names = new Set([HUB, ...Object.keys(mirrors), ...insecure.filter((name) => !name.includes("/"))]);
  const told = (name: string): readonly string[] => (Object.hasOwn(mirrors, name) ? mirrors[name]!.map((origin) => `${origin}/`) : []);
  return {
    IndexConfigs: Object.fromEntries([...names].map((Name) => [Name, { Mirrors: told(Name), Name, Official: Name === HUB, Secure: !insecure.includes(Name) }])),
    InsecureRegistryCIDRs: [...insecure.filter((name) => name.includes("/")), "::1/128", "127.0.0.0/8"], Mirrors: told(HUB).length === 0 ? null : told(HUB),
  };
}

/** Lines beside Docker's, only where the data root is on a file system that mdk brought. */
function rootStoreStatus({ rootStore, root }: SystemFacts): [string, string][] {
  if (rootStore === null) return [];
  const { driver, on, bytes, backingFree } = rootStore;
  const size = ["Root Store Size", megabytes(bytes)] as [string, string];
  if (driver === "tmpfs") return [["Root Store", `tmpfs on ${root}, in memory`], size];
  return [["Root Store", `loop: ${on} on ${root}`], size, ...(backingFree === null ? [] : [["Root Store Disk Left", megabytes(backingFree)] as [string, string]])];
}

const megabytes = (bytes: number): string => `${Math.floor(bytes / 1e6)} MB`;
