/**
 * Records of execs, below the run directory of their container and gone with its run:
 *
 *     <run root>/<container>/exec/<id>/  config.json  what was asked for, written when it was planned
 *                                        lock         held by its monitor as long as the process lives; "r" in it: it runs
 *                                        process      its pid, written by its monitor
 *                                        exit         how it ended, written by its monitor
 *
 * A client that waits takes its record away in the end; others are kept for who asks later (`docker exec -d` and the API).
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { MdkError } from "../error.ts";
import { isPathLocked, tryLockFile } from "../sys/lock.ts";
import type { ExitRecord } from "./state.ts";

/** What was asked for. */
export interface ExecRequest {
  readonly args: readonly string[];
  /** KEY=VALUE; KEY alone removes the variable. */
  readonly env: readonly string[];
  /** Null: the container's own. */
  readonly workdir: string | null;
  readonly user: string | null;
  readonly privileged: boolean;
  readonly terminal: boolean;
  readonly interactive: boolean;
}

export interface ExecState {
  readonly id: string;
  readonly request: ExecRequest;
  /** `lost`: its monitor was killed, nobody knows how it ended. */
  readonly word: "created" | "running" | "ended" | "lost";
  /** Host pid; 0 unless running, and for the moment in which its monitor notes it. */
  readonly pid: number;
  /** Null until it has ended. */
  readonly code: number | null;
}

const directoryOf = (container: string, id: string): string => `${container}/exec/${id}`;

/** Ended ones are kept this long for who asks (as Docker's), and so many at most are looked through for that. */
const KEPT_MS = 5 * 60_000;
const LOOKED_AT_MAX = 32;

/** Opens its lock, taken: whoever keeps the descriptor lives, or is the command that starts it. */
export function lockExecRecord(directory: string): number {
  const lock = tryLockFile(`${directory}/lock`);
  if (lock === null) throw new MdkError("conflict", "exec-running", "this exec has been started already");
  return lock;
}

/** For who started it and has heard that it runs. */
export function markExecRunning(lock: number): void {
  writeSync(lock, "r", 0);
}

/** Writes the record and returns its directory. `container`: its run directory. Takes away what ended long ago. */
export function createExecRecord(container: string, id: string, request: ExecRequest, now: Date): string {
  const directory = directoryOf(container, id);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(`${directory}/config.json`, JSON.stringify(request), { mode: 0o600 });
  for (const other of listExecs(container).slice(0, LOOKED_AT_MAX)) {
    const exit = statSync(`${directoryOf(container, other)}/exit`, { throwIfNoEntry: false });
    if (exit !== undefined && now.getTime() - exit.mtimeMs > KEPT_MS) removeExecRecord(directoryOf(container, other));
  }
  return directory;
}

/** Null: there is no such record. Takes no lock and changes nothing. */
export function readExec(container: string, id: string): ExecState | null {
  const directory = directoryOf(container, id);
  const request = read<ExecRequest>(`${directory}/config.json`);
  if (request === null) return null;
  // In this order: whose lock is free has written its record before, or never will.
  const held = isPathLocked(`${directory}/lock`);
  const exit = read<ExitRecord>(`${directory}/exit`);
  if (exit !== null) return { id, request, word: "ended", pid: 0, code: exit.code };
  const pid = read<number>(`${directory}/process`) ?? 0;
  const begun = pid > 0 || (statSync(`${directory}/lock`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  if (held && begun) return { id, request, word: "running", pid, code: null };
  return { id, request, word: begun ? "lost" : "created", pid: 0, code: null };
}

/** Ids of the records of a container. */
export function listExecs(container: string): string[] {
  return existsSync(`${container}/exec`) ? readdirSync(`${container}/exec`) : [];
}

export function removeExecRecord(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** All of a container's: its run is over. */
export function removeExecRecords(container: string): void {
  if (existsSync(`${container}/exec`)) rmSync(`${container}/exec`, { recursive: true, force: true });
}

function read<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return null;
  }
}
