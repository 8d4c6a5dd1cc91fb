/**
 * Records of execs, below the run directory of their container and gone with its run:
 *
 *     <run root>/<container>/exec/<id>/  record       what was asked for, written when it was planned; locked by its monitor as long as
 *                                                     the process lives; a newline at its end: it has run
 *                                        process      its pid, written by its monitor
 *                                        exit         how it ended, written by its monitor
 *
 * A client that waits takes its record away in the end; others are kept for who asks later (`docker exec -d` and the API).
 */
import { closeSync, existsSync, fstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { MdkError } from "../error.ts";
import { isPathLocked, tryLockFile } from "../sys/lock.ts";
import { runRootError, type ExitRecord } from "./state.ts";

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
const recordOf = (directory: string): string => `${directory}/record`;
/** What a record's directory holds, the monitor's drafts among it. */
const NAMES = ["record", "process", "process.tmp", "exit", "exit.tmp"];

/** Ended ones are kept this long for who asks (as Docker's). */
const KEPT_MS = 5 * 60_000;

/** Writes the record and returns its directory; on failure nothing of it is left. `container`: its run directory. */
export function createExecRecord(container: string, id: string, request: ExecRequest): string {
  const directory = directoryOf(container, id);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(recordOf(directory), JSON.stringify(request), { mode: 0o600 });
  } catch (error) {
    if (existsSync(directory)) removeExecRecord(directory);
    throw runRootError(error);
  }
  return directory;
}

/** Opens the record, locked: whoever keeps the descriptor lives, or is the command that starts it. Throws Docker's sentences for one that was started before. */
export function lockExecRecord(directory: string, id: string): number {
  const lock = tryLockFile(recordOf(directory));
  if (lock === null) throw new MdkError("conflict", "exec-started", `Error: Exec command ${id} is already running`);
  if (!hasBegun(directory) && !existsSync(`${directory}/exit`)) return lock;
  closeSync(lock);
  throw new MdkError("conflict", "exec-started", `Error: Exec command ${id} has already run`);
}

function hasBegun(directory: string): boolean {
  return existsSync(`${directory}/process`) || readText(recordOf(directory))?.endsWith("\n") === true;
}

/** For who started it and has heard that it runs. */
export function markExecRunning(lock: number): void {
  writeSync(lock, "\n", fstatSync(lock).size);
}

/** Null: there is no such record. Takes no lock and changes nothing. */
export function readExec(container: string, id: string): ExecState | null {
  const directory = directoryOf(container, id);
  const text = readText(recordOf(directory));
  // Empty: it is just being written, or who wrote it was killed.
  if (text === null || text === "") return null;
  const request = JSON.parse(text) as ExecRequest;
  // In this order: whose lock is free has written its record before, or never will.
  const held = isPathLocked(recordOf(directory));
  const exit = readText(`${directory}/exit`);
  if (exit !== null) return { id, request, word: "ended", pid: 0, code: (JSON.parse(exit) as ExitRecord).code };
  const pid = Number(readText(`${directory}/process`) ?? 0);
  const begun = pid > 0 || text.endsWith("\n");
  if (held && begun) return { id, request, word: "running", pid, code: null };
  return { id, request, word: begun ? "lost" : "created", pid: 0, code: null };
}

/** Ids of the records of a container. */
export function listExecs(container: string): string[] {
  return existsSync(`${container}/exec`) ? readdirSync(`${container}/exec`) : [];
}

/** Takes away what ended long ago, or was planned long ago by a client that is gone: for who adds one that stays. */
export function pruneExecRecords(container: string, now: Date): void {
  for (const id of listExecs(container)) {
    const directory = directoryOf(container, id);
    const last = statSync(`${directory}/exit`, { throwIfNoEntry: false }) ?? (isPathLocked(recordOf(directory)) ? undefined : statSync(directory, { throwIfNoEntry: false }));
    if (last !== undefined && now.getTime() - last.mtimeMs > KEPT_MS) removeExecRecord(directory);
  }
}

export function removeExecRecord(directory: string): void {
  for (const name of NAMES) rmSync(`${directory}/${name}`, { force: true });
  try {
    rmdirSync(directory);
  } catch (error) {
    // Gone with the container's run meanwhile; or its monitor, whom nobody reads any more, just noted its end.
    const { code } = error as { code?: string };
    if (code !== "ENOENT" && code !== "ENOTEMPTY") throw error;
  }
}

/** All of a container's: its run is over. */
export function removeExecRecords(container: string): void {
  if (existsSync(`${container}/exec`)) rmSync(`${container}/exec`, { recursive: true, force: true });
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
