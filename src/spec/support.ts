/** Limits that not every kernel has: Docker warns of them and goes on without (moby daemon/daemon_unix.go, verifyPlatformContainerResources). Pure. */
import { MdkError } from "../error.ts";
import type { HostConfig } from "./container.ts";

/** Which of them the kernel has; each is only asked for where a request needs it. */
export interface LimitSupport {
  readonly weight: boolean;
  /** It has, but no disk is shared out by it. */
  readonly idleWeight: boolean;
  readonly swappiness: boolean;
  readonly oomKillDisable: boolean;
  readonly realtime: boolean;
}

/** The request without what the kernel lacks, and Docker's warnings. Throws for real-time limits, as Docker does. */
export function discardUnsupported(host: HostConfig, support: LimitSupport): { host: HostConfig; warnings: string[] } {
  const { BlkioWeightDevice, MemorySwappiness, OomKillDisable, ...rest } = host;
  const warnings: string[] = [];
  const kept = <T>(value: T | undefined, asked: boolean, has: () => boolean, warning: string): T | undefined => {
    if (value === undefined || !asked || has()) return value;
    warnings.push(warning);
    return undefined;
  };
  const weight = kept(host.BlkioWeight, host.BlkioWeight > 0, () => support.weight, "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.");
  if ((weight ?? 0) > 0 && support.idleWeight) warnings.push("No disk has the bfq scheduler: the Block I/O weight has no effect now.");
  const devices = kept(BlkioWeightDevice, true, () => support.weight, "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.");
  const swappiness = kept(MemorySwappiness, true, () => support.swappiness, "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.");
  const disabled = kept(OomKillDisable, OomKillDisable === true, () => support.oomKillDisable, "Your kernel does not support OomKillDisable. OomKillDisable discarded.");
  if (disabled === true && host.Memory === 0) {
    warnings.push("OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.");
  }
  if ((host.CpuRealtimePeriod !== 0 || host.CpuRealtimeRuntime !== 0) && !support.realtime) {
    throw new MdkError("unsupported", "no-realtime", "kernel does not support CPU real-time scheduler", { hint: "it needs cgroup v1 and CONFIG_RT_GROUP_SCHED: leave --cpu-rt-period and --cpu-rt-runtime out" });
  }
  return {
    host: {
      ...rest, BlkioWeight: weight ?? 0,
      ...(devices === undefined ? {} : { BlkioWeightDevice: devices }), ...(swappiness === undefined ? {} : { MemorySwappiness: swappiness }),
      ...(disabled === undefined ? {} : { OomKillDisable: disabled }),
    },
    warnings,
  };
}
