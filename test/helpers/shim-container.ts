/** What the tests of the shim share: containers that are closed after each test, and looking at them from outside. */
import { closeSync, readdirSync, readFileSync, openSync } from "node:fs";
import type { Monitor, Plan, Step } from "../../src/runtime/plan.ts";
import { check, libc } from "../../src/sys/ffi.ts";
import { launch, parent, run, shimsOf, until, type Container, type Descriptors, type Options } from "./shim.ts";

const c = libc({
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  kill: { args: ["i32", "i32"], returns: "i32" },
  syscall: { args: ["i64", "i64", "i64"], returns: "i64" },
});

const open: Container[] = [];

/** For afterEach. */
export function closeContainers(): void {
  for (const container of open.splice(0)) {
    container.close();
    for (const pid of shimsOf(container.directory)) kill(pid);
  }
}

export function container(options: Options = {}): Container {
  const made = run(options);
  open.push(made);
  return made;
}

export const shell = (script: string, more: Options = {}): Options => ({ argv: ["sh", "-c", script], ...more });

export function pipe(): [number, number] {
  const ends = new Int32Array(2);
  check(c().pipe2(ends, 0o2000000), "pipe2");
  return [ends[0] as number, ends[1] as number];
}

export function kill(pid: number, signal = 9): void {
  c().kill(pid, signal);
}

export const record = (made: Container): unknown => JSON.parse(readFileSync(`${made.directory}/exit`, "utf8"));

/** The log's entries; throws where a line is none. */
export function logged(made: Container): { log: string; stream: string }[] {
  return readFileSync(`${made.directory}/c-json.log`, "utf8").trimEnd().split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { log: string; stream: string });
}

/** The processes above a container's init. */
export function family(init: number): { cage: number; monitor: number } {
  const cage = parent(init);
  return { cage, monitor: parent(cage) };
}

export const pidfd = (pid: number): number => check(c().syscall(434n, BigInt(pid), 0n), "pidfd_open");

/** A monitor with nothing to do. */
export const idleMonitor: Monitor = {
  cgroup: null, tasks: [], listener: null, client: null, client_streams: 0, log: null, record: null, oom: null, procs: null, kill: null,
  hold: [], proxied: [], client_cleans: true, ends_with_client: false, cleanup: [], cleanup_env: [], tell_after_cleanup: false, health: null,
  streams: { terminal: false, open_stdin: false, stdin_once: true, handed_stdin: null, handed_stdout: null, handed_stderr: null, reader_ms: 60_000 },
};

/** Pid of what was exec'd into the container of this init, which has its monitor in the cage: `created` told the forerunner's. */
export async function execd(init: number): Promise<number> {
  const cage = parent(init);
  let found: number[] = [];
  await until(() => {
    found = readdirSync("/proc").map(Number).filter((pid) => pid > 0 && parent(pid) !== init && parent(parent(pid)) === cage);
    return found.length === 1;
  }, "one exec'd process whose monitor is the cage's child");
  return found[0]!;
}

/** An exec in the container of this init: mount, UTS and IPC namespaces are joined, then the streams' step comes. */
export function exec(
  init: number,
  script: string,
  streams: Step,
  monitor: (d: Descriptors) => Partial<Monitor>,
  change: (plan: Plan) => Plan = (plan) => plan,
): ReturnType<typeof launch> {
  const fds = [pidfd(parent(init)), pidfd(init), openSync("/dev/null", "r")] as const; // the last one where a record's lock would be
  const started = launch("exec", (d, report) => change({
    exec: {
      id: "e", cage: d.add(fds[0]), init: d.add(fds[1]), run_lock: d.add(fds[2]), cgroup: null, report,
      monitor: { ...idleMonitor, ...monitor(d) },
      steps: [
        { created: { network: false, resolver_port: null } },
        { wait_go: {} },
        { setns: { fd: d.add(fds[1]), flags: 0x20000 | 0x4000000 | 0x8000000 | 0x20000000 } },
        { chdir: { path: "/" } },
        streams,
        { clone_inside: { terminal: "terminal" in streams } },
        { ready: {} },
        { execve: { paths: ["/bin/sh"], argv: ["sh", "-c", script], envp: ["PATH=/bin"] } },
      ],
    },
  }));
  for (const fd of fds) closeSync(fd);
  return started;
}
