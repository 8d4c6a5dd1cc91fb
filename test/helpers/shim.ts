/**
 * Drives the real shim with hand-made plans: a busybox root on a detached tmpfs, the launcher spawned as mdk does it,
 * and the answers read from its sockets. For tests of the shim alone; needs root.
 */
import { chmodSync, closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exited, Monitor, Plan, Report, Run, Step } from "../../src/runtime/plan.ts";
import { parseTold } from "../../src/runtime/protocol.ts";
import { check, cstr, libc } from "../../src/sys/ffi.ts";
import { memfd } from "../../src/sys/memfd.ts";
import { connectUnix, listenUnix, receiveWithDescriptors, sendWithDescriptors, socketpair } from "../../src/sys/socket.ts";

const syscalls = {
  fsopen: libc({ syscall: { args: ["i64", "ptr", "i64"], returns: "i64" } }),
  numbers: libc({ syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64"], returns: "i64" } }),
};

export const SHIM = join(import.meta.dir, "../../zig-out/bin", process.arch === "arm64" ? "shim-aarch64" : "shim-x86_64");

export const CLONE = { NEWNS: 0x20000, NEWUTS: 0x4000000, NEWIPC: 0x8000000, NEWPID: 0x20000000, NEWNET: 0x40000000 };

/** A detached tmpfs with busybox and its links below /bin; the descriptor of its mount. */
export function busyboxRoot(): number {
  const context = check(syscalls.fsopen().syscall(430n, cstr("tmpfs"), 1n), "fsopen");
  check(syscalls.numbers().syscall(431n, BigInt(context), 6n, 0n, 0n, 0n), "fsconfig"); // FSCONFIG_CMD_CREATE
  const root = check(syscalls.numbers().syscall(432n, BigInt(context), 1n, 0n, 0n, 0n), "fsmount");
  closeSync(context);
  const path = `/proc/self/fd/${root}`;
  chmodSync(path, 0o755);
  for (const directory of ["bin", "proc", "dev", "tmp"]) mkdirSync(join(path, directory));
  copyFileSync("/bin/busybox", join(path, "bin/busybox"));
  chmodSync(join(path, "bin/busybox"), 0o755);
  for (const name of ["sh", "true", "cat", "sleep", "head", "id", "tail", "ls", "dd", "tty", "stty", "echo", "yes", "wc", "kill", "ps", "touch", "seq", "printf", "od", "grep", "readlink"])
    symlinkSync("busybox", join(path, "bin", name));
  return root;
}

/** Descriptors of a plan; each index is what the plan says. */
export class Descriptors {
  readonly list: number[] = [];
  add(fd: number): number {
    return this.list.push(fd) - 1;
  }
}

export interface Container {
  /** `${directory}` holds exit, log and the attach socket. */
  readonly directory: string;
  /** A test that closes one of these puts -1 here. */
  report: number;
  channel: number;
  readonly launcher: Bun.Subprocess;
  /** Outputs of the container when they were handed pipes. */
  next(): { report: Report | null; descriptors: number[] };
  close(): void;
}

export interface Options {
  readonly argv?: readonly string[];
  readonly paths?: readonly string[];
  readonly terminal?: boolean;
  readonly openStdin?: boolean;
  readonly handed?: { stdin?: number; stdout?: number; stderr?: number };
  /** A reader that takes nothing for so long is dropped. */
  readonly readerMs?: number;
  readonly clientCleans?: boolean;
  readonly holdMounts?: boolean;
  readonly log?: boolean;
  readonly listen?: boolean;
  readonly uid?: number;
  /** A program to put into the root as /bin/docker-init. */
  readonly initFile?: string;
  readonly cleanup?: readonly string[];
  readonly tellAfterCleanup?: boolean;
  /** A command that executes the shim: strace and its options. */
  readonly under?: readonly string[];
  readonly steps?: (steps: Step[]) => Step[];
  /** Takes over our descriptor of the run lock, which is closed otherwise. */
  readonly lock?: (fd: number) => void;
  readonly plan?: (plan: Run, d: Descriptors) => Run;
}

export const nosymlinks = "4";

/** The steps of a small container. */
function steps(d: Descriptors, root: number, o: Options): Step[] {
  const mknod = (path: string, dev: number): Step => ({ mknod: { path, mode: 0o020666, dev, uid: 0, gid: 0, exist_ok: false } });
  const fs = (type: string, target: string, options: [string, string][] = []): Step => ({
    fsmount: { type, target, attributes: 0, resolve: nosymlinks, options: options.map(([key, value]) => ({ key, value })) },
  });
  return [
    { mount: { source: null, target: "/", type: null, flags: 0x4000 | 0x40000, data: null } },
    { created: { network: false, resolver_port: null } },
    { wait_go: {} },
    { pivot_root: { root: d.add(root) } },
    fs("proc", "/proc"),
    fs("tmpfs", "/dev", [["mode", "755"]]),
    mknod("/dev/null", 0x103),
    mknod("/dev/zero", 0x105),
    { mkdir: { path: "/dev/pts", mode: 0o755, exist_ok: false } },
    fs("devpts", "/dev/pts", [["ptmxmode", "0666"], ["mode", "0620"], ["gid", "5"]]),
    { symlink: { target: "pts/ptmx", path: "/dev/ptmx" } },
    { symlink: { target: "/proc/self/fd", path: "/dev/fd" } },
    { symlink: { target: "/proc/self/fd/1", path: "/dev/stdout" } },
    { mknod: { path: "/dev/console", mode: 0o100600, dev: 0, uid: 0, gid: 0, exist_ok: false } },
    { sethostname: { name: "inside" } },
    o.terminal
      ? { terminal: { uid: o.uid ?? 0, rows: 33, columns: 111, console: true } }
      : { dup_streams: { uid: o.uid ?? 0, gid: o.uid ?? 0 } },
    { setgroups: { gids: [] } },
    { setresgid: { id: o.uid ?? 0 } },
    { setresuid: { id: o.uid ?? 0 } },
    { chdir: { path: "/" } },
    { ready: {} },
    { execve: { paths: o.paths ?? ["/bin/sh"], argv: o.argv ?? ["sh", "-c", "exit 0"], envp: ["PATH=/bin", "HOME=/"] } },
  ];
}

function monitor(d: Descriptors, o: Options, directory: number): Monitor {
  return {
    cgroup: null,
    tasks: [],
    listener: null,
    client: null,
    client_streams: 0,
    streams: {
      terminal: o.terminal ?? false,
      open_stdin: o.openStdin ?? false,
      stdin_once: true,
      handed_stdin: o.handed?.stdin === undefined ? null : d.add(o.handed.stdin),
      handed_stdout: o.handed?.stdout === undefined ? null : d.add(o.handed.stdout),
      handed_stderr: o.handed?.stderr === undefined ? null : d.add(o.handed.stderr),
      reader_ms: o.readerMs ?? 60_000,
    },
    log: o.log === false ? null : { directory: d.add(directory), name: "c-json.log", max_size: "0", max_files: 1 },
    record: d.add(directory),
    oom: null,
    procs: null, kill: null,
    hold: [], proxied: [],
    client_cleans: o.clientCleans ?? true,
    ends_with_client: false,
    cleanup: o.cleanup ?? [],
    cleanup_env: [],
    tell_after_cleanup: o.tellAfterCleanup ?? false,
    health: null,
  };
}

/** Sends a plan to a new launcher: the far ends of report and channel stay here. */
export function launch(
  face: "run" | "exec",
  make: (d: Descriptors, report: number) => Plan,
  under: readonly string[] = [],
): Pick<Container, "report" | "channel" | "launcher" | "next"> {
  const [channel, theirs] = socketpair();
  const [report, far] = socketpair();
  const d = new Descriptors();
  const text = Buffer.from(JSON.stringify(make(d, d.add(far))));
  const plan = memfd("plan", text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  sendWithDescriptors(channel, length, [plan, ...d.list]);
  const launcher = Bun.spawn([...under, SHIM, face], { argv0: under[0] ?? "mdk-shim", stdio: ["ignore", "ignore", "ignore", theirs] });
  for (const fd of [plan, far, theirs]) closeSync(fd);
  return { report, channel, launcher, next: () => receive(report) };
}

/** One report; null at the end of file. */
export function receive(fd: number): { report: Report | null; descriptors: number[] } {
  const { bytes, descriptors } = receiveWithDescriptors(fd, 4096, 5);
  return { report: bytes.length === 0 ? null : (JSON.parse(Buffer.from(bytes).toString()) as Report), descriptors };
}

/** A container up to the moment before `created`. */
export function run(o: Options = {}): Container {
  const directory = mkdtempSync(join(tmpdir(), "mdk-shim-"));
  const state = openSync(directory, "r");
  const lock = openSync(join(directory, "lock"), "w+");
  const root = busyboxRoot();
  if (o.initFile !== undefined) copyFileSync(o.initFile, `/proc/self/fd/${root}/bin/docker-init`);
  const listener = o.listen === true ? listenUnix(state, "attach") : null;
  const started = launch("run", (d, report) => {
    const all = steps(d, root, o);
    const base: Run = {
      id: "test",
      monitor: { ...monitor(d, o, state), listener: listener === null ? null : d.add(listener) },
      run_lock: d.add(lock),
      op_lock: null,
      namespaces: CLONE.NEWNS | CLONE.NEWUTS | CLONE.NEWIPC | CLONE.NEWPID,
      cgroup: null,
      report,
      hold_mounts: o.holdMounts ?? false,
      steps: o.steps === undefined ? all : o.steps(all),
    };
    return { run: o.plan === undefined ? base : o.plan(base, d) };
  }, o.under);
  if (o.lock !== undefined) o.lock(lock);
  for (const fd of [state, ...(o.lock === undefined ? [lock] : []), root, ...(listener === null ? [] : [listener])]) closeSync(fd);
  return {
    ...started,
    directory,
    close() {
      for (const fd of [this.report, this.channel]) if (fd >= 0) closeSync(fd);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Waits for `created`, says go, waits for `ready` and for the program to be executed. Its pid. */
export function go(container: Pick<Container, "report" | "next">): number {
  const first = container.next().report;
  if (first === null || !("created" in first)) throw new Error(`expected created: ${JSON.stringify(first)}`);
  sendWithDescriptors(container.report, Buffer.from("g"), []);
  const second = container.next().report;
  if (second === null || !("ready" in second)) throw new Error(`expected ready: ${JSON.stringify(second)}`);
  return first.created.pid;
}

/** Waits for `exited` on the channel. */
export function exited(container: Pick<Container, "channel">): Exited {
  const { report } = receive(container.channel);
  if (report === null || !("exited" in report)) throw new Error(`expected exited: ${JSON.stringify(report)}`);
  return report.exited;
}

export function say(fd: number, text: string | Uint8Array): void {
  sendWithDescriptors(fd, typeof text === "string" ? Buffer.from(text) : text, []);
}

export function attach(container: Container, hello: Uint8Array): number {
  const directory = openSync(container.directory, "r");
  try {
    const fd = connectUnix(directory, "attach", 2000);
    say(fd, hello);
    greeted(fd);
    return fd;
  } finally {
    closeSync(directory);
  }
}

/** Takes the monitor's first message: the version that it speaks. */
export function greeted(fd: number): number {
  const told = parseTold(receiveWithDescriptors(fd, 100, 0).bytes);
  if (told.kind !== "hello") throw new Error(`expected hello: ${told.kind}`);
  return told.protocol;
}

/** A field of /proc/PID/status as text; null when there is no such process. */
export function status(pid: number, field: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8").match(new RegExp(`^${field}:\\s*(.*)$`, "m"))?.[1] ?? null;
  } catch {
    return null;
  }
}

export const parent = (pid: number): number => Number(status(pid, "PPid"));

/** Alive, and no zombie that waits for a foreign PID 1. */
export function alive(pid: number): boolean {
  const state = status(pid, "State");
  return state !== null && !state.startsWith("Z");
}

export async function until(condition: () => boolean, what: string, milliseconds = 5000): Promise<void> {
  const end = Bun.nanoseconds() + milliseconds * 1e6;
  while (!condition()) {
    if (Bun.nanoseconds() > end) throw new Error(`never: ${what}`);
    await Bun.sleep(2);
  }
}

/** Processes called mdk-shim that have this directory's lock, or anything below it, open. */
export function shimsOf(directory: string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
  return pids.filter((pid) => status(pid, "Name") === "mdk-shim" && holds(pid, directory));
}

/** What ends or is closed while it is looked at holds nothing. */
function holds(pid: number, directory: string): boolean {
  const quietly = <T>(read: () => T, otherwise: T): T => {
    try {
      return read();
    } catch {
      return otherwise;
    }
  };
  const descriptors = quietly(() => readdirSync(`/proc/${pid}/fd`), []);
  return descriptors.some((fd) => quietly(() => readlinkSync(`/proc/${pid}/fd/${fd}`), "").startsWith(directory));
}
