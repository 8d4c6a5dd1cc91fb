/** Bringing a running container's end about, and dealing with it: its monitor need not start anybody who does. */
import { MdkError } from "../../error.ts";
import { parseSignal } from "../../runtime/signals.ts";
import { markSignalled } from "../../store/container-life.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import { monotonicMs } from "../../sys/clock.ts";
import type { Context } from "../context.ts";
import { awaitKilled, signalContainer, watchEnd, type EndWatch } from "../end/end.ts";
import { giveUpRestart } from "../end/give-up.ts";
import { settle } from "../end/settle.ts";
import { thaw } from "../end/thaw.ts";

const SIGKILL = 9;
const DEFAULT_STOP_SECONDS = 10;

export interface StopOptions {
  /** Null: the container's own, else SIGTERM. */
  readonly signal: string | null;
  /** Seconds until SIGKILL; -1: never. Null: the container's own, else 10. */
  readonly seconds: number | null;
  /** What its user calls it. */
  readonly by: "stop" | "kill";
}

/** A container that was told to stop. */
export interface Stopping {
  /** Waits for its end, kills it when its time is over, and deals with what it leaves. Once. Throws MdkError when SIGKILL does not end it. */
  finish(): void;
}

const NOTHING: Stopping = { finish() {} };

/** Docker's stop: the stop signal now, SIGKILL later. One that does not run is no error. `finish` has to be called. */
export function beginStop(context: Context, container: Container, options: StopOptions): Stopping {
  const signal = parseSignal(options.signal ?? container.config.StopSignal ?? "SIGTERM");
  const seconds = options.seconds ?? container.config.StopTimeout ?? DEFAULT_STOP_SECONDS;
  const watch = watchUnlessAtRest(context, container, options.by);
  if (watch === null) return NOTHING;
  const deadline = monotonicMs() + seconds * 1000;
  try {
    note(context, container, signal, options.by);
    if (!signalContainer(context, container, signal)) {
      // It has ended, or is being started: then it hears of it as soon as it can.
      settle(context, container.id);
      signalContainer(context, container, signal);
    }
    thaw(context, container);
  } catch (error) {
    watch.close();
    throw error;
  }
  return {
    finish() {
      try {
        if (watch.wait(seconds < 0 ? -1 : Math.max(0, deadline - monotonicMs())) === null) {
          signalContainer(context, container, SIGKILL);
          awaitKilled(context, container, watch);
        }
        settle(context, container.id);
        finishAgain(context, container, options);
        watch.cleaned();
      } finally {
        watch.close();
      }
    },
  };
}

/** Null for one that does not run; its restart is given up. */
function watchUnlessAtRest(context: Context, container: Container, by: StopOptions["by"]): EndWatch | null {
  for (;;) {
    if (giveUpRestart(context, container.id, by)) return null;
    const watch = watchEnd(context, container, { cleans: true });
    if (watch !== null) return watch;
    // Nobody listens yet, or any more: whoever starts it, or deals with its end, holds the op lock.
    settle(context, container.id);
    const phase = readContainer(context.database(), container.id)?.phase;
    if (phase !== "started" && phase !== "restarting") return null;
    Bun.sleepSync(1);
  }
}

/** It had ended of itself just before it was told: its policy may have started it again, or be about to. */
function finishAgain(context: Context, { id }: Container, options: StopOptions): void {
  if (giveUpRestart(context, id, options.by)) return;
  const now = readContainer(context.database(), id);
  if (now?.phase === "started" && now.stopped) beginStop(context, now, options).finish();
}

/** On a full disk nothing can be noted: it ends all the same, which makes room. */
function note(context: Context, { id }: Container, signal: number, by: StopOptions["by"]): void {
  try {
    markSignalled(context.database(), id, signal, by);
  } catch (error) {
    if (!(error instanceof MdkError && error.code === "store-full")) throw error;
  }
}

/** Kills a running container and waits for its end. Throws what awaitKilled throws. */
export function killContainer(context: Context, container: Container): void {
  beginStop(context, container, { signal: "SIGKILL", seconds: 0, by: "kill" }).finish();
}
