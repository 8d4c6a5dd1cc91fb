/** Hearing of the end of a running container from its monitor, and bringing it about: wait, signals, stop. */
import { closeSync, constants, openSync } from "node:fs";
import { readCondition } from "../../runtime/state.ts";
import type { Container } from "../../store/containers.ts";
import { runPaths } from "../../store/paths.ts";
import { openProcess, sendSignal } from "../../sys/pidfd.ts";
import { pollReadable } from "../../sys/poll.ts";
import { SysError } from "../../sys/ffi.ts";
import { connectUnix, receiveWithDescriptors, sendWithDescriptors } from "../../sys/socket.ts";
import { isPathLocked, lockFile } from "../../sys/lock.ts";
import { runLockPath } from "../../runtime/state.ts";
import type { Context } from "../context.ts";
import { readStatus } from "./status.ts";

const SIGKILL = 9;
/** A message of the monitor's: kind, then at most this much. */
const MESSAGE_BYTES_MAX = 32 * 1024 + 1;

/** Opens the monitor's socket; null when there is no monitor. */
export function connectMonitor(context: Context, container: Container): number | null {
  let directory: number;
  try {
    directory = openSync(runPaths(context.runRoot).container(container.id), constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
  try {
    return connectUnix(directory, "attach");
  } catch (error) {
    if (error instanceof SysError && (error.code === "ENOENT" || error.code === "ECONNREFUSED")) return null;
    throw error;
  } finally {
    closeSync(directory);
  }
}

/** A running container's end, subscribed to before anything is done to it. */
export interface EndWatch {
  /** The exit status, or null after `timeoutMs` (-1: no limit). A monitor that is killed meanwhile: LOST_CODE's 255. */
  wait(timeoutMs: number): number | null;
  /** For who watches to clean up: it is done, the monitor need not. */
  cleaned(): void;
  close(): void;
}

/** The status that the monitor tells; null when it tells nothing any more. */
function receiveEnd(socket: number): number | null {
  for (;;) {
    try {
      const { bytes } = receiveWithDescriptors(socket, MESSAGE_BYTES_MAX, 0);
      return bytes.length > 1 && bytes[0] === "x".charCodeAt(0) ? bytes[1]! : null;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      // The monitor ended without having read our "x". Told once, and before what it said: that is still in the queue.
      if (error.code !== "ECONNRESET") return null;
    }
  }
}

/**
 * Null when the container does not run (any more): its status says how it ended. `cleans`: the caller settles the container
 * when it has ended, so that its monitor starts nobody who would.
 */
export function watchEnd(context: Context, container: Container, { cleans }: { readonly cleans: boolean }): EndWatch | null {
  const socket = connectMonitor(context, container);
  if (socket === null) return lookForEnd(context, container);
  try {
    sendWithDescriptors(socket, Buffer.from(cleans ? "c" : "x"), []);
  } catch (error) {
    closeSync(socket);
    if (error instanceof SysError) return lookForEnd(context, container);
    throw error;
  }
  return {
    wait(timeoutMs) {
      if (pollReadable([socket], timeoutMs) === null) return null;
      const code = receiveEnd(socket);
      if (code !== null) return code;
      // The monitor is gone without a word: what it left tells, after its cage has died too.
      return readStatus(context, container).code;
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
  if (readStatus(context, container).word !== "running") return null;
  return {
    wait(timeoutMs) {
      for (let waited = 0; ; waited += LOOK_MS) {
        const { word, code } = readStatus(context, container);
        if (word !== "running") return code;
        if (timeoutMs >= 0 && waited >= timeoutMs) return null;
        Bun.sleepSync(LOOK_MS);
      }
    },
    cleaned() {},
    close() {},
  };
}

/** Blocks until the container has ended and returns its exit status; at once when it does not run. */
export function waitForEnd(context: Context, container: Container): number {
  const watch = watchEnd(context, container, { cleans: false });
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

/** Sends a signal to PID 1; SIGKILL goes to the cage and takes everything along. False: it does not run. */
export function signalContainer(context: Context, container: Container, signal: number): boolean {
  const descriptor = openRunning(context, container, signal === SIGKILL ? "cage" : "init");
  if (descriptor === null) return false;
  try {
    return sendSignal(descriptor, signal);
  } finally {
    closeSync(descriptor);
  }
}

/** Docker's patience after SIGKILL. */
const KILL_MS = 10_000;

/** SIGKILL, and the end that follows it: waited for, ten seconds at most. False: the container does not run. */
export function killNow(context: Context, container: Container): boolean {
  const watch = watchEnd(context, container, { cleans: false });
  try {
    if (!signalContainer(context, container, SIGKILL)) return false;
    watch?.wait(KILL_MS);
    return true;
  } finally {
    watch?.close();
  }
}

/** Waits until nothing of the container lives and its mounts are closed: before its upper directory is touched. */
export function awaitReleased(context: Context, id: string): void {
  const path = runLockPath(runPaths(context.runRoot).container(id));
  if (!isPathLocked(path)) return;
  const descriptor = lockFile(path);
  if (descriptor !== null) closeSync(descriptor);
}
