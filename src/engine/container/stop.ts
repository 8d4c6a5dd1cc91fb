/** Bringing a running container's end about, and dealing with it: its monitor need not start anybody who does. */
import { parseSignal } from "../../runtime/signals.ts";
import type { Container } from "../../store/containers.ts";
import { monotonicMs } from "../../sys/clock.ts";
import type { Context } from "../context.ts";
import { awaitKilled, signalContainer, watchEnd } from "../end/end.ts";
import { settle } from "../end/settle.ts";

const SIGKILL = 9;
const DEFAULT_STOP_SECONDS = 10;

export interface StopOptions {
  /** Null: the container's own, else SIGTERM. */
  readonly signal: string | null;
  /** Seconds until SIGKILL; -1: never. Null: the container's own, else 10. */
  readonly seconds: number | null;
}

/** A container that was told to stop. */
export interface Stopping {
  /** Waits for its end, kills it when its time is over, and deals with what it leaves. Once. Throws MdkError when SIGKILL does not end it. */
  finish(): void;
}

/** Docker's stop: the stop signal now, SIGKILL later. One that does not run is no error. `finish` has to be called. */
export function beginStop(context: Context, container: Container, options: StopOptions): Stopping {
  const signal = parseSignal(options.signal ?? container.config.StopSignal ?? "SIGTERM");
  const seconds = options.seconds ?? container.config.StopTimeout ?? DEFAULT_STOP_SECONDS;
  const watch = watchEnd(context, container, { cleans: true });
  if (watch === null) return { finish() {} };
  const deadline = monotonicMs() + seconds * 1000;
  try {
    if (!signalContainer(context, container, signal)) {
      // It has ended, or is being started: then it hears of it as soon as it can.
      settle(context, container.id);
      signalContainer(context, container, signal);
    }
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
        watch.cleaned();
      } finally {
        watch.close();
      }
    },
  };
}

/** Kills a running container and waits for its end. Throws what awaitKilled throws. */
export function killContainer(context: Context, container: Container): void {
  beginStop(context, container, { signal: "SIGKILL", seconds: 0 }).finish();
}
