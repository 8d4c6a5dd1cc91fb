/** Processes by descriptor (pidfd_open(2)): a pid can be recycled, a descriptor cannot. */
import { closeSync, readFileSync } from "node:fs";
import { E } from "./errno.ts";
import { errno, libc, SysError } from "./ffi.ts";

const c = libc({ syscall: { args: ["i64", "i32", "i32", "ptr", "u32"], returns: "i64" } });

/** The same on every architecture (numbers from 424 on). */
const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;

/** What identifies a process, and who made it (proc_pid_stat(5), fields 4 and 22); null when it is gone. */
export function identityOf(pid: number): { readonly parent: number; readonly startTime: string } | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null;
  }
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { parent: Number(fields[1]), startTime: fields[19] ?? "" };
}

/** A descriptor of whoever has this pid now; null when nobody has. */
export function openPidfd(pid: number): number | null {
  const descriptor = Number(c().syscall(SYS_PIDFD_OPEN, pid, 0, null, 0));
  if (descriptor !== -1) return descriptor;
  const code = errno();
  if (code === E.ESRCH) return null;
  throw new SysError("pidfd_open", code, String(pid));
}

const COMMAND_LENGTH_MAX = 100;

/** The command line, cut, or the name of a process without one; and the letter of its state (proc_pid_stat(5), field 3). Null when it is gone. */
export function describeProcess(pid: number): { readonly command: string; readonly state: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
    const command = words === "" ? stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")) : words;
    return { command: command.slice(0, COMMAND_LENGTH_MAX), state: stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) };
  } catch {
    return null;
  }
}

/**
 * A descriptor of the process with this pid *and* this start time; null when that process is gone. The start time is
 * read after the descriptor was opened: what it then belongs to cannot change any more.
 */
export function openProcess(pid: number, startTime: string): number | null {
  const descriptor = openPidfd(pid);
  if (descriptor === null) return null;
  if (identityOf(pid)?.startTime === startTime) return descriptor;
  closeSync(descriptor);
  return null;
}

/** Sends a signal; false when the process has ended. */
export function sendSignal(descriptor: number, signal: number): boolean {
  if (Number(c().syscall(SYS_PIDFD_SEND_SIGNAL, descriptor, signal, null, 0)) === 0) return true;
  const code = errno();
  if (code === E.ESRCH) return false;
  throw new SysError("pidfd_send_signal", code, `signal ${signal}`);
}
