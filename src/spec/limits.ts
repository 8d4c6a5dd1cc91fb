/** What a container may use: Docker's checks of HostConfig's limits, and the limits as the specification says them. Pure. */
import { MdkError } from "../error.ts";
import { cleanPath } from "./mount-types.ts";
import { checkBlockIo } from "./block-io.ts";
import type { HostConfig, Ulimit } from "./container.ts";
import type { LinuxResources, PosixRlimit } from "./types.ts";

const MEMORY_BYTES_MIN = 6 * 1024 * 1024;
/** Period of the kernel's CPU bandwidth control that --cpus is a share of, microseconds. */
const CPU_PERIOD = 100_000;
const CPU_PERIOD_MIN = 1000;
const CPU_PERIOD_MAX = 1_000_000;
/** The kernel's least quota: 1 ms. */
const CPU_QUOTA_MIN = 1000;
const NANO_CPUS_MIN = 10_000_000;
/** Highest CPU or node number that is passed on: a larger one cannot exist (CVE-2018-20699 was a list up to 2^31). */
const CPUSET_NUMBER_MAX = 8191;
const OOM_SCORE_MAX = 1000;

/** As a number of JavaScript: RLIM_INFINITY, 2^64 - 1, rounds to it. */
export const UNLIMITED = 2 ** 64;

/** setrlimit(2): the names that --ulimit takes (docker/go-units ulimit.go). */
const ULIMITS: ReadonlySet<string> = new Set([
  "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
]);

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-limit", message);

