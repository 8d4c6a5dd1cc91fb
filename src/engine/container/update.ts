/** Docker's update: other limits and another restart policy for a container, for a running one at once. */
import { updateGroup } from "../../cgroup/update.ts";
import { MdkError } from "../../error.ts";
import type { HostConfig } from "../../spec/container.ts";
import { checkLimits, resourcesOf } from "../../spec/limits.ts";
import { updateHost } from "../../store/container-life.ts";
import type { Context } from "../context.ts";
import { withOpLock } from "../end/at-rest.ts";
import { readStatus } from "../end/status.ts";
import { lives } from "../end/words.ts";
import { cpuCount } from "../host/facts.ts";

/** What may change in the life of a container; what is left out stays. */
export type Changes = Partial<Pick<HostConfig,
  "Memory" | "MemorySwap" | "MemoryReservation" | "NanoCpus" | "CpuShares" | "CpuPeriod" | "CpuQuota" | "CpusetCpus" | "CpusetMems" | "PidsLimit" | "RestartPolicy" | "BlkioWeight" | "CpuRealtimePeriod" | "CpuRealtimeRuntime">>;

/** Returns Docker's warnings. Throws MdkError in Docker's words; the row is as it was then. */
export function updateContainer(context: Context, id: string, changes: Changes): string[] {
  return withOpLock(context, id, (container) => {
    const host = { ...container.host, ...changes };
    check(id, container.host, changes);
    checkLimits(host, cpuCount());
    const limits = { ...resourcesOf(host), ...(changes.BlkioWeight === undefined ? {} : { blockIO: { weight: changes.BlkioWeight } }) };
    const warnings = lives(readStatus(context, container).word) ? updateGroup(context.cgroups(), container.cgroup, limits) : [];
    updateHost(context.database(), id, host);
    return warnings;
  });
}

/** What contradicts the limits that are there (moby, container/container_unix.go UpdateContainer). */
function check(id: string, host: HostConfig, { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, Memory = 0, MemorySwap = 0, RestartPolicy }: Changes): void {
  const conflicts: readonly (readonly [boolean, string])[] = [
    [NanoCpus > 0 && host.CpuPeriod > 0, "Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set"],
    [NanoCpus > 0 && host.CpuQuota > 0, "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set"],
    [CpuQuota > 0 && host.NanoCpus > 0, "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set"],
    [CpuPeriod > 0 && host.NanoCpus > 0, "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set"],
    [Memory > 0 && MemorySwap === 0 && host.MemorySwap > 0 && Memory > host.MemorySwap, "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"],
    [RestartPolicy !== undefined && host.AutoRemove, "Restart policy cannot be updated because AutoRemove is enabled for the container"],
  ];
  for (const [holds, message] of conflicts) if (holds) throw new MdkError("conflict", "update-conflict", `Cannot update container ${id}: ${message}`);
}
