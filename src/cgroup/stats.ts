/** What a group uses, as its controllers count it, v1 or v2. What a controller that is not there would count is 0. */
import { findController, type Cgroups } from "./detect.ts";
import { readOr } from "./members.ts";

export interface GroupUsage {
  /** Nanoseconds of processor time. */
  readonly cpuNs: number;
  /** Bytes in use, without the file cache that goes at the first need (as docker's own command line counts). */
  readonly memory: number;
  /** Bytes; Infinity: none is set. */
  readonly memoryLimit: number;
  readonly pids: number;
  /** Bytes from and to block devices. */
  readonly read: number;
  readonly written: number;
}

/** A limit of v1 that means none is near 2^63. */
const UNLIMITED = 2 ** 60;

export function readUsage(cgroups: Cgroups, path: string): GroupUsage {
  const of = (controller: string): { readonly version: "v1" | "v2" | null; readonly text: (file: string) => string } => {
    const hierarchy = findController(cgroups, controller);
    return { version: hierarchy?.kind ?? null, text: (file) => (hierarchy === null ? "" : readOr(`${hierarchy.mountpoint}/${path}/${file}`, "")) };
  };
  const [accounting, cpu, memory, io] = [of("cpuacct"), of("cpu"), of("memory"), of(findController(cgroups, "blkio") === null ? "io" : "blkio")];
  const v1 = memory.version === "v1";
  const used = Number(memory.text(v1 ? "memory.usage_in_bytes" : "memory.current"));
  const inactive = field(memory.text("memory.stat"), v1 ? "total_inactive_file" : "inactive_file");
  const limit = memory.text(v1 ? "memory.limit_in_bytes" : "memory.max").trim();
  return {
    cpuNs: accounting.version === "v1" ? Number(accounting.text("cpuacct.usage")) : field(cpu.text("cpu.stat"), "usage_usec") * 1000,
    memory: inactive < used ? used - inactive : used, memoryLimit: limit === "" || limit === "max" || Number(limit) > UNLIMITED ? Infinity : Number(limit),
    pids: Number(of("pids").text("pids.current")), ...blockOf(io),
  };
}

/** "name 12" lines. */
function field(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}

function blockOf({ version, text }: { readonly version: "v1" | "v2" | null; readonly text: (file: string) => string }): Pick<GroupUsage, "read" | "written"> {
  const sum = (source: string, pattern: RegExp): number => [...source.matchAll(pattern)].reduce((total, [, bytes]) => total + Number(bytes), 0);
  if (version === "v2") return { read: sum(text("io.stat"), /rbytes=(\d+)/g), written: sum(text("io.stat"), /wbytes=(\d+)/g) };
  const bytes = text("blkio.throttle.io_service_bytes_recursive") || text("blkio.throttle.io_service_bytes");
  return { read: sum(bytes, /^\S+ Read (\d+)$/gm), written: sum(bytes, /^\S+ Write (\d+)$/gm) };
}
