/**
 * ptrace(2) and waitpid(2) for the tracer. x86_64 only: the registers are read and written by number.
 *
 * Why not strace's injection: its `when=N` counts in each process and thread by itself and strikes in whichever comes to its
 * N-th call first (kernel-traps 27), so that a monitor's or an init's calls cannot be named while the command before them
 * makes as many.
 */
import { check, cstr, errno, libc, ptr, type Pointer } from "../../src/sys/ffi.ts";
import { E } from "../../src/sys/errno.ts";

const number = libc({
  ptrace: { args: ["i64", "i32", "i64", "i64"], returns: "i64" },
  kill: { args: ["i32", "i32"], returns: "i32" },
  usleep: { args: ["u32"], returns: "i32" },
});
const pointer = libc({
  ptrace: { args: ["i64", "i32", "i64", "ptr"], returns: "i64" },
  waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
  posix_spawn: { args: ["ptr", "ptr", "ptr", "ptr", "ptr", "ptr"], returns: "i32" },
});

const PTRACE = { CONT: 7, SYSCALL: 24, GETEVENTMSG: 0x4201, GETREGSET: 0x4204, SETREGSET: 0x4205, SEIZE: 0x4206, LISTEN: 0x4208, GET_SYSCALL_INFO: 0x420e };
/** TRACESYSGOOD, TRACEFORK, TRACEVFORK, TRACECLONE, TRACEEXEC. */
const OPTIONS = 0x1f;
const WNOHANG = 1;
const WUNTRACED = 2;
const WALL = 0x40000000;
const SIGSTOP = 19;
const SIGCONT = 18;
const SIGTRAP = 5;

/** What a tracee stopped for, or how it ended. */
export type Stop =
  | { readonly pid: number; readonly kind: "ended"; readonly code: number }
  | { readonly pid: number; readonly kind: "syscall" }
  | { readonly pid: number; readonly kind: "child"; readonly child: number }
  | { readonly pid: number; readonly kind: "exec" }
  /** `signal` is to be delivered when it goes on; `group`: it stays stopped as a job does. */
  | { readonly pid: number; readonly kind: "signal"; readonly signal: number; readonly group: boolean };

/**
 * Starts a program that is traced with everything below it from its very first call on. Its standard output and error go
 * to files of these names; its input is /dev/null. Returns its pid.
 */
export function spawnTraced(argv: readonly string[], environment: readonly string[], files: { readonly out: string; readonly err: string }): number {
  const strings = (list: readonly string[]): { vector: BigUint64Array; kept: Buffer[] } => {
    const kept = list.map(cstr);
    return { vector: BigUint64Array.from([...kept.map((buffer) => BigInt(ptr(buffer))), 0n]), kept };
  };
  // Stops itself, so that nothing is missed; the shell then becomes the program.
  const args = strings(["sh", "-c", 'kill -STOP $$; out=$1 err=$2; shift 2; exec "$@" </dev/null >"$out" 2>"$err"', "sh", files.out, files.err, ...argv]);
  const env = strings(environment);
  const pid = new Int32Array(1);
  const failure = pointer().posix_spawn(pid, cstr("/bin/sh"), null, null, args.vector, env.vector);
  if (failure !== 0 || args.kept.length + env.kept.length === 0) throw new Error(`posix_spawn: ${failure}`);
  const child = pid[0]!;
  check(pointer().waitpid(child, new Int32Array(1), WUNTRACED), "waitpid");
  check(number().ptrace(PTRACE.SEIZE, child, 0, OPTIONS), "ptrace", "PTRACE_SEIZE");
  check(number().kill(child, SIGCONT), "kill");
  return child;
}

/** The next event of any tracee; null when there is none yet; "none" when no tracee is left. */
export function nextStop(): Stop | null | "none" {
  const status = new Int32Array(1);
  const pid = pointer().waitpid(-1, status, WALL | WNOHANG);
  if (pid === 0) return null;
  if (pid === -1) {
    if (errno() === E.EINTR) return null;
    return "none";
  }
  const word = status[0]!;
  if ((word & 0x7f) === 0) return { pid, kind: "ended", code: (word >> 8) & 0xff };
  if ((word & 0xff) !== 0x7f) return { pid, kind: "ended", code: 128 + (word & 0x7f) };
  const signal = (word >> 8) & 0xff;
  const event = word >> 16;
  if (signal === (SIGTRAP | 0x80)) return { pid, kind: "syscall" };
  if (event >= 1 && event <= 3) return { pid, kind: "child", child: eventMessage(pid) };
  if (event === 4) return { pid, kind: "exec" };
  if (event === 128) return { pid, kind: "signal", signal: 0, group: signal !== SIGTRAP && signal >= SIGSTOP };
  return { pid, kind: "signal", signal: event === 0 ? signal : 0, group: false };
}

function eventMessage(pid: number): number {
  const message = new BigUint64Array(1);
  pointer().ptrace(PTRACE.GETEVENTMSG, pid, 0, ptr(message));
  return Number(message[0]);
}

/** Lets a stopped tracee go on to its next system call. One that was killed meanwhile is gone: no error. */
export function resume(stop: Stop): void {
  const signal = stop.kind === "signal" ? stop.signal : 0;
  number().ptrace(stop.kind === "signal" && stop.group ? PTRACE.LISTEN : PTRACE.SYSCALL, stop.pid, 0, signal);
}

/** A system call at its entry, or the result of one. */
export type Syscall = { readonly kind: "entry"; readonly number: number; readonly args: readonly bigint[] } | { readonly kind: "exit"; readonly result: number };

/** What a tracee stands at; null when it was killed. */
export function readSyscall(pid: number): Syscall | null {
  const info = Buffer.alloc(88);
  if (Number(pointer().ptrace(PTRACE.GET_SYSCALL_INFO, pid, info.length, ptr(info))) < 0) return null;
  if (info[0] === 1) return { kind: "entry", number: Number(info.readBigUInt64LE(24)), args: [0, 1, 2, 3, 4, 5].map((index) => info.readBigUInt64LE(32 + 8 * index)) };
  return { kind: "exit", result: Number(info.readBigInt64LE(24)) };
}

const NT_PRSTATUS = 1;
const ORIG_RAX = 15 * 8;
const RAX = 10 * 8;

function changeRegister(pid: number, offset: number, value: number): void {
  const registers = Buffer.alloc(27 * 8);
  const vector = BigUint64Array.from([BigInt(ptr(registers)), BigInt(registers.length)]);
  check(pointer().ptrace(PTRACE.GETREGSET, pid, NT_PRSTATUS, ptr(vector) as Pointer), "ptrace", "PTRACE_GETREGSET");
  registers.writeBigInt64LE(BigInt(value), offset);
  check(pointer().ptrace(PTRACE.SETREGSET, pid, NT_PRSTATUS, ptr(vector) as Pointer), "ptrace", "PTRACE_SETREGSET");
}

/** At a call's entry: the kernel will not carry it out. */
export const skipCall = (pid: number): void => changeRegister(pid, ORIG_RAX, -1);

/** At a call's exit: what the program is told. */
export const setResult = (pid: number, result: number): void => changeRegister(pid, RAX, result);

export const kill = (pid: number, signal: number): boolean => number().kill(pid, signal) === 0;

export const pause = (microseconds: number): void => void number().usleep(microseconds);
