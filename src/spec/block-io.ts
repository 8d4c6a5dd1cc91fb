/** `--blkio-weight`, `--blkio-weight-device`, `--device-{read,write}-{bps,iops}` in Docker's words (docker/cli opts/weightdevice.go, throttledevice.go). Pure. */
import { MdkError } from "../error.ts";
import { parseSize } from "./sizes.ts";
import type { LinuxBlockIO } from "./types.ts";

/** HostConfig.BlkioWeightDevice, in the API's members. */
export interface WeightDevice {
  Path: string;
  Weight: number;
}

/** HostConfig.BlkioDevice…; bytes or operations a second. */
export interface ThrottleDevice {
  Path: string;
  Rate: number;
}

/** Members of HostConfig. */
export interface BlockIoLimits {
  /** 10 … 1000; 0: the kernel's own. */
  BlkioWeight: number;
  BlkioWeightDevice?: WeightDevice[];
  BlkioDeviceReadBps?: ThrottleDevice[];
  BlkioDeviceWriteBps?: ThrottleDevice[];
  BlkioDeviceReadIOps?: ThrottleDevice[];
  BlkioDeviceWriteIOps?: ThrottleDevice[];
}

/** Members of HostConfig, of the specification, and what Docker's command line calls each. */
export const THROTTLES = [
  { member: "BlkioDeviceReadBps", spec: "throttleReadBpsDevice", flag: "device-read-bps" },
  { member: "BlkioDeviceWriteBps", spec: "throttleWriteBpsDevice", flag: "device-write-bps" },
  { member: "BlkioDeviceReadIOps", spec: "throttleReadIOPSDevice", flag: "device-read-iops" },
  { member: "BlkioDeviceWriteIOps", spec: "throttleWriteIOPSDevice", flag: "device-write-iops" },
] as const;

const WEIGHT_MIN = 10;
const WEIGHT_MAX = 1000;

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-block-io", message);

function split(text: string): [path: string, value: string] {
  const at = text.indexOf(":");
  if (at < 1) throw invalid(`bad format: ${text}`);
  if (!text.startsWith("/dev/")) throw invalid(`bad format for device path: ${text}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** "/dev/sda:300". Throws Docker's sentences; 0 is no weight of its own. */
export function parseWeightDevice(text: string): WeightDevice {
  const [Path, value] = split(text);
  if (!/^\d{1,4}$/.test(value) || !isWeight(Number(value))) throw invalid(`invalid weight for device: ${text}`);
  return { Path, Weight: Number(value) };
}

/** "/dev/sda:1mb", and of operations "/dev/sda:1000"; 0 is no limit. */
export function parseThrottleDevice(text: string, flag: string): ThrottleDevice {
  const [Path, value] = split(text);
  const bytes = flag.endsWith("bps");
  const Rate = bytes ? (parseSize(value) ?? -1) : /^\d{1,15}$/.test(value) ? Number(value) : -1;
  const format = bytes
    ? "<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
    : "<device-path>:<number>. Number must be a positive integer";
  if (Rate < 0) throw invalid(`invalid rate for device: ${text}. The correct format is ${format}`);
  return { Path, Rate };
}

const isWeight = (weight: number): boolean => weight === 0 || (weight >= WEIGHT_MIN && weight <= WEIGHT_MAX);

/** moby daemon/daemon_unix.go, verifyPlatformContainerResources. */
export function checkBlockIo(host: BlockIoLimits): void {
  if (!isWeight(host.BlkioWeight)) throw invalid("Range of blkio weight is from 10 to 1000");
  for (const { Path, Weight } of host.BlkioWeightDevice ?? []) if (!isWeight(Weight)) throw invalid(`invalid weight for device: ${Path}:${Weight}`);
  for (const { member } of THROTTLES) {
    for (const { Path, Rate } of host[member] ?? []) if (Rate < 0) throw invalid(`invalid rate for device: ${Path}:${Rate}`);
  }
}

/** Every device that a limit is for: its number has to be found. */
export function limitedDevices(host: BlockIoLimits): string[] {
  return [...(host.BlkioWeightDevice ?? []), ...THROTTLES.flatMap(({ member }) => host[member] ?? [])].map(({ Path }) => Path);
}

/** By the host's path of a device. */
export type DeviceNumbers = ReadonlyMap<string, { readonly major: number; readonly minor: number }>;

/** The specification's blockIO, nothing without any. `numbers`: of all limitedDevices. */
export function blockIoOf(host: BlockIoLimits, numbers: DeviceNumbers): { blockIO?: LinuxBlockIO } {
  const numbered = <T extends object>(Path: string, value: T): T & { major: number; minor: number } => {
    const number = numbers.get(Path);
    if (number === undefined) throw new Error(`no number of ${Path}`);
    return { ...number, ...value };
  };
  const result: LinuxBlockIO = {};
  if (host.BlkioWeight > 0) result.weight = host.BlkioWeight;
  if (host.BlkioWeightDevice !== undefined) result.weightDevice = host.BlkioWeightDevice.map(({ Path, Weight }) => numbered(Path, { weight: Weight }));
  for (const { member, spec } of THROTTLES) {
    const list = host[member];
    if (list !== undefined) result[spec] = list.map(({ Path, Rate }) => numbered(Path, { rate: Rate }));
  }
  return Object.keys(result).length === 0 ? {} : { blockIO: result };
}
