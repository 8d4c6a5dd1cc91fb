/** Bringing a running container's end about, and dealing with it: its monitor need not start anybody who does. */
import { MdkError } from "../../error.ts";
import { parseSignal } from "../../runtime/signals.ts";
import { markSignalled } from "../../store/container-life.ts";
import type { Container } from "../../store/containers.ts";
import { monotonicMs } from "../../sys/clock.ts";
import type { Context } from "../context.ts";
import { awaitKilled, signalContainer, watchEnd } from "../end/end.ts";
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

/** Docker's stop: the stop signal now, SIGKILL later. One that does not run is no error. `finish` has to be called. */
export function beginStop(context: Context, container: Container, options: StopOptions): Stopping {
  const signal = parseSignal(options.signal ?? container.config.StopSignal ?? "SIGTERM");
  const seconds = options.seconds ?? container.config.StopTimeout ?? DEFAULT_STOP_SECONDS;
  if (giveUpRestart(context, container.id, options.by)) return { finish() {} };
  const watch = watchEnd(context, container, { cleans: true });
  if (watch === null) return { finish() {} };
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
        watch.cleaned();
      } finally {
        watch.close();
      }
    },
  };
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
