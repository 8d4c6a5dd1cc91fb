/** Limits as cgroup files of both versions. */
import { expect, test } from "bun:test";
import { cpuWeight, planLimits, type Limits } from "../../src/cgroup/limits.ts";
import type { Version } from "../../src/cgroup/write.ts";
import { MdkError } from "../../src/error.ts";

const plan = (limits: Limits, version: Version | null) =>
  planLimits(limits, () => version).map(({ controller, file, value }) => `${controller} ${file} ${value}`);
const refusal = (limits: Limits, version: Version | null = "v2"): MdkError => {
  try {
    planLimits(limits, () => version);
  } catch (error) {
    if (error instanceof MdkError) return error;
  }
  throw new Error("not refused");
};
const MB = 1024 * 1024;

test("no limit writes nothing and needs no controller", () => {
  expect(plan({}, null)).toEqual([]);
  expect(plan({ memory: { limit: 0 }, cpu: { quota: 0, cpus: "" }, pids: { limit: -1 } }, null)).toEqual([]);
});

test("v1: memory before memory and swap, period before quota", () => {
  expect(plan({ memory: { limit: 100 * MB }, cpu: { shares: 512, quota: 25_000, period: 100_000, cpus: "0-1", mems: "0" }, pids: { limit: 50 } }, "v1")).toEqual([
    "memory memory.limit_in_bytes 104857600",
    "memory memory.memsw.limit_in_bytes 209715200",
    "cpu cpu.shares 512",
    "cpu cpu.cfs_period_us 100000",
    "cpu cpu.cfs_quota_us 25000",
    "cpuset cpuset.cpus 0-1",
    "cpuset cpuset.mems 0",
    "pids pids.max 50",
  ]);
});

test("v2: swap is what is left of memory and swap, quota and period are one file", () => {
  expect(plan({ memory: { limit: 100 * MB, swap: 150 * MB }, cpu: { shares: 1024, quota: 25_000 }, pids: { limit: 50 } }, "v2")).toEqual([
    "memory memory.max 104857600",
    "memory memory.swap.max 52428800",
    "cpu cpu.weight 100",
    "cpu cpu.max 25000 100000",
    "pids pids.max 50",
  ]);
});

test("unlimited swap, no swap, and twice the memory by default", () => {
  expect(plan({ memory: { limit: 8 * MB, swap: -1 } }, "v2")[1]).toBe("memory memory.swap.max max");
  expect(plan({ memory: { limit: 8 * MB, swap: -1 } }, "v1")[1]).toBe("memory memory.memsw.limit_in_bytes -1");
  expect(plan({ memory: { limit: 8 * MB, swap: 8 * MB } }, "v2")[1]).toBe("memory memory.swap.max 0");
  expect(plan({ memory: { limit: 8 * MB } }, "v2")[1]).toBe(`memory memory.swap.max ${8 * MB}`);
});

test("swap that was not asked for may be missing, swap that was asked for may not", () => {
  expect(planLimits({ memory: { limit: 8 * MB } }, () => "v1")[1]?.optional).toContain("swap limit capabilities");
  expect(planLimits({ memory: { limit: 8 * MB, swap: -1 } }, () => "v1")[1]?.optional).toBeNull();
});

test("a missing controller is named with the flag that needs it", () => {
  const cases: [Limits, string, string][] = [
    [{ memory: { limit: 100 * MB } }, "--memory", "memory"],
    [{ cpu: { quota: 1000 } }, "--cpus", "cpu"],
    [{ cpu: { shares: 2 } }, "--cpu-shares", "cpu"],
    [{ cpu: { cpus: "0" } }, "--cpuset-cpus", "cpuset"],
    [{ pids: { limit: 1 } }, "--pids-limit", "pids"],
  ];
  for (const [limits, flag, controller] of cases) {
    const error = refusal(limits, null);
    expect(error.code).toBe("cgroup-controller-missing");
    expect(error.message).toContain(`${flag} cannot be set`);
    expect(error.message).toContain(`the ${controller} controller`);
  }
});

test("CPU weights follow runc's curve", () => {
  expect([0, 1, 2, 3, 100, 512, 1024, 2048, 262_143, 262_144, 1e9].map(cpuWeight)).toEqual([1, 1, 1, 2, 17, 59, 100, 174, 10_000, 10_000, 10_000]);
});

test("disks: v1 has a file a rate, v2 one line a device and rate; weights are BFQ's where it is", () => {
  const blockIO = {
    weight: 500, weightDevice: [{ major: 8, minor: 0, weight: 10 }], throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1024 }],
    throttleWriteBpsDevice: [{ major: 8, minor: 16, rate: 0 }], throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 7 }], throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 9 }],
  };
  const files = (version: Version, bfq: boolean): string[] => planLimits({ blockIO }, (controller) => (controller === (version === "v1" ? "blkio" : "io") ? version : null), (_, file) => bfq || !file.includes("bfq"))
    .map(({ controller, file, value }) => `${controller} ${file} ${value}`);
  expect(files("v1", true)).toEqual([
    "blkio blkio.bfq.weight 500", "blkio blkio.bfq.weight_device 8:0 10", "blkio blkio.throttle.read_bps_device 8:0 1024", "blkio blkio.throttle.write_bps_device 8:16 0",
    "blkio blkio.throttle.read_iops_device 8:0 7", "blkio blkio.throttle.write_iops_device 8:0 9",
  ]);
  expect(files("v1", false).slice(0, 2)).toEqual(["blkio blkio.weight 500", "blkio blkio.weight_device 8:0 10"]);
  expect(files("v2", true)).toEqual([
    "io io.bfq.weight default 500", "io io.bfq.weight 8:0 10", "io io.max 8:0 rbps=1024", "io io.max 8:16 wbps=max", "io io.max 8:0 riops=7", "io io.max 8:0 wiops=9",
  ]);
  // The whole range: 10 is 1, 1000 is 10000.
  expect(files("v2", false).slice(0, 2)).toEqual(["io io.weight default 4950", "io io.weight 8:0 1"]);
});

test("swappiness of 0 is a value, real-time has its period first", () => {
  expect(plan({ memory: { swappiness: 0, disableOOMKiller: true }, cpu: { realtimePeriod: 1000, realtimeRuntime: 500 } }, "v1")).toEqual([
    "memory memory.swappiness 0", "memory memory.oom_control 1", "cpu cpu.rt_period_us 1000", "cpu cpu.rt_runtime_us 500",
  ]);
});
