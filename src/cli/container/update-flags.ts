/** The flags of `update`, which `start` takes as well, and what they ask for. */
import type { Changes } from "../../engine/container/update.ts";
import { parseRestartPolicy } from "../../spec/restart-policy.ts";
import type { Flag, Values } from "../grammar/flags.ts";

export const UPDATE_FLAGS: readonly Flag[] = [
  { name: "blkio-weight", type: "int", help: "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)" },
  { name: "cpu-period", type: "int", help: "Limit CPU CFS (Completely Fair Scheduler) period" },
  { name: "cpu-quota", type: "int", help: "Limit CPU CFS (Completely Fair Scheduler) quota" },
  { name: "cpu-rt-period", type: "int", help: "Limit the CPU real-time period in microseconds" },
  { name: "cpu-rt-runtime", type: "int", help: "Limit the CPU real-time runtime in microseconds" },
  { name: "cpu-shares", short: "c", type: "int", help: "CPU shares (relative weight)" },
  { name: "cpus", type: "decimal", help: "Number of CPUs" },
  { name: "cpuset-cpus", type: "string", help: "CPUs in which to allow execution (0-3, 0,1)" },
  { name: "cpuset-mems", type: "string", help: "MEMs in which to allow execution (0-3, 0,1)" },
  { name: "kernel-memory", type: "bytes", help: "", missing: true, hidden: true },
  { name: "memory", short: "m", type: "bytes", help: "Memory limit" },
  { name: "memory-reservation", type: "bytes", help: "Memory soft limit" },
  { name: "memory-swap", type: "bytes", help: "Swap limit equal to memory plus swap: -1 to enable unlimited swap" },
  { name: "pids-limit", type: "int", help: "Tune container pids limit (set -1 for unlimited)" },
  { name: "restart", type: "string", help: "Restart policy to apply when a container exits" },
];

/** Null: nothing is to change. */
export function changesOf(flags: Values): Changes | null {
  const found = Object.entries({
    Memory: flags.bytes("memory"), MemorySwap: flags.bytes("memory-swap"), MemoryReservation: flags.bytes("memory-reservation"), NanoCpus: flags.nano("cpus"),
    CpuShares: flags.int("cpu-shares"), BlkioWeight: flags.int("blkio-weight"), CpuRealtimePeriod: flags.int("cpu-rt-period"), CpuRealtimeRuntime: flags.int("cpu-rt-runtime"), CpuPeriod: flags.int("cpu-period"), CpuQuota: flags.int("cpu-quota"), CpusetCpus: flags.string("cpuset-cpus"),
    CpusetMems: flags.string("cpuset-mems"), PidsLimit: flags.int("pids-limit"), RestartPolicy: flags.given("restart") ? parseRestartPolicy(flags.string("restart") ?? "") : null,
  }).filter(([, value]) => value !== null);
  return found.length === 0 ? null : (Object.fromEntries(found) as Changes);
}