/** Docker's checks (moby daemon, verifyPlatformContainerResources), in its words. `cpus`: those of this host. */
export function checkLimits(host: HostConfig, cpus: number): void {
  checkMemory(host);
  checkBlockIo(host);
  checkRealtime(host);
  checkParent(host.CgroupParent);
  checkCpu(host, cpus);
  checkList(host.CpusetCpus, "cpuset cpus");
  checkList(host.CpusetMems, "cpuset mems");
  if (Math.abs(host.OomScoreAdj) > OOM_SCORE_MAX) throw invalid(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  if (host.ShmSize < 0) throw invalid("SHM size can not be less than 0");
  for (const limit of host.Ulimits ?? []) checkUlimit(limit);
}

function checkMemory({ Memory, MemorySwap, MemoryReservation, MemorySwappiness = 0 }: HostConfig): void {
  if (MemorySwappiness < 0 || MemorySwappiness > 100) throw invalid(`invalid value: ${MemorySwappiness}. Valid memory swappiness range is 0-100`);
  if (Memory < 0 || (Memory > 0 && Memory < MEMORY_BYTES_MIN)) throw invalid("Minimum memory limit allowed is 6MB");
  if (MemorySwap > 0 && Memory === 0) throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  if (MemorySwap > 0 && MemorySwap < Memory) throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  if (MemoryReservation < 0 || (MemoryReservation > 0 && MemoryReservation < MEMORY_BYTES_MIN)) throw invalid("Minimum memory reservation allowed is 6MB");
  if (Memory > 0 && MemoryReservation > Memory) throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
}

/** The path of a group that a user names, below every hierarchy's root: "a/b". As runc, which takes "/a/b", "a/b" and "../a/b" for the same. */
export function groupPath(parent: string): string {
  return cleanPath(parent).slice(1);
}

/** Containers' groups lie beside no stranger's: not at the root itself. Throws MdkError "invalid-limit". */
export function checkParent(parent: string): void {
  if (parent !== "" && groupPath(parent) === "") throw invalid(`invalid cgroup parent: ${parent}`);
  if (parent.includes("\n")) throw invalid("invalid cgroup parent: a newline in it");
}

function checkRealtime({ CpuRealtimePeriod, CpuRealtimeRuntime }: HostConfig): void {
  if (CpuRealtimePeriod < 0 || CpuRealtimeRuntime < 0) throw invalid("cpu real-time period and runtime can not be less than 0");
  if (CpuRealtimePeriod > 0 && CpuRealtimeRuntime > CpuRealtimePeriod) throw invalid("cpu real-time runtime cannot be higher than cpu real-time period");
}

function checkCpu({ NanoCpus, CpuPeriod, CpuQuota, CpuShares }: HostConfig, cpus: number): void {
  if (NanoCpus > 0 && CpuPeriod > 0) throw invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  if (NanoCpus > 0 && CpuQuota > 0) throw invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  if (NanoCpus !== 0 && NanoCpus < NANO_CPUS_MIN) throw invalid("Range of CPUs is from 0.01 up");
  if (NanoCpus > cpus * 1e9) throw invalid(`Range of CPUs is from 0.01 to ${cpus.toFixed(2)}, as there are only ${cpus} CPUs available`);
  if (CpuPeriod !== 0 && (CpuPeriod < CPU_PERIOD_MIN || CpuPeriod > CPU_PERIOD_MAX)) {
    throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (CpuQuota > 0 && CpuQuota < CPU_QUOTA_MIN) throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  if (CpuShares < 0) throw invalid(`invalid value ${CpuShares} for --cpu-shares: it must be at least 0`);
}

/** cpuset(7), "List format": numbers and ranges, ascending within a range. */
function checkList(list: string, what: string): void {
  for (const part of list === "" ? [] : list.split(",")) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    const low = Number(match?.[1]);
    const high = Number(match?.[2] ?? match?.[1]);
    if (match === null || low > high || high > CPUSET_NUMBER_MAX) throw invalid(`Invalid value ${list} for ${what}`);
  }
}

/** As go-units' ParseUlimit: soft at most hard, and unlimited only below unlimited. */
export function checkUlimit({ Name, Soft, Hard }: Ulimit): void {
  if (!ULIMITS.has(Name)) throw new MdkError("invalid", "invalid-ulimit", `invalid ulimit type: ${Name}`);
  if (Soft < -1 || Hard < -1) throw new MdkError("invalid", "invalid-ulimit", `invalid ulimit ${Name}: a limit is -1 (unlimited) or more`);
  if (Hard === -1) return;
  if (Soft === -1) throw new MdkError("invalid", "invalid-ulimit", `ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: ${Hard}`);
  if (Soft > Hard) throw new MdkError("invalid", "invalid-ulimit", `ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
}

/** "NAME=SOFT[:HARD]", as go-units' ParseUlimit reads it; whether the values may be is `checkLimits`' to say. */
export function parseUlimit(text: string): Ulimit {
  const [Name = "", limits] = text.split("=");
  if (limits === undefined || text.split("=").length > 2) throw new MdkError("invalid", "invalid-ulimit", `invalid ulimit argument: ${text}`);
  const values = limits.split(":");
  if (values.length > 2) throw new MdkError("invalid", "invalid-ulimit", `too many limit value arguments - ${limits}, can only have up to two, \`soft[:hard]\``);
  const [Soft = 0, Hard = Soft] = values.map((value) => {
    if (!/^-?\d{1,15}$/.test(value)) throw new MdkError("invalid", "invalid-ulimit", `strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
    return Number(value);
  });
  return { Name, Hard, Soft };
}

/** --ulimit as the specification's rlimits. */
export function rlimitsOf(ulimits: readonly Ulimit[]): PosixRlimit[] {
  const infinite = (value: number): number => (value === -1 ? UNLIMITED : value);
  return ulimits.map(({ Name, Soft, Hard }) => ({ type: `RLIMIT_${Name.toUpperCase()}`, soft: infinite(Soft), hard: infinite(Hard) }));
}

/** The limits of checked values as config-linux.md "Control groups" has them; swap twice the memory where nothing is said of it. */
export function resourcesOf(host: HostConfig): Omit<LinuxResources, "devices" | "blockIO"> {
  const { Memory, MemorySwap, MemoryReservation, PidsLimit } = host;
  const result: Omit<LinuxResources, "devices" | "blockIO"> = {};
  const memory = {
    ...(Memory === 0 ? {} : { limit: Memory, swap: MemorySwap || Memory * 2 }),
    ...(Memory === 0 && MemorySwap !== 0 ? { swap: MemorySwap } : {}),
    ...(MemoryReservation === 0 ? {} : { reservation: MemoryReservation }),
    ...(host.MemorySwappiness === undefined ? {} : { swappiness: host.MemorySwappiness }), ...(host.OomKillDisable === true ? { disableOOMKiller: true } : {}),
  };
  if (Object.keys(memory).length > 0) result.memory = memory;
  const period = host.NanoCpus === 0 ? host.CpuPeriod : CPU_PERIOD;
  const quota = host.NanoCpus === 0 ? host.CpuQuota : Math.floor((host.NanoCpus * CPU_PERIOD) / 1e9);
  const cpu = {
    ...(host.CpuShares === 0 ? {} : { shares: host.CpuShares }), ...(quota === 0 ? {} : { quota }), ...(period === 0 ? {} : { period }),
    ...(host.CpuRealtimePeriod === 0 ? {} : { realtimePeriod: host.CpuRealtimePeriod }), ...(host.CpuRealtimeRuntime === 0 ? {} : { realtimeRuntime: host.CpuRealtimeRuntime }),
    ...(host.CpusetCpus === "" ? {} : { cpus: host.CpusetCpus }), ...(host.CpusetMems === "" ? {} : { mems: host.CpusetMems }),
  };
  if (Object.keys(cpu).length > 0) result.cpu = cpu;
  if (PidsLimit !== null && PidsLimit !== 0) result.pids = { limit: PidsLimit };
  return result;
}
