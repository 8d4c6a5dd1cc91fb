/**
 * The static probe (test/probe/probe.zig): built once into the cache, run inside a container, and what it printed, typed.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const SOURCE = "test/probe/probe.zig";

/** Folder of things made once; test/helpers/common.sh knows the same. */
export function cacheFolder(): string {
  const folder = process.env["MDK_TEST_CACHE"] ?? resolve(".cache");
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Path of the built probe: about 20 KB, static. Throws with Zig's message if it does not compile. */
export function buildProbe(): string {
  const digest = new Bun.CryptoHasher("sha256").update(readFileSync(SOURCE)).digest("hex").slice(0, 12);
  const path = join(cacheFolder(), `probe-${digest}`);
  if (existsSync(path)) return path;
  const made = `${path}.${process.pid}`;
  const target = process.arch === "arm64" ? "aarch64-linux-none" : "x86_64-linux-none";
  const { exitCode, stderr } = Bun.spawnSync([
    "sh", "shim/zig.sh", "build-exe", "-O", "safe", "-target", target, "-fstrip", "-fsingle-threaded", "--stack", "0",
    `-femit-bin=${made}`, SOURCE,
  ]);
  if (exitCode !== 0) throw new Error(`${SOURCE}: ${stderr.toString()}`);
  rmSync(`${made}.o`, { force: true });
  renameSync(made, path);
  return path;
}

export interface ProbedPath {
  /** Of opening it; 0: it opened. */
  readonly errno: number;
  readonly directory?: boolean;
  /** Of a directory, without "." and "..". */
  readonly entries?: number;
  readonly read_errno?: number;
  /** Read from it, 4096 at most. */
  readonly bytes?: number;
}

export interface ProbedState {
  /** /proc/self/status, by name: "CapBnd", "Seccomp", "NoNewPrivs", "Uid", "Groups", "NSpid" … */
  readonly status: Readonly<Record<string, string>>;
  /** Number to target; the one that lists them is left out. */
  readonly descriptors: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** /proc/self/mountinfo, /proc/self/limits and /proc/self/cgroup as they are. */
  readonly mounts: string;
  readonly limits: string;
  readonly cgroup: string;
  /** By the argument, "r:/proc/kcore" or "w:/proc/sys/kernel/hostname". */
  readonly paths: Readonly<Record<string, ProbedPath>>;
}

export function parseState(text: string): ProbedState {
  return JSON.parse(text) as ProbedState;
}

/** Results by call: "0" … "470", and the calls given by their text; negative: -errno, null: it did not return. */
export type ProbedCalls = Readonly<Record<string, number | null>>;

export function parseCalls(text: string): ProbedCalls {
  return JSON.parse(text) as ProbedCalls;
}

const EPERM = -1;
const ENOSYS = -38;

/** Calls that the peer refuses with EPERM and the subject neither refuses so nor says it has not. */
export function laxCalls(subject: ProbedCalls, peer: ProbedCalls): string[] {
  return Object.keys(peer).filter((call) => peer[call] === EPERM && subject[call] !== EPERM && subject[call] !== ENOSYS);
}

/** Calls whose refusal depends on an argument, for `probe syscalls` (x86_64 numbers): name to "NUMBER,ARGUMENT…". */
export const ARGUMENT_CALLS: Readonly<Record<string, string>> = {
  "clone with a user namespace": "56,0x10000011",
  "unshare of a user namespace": "272,0x10000000",
  "unshare of a mount namespace": "272,0x20000",
  "personality READ_IMPLIES_EXEC": "135,0x400000",
  "personality of 32 bits": "135,8",
  "socket AF_VSOCK": "41,40,1,0",
  "socket AF_ALG": "41,38,5,0",
  "socket AF_PACKET": "41,17,3,0",
  "ptrace PTRACE_TRACEME": "101,0",
  "keyctl KEYCTL_GET_KEYRING_ID": "250,0,-3,0",
  "add_key": "248,0,0,0,0,-3",
  "open_by_handle_at": "304,-100,0,0",
  "bpf BPF_PROG_LOAD": "321,5,0,0",
  "mount of nothing": "165,0,0,0,0",
  "umount2 of nothing": "166,0,0",
  "setns": "308,-1,0x20000",
  "perf_event_open": "298,0,0,-1,-1,0",
  "userfaultfd": "323,1",
  "io_uring_setup": "425,1,0",
  "syslog SYSLOG_ACTION_SIZE_BUFFER": "103,10,0,0",
  "reboot": "169,0,0,0",
};
