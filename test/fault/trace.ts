/**
 * Runs a command with everything below it under ptrace, records each state-changing system call of command and shim, and
 * strikes at one of them: kills the process at the call's entry, or has the call fail.
 *
 * A point is (role, call, n): the n-th such call of that role. Roles are by descent: mdk, its named threads together
 * ("mdk:Bun Pool"), launcher, monitor, cage, init (until it becomes the program), cleanup.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describeCall } from "./calls.ts";
import { kill, nextStop, pause, readSyscall, resume, setResult, skipCall, spawnTraced, type Stop } from "./ptrace.ts";

export interface Point {
  readonly role: string;
  readonly call: string;
  readonly n: number;
}

export type Strike = Point & { readonly with: "kill" } | Point & { readonly with: "error"; readonly errno: number } | Point & { readonly with: "signal"; readonly signal: number };

export interface Trace {
  /** Of the command; 128 + n for a signal. */
  readonly code: number;
  readonly points: readonly (Point & { readonly object: string })[];
  /** The point that was struck was reached, and the process that made it is dead (or was told of the error). */
  readonly hit: boolean;
  /** Of the struck point. */
  readonly object: string;
  /** What had not ended in time: role and pid. The tracer let go of them. */
  readonly hung: readonly string[];
  /** Every process that was there. */
  readonly pids: readonly number[];
  /** What the command wrote. */
  readonly out: string;
  readonly err: string;
}

const ROLES: Readonly<Record<string, string>> = {
  "mdk>1": "launcher", "mdk>1>1": "monitor", "mdk>1>1>1": "cage", "mdk>1>1>1>1": "init", "mdk>1>1>2": "cleanup",
};
const KILL = 9;

interface Tracee {
  readonly process: number;
  readonly descent: string;
  readonly thread: boolean;
  children: number;
  role: string;
  /** The program in the container and what it starts: none of ours. */
  foreign: boolean;
  struck: boolean;
  /** The kernel itself makes the call again: not one more. */
  restarts: boolean;
}

/** ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND (include/linux/errno.h): seen by a tracer only. */
const RESTARTS = [-512, -513, -514];

class Recorder {
  readonly tracees = new Map<number, Tracee>();
  /** Stopped before their parent has said that they are its children. */
  readonly early = new Map<number, Stop>();
  readonly points: (Point & { object: string })[] = [];
  readonly pids = new Set<number>();
  readonly #counts = new Map<string, number>();
  readonly #strike: Strike | null;
  hit = false;
  object = "";
  started = false;

  constructor(strike: Strike | null) {
    this.#strike = strike;
  }

  adopt(parent: Tracee, pid: number): void {
    const group = processOf(pid);
    const thread = group === parent.process && group !== pid;
    this.pids.add(group);
    if (thread) {
      this.tracees.set(pid, { ...parent, thread, role: "", struck: false, restarts: false });
      return;
    }
    const owner = this.tracees.get(parent.process) ?? parent;
    const descent = `${owner.descent}>${++owner.children}`;
    this.tracees.set(pid, { process: pid, descent, thread, children: 0, role: ROLES[descent] ?? descent, foreign: parent.foreign, struck: false, restarts: false });
  }

  exec(tracee: Tracee): void {
    if (!this.started) {
      this.started = true;
      tracee.children = 0;
      this.#counts.clear();
      this.points.length = 0;
    } else if (tracee.role === "init") {
      tracee.foreign = true;
    }
  }

