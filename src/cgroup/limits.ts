/**
 * Resource limits as cgroup files: pure. From a request in the words of the OCI runtime spec (config-linux.md, "Control
 * groups") to a list of writes, for v1 and v2, whichever hierarchy has the controller. A limit that cannot be set is an
 * error, never ignored.
 */
import { planBlockIo } from "./io-limits.ts";
import type { LinuxCpu, LinuxMemory, LinuxResources } from "../spec/types.ts";
import { writer, type Exists, type GroupWrite, type VersionOf } from "./write.ts";

/** Zero or less is no limit; of memory and swap together, -1 is. */
export type Limits = Pick<LinuxResources, "memory" | "cpu" | "pids" | "blockIO">;

const CPU_PERIOD_DEFAULT = 100_000;
const SWAP_WARNING =
  "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.";

/**
 * The writes for a group without limits, in order. Throws MdkError, in Docker's words: "invalid-limit" for values that
 * contradict one another, "cgroup-controller-missing" where no hierarchy has the controller.
 */
export function planLimits({ memory = {}, cpu = {}, pids, blockIO }: Limits, versionOf: VersionOf, exists: Exists = () => true): GroupWrite[] {
  return [
    ...planMemory(memory, versionOf), ...planCpu(cpu, versionOf), ...planRealtime(cpu, versionOf), ...planCpuset(cpu, versionOf), ...planPids(pids?.limit ?? 0, versionOf),
    ...(blockIO === undefined ? [] : planBlockIo(blockIO, versionOf, exists)),
  ];
}

/** The same for a group that has limits already: a number of processes below zero takes that limit away. */
export function planUpdate(limits: Limits, versionOf: VersionOf): GroupWrite[] {
  const unlimited = (limits.pids?.limit ?? 0) < 0;
  return [...planLimits(limits, versionOf), ...(unlimited ? [writer("pids", "--pids-limit", versionOf)("pids.max", "max")] : [])];
}

/**
 * CPU weight (1…10000) for CPU shares (2…262144), so that 1024 shares become the default 100. The curve is runc's
 * (opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value); the straight line that it replaced made 39 of 1024.
 */
export function cpuWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262_144) return 10_000;
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

function planMemory({ limit = 0, swap = 0, reservation = 0, swappiness, disableOOMKiller = false }: LinuxMemory, versionOf: VersionOf): GroupWrite[] {
  return [
    ...planMemoryLimit(limit, swap, versionOf), ...planReservation(reservation, versionOf),
    ...(swappiness === undefined ? [] : [writer("memory", "--memory-swappiness", versionOf)("memory.swappiness", String(swappiness))]),
    ...(disableOOMKiller ? [writer("memory", "--oom-kill-disable", versionOf)("memory.oom_control", "1")] : []),
  ];
}

/** The period first: a runtime must fit into it. */
function planRealtime({ realtimePeriod = 0, realtimeRuntime = 0 }: LinuxCpu, versionOf: VersionOf): GroupWrite[] {
  return [
    ...(realtimePeriod <= 0 ? [] : [writer("cpu", "--cpu-rt-period", versionOf)("cpu.rt_period_us", String(realtimePeriod))]),
    ...(realtimeRuntime <= 0 ? [] : [writer("cpu", "--cpu-rt-runtime", versionOf)("cpu.rt_runtime_us", String(realtimeRuntime))]),
  ];
}

function planMemoryLimit(limit: number, said: number, versionOf: VersionOf): GroupWrite[] {
  if (limit <= 0) return [];
  const swap = said === 0 ? limit * 2 : said;
  // Twice the memory was not asked for: a kernel that does not count swap is then told of, not refused.
  const asked = swap !== limit * 2;
  const write = writer("memory", "--memory", versionOf);
  const swapWrite = writer("memory", asked ? "--memory-swap" : "--memory", versionOf);
  const optional = asked ? null : SWAP_WARNING;
  if (write.version === "v1") {
    // In this order: memory above memory and swap is EINVAL, and a new group has no limit on either.
    return [write("memory.limit_in_bytes", String(limit)), swapWrite("memory.memsw.limit_in_bytes", String(swap), optional)];
  }
  return [write("memory.max", String(limit)), swapWrite("memory.swap.max", swap < 0 ? "max" : String(swap - limit), optional)];
}

function planReservation(reservation: number, versionOf: VersionOf): GroupWrite[] {
  if (reservation <= 0) return [];
  const write = writer("memory", "--memory-reservation", versionOf);
  return [write(write.version === "v1" ? "memory.soft_limit_in_bytes" : "memory.low", String(reservation))];
}

function planCpu({ quota = 0, period = 0, shares = 0 }: LinuxCpu, versionOf: VersionOf): GroupWrite[] {
  const writes: GroupWrite[] = [];
  if (shares > 0) {
    const write = writer("cpu", "--cpu-shares", versionOf);
    writes.push(write.version === "v1" ? write("cpu.shares", String(shares)) : write("cpu.weight", String(cpuWeight(shares))));
  }
  if (quota <= 0 && period <= 0) return writes;
  const write = writer("cpu", "--cpus", versionOf);
  const length = String(period > 0 ? period : CPU_PERIOD_DEFAULT);
  if (write.version === "v2") writes.push(write("cpu.max", `${quota > 0 ? quota : "max"} ${length}`));
  else {
    if (period > 0) writes.push(write("cpu.cfs_period_us", length));
    if (quota > 0) writes.push(write("cpu.cfs_quota_us", String(quota)));
  }
  return writes;
}

function planCpuset({ cpus = "", mems = "" }: LinuxCpu, versionOf: VersionOf): GroupWrite[] {
  return [
    ...(cpus === "" ? [] : [writer("cpuset", "--cpuset-cpus", versionOf)("cpuset.cpus", cpus)]),
    ...(mems === "" ? [] : [writer("cpuset", "--cpuset-mems", versionOf)("cpuset.mems", mems)]),
  ];
}

function planPids(limit: number, versionOf: VersionOf): GroupWrite[] {
  return limit <= 0 ? [] : [writer("pids", "--pids-limit", versionOf)("pids.max", String(limit))];
}
