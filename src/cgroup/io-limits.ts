/** Limits of block devices as cgroup files (config-linux.md "Block IO"; Documentation/admin-guide/cgroup-v1/blkio-controller.rst, cgroup-v2.rst "IO"). Pure. */
import type { LinuxBlockIO, LinuxThrottleDevice } from "../spec/types.ts";
import { writer, type Exists, type GroupWrite, type VersionOf } from "./write.ts";

/** Members of the specification with their files of v1, keys of v2's io.max, and flags. */
const THROTTLES = [
  ["throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps", "--device-read-bps"],
  ["throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps", "--device-write-bps"],
  ["throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops", "--device-read-iops"],
  ["throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops", "--device-write-iops"],
] as const;

/** v1 calls the controller blkio, v2 io. */
const controllerOf = (versionOf: VersionOf): "io" | "blkio" => (versionOf("io") === "v2" ? "io" : "blkio");

export function planBlockIo(blockIO: LinuxBlockIO, versionOf: VersionOf, exists: Exists): GroupWrite[] {
  const controller = controllerOf(versionOf);
  return [
    ...planWeights(blockIO, controller, versionOf, exists),
    ...THROTTLES.flatMap(([member, file, key, flag]) => (blockIO[member] ?? []).map((device) => {
      const write = writer(controller, flag, versionOf);
      return write.version === "v1" ? write(file, rate(device, "", "0")) : write("io.max", rate(device, `${key}=`, "max"));
    })),
  ];
}

/** A rate of 0 takes a limit away. */
const rate = ({ major, minor, rate: value }: LinuxThrottleDevice, key: string, none: string): string => `${major}:${minor} ${key}${value === 0 ? none : value}`;

/** The file of whoever shares the disks out in this kernel: BFQ, or what there is besides (CFQ before Linux 5.0, blk-iocost). */
function planWeights({ weight = 0, weightDevice = [] }: LinuxBlockIO, controller: "io" | "blkio", versionOf: VersionOf, exists: Exists): GroupWrite[] {
  if (weight === 0 && weightDevice.length === 0) return [];
  const write = writer(controller, weight === 0 ? "--blkio-weight-device" : "--blkio-weight", versionOf);
  const v1 = write.version === "v1";
  const bfq = exists(controller, v1 ? "blkio.bfq.weight" : "io.bfq.weight");
  const file = v1 ? (bfq ? "blkio.bfq.weight" : "blkio.weight") : bfq ? "io.bfq.weight" : "io.weight";
  const value = (number: number): number => (v1 || bfq ? number : ioWeight(number));
  const ofDevice = writer(controller, "--blkio-weight-device", versionOf);
  return [
    ...(weight === 0 ? [] : [write(file, v1 ? String(value(weight)) : `default ${value(weight)}`)]),
    ...weightDevice.map(({ major, minor, weight: own }) => ofDevice(v1 ? `${file}_device` : file, `${major}:${minor} ${value(own)}`)),
  ];
}

/** 10…1000 as io.weight's 1…10000 (opencontainers/cgroups, ConvertBlkIOToIOWeightValue). */
function ioWeight(weight: number): number {
  return weight === 0 ? 0 : 1 + Math.floor(((weight - 10) * 9999) / 990);
}

/** Whether a kernel can share disks out by weight at all. */
export function hasWeight(versionOf: VersionOf, exists: Exists): boolean {
  const controller = controllerOf(versionOf);
  if (versionOf(controller) === null) return false;
  return (controller === "io" ? ["io.bfq.weight", "io.weight"] : ["blkio.bfq.weight", "blkio.weight"]).some((file) => exists(controller, file));
}
