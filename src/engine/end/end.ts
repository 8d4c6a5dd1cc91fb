/** Hearing of the end of a running container from its monitor, and bringing it about: wait, signals, stop. */
import { closeSync, constants, openSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { MESSAGE_BYTES_MAX, parseTold, PROTOCOL, type Told } from "../../runtime/protocol.ts";
import { readCondition } from "../../runtime/state.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import { runPaths } from "../../store/paths.ts";
import { openProcess, sendSignal } from "../../sys/pidfd.ts";
import { pollReadable } from "../../sys/poll.ts";
import { SysError } from "../../sys/ffi.ts";
import { connectUnix, receiveWithDescriptors, sendWithDescriptors } from "../../sys/socket.ts";
import { isPathLocked, lockFile } from "../../sys/lock.ts";
import { runLockPath } from "../../runtime/state.ts";
import { monotonicMs } from "../../sys/clock.ts";
import type { Context } from "../context.ts";
import { holdersOf, livingOf } from "./holders.ts";
import { readStatus } from "./status.ts";
import { lives } from "./words.ts";

const SIGKILL = 9;

/** A socket of the container's monitor. */
interface Connection {
  readonly socket: number;
  /** Version of the protocol that the monitor speaks. */
  readonly protocol: number;
}

/** Connects to the monitor; null when there is none, or one that does not take clients any more. The caller closes the socket. */
export function connectMonitor(context: Context, container: Pick<Container, "id">): Connection | null {
  const path = runPaths(context.runRoot).container(container.id);
  const condition = readCondition(path);
  const state = "state" in condition ? condition.state : null;
  let directory: number;
  try {
    directory = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
  try {
    // None yet: its start is this mdk's, or will be looked at when it has come so far.
    return { socket: connectUnix(directory, "attach", CONNECT_MS), protocol: state === null ? PROTOCOL : (state.protocol ?? 0) };
  } catch (error) {
    if (error instanceof SysError && UNANSWERED.has(error.code)) return null;
    throw error;
  } finally {
    closeSync(directory);
  }
}

/** Whether one answers: of a container that waits for its restart, too. */
export function hasMonitor(context: Context, container: Pick<Container, "id">): boolean {
  const connection = connectMonitor(context, container);
  if (connection !== null) closeSync(connection.socket);
  return connection !== null;
}

/** Nobody listens; EAGAIN: somebody does, and has not accepted anybody for long. */
const UNANSWERED: ReadonlySet<string> = new Set(["ENOENT", "ECONNREFUSED", "EAGAIN"]);
const CONNECT_MS = 2_000;

/** A running container's end, subscribed to before anything is done to it. */
export interface EndWatch {
  /** The exit status, or null after `timeoutMs` (-1: no limit). A monitor that is killed meanwhile: LOST_CODE's 255. */
  wait(timeoutMs: number): number | null;
  /** For who watches to clean up: it is done, the monitor need not. */
  cleaned(): void;
  close(): void;
}

/** The next message; null: the monitor tells nothing any more. */
function receiveTold(socket: number): Told | null {
  for (;;) {
    try {
      const { bytes } = receiveWithDescriptors(socket, MESSAGE_BYTES_MAX, 0);
      return bytes.length === 0 ? null : parseTold(bytes);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      // The monitor ended without having read our "x". Told once, and before what it said: that is still in the queue.
      if (error.code !== "ECONNRESET") return null;
    }
  }
}

/**
 * Null when the container does not run (any more): its status says how it ended. `cleans`: the caller settles the container
 * when it has ended, so that its monitor starts nobody who would. A monitor of another protocol is not spoken to.
 */
export function watchEnd(context: Context, container: Container, { cleans }: { readonly cleans: boolean }): EndWatch | null {
  const connection = connectMonitor(context, container);
  if (connection === null) return lookForEnd(context, container);
  const { socket } = connection;
  if (connection.protocol !== PROTOCOL) {
    closeSync(socket);
    return lookForEnd(context, container);
  }
  try {
    sendWithDescriptors(socket, Buffer.from(cleans ? "c" : "x"), []);
  } catch (error) {
    closeSync(socket);
    if (error instanceof SysError) return lookForEnd(context, container);
    throw error;
  }
  return {
    wait(timeoutMs) {
      const until = monotonicMs() + timeoutMs;
      for (;;) {
        if (pollReadable([socket], timeoutMs < 0 ? -1 : Math.max(0, Math.ceil(until - monotonicMs()))) === null) return null;
        const told = receiveTold(socket);
        if (told?.kind === "exited") return told.code;
        // The monitor is gone without a word: what it left tells, after its cage has died too.
        if (told === null) return readStatus(context, container).code;
      }
    },
    cleaned() {
      try {
        sendWithDescriptors(socket, Buffer.from("d"), []);
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
      }
    },
    close: () => closeSync(socket),
  };
}

const LOOK_MS = 20;

/** For a container whose monitor does not answer, or whose socket somebody has removed: its files are looked at instead. */
function lookForEnd(context: Context, container: Container): EndWatch | null {
  if (!lives(readStatus(context, container).word)) return null;
  return {
    wait(timeoutMs) {
      for (const until = monotonicMs() + timeoutMs; ; ) {
        const { word, code } = readStatus(context, container);
        if (!lives(word)) return code;
        if (timeoutMs >= 0 && monotonicMs() >= until) return null;
        Bun.sleepSync(LOOK_MS);
      }
    },
    cleaned() {},
    close() {},
  };
}

/** Its last end: one that its policy starts again has not come to it. Null for a container that has. */
export function watchLastEnd(context: Context, container: Container): EndWatch | null {
  const first = watchEnd(context, container, { cleans: false });
  if (container.host.RestartPolicy.Name === "no") return first;
  let run = first;
  if (run === null && !goesOn(readContainer(context.database(), container.id))) return null;
  let code = container.code;
  const close = (): void => {
    run?.close();
    run = null;
  };
  return {
    wait(timeoutMs) {
      for (const until = monotonicMs() + timeoutMs; ; ) {
        const left = timeoutMs < 0 ? -1 : Math.max(0, until - monotonicMs());
        if (run !== null) {
          const told = run.wait(left);
          if (told === null) return null;
          code = told;
        }
        close();
        const row = readContainer(context.database(), container.id);
        if (!goesOn(row)) return row?.code ?? code;
        // One whose end nobody has noted yet would tell of it again.
        run = row!.phase === "started" && readStatus(context, row!).word !== "exited" ? watchEnd(context, row!, { cleans: false }) : null;
        if (run !== null) continue;
        if (left === 0) return null;
        Bun.sleepSync(left < 0 ? LOOK_MS : Math.min(left, LOOK_MS));
      }
    },
    cleaned() {},
    close,
  };
}

const goesOn = (row: Container | null): boolean => row?.phase === "started" || row?.phase === "restarting";

/** Blocks until the container has ended, and no policy starts it again, and returns its exit status; at once when it does not run. */
export function waitForEnd(context: Context, container: Container): number {
  const watch = watchLastEnd(context, container);
  if (watch === null) return readStatus(context, container).code;
  try {
    return watch.wait(-1) ?? 0;
  } finally {
    watch.close();
  }
}

/** pidfd of init or cage; null when the container does not run. The caller closes it. */
export function openRunning(context: Context, container: Container, which: "init" | "cage"): number | null {
  const condition = readCondition(runPaths(context.runRoot).container(container.id));
  if (condition.kind !== "running") return null;
  const { state } = condition;
  return which === "init" ? openProcess(state.pid, state.pidStart) : openProcess(state.cage, state.cageStart);
}

/**
 * Sends a signal to PID 1; SIGKILL goes to the cage and takes everything along. Where the pid namespace is somebody else's, the cage
 * does the rest when PID 1 has ended. False: it does not run.
 */
export function signalContainer(context: Context, container: Container, signal: number): boolean {
  const descriptor = openRunning(context, container, signal === SIGKILL && container.host.PidMode === "" ? "cage" : "init");
  if (descriptor === null) return false;
  try {
    return sendSignal(descriptor, signal);
  } finally {
    closeSync(descriptor);
  }
}

/** Docker's patience after SIGKILL. */
const KILL_MS = 10_000;

/** Waits for an end that SIGKILL brings about. Throws MdkError "kill-timeout" with who is in its way. */
export function awaitKilled(context: Context, container: Container, watch: EndWatch): void {
  if (watch.wait(KILL_MS) !== null) return;
  const condition = readCondition(runPaths(context.runRoot).container(container.id));
  if (condition.kind !== "running") return;
  throw new MdkError("conflict", "kill-timeout", `tried to kill container ${container.id}, but it did not end within ${KILL_MS / 1000} seconds: ${livingOf(context.runRoot, container.id, condition.state)}`, {
    hint: "what is stopped goes on with: kill -CONT PID; what waits in the kernel, or in a frozen cgroup, cannot be killed before that lets go",
  });
}

/** SIGKILL, what lets it take effect, and the end that follows. False: the container does not run. Throws what awaitKilled throws. */
export function killNow(context: Context, container: Container, letDie: () => void): boolean {
  const watch = watchEnd(context, container, { cleans: false });
  try {
    if (!signalContainer(context, container, SIGKILL)) return false;
    letDie();
    if (watch !== null) awaitKilled(context, container, watch);
    return true;
  } finally {
    watch?.close();
  }
}

/** Closing an overlay writes its whole upper directory to the disk first: that may take long. */
const RELEASE_MS = 30_000;

/**
 * Waits until nothing of the container lives and its mounts are closed: before its upper directory is touched. Throws
 * MdkError "not-released" with who still holds it.
 */
export function awaitReleased(context: Context, id: string): void {
  const path = runLockPath(runPaths(context.runRoot).container(id));
  if (!isPathLocked(path)) return;
  const lock = lockFile(path, RELEASE_MS);
  if (typeof lock === "number") closeSync(lock);
  if (lock === "held") throw new MdkError("conflict", "not-released", `container ${id} still holds its files after ${RELEASE_MS / 1000} seconds: ${holdersOf(path)}`);
}