  syscall(pid: number, tracee: Tracee): void {
    if (tracee.foreign || !this.started) return;
    const call = readSyscall(pid);
    if (call === null) return;
    if (call.kind === "exit") {
      tracee.restarts = RESTARTS.includes(call.result);
      if (tracee.struck && this.#strike?.with === "error") {
        setResult(pid, -this.#strike.errno);
        tracee.struck = false;
      }
      return;
    }
    if (tracee.restarts) return;
    const made = describeCall(pid, call.number, call.args);
    if (made === null) return;
    const role = roleOf(pid, tracee);
    const key = `${role} ${made.name}`;
    const n = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, n);
    this.points.push({ role, call: made.name, n, object: made.object });
    const strike = this.#strike;
    if (strike === null || this.hit || strike.role !== role || strike.call !== made.name || strike.n !== n) return;
    this.hit = true;
    this.object = made.object;
    tracee.struck = true;
    if (strike.with === "error") skipCall(pid);
    else kill(tracee.process, strike.with === "kill" ? KILL : strike.signal);
  }
}

function processOf(pid: number): number {
  try {
    return Number(/^Tgid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? pid);
  } catch {
    return pid;
  }
}

function roleOf(pid: number, tracee: Tracee): string {
  if (!tracee.thread) return tracee.role;
  if (tracee.role !== "") return tracee.role;
  let name = "thread";
  try {
    name = readFileSync(`/proc/${tracee.process}/task/${pid}/comm`, "latin1").trim().replace(/ ?\d+$/, "");
  } catch {
    // Killed meanwhile.
  }
  tracee.role = `${ROLES[tracee.descent] ?? tracee.descent}:${name}`;
  return tracee.role;
}

/** Runs the command to the end of everything that it started, at most `timeoutMs`. `folder`: where its output goes. */
export function trace(argv: readonly string[], strike: Strike | null, folder: string, timeoutMs = 15_000): Trace {
  const files = { out: join(folder, "traced.out"), err: join(folder, "traced.err") };
  const root = spawnTraced(argv, ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/nonexistent"], files);
  const recorder = new Recorder(strike);
  recorder.pids.add(root);
  recorder.tracees.set(root, { process: root, descent: "mdk", thread: false, children: 0, role: "mdk", foreign: false, struck: false, restarts: false });
  const end = Bun.nanoseconds() + timeoutMs * 1e6;
  let code = -1;
  let turns = 0;
  for (;;) {
    const stop = nextStop();
    if (stop === "none") break;
    if (stop === null) {
      pause(20);
      if (++turns % 256 === 0 && Bun.nanoseconds() > end) break;
      continue;
    }
    if (stop.kind === "ended") {
      if (stop.pid === root) code = stop.code;
      recorder.tracees.delete(stop.pid);
      if (recorder.tracees.size === 0) break;
      continue;
    }
    handle(recorder, stop);
  }
  const hung = [...recorder.tracees].filter(([pid, { thread }]) => !thread && pid > 0).map(([pid, { role, descent }]) => `${role || descent} ${pid}`);
  for (const [pid] of recorder.tracees) abandon(pid);
  return { code, points: recorder.points, hit: recorder.hit, object: recorder.object, hung, pids: [...recorder.pids], out: readFileSync(files.out, "utf8"), err: readFileSync(files.err, "utf8") };
}

function handle(recorder: Recorder, stop: Exclude<Stop, { kind: "ended" }>): void {
  const tracee = recorder.tracees.get(stop.pid);
  if (tracee === undefined) {
    recorder.early.set(stop.pid, stop);
    return;
  }
  if (stop.kind === "child") {
    recorder.adopt(tracee, stop.child);
    const early = recorder.early.get(stop.child);
    recorder.early.delete(stop.child);
    if (early !== undefined) resume(early);
  } else if (stop.kind === "exec") {
    recorder.exec(tracee);
  } else if (stop.kind === "syscall") {
    recorder.syscall(stop.pid, tracee);
  }
  resume(stop);
}

/** One that did not end in time is killed and reaped, so that the next run starts with none. */
function abandon(pid: number): void {
  kill(pid, KILL);
  for (let tries = 0; tries < 1000; tries++) {
    const stop = nextStop();
    if (stop === "none" || (stop !== null && stop.kind === "ended" && stop.pid === pid)) return;
    if (stop !== null && stop.kind !== "ended") resume(stop);
    else pause(200);
  }
}
