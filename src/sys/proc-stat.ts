/** What /proc says of a process (proc_pid_stat(5), proc_pid_status(5)), for lists of them. */
import { readFileSync } from "node:fs";

export interface ProcessFacts {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly uid: number;
  readonly gid: number;
  /** A letter: R, S, D, Z … */
  readonly state: string;
  /** Device number of the controlling terminal as the kernel encodes it; 0: none. */
  readonly tty: number;
  readonly priority: number;
  readonly nice: number;
  readonly threads: number;
  /** Seconds of processor time, user and system. */
  readonly cpuSeconds: number;
  /** Seconds of the boot at which it began. */
  readonly startSeconds: number;
  readonly virtualBytes: number;
  readonly residentBytes: number;
  /** Its name, at most 15 bytes. */
  readonly name: string;
  /** Its arguments; none: a kernel's thread, or a dead process. */
  readonly args: readonly string[];
}

/** USER_HZ, the same on every platform of mdk. */
const TICKS = 100;

/** Null: it is gone. */
export function readProcess(pid: number): ProcessFacts | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    // The name may hold blanks and parentheses: the fields begin behind the last one.
    const end = stat.lastIndexOf(")");
    const fields = stat.slice(end + 2).split(" ");
    const number = (field: number): number => Number(fields[field - 3]);
    const id = (name: string): number => Number(new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
    return {
      pid, ppid: number(4), pgid: number(5), sid: number(6), uid: id("Uid"), gid: id("Gid"), state: fields[0] ?? "?", tty: number(7),
      priority: number(18), nice: number(19), threads: number(20), cpuSeconds: (number(14) + number(15)) / TICKS, startSeconds: number(22) / TICKS,
      virtualBytes: number(23), residentBytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024, name: stat.slice(stat.indexOf("(") + 1, end), args: args.slice(0, -1),
    };
  } catch {
    return null;
  }
}
