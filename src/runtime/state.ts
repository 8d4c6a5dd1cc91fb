/**
 * A container's directory below the run root, and what its files say. `running` is never stored: it is the run lock.
 *
 *     <run root>/<id>/  run.lock    held by the monitor as long as anything of the container lives
 *                       op.lock     held by who changes it: start, cleanup, rm, export of a stopped one, reconcile;
 *                                   names the data root since a start was begun: an empty one was made after a reboot
 *                       attach      the monitor's socket
 *                       state.new   written by the command before `go`
 *                       state.json  the same, renamed when init is about to become the program: the container has started
 *                       exit        written by the monitor: how it ended
 *                       names/      which names it finds, and who is asked for others (names.ts)
 */
import { closeSync, constants, existsSync, openSync, readFileSync, renameSync, statSync, writeFileSync, writeSync } from "node:fs";
import { MdkError, messageOf } from "../error.ts";
import { isPathLocked, LockProbe } from "../sys/lock.ts";

export const STATE_VERSION = 1;

/** What identifies the processes: pids with their start times (proc_pid_stat(5)), valid in one boot. */
export interface StateFile {
  readonly version: number;
  /** Version of the protocol that its monitor speaks (protocol.ts). */
  readonly protocol: number;
  readonly boot: string;
  readonly pid: number;
  readonly pidStart: string;
  readonly cage: number;
  readonly cageStart: string;
  /** RFC 3339. */
  readonly started: string;
}

/** The monitor's exit record (shim/ending.zig). */
export interface ExitRecord {
  readonly version: number;
  readonly code: number;
  readonly oom: boolean;
  /** Lines that its log lacks at the end: there was no space for them, nor for saying so. */
  readonly lost: number;
  /** RFC 3339 with nanoseconds. */
  readonly finished: string;
}

/** What the directory says of a container whose start was begun. */
export type Condition =
  | { readonly kind: "starting" }
  | { readonly kind: "running"; readonly state: StateFile }
  /** `held`: the monitor still closes its mounts; what mounts the upper directory must wait. */
  | { readonly kind: "ended"; readonly record: ExitRecord; readonly state: StateFile | null; readonly held: boolean }
  /** The monitor was killed, or the host rebooted (`state` is null if that emptied the run root): nobody knows how it ended. */
  | { readonly kind: "lost"; readonly state: StateFile | null }
  /** The start was cut off before the program ran. */
  | { readonly kind: "aborted" };

export const runLockPath = (directory: string): string => `${directory}/run.lock`;
export const opLockPath = (directory: string): string => `${directory}/op.lock`;

/** The boot's id: pids of another boot mean nothing. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}

function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT" || error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * Reads a container's condition without taking a lock. The lock is looked at first: a record that is missing afterwards
 * was missing while nobody held the lock, so it will not come. `ownOpLock`: the caller itself holds the op lock, so that
 * it says nothing about another one's start.
 */
export function readCondition(directory: string, options: { readonly ownOpLock: boolean } = { ownOpLock: false }): Condition {
  const held = isHeld(directory);
  // The record of a running container is missing: an error of node's costs more than the whole rest.
  const record = existsSync(`${directory}/exit`) ? readJson<ExitRecord>(`${directory}/exit`) : null;
  const state = readJson<StateFile>(`${directory}/state.json`);
  if (record !== null) return { kind: "ended", record, state, held };
  if (held) return state === null ? { kind: "starting" } : { kind: "running", state };
  if (state !== null) return { kind: "lost", state };
  if (!options.ownOpLock && isPathLocked(opLockPath(directory))) return { kind: "starting" };
  // The row of a start is written after the mark: without it the run root is not the one of that start.
  const begun = (statSync(opLockPath(directory), { throwIfNoEntry: false })?.size ?? 0) > 0;
  return begun ? { kind: "aborted" } : { kind: "lost", state };
}

/**
 * Of the containers with these ids, those that run as ever: a look at names and locks tells it, at a fraction of the price of their
 * conditions. For lists; of the others more must be read.
 */
export function runningOf(runRoot: string, ids: readonly string[]): Set<string> {
  const running = new Set<string>();
  if (ids.length === 0 || !existsSync(runRoot)) return running;
  const directory = openSync(runRoot, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const probe = new LockProbe(directory);
    const [lock, record, state] = ["run.lock", "exit", "state.json"].map((name) => Buffer.from(`${"0".repeat(ID_DIGITS)}/${name}\0`)) as [Buffer, Buffer, Buffer];
    for (const id of ids) {
      for (const name of [lock, record, state]) name.write(id, 0, ID_DIGITS, "latin1");
      if (probe.isLocked(lock) && !probe.exists(record) && probe.exists(state)) running.add(id);
    }
  } finally {
    closeSync(directory);
  }
  return running;
}

const ID_DIGITS = 64;

/** Whether anything of the container still lives, or is being started: the monitor holds the run lock. */
export function isHeld(directory: string): boolean {
  return isPathLocked(runLockPath(directory));
}

/** For node's error of a write that has no room, or no right. */
export function runRootError(error: unknown): MdkError {
  return new MdkError("exhausted", "run-root", `cannot write to the run root: ${messageOf(error)}`, { cause: error, hint: "make room there, or choose another directory with --run-root" });
}

/** Before a start's row is written, under its op lock: what a reboot took away can be told from what was never there. */
export function markBegun(opLock: number, root: string): void {
  try {
    writeSync(opLock, begunBy(root), 0);
  } catch (error) {
    throw runRootError(error);
  }
}

/** Whether a start was begun here for another data root than this one: then the directory is that one's business. */
export function isOfAnotherRoot(directory: string, root: string): boolean {
  let mark: string;
  try {
    mark = readFileSync(opLockPath(directory), "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return false;
    throw error;
  }
  return mark !== "" && mark !== begunBy(root);
}

const begunBy = (root: string): string => `begun for ${root}\n`;

/** Before `go`: what the container will be once it has started. */
export function writeState(directory: string, state: StateFile): void {
  writeFileSync(`${directory}/state.new`, JSON.stringify(state), { mode: 0o600 });
}

/** After `ready`: the monitor does the same at the same moment, so that it holds if this command is killed. */
export function confirmState(directory: string): void {
  try {
    renameSync(`${directory}/state.new`, `${directory}/state.json`);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
}
