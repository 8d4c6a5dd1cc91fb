/**
 * Resource limits as cgroup files: pure. From a request in the words of the OCI runtime spec (config-linux.md, "Control
 * groups") to a list of writes, for v1 and v2, whichever hierarchy has the controller. A limit that cannot be set is an
 * error, never ignored.
 */
import { MdkError } from "../error.ts";

/** What is asked for; undefined: no limit. Sizes in bytes, times in microseconds. */
export interface Limits {
  readonly memory?: number | undefined;
  /** Memory and swap together; -1: unlimited swap; 0 or undefined: twice the memory, as Docker has it. */
  readonly memorySwap?: number | undefined;
  readonly cpuQuota?: number | undefined;
  /** Default 100000. */
  readonly cpuPeriod?: number | undefined;
  readonly cpuShares?: number | undefined;
  /** "0-3,7". */
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
  /** Zero or less: unlimited. */
  readonly pids?: number | undefined;
}

export type Version = "v1" | "v2";

/** The version of the hierarchy that has the controller; null: none has it. */
export type VersionOf = (controller: string) => Version | null;

/** One file to write in the group's directory of the controller's hierarchy, in the order of the list. */
export interface Write {
  readonly controller: string;
  readonly version: Version;
  readonly file: string;
  readonly value: string;
  /** The flag that asked for it, for messages. */
  readonly flag: string;
  /** Where the kernel lacks the file: this warning instead of a failure. */
  readonly optional: string | null;
}

const MEMORY_BYTES_MIN = 6 * 1024 * 1024;
const CPU_PERIOD_DEFAULT = 100_000;
/** Highest CPU or node number that is passed on: a larger one cannot exist (CVE-2018-20699 was a list up to 2^31). */
const CPUSET_NUMBER_MAX = 8191;
const SWAP_WARNING =
  "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.";

/**
 * The writes for a group without limits, in order. Throws MdkError, in Docker's words: "invalid-limit" for values that
 * contradict one another, "cgroup-controller-missing" where no hierarchy has the controller.
 */
export function planLimits(limits: Limits, versionOf: VersionOf): Write[] {
  checkMemory(limits);
  return [...planMemory(limits, versionOf), ...planCpu(limits, versionOf), ...planCpuset(limits, versionOf), ...planPids(limits, versionOf)];
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

/** Docker's checks (moby daemon, verifyPlatformContainerResources). */
function checkMemory({ memory = 0, memorySwap = 0 }: Limits): void {
  if (memory > 0 && memory < MEMORY_BYTES_MIN) throw invalid("Minimum memory limit allowed is 6MB");
  if (memorySwap > 0 && memory <= 0) {
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (memory > 0 && memorySwap > 0 && memorySwap < memory) {
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
}

function planMemory({ memory = 0, memorySwap = 0 }: Limits, versionOf: VersionOf): Write[] {
  if (memory <= 0) return [];
  const both = memorySwap === 0 ? memory * 2 : memorySwap;
  // Twice the memory was not asked for: a kernel that does not count swap is then told of, not refused.
  const optional = memorySwap === 0 ? SWAP_WARNING : null;
  const write = writer("memory", "--memory", versionOf);
  const swap = writer("memory", memorySwap === 0 ? "--memory" : "--memory-swap", versionOf);
  if (write.version === "v1") {
    // In this order: memory above memory and swap is EINVAL, and a new group has no limit on either.
    return [write("memory.limit_in_bytes", String(memory)), swap("memory.memsw.limit_in_bytes", String(both), optional)];
  }
  return [write("memory.max", String(memory)), swap("memory.swap.max", both < 0 ? "max" : String(both - memory), optional)];
}

function planCpu({ cpuQuota = 0, cpuPeriod = 0, cpuShares = 0 }: Limits, versionOf: VersionOf): Write[] {
  const writes: Write[] = [];
  if (cpuShares > 0) {
    const write = writer("cpu", "--cpu-shares", versionOf);
    writes.push(
      write.version === "v1" ? write("cpu.shares", String(cpuShares)) : write("cpu.weight", String(cpuWeight(cpuShares))),
    );
  }
  if (cpuQuota <= 0 && cpuPeriod <= 0) return writes;
  const write = writer("cpu", "--cpus", versionOf);
  const period = String(cpuPeriod > 0 ? cpuPeriod : CPU_PERIOD_DEFAULT);
  if (write.version === "v2") writes.push(write("cpu.max", `${cpuQuota > 0 ? cpuQuota : "max"} ${period}`));
  else {
    if (cpuPeriod > 0) writes.push(write("cpu.cfs_period_us", period));
    if (cpuQuota > 0) writes.push(write("cpu.cfs_quota_us", String(cpuQuota)));
  }
  return writes;
}

function planCpuset({ cpusetCpus = "", cpusetMems = "" }: Limits, versionOf: VersionOf): Write[] {
  const writes: Write[] = [];
  if (cpusetCpus !== "") {
    checkList(cpusetCpus, "cpuset cpus");
    writes.push(writer("cpuset", "--cpuset-cpus", versionOf)("cpuset.cpus", cpusetCpus));
  }
  if (cpusetMems !== "") {
    checkList(cpusetMems, "cpuset mems");
    writes.push(writer("cpuset", "--cpuset-mems", versionOf)("cpuset.mems", cpusetMems));
  }
  return writes;
}

function planPids({ pids = 0 }: Limits, versionOf: VersionOf): Write[] {
  if (pids <= 0) return [];
  return [writer("pids", "--pids-limit", versionOf)("pids.max", String(pids))];
}

/** cpuset(7), "List format": numbers and ranges, ascending within a range. */
function checkList(list: string, what: string): void {
  for (const part of list.split(",")) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    const low = Number(match?.[1]);
    const high = Number(match?.[2] ?? match?.[1]);
    if (match === null || low > high || high > CPUSET_NUMBER_MAX) throw invalid(`Invalid value ${list} for ${what}`);
  }
}

type Writer = ((file: string, value: string, optional?: string | null) => Write) & { readonly version: Version };

function writer(controller: string, flag: string, versionOf: VersionOf): Writer {
  const version = versionOf(controller);
  if (version === null) {
    throw new MdkError("cgroup-controller-missing", `${flag} cannot be set: no cgroup hierarchy has the ${controller} controller`, {
      hint: `leave ${flag} out, or enable the controller in the kernel (it is missing in /proc/cgroups, disabled on the kernel command line, or not delegated to this container)`,
    });
  }
  const write = (file: string, value: string, optional: string | null = null): Write => ({ controller, version, file, value, flag, optional });
  return Object.assign(write, { version });
}

function invalid(message: string): MdkError {
  return new MdkError("invalid-limit", message);
}
